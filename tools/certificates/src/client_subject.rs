//! The subject of a client certificate.

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use rcgen::string::PrintableString;
use rcgen::{DistinguishedName, DnType, DnValue};

/// `businessCategory`, of X.520.
const BUSINESS_CATEGORY: &[u64] = &[2, 5, 4, 15];
/// `jurisdictionCountryName`, of the CA/Browser Forum.
const JURISDICTION_COUNTRY_NAME: &[u64] = &[1, 3, 6, 1, 4, 1, 311, 60, 2, 1, 3];
/// `organizationIdentifier`, of X.520.
const ORGANIZATION_IDENTIFIER: &[u64] = &[2, 5, 4, 97];
/// `serialNumber`, of X.520.
const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];
/// `UID`, of RFC 4519.
const USER_ID: &[u64] = &[0, 9, 2342, 19_200_300, 100, 1, 1];

/// The subject of a client certificate (BRCAC).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientSubject {
    /// The organisation's id in the Directory; `organizationIdentifier` is this with the prefix `OFBBR-`.
    pub organization_id: String,
    /// The organisation's name.
    pub organization_name: String,
    /// The organisation's CNPJ, 14 digits.
    pub cnpj: String,
    /// The software statement's id in the Directory: `UID`.
    pub software_id: String,
    /// The host name of the software: `CN` and the only alternative name.
    pub common_name: String,
    /// The state, two letters.
    pub state: String,
    /// The city.
    pub locality: String,
    /// The category of the organisation.
    pub business_category: BusinessCategory,
}

/// The categories of organisations in "Padrão de Certificados".
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum BusinessCategory {
    /// A private company.
    #[default]
    PrivateOrganization,
    /// A public body.
    GovernmentEntity,
    /// Another kind of business.
    BusinessEntity,
    /// A non-commercial body.
    NonCommercialEntity,
}

impl BusinessCategory {
    /// Returns the category as certificates contain it.
    fn as_str(self) -> &'static str {
        match self {
            Self::PrivateOrganization => "Private Organization",
            Self::GovernmentEntity => "Government Entity",
            Self::BusinessEntity => "Business Entity",
            Self::NonCommercialEntity => "Non-Commercial Entity",
        }
    }
}

impl ClientSubject {
    /// Writes the distinguished name that "Padrão de Certificados" prescribes for a BRCAC.
    pub fn distinguished_name(&self) -> Result<DistinguishedName> {
        let mut name = DistinguishedName::new();
        name.push(custom(BUSINESS_CATEGORY), self.business_category.as_str());
        name.push(custom(JURISDICTION_COUNTRY_NAME), printable_string("BR")?);
        name.push(custom(SERIAL_NUMBER), printable_string(&self.cnpj)?);
        name.push(DnType::CountryName, printable_string("BR")?);
        name.push(DnType::OrganizationName, self.organization_name.as_str());
        name.push(DnType::StateOrProvinceName, self.state.as_str());
        name.push(DnType::LocalityName, self.locality.as_str());
        name.push(custom(ORGANIZATION_IDENTIFIER), format!("OFBBR-{}", self.organization_id));
        name.push(custom(USER_ID), self.software_id.as_str());
        name.push(DnType::CommonName, self.common_name.as_str());
        Ok(name)
    }
}

impl Default for ClientSubject {
    /// A fictitious bank.
    fn default() -> Self {
        Self {
            organization_id: "b7a1c0de-0000-4000-8000-0000000000a1".to_owned(),
            organization_name: "Banco Exemplo S.A.".to_owned(),
            cnpj: "11222333000181".to_owned(),
            software_id: "50f7a2e0-0000-4000-8000-0000000000b2".to_owned(),
            common_name: "webhook.bancoex.example".to_owned(),
            state: "SP".to_owned(),
            locality: "SAO PAULO".to_owned(),
            business_category: BusinessCategory::default(),
        }
    }
}

/// Writes a name as `PrintableString`, as X.520 demands of countries and serial numbers.
pub fn printable_string(text: &str) -> Result<DnValue> {
    let text = PrintableString::try_from(text).with_context(|| {
        format!("{text:?} has characters that a certificate's serial number may not have")
    })?;
    Ok(DnValue::PrintableString(text))
}

fn custom(oid: &[u64]) -> DnType {
    DnType::CustomDnType(oid.to_vec())
}
