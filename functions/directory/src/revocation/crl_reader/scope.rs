//! Which certificates a list speaks of: its issuing distribution point (RFC 5280, section 5.2.5).

use super::refusal::CrlRefusal;
use mtls::der::{Reader, boolean, constructed, primitive};

/// How many names of a distribution point are kept.
const MAX_NAMES: usize = 32;
/// The longest name that is kept, in bytes.
const MAX_NAME_LENGTH: usize = 1024;

/// Which certificates a list speaks of.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in super::super) struct Scope {
    /// Of which kind they are.
    pub(in super::super) kind: Kind,
    /// The URIs of the list's distribution point: 32 at most, of 1,024 bytes at most; longer ones and those beyond are left
    /// out. `None` if the list states no distribution point, and so speaks of certificates with whichever one.
    pub(in super::super) names: Option<Vec<String>>,
    /// Whether it names those alone that were revoked for some reasons.
    pub(in super::super) some_reasons: bool,
    /// Whether other authorities' certificates are in it too.
    pub(in super::super) indirect: bool,
}

/// A kind of certificates.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in super::super) enum Kind {
    /// All of them.
    #[default]
    All,
    /// Those of end entities.
    User,
    /// Those of authorities.
    Ca,
    /// Attribute certificates.
    Attribute,
}

/// Reads an issuing distribution point.
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
    // A field that RFC 5280 does not have may narrow the scope further.
    fields.end().map_err(|_| CrlRefusal::Unsupported)?;
    let kind = match (user, ca, attribute) {
        (false, false, false) => Kind::All,
        (true, false, false) => Kind::User,
        (false, true, false) => Kind::Ca,
        (false, false, true) => Kind::Attribute,
        // RFC 5280 allows one of them at most.
        _ => return Err(CrlRefusal::Unsupported),
    };
    Ok(Scope { kind, names, some_reasons, indirect })
}

/// Reads the URIs of a `DistributionPointName`; a name relative to the issuer's has none (RFC 5280, section 4.2.1.13).
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
