//! Why a list is refused.

use thiserror::Error;

use mtls::der::NotDer;

/// Why a list is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(in super::super) enum CrlRefusal {
    #[error("it is not a revocation list in DER or PEM")]
    NotCrl,
    #[error("it is another authority's list")]
    OtherIssuer,
    #[error("the authority's certificate does not allow it to sign lists")]
    NotSigner,
    #[error("the authority's key did not sign it")]
    Signature,
    #[error("it has a critical extension, an algorithm or a form that is not supported")]
    Unsupported,
}

impl CrlRefusal {
    /// Returns the stable code of the refusal.
    pub(in super::super) fn code(self) -> &'static str {
        match self {
            Self::NotCrl => "crl_not_crl",
            Self::OtherIssuer => "crl_other_issuer",
            Self::NotSigner => "crl_not_signer",
            Self::Signature => "crl_signature",
            Self::Unsupported => "crl_unsupported",
        }
    }
}

impl From<NotDer> for CrlRefusal {
    fn from(_: NotDer) -> Self {
        Self::NotCrl
    }
}
