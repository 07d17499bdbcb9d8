//! The Directory of participants: whose statements count, and where it is asked.

use std::str::FromStr;

use thiserror::Error;

/// One environment of the Directory. A stack belongs to one of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Environment {
    /// `production`, `sandbox` or `local`.
    pub name: &'static str,
    /// The issuer of its software statements, claim `iss` (portal, example of DCR 2.1.0).
    pub issuer: &'static str,
    /// Where the keys of its software statements are (DCR-BR, "keystore").
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
    /// What counts.
    Production,
    /// Homologation.
    Sandbox,
    /// A Directory on this machine.
    Local,
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
            name: "production",
            issuer: "Open Banking Open Banking Brasil prod SSA issuer",
            jwks_url: "https://keystore.directory.openbankingbrasil.org.br/openbanking.jwks".to_owned(),
            participants_url: "https://data.directory.openbankingbrasil.org.br/participants".to_owned(),
            api_url: "https://matls-api.directory.openbankingbrasil.org.br".to_owned(),
            token_url: "https://matls-auth.directory.openbankingbrasil.org.br/token".to_owned(),
        }
    }

    /// The Directory's sandbox, for homologation.
    pub fn sandbox() -> Self {
        Self {
            name: "sandbox",
            issuer: "Open Banking Brasil sandbox SSA issuer",
            jwks_url: "https://keystore.sandbox.directory.openbankingbrasil.org.br/openbanking.jwks"
                .to_owned(),
            participants_url: "https://data.sandbox.directory.openbankingbrasil.org.br/participants"
                .to_owned(),
            api_url: "https://matls-api.sandbox.directory.openbankingbrasil.org.br".to_owned(),
            token_url: "https://matls-auth.sandbox.directory.openbankingbrasil.org.br/token".to_owned(),
        }
    }

    /// A Directory on this machine; `base` is scheme, host and port.
    pub fn local(base: &str) -> Self {
        Self {
            name: "local",
            issuer: "Arauto local SSA issuer",
            jwks_url: format!("{base}/openbanking.jwks"),
            participants_url: format!("{base}/participants"),
            api_url: base.to_owned(),
            token_url: format!("{base}/token"),
        }
    }
}

/// A name that no environment of the Directory has.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("expected production, sandbox or local")]
pub struct UnknownEnvironment;
