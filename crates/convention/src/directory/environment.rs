//! The environments of the Directory of participants: accepted issuers and addresses.
//!
//! The source of each constant stands beside it. DCR-BR is OpenBanking-Brasil/specs-seguranca,
//! `open-banking-brasil-dynamic-client-registration-1_ID1.md` to `_ID3.md`; its section "SSA Key Store and
//! Issuer Details" (ID2 and ID3: 9.2) names key sets and issuers. "TPP guide" is `tpp-user-guide.md` of the
//! same repository. "Certification wiki" is raidiam-conformance/open-finance/certification, page "Discovery
//! of the Mock Bank", which says that all hosts of the sandbox have `sandbox` before `.directory`.

use std::str::FromStr;

use thiserror::Error;

use crate::notification::Ecosystem;

/// One environment of the Directory. A stack belongs to one of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Environment {
    /// The ecosystem that the Directory is of.
    pub ecosystem: Ecosystem,
    /// `production`, `sandbox` or `local`.
    pub name: &'static str,
    /// Accepted values of the claim `iss` of its software statements, compared exactly.
    pub issuers: Vec<String>,
    /// URL of the key set that signs its software statements (DCR-BR, "keystore").
    pub jwks_url: String,
    /// The public list of organisations and their authorisation servers (specs-directory).
    pub participants_url: String,
    /// The protected API, over mutual TLS (specs-directory).
    pub api_url: String,
    /// The token endpoint of the protected API, over mutual TLS (specs-directory).
    pub token_url: String,
}

/// Which environment of the Directory a stack belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EnvironmentName {
    /// Production.
    Production,
    /// Sandbox, for homologation.
    Sandbox,
    /// A Directory on this machine.
    Local,
}

/// The issuer of production.
const PRODUCTION_ISSUERS: [&str; 4] = [
    // Genuine statements of 2021-04: DCR-BR ID1, appendix A, and TPP guide, 3.1.
    "Open Banking Open Banking Brasil prod SSA issuer",
    // DCR-BR ID1 and ID2, text of the section.
    "Open Banking Open Banking Brasil production SSA issuer",
    // DCR-BR ID3, text of the section (portal, page 82051199). No genuine statement with it was seen.
    "Open Finance Open Finance Brasil production SSA issuer",
    // The wording of genuine statements under the later name. Not verified: no source prints it.
    "Open Finance Open Finance Brasil prod SSA issuer",
];

/// The issuer of the sandbox. Some mocks omit the doubled words (luikyv/mock-bank, `SS_ISSUER`); the
/// Directory does not.
const SANDBOX_ISSUERS: [&str; 2] = [
    // DCR-BR ID1 and ID2, text of the section.
    "Open Banking Open Banking Brasil sandbox SSA issuer",
    // DCR-BR ID3, text of the section (portal, page 82051199). No genuine statement with it was seen.
    "Open Finance Open Finance Brasil sandbox SSA issuer",
];

/// Additional accepted issuers, separated by commas.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AdditionalIssuers(Vec<String>);

/// Maximum length of an issuer in bytes. Known ones have about 55.
const MAX_ISSUER_BYTES: usize = 256;

impl FromStr for AdditionalIssuers {
    type Err = IssuerTooLong;

    /// Reads the list. White space around an issuer and empty entries are dropped.
    fn from_str(text: &str) -> Result<Self, IssuerTooLong> {
        let issuers = text.split(',').map(str::trim).filter(|issuer| !issuer.is_empty());
        let issuers: Vec<String> = issuers.map(str::to_owned).collect();
        if issuers.iter().any(|issuer| issuer.len() > MAX_ISSUER_BYTES) {
            return Err(IssuerTooLong);
        }
        Ok(Self(issuers))
    }
}

impl FromStr for EnvironmentName {
    type Err = UnknownEnvironment;

    fn from_str(text: &str) -> Result<Self, UnknownEnvironment> {
        match text {
            "production" => Ok(Self::Production),
            "sandbox" => Ok(Self::Sandbox),
            "local" => Ok(Self::Local),
            _ => Err(UnknownEnvironment),
        }
    }
}

impl Environment {
    /// The Directory's production.
    pub fn production() -> Self {
        Self {
            ecosystem: Ecosystem::OpenFinance,
            name: "production",
            issuers: PRODUCTION_ISSUERS.map(str::to_owned).to_vec(),
            // DCR-BR ID1 to ID3, the section.
            jwks_url: "https://keystore.directory.openbankingbrasil.org.br/openbanking.jwks".to_owned(),
            // OpenBanking-Brasil/specs-directory, `swagger_participants.yaml` 1.0.0, `servers` and path.
            participants_url: "https://data.directory.openbankingbrasil.org.br/participants".to_owned(),
            // TPP guide, 3.1. Also specs-directory, `openapi.yaml` 1.3.7, for the paths under it.
            api_url: "https://matls-api.directory.openbankingbrasil.org.br".to_owned(),
            // TPP guide, 3.1.
            token_url: "https://matls-auth.directory.openbankingbrasil.org.br/token".to_owned(),
        }
    }

