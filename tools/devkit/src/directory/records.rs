//! What the Directory knows of its participants, in the shape in which it tells it.

use serde_json::{Value, json};

use super::claims::StatementClaims;

/// A participant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Organisation {
    /// Field `OrganisationId`.
    pub id: String,
    /// Field `OrganisationName`.
    pub name: String,
    /// Field `RegistrationNumber`: a CNPJ.
    pub number: String,
    /// Field `Status`: `Active`, `Pending` or `Withdrawn`.
    pub status: String,
    /// The roles of `OrgDomainRoleClaims`, such as `PAGTO`.
    pub roles: Vec<String>,
    /// Field `AuthorisationServers`; payment initiators have none.
    pub authorisation_servers: Vec<AuthorisationServer>,
}

/// A brand of an account holder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthorisationServer {
    /// Field `AuthorisationServerId`.
    pub id: String,
    /// Field `CustomerFriendlyName`.
    pub name: String,
}

/// A software statement as the protected API shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Software {
    /// Field `SoftwareStatementId`.
    pub id: String,
    /// Field `OrganisationId`.
    pub organisation_id: String,
    /// Field `ClientId`.
    pub client_id: String,
    /// Field `ClientName`.
    pub name: String,
    /// Field `Status`: `Active` or `Inactive`.
    pub status: String,
    /// Field `ApiWebhookUri`.
    pub webhook_uris: Vec<String>,
}

impl Organisation {
    /// The organisation of a statement.
    pub fn of(claims: &StatementClaims) -> Self {
        Self {
            id: claims.org_id.clone(),
            name: claims.org_name.clone(),
            number: claims.org_number.clone(),
            status: claims.org_status.clone(),
            roles: claims.software_roles.clone(),
            authorisation_servers: Vec::new(),
        }
    }

    /// As an item of `GET /participants`.
    pub(super) fn to_json(&self) -> Value {
        let role = |role: &String| {
            json!({
                "Status": "Active",
                "AuthorisationDomain": "Open Banking",
                "Role": role,
                "RegistrationId": format!("{}-{role}", self.number),
                "Authorisations": [],
            })
        };
        json!({
            "OrganisationId": self.id,
            "Status": self.status,
            "OrganisationName": self.name,
            "LegalEntityName": self.name,
            "RegisteredName": self.name,
            "RegistrationNumber": self.number,
            "RegistrationId": null,
            "CompanyRegister": "Cadastro Nacional da Pessoa Jurídica",
            "CountryOfRegistration": "BR",
            "Country": "BR",
            "City": "SAO PAULO",
            "AddressLine1": "Rua Exemplo, 1",
            "AddressLine2": "",
            "Postcode": "01000-000",
            "CreatedOn": "2026-01-02T03:04:05.000Z",
            "ParentOrganisationReference": null,
            "AuthorisationServers":
                self.authorisation_servers.iter().map(AuthorisationServer::to_json).collect::<Vec<_>>(),
            "OrgDomainClaims": [{
                "AuthorisationDomainName": "Open Banking",
                "AuthorityName": "Banco Central do Brasil",
                "RegistrationId": self.number,
                "Status": "Active",
            }],
            "OrgDomainRoleClaims": self.roles.iter().map(role).collect::<Vec<_>>(),
        })
    }
}

impl AuthorisationServer {
    fn to_json(&self) -> Value {
        json!({
            "AuthorisationServerId": self.id,
            "CustomerFriendlyName": self.name,
            "CustomerFriendlyDescription": self.name,
            "CustomerFriendlyLogoUri": format!("https://{}.example/logo.svg", self.id),
            "DeveloperPortalUri": format!("https://{}.example/developers", self.id),
            "OpenIDDiscoveryDocument": format!("https://{}.example/.well-known/openid-configuration", self.id),
            "PayloadSigningCertLocationUri": format!("https://{}.example/jwks", self.id),
            "TermsOfServiceUri": null,
            "ParentAuthorisationServerId": null,
            "AutoRegistrationSupported": true,
            "ApiResources": [],
        })
    }
}

impl Software {
    /// The software of a statement.
    pub fn of(claims: &StatementClaims) -> Self {
        Self {
            id: claims.software_id.clone(),
            organisation_id: claims.org_id.clone(),
            client_id: claims.software_client_id.clone(),
            name: claims.software_client_name.clone(),
            status: "Active".to_owned(),
            webhook_uris: claims.software_api_webhook_uris.clone().unwrap_or_default(),
        }
    }

    /// As `GET /organisations/{org}/softwarestatements/{id}` answers it.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "SoftwareStatementId": self.id,
            "OrganisationId": self.organisation_id,
            "ClientId": self.client_id,
            "ClientName": self.name,
            "Description": self.name,
            "Status": self.status,
            "Mode": "Live",
            "Environment": "local",
            "Version": 1,
            "Locked": false,
            "ApiWebhookUri": self.webhook_uris,
        })
    }
}
