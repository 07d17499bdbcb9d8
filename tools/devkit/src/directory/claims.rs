use aws_lc_rs::digest;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// What a software statement says, but for issuer and time.
///
/// The claims are those of the published example (DCR-BR), for an invented payment initiator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatementClaims {
    /// Claim `software_id`: the software statement's id in the Directory.
    pub software_id: String,
    /// Claim `software_client_id`: the software's id at the Directory's own authorisation server.
    pub software_client_id: String,
    /// Claim `software_client_name`.
    pub software_client_name: String,
    /// Claim `software_api_webhook_uris`; absent for a software without webhooks.
    pub software_api_webhook_uris: Option<Vec<String>>,
    /// Claim `software_roles`, and `software_statement_roles` from it.
    pub software_roles: Vec<String>,
    /// Claim `software_environment`.
    pub software_environment: String,
    /// Claim `org_id`: the organisation's id in the Directory.
    pub org_id: String,
    /// Claim `org_name`.
    pub org_name: String,
    /// Claim `org_number`: a CNPJ.
    pub org_number: String,
    /// Claim `org_status`.
    pub org_status: String,
    /// Claim `iat`; the present where this is `None`.
    pub issued_at: Option<Timestamp>,
    /// Further claims, and other values of the claims above.
    pub others: Map<String, Value>,
}

impl StatementClaims {
    /// Invents a payment initiator; the same name gives the same ids, another name others.
    pub fn of(name: &str) -> Self {
        Self {
            software_id: invented_uuid("software", name),
            software_client_id: invented_uuid("client", name),
            software_client_name: name.to_owned(),
            software_api_webhook_uris: None,
            software_roles: vec!["PAGTO".to_owned()],
            software_environment: "local".to_owned(),
            org_id: invented_uuid("organisation", name),
            org_name: format!("{name} Ltda"),
            org_number: invented_number(name),
            org_status: "Active".to_owned(),
            issued_at: None,
            others: Map::new(),
        }
    }

    /// Sets `software_api_webhook_uris`.
    #[must_use]
    pub fn webhook_uris<T: Into<String>>(mut self, uris: impl IntoIterator<Item = T>) -> Self {
        self.software_api_webhook_uris = Some(uris.into_iter().map(Into::into).collect());
        self
    }

    /// Sets `software_id`.
    #[must_use]
    pub fn software_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.software_id);
        self
    }

    /// Sets `iat`.
    #[must_use]
    pub fn issued_at(mut self, instant: Timestamp) -> Self {
        self.issued_at = Some(instant);
        self
    }

    /// Sets any claim to any value.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.others.insert(name.to_owned(), value.into());
        self
    }

    /// All of it but `iss`, `iat` and what [`StatementClaims::claim`] set.
    pub(super) fn to_json(&self) -> Value {
        let site = format!("https://{}.example", self.software_id);
        let keystore = format!("{site}/{}/{}", self.org_id, self.software_id);
        let role = |role: &String| json!({ "role": role, "authorisation_domain": "Open Banking", "status": "Active" });
        let mut claims = json!({
            "software_mode": "Live",
            "software_id": self.software_id,
            "software_client_id": self.software_client_id,
            "software_client_name": self.software_client_name,
            "software_client_description": self.software_client_name,
            "software_client_uri": site,
            "software_redirect_uris": [format!("{site}/callback")],
            "software_jwks_uri": format!("{keystore}/application.jwks"),
            "software_jwks_inactive_uri": format!("{keystore}/inactive/application.jwks"),
            "software_jwks_transport_uri": format!("{keystore}/transport.jwks"),
            "software_jwks_transport_inactive_uri": format!("{keystore}/inactive/transport.jwks"),
            "software_origin_uris": [site],
            "software_logo_uri": format!("{site}/logo.svg"),
            "software_policy_uri": format!("{site}/policy"),
            "software_tos_uri": format!("{site}/tos"),
            "software_environment": self.software_environment,
            "software_version": "1.0",
            "software_roles": self.software_roles,
            "software_statement_roles": self.software_roles.iter().map(role).collect::<Vec<_>>(),
            "org_id": self.org_id,
            "org_name": self.org_name,
            "org_number": self.org_number,
            "org_status": self.org_status,
        });
        if let Some(uris) = &self.software_api_webhook_uris {
            claims["software_api_webhook_uris"] = json!(uris);
        }
        claims
    }
}

/// Shaped like a random UUID, as the Directory's ids are.
fn invented_uuid(kind: &str, name: &str) -> String {
    let bytes = hash(kind, name);
    let first = bytes.first_chunk().expect("SHA-256 has 32 bytes");
    uuid::Builder::from_random_bytes(*first).into_uuid().to_string()
}

/// Fourteen digits as a CNPJ has, but of no company: there is no branch 0000.
fn invented_number(name: &str) -> String {
    let bytes = hash("number", name);
    let first = bytes.first_chunk().expect("SHA-256 has 32 bytes");
    format!("{:08}000000", u64::from_le_bytes(*first) % 100_000_000)
}

fn hash(kind: &str, name: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, format!("{kind}:{name}").as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_a_participant_of_its_own() {
        let (one, other) = (StatementClaims::of("itp-1"), StatementClaims::of("itp-2"));
        assert_eq!(one, StatementClaims::of("itp-1"));
        assert_ne!(one.software_id, other.software_id);
        assert_ne!(one.org_id, other.org_id);
        assert_ne!(one.org_number, other.org_number);
        assert_ne!(one.software_id, one.org_id);
        assert_eq!(one.org_number.len(), 14);
        let id: uuid::Uuid = one.software_id.parse().unwrap();
        assert_eq!(id.get_version_num(), 4);
    }

    #[test]
    fn webhooks_that_are_not_set_are_absent_and_an_empty_list_is_not() {
        let claims = StatementClaims::of("itp-1");
        assert!(claims.to_json().get("software_api_webhook_uris").is_none());
        let none: [&str; 0] = [];
        assert_eq!(claims.webhook_uris(none).to_json()["software_api_webhook_uris"], json!([]));
    }
}