    /// The Directory's sandbox, for homologation.
    pub fn sandbox() -> Self {
        Self {
            ecosystem: Ecosystem::OpenFinance,
            name: "sandbox",
            issuers: SANDBOX_ISSUERS.map(str::to_owned).to_vec(),
            // DCR-BR ID1 to ID3, the section.
            jwks_url: "https://keystore.sandbox.directory.openbankingbrasil.org.br/openbanking.jwks"
                .to_owned(),
            // Certification wiki, stated explicitly.
            participants_url: "https://data.sandbox.directory.openbankingbrasil.org.br/participants"
                .to_owned(),
            // The conformance suite accepts this host and production's as the Directory's
            // (`directory.apibase`).
            api_url: "https://matls-api.sandbox.directory.openbankingbrasil.org.br".to_owned(),
            // Derived from the rule of the certification wiki; clients of the sandbox in public repositories
            // use it. No specification states it.
            token_url: "https://matls-auth.sandbox.directory.openbankingbrasil.org.br/token".to_owned(),
        }
    }

    /// A Directory on this machine; `base` is scheme, host and port.
    pub fn local(base: &str) -> Self {
        Self {
            ecosystem: Ecosystem::OpenFinance,
            name: "local",
            // Our own choice. The mock Directory of the `arauto` command has a constant of its own with this
            // text.
            issuers: vec!["Arauto local SSA issuer".to_owned()],
            jwks_url: format!("{base}/openbanking.jwks"),
            participants_url: format!("{base}/participants"),
            api_url: base.to_owned(),
            token_url: format!("{base}/token"),
        }
    }

    /// The production of the Directory of Open Insurance.
    ///
    /// No document that we could read prints the issuer of its statements, so none is accepted but those that the parameter
    /// `SoftwareStatementIssuers` names. Production's hosts are the sandbox's without `sandbox`, as in Open Finance.
    pub fn insurance_production() -> Self {
        Self { name: "production", ..Self::insurance("directory.opinbrasil.com.br") }
    }

    /// The sandbox of the Directory of Open Insurance, for homologation; see [`Self::insurance_production`] for its issuers.
    pub fn insurance_sandbox() -> Self {
        Self { name: "sandbox", ..Self::insurance("sandbox.directory.opinbrasil.com.br") }
    }

    fn insurance(domain: &str) -> Self {
        Self {
            ecosystem: Ecosystem::OpenInsurance,
            name: "",
            issuers: Vec::new(),
            // openid conformance suite, `FAPIBrazilOpInFetchDirectorySSAJwks` and `FAPIBrazilOpinCheckDirectoryKeystore`.
            jwks_url: format!("https://keystore.{domain}/openinsurance.jwks"),
            // Clients of the list in public repositories. The two below are derived from Open Finance's. None of the three is
            // asked: no client is suspended in Open Insurance.
            participants_url: format!("https://data.{domain}/participants"),
            api_url: format!("https://matls-api.{domain}"),
            token_url: format!("https://matls-auth.{domain}/token"),
        }
    }

    /// The same Directory as one of this ecosystem, for a Directory on this machine.
    #[must_use]
    pub fn of_ecosystem(self, ecosystem: Ecosystem) -> Self {
        Self { ecosystem, ..self }
    }

    /// Also accepts statements with these issuers.
    ///
    /// This widens only the accepted text: a statement still must be signed by a key of this environment's
    /// key set.
    #[must_use]
    pub fn with_issuers(mut self, more: AdditionalIssuers) -> Self {
        self.issuers.extend(more.0);
        self
    }
}

/// An unknown name of an environment.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("expected production, sandbox or local")]
pub struct UnknownEnvironment;

/// An issuer longer than the limit.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("expected issuers separated by commas, each of at most {MAX_ISSUER_BYTES} bytes")]
pub struct IssuerTooLong;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_those_of_the_specification_and_not_the_mocks() {
        let accepts =
            |environment: &Environment, issuer: &str| environment.issuers.iter().any(|known| known == issuer);
        let (production, sandbox) = (Environment::production(), Environment::sandbox());
        // DCR-BR ID1: appendix A (genuine), and the section on issuers.
        assert!(accepts(&production, "Open Banking Open Banking Brasil prod SSA issuer"));
        assert!(accepts(&production, "Open Banking Open Banking Brasil production SSA issuer"));
        assert!(accepts(&sandbox, "Open Banking Open Banking Brasil sandbox SSA issuer"));
        // DCR-BR ID3.
        assert!(accepts(&production, "Open Finance Open Finance Brasil production SSA issuer"));
        assert!(accepts(&sandbox, "Open Finance Open Finance Brasil sandbox SSA issuer"));
        assert!(!accepts(&sandbox, "Open Banking Brasil sandbox SSA issuer"));
        assert!(!production.issuers.iter().any(|issuer| issuer.contains("sandbox")));
        assert!(sandbox.issuers.iter().all(|issuer| issuer.contains("sandbox")));
    }

    #[test]
    fn a_list_adds_to_the_issuers_of_an_environment() {
        let more: AdditionalIssuers = " Some new SSA issuer,, another ".parse().unwrap();
        let sandbox = Environment::sandbox().with_issuers(more);
        assert_eq!(sandbox.issuers.len(), SANDBOX_ISSUERS.len() + 2);
        assert_eq!(sandbox.issuers[SANDBOX_ISSUERS.len()..], ["Some new SSA issuer", "another"]);
        assert_eq!("".parse(), Ok(AdditionalIssuers::default()));
        assert_eq!("a".repeat(257).parse::<AdditionalIssuers>(), Err(IssuerTooLong));
    }
}
