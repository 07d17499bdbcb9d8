//! The certificates that a list covers: its issuing distribution point (RFC 5280, section 5.2.5).

use super::refusal::CrlRefusal;
use mtls::der::{Reader, boolean, constructed, primitive};

/// Maximum number of stored names of a distribution point.
const MAX_NAMES: usize = 32;
/// Maximum length of a stored name, in bytes.
const MAX_NAME_LENGTH: usize = 1024;

/// The certificates that a list covers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in super::super) struct Scope {
    /// Their kind.
    pub(in super::super) kind: Kind,
    /// The URIs of the list's distribution point: at most 32, of at most 1,024 bytes; others are dropped. `None` if
    /// the list states no distribution point and so covers certificates with any.
    pub(in super::super) names: Option<Vec<String>>,
    /// Whether it only covers some reasons for revocation.
    pub(in super::super) some_reasons: bool,
    /// Whether it includes certificates of other authorities.
    pub(in super::super) indirect: bool,
}

/// A kind of certificates.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in super::super) enum Kind {
    /// All of them.
    #[default]
    All,
    /// Certificates of end entities.
    User,
    /// Certificates of authorities.
    Ca,
    /// Attribute certificates.
    Attribute,
}

/// Parses an issuing distribution point.
pub(super) fn read(value: &[u8]) -> Result<Scope, CrlRefusal> {
    let mut outer = Reader::new(value);
    let mut fields = outer.sequence()?;
    outer.end()?;
    let names = fields.optional(constructed(0))?.map(names).transpose()?;
    let mut flag = |number| fields.optional(primitive(number))?.map_or(Ok(false), boolean);
    let (user, ca) = (flag(1)?, flag(2)?);
    let some_reasons = fields.optional(primitive(3))?.is_some();
    let mut flag = |number| fields.optional(primitive(number))?.map_or(Ok(false), boolean);
    let (indirect, attribute) = (flag(4)?, flag(5)?);
    // An unknown field may narrow the scope further.
    fields.end().map_err(|_| CrlRefusal::Unsupported)?;
    let kind = match (user, ca, attribute) {
        (false, false, false) => Kind::All,
        (true, false, false) => Kind::User,
        (false, true, false) => Kind::Ca,
        (false, false, true) => Kind::Attribute,
        // RFC 5280 allows at most one of them.
        _ => return Err(CrlRefusal::Unsupported),
    };
    Ok(Scope { kind, names, some_reasons, indirect })
}

/// Parses the URIs of a `DistributionPointName`; a name relative to the issuer has none (RFC 5280, section 4.2.1.13).
fn names(content: &[u8]) -> Result<Vec<String>, CrlRefusal> {
    let mut choice = Reader::new(content);
    let name = choice.element()?;
    choice.end()?;
    let mut names = Vec::new();
    if name.tag == constructed(0) {
        let mut general = Reader::new(name.content);
        while !general.is_empty() {
            let name = general.element()?;
            if name.tag == primitive(6) && name.content.len() <= MAX_NAME_LENGTH && names.len() < MAX_NAMES {
                names.extend(std::str::from_utf8(name.content).map(str::to_owned));
            }
        }
    }
    Ok(names)
}
