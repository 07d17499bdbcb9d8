//! Which resource a path names.

use anyhow::{Result, bail};
use convention::notification::{ENDPOINTS, Endpoint, Partition};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// A pattern of paths as a mapping has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathPattern {
    /// `E1` to `E5`.
    endpoint: String,
    /// Segments: texts, `{version}` (v1 to v99), `{id}`, or `*` for any one.
    path: String,
}

/// The paths of resources.
#[derive(Clone, Debug)]
pub(crate) struct Paths(Vec<(Endpoint, Vec<Segment>)>);

#[derive(Clone, Debug)]
enum Segment {
    Text(String),
    Version,
    Any,
    Id,
}

impl Paths {
    /// Those of the patterns, or of the convention where there are none: `/open-banking/payments/v5/pix/payments/{id}`.
    pub(crate) fn of(patterns: &[PathPattern]) -> Result<Self> {
        let convention = ENDPOINTS.iter().map(|row| {
            let path = format!("{}/{{version}}/{}/{{id}}", row.api, row.path);
            Ok((row.endpoint, segments(&path)))
        });
        if patterns.is_empty() {
            return convention.collect::<Result<_>>().map(Self);
        }
        let given = patterns.iter().map(|pattern| {
            let Some(endpoint) = Endpoint::from_code(&pattern.endpoint) else {
                bail!("the endpoint of a path must be E1 to E5, not {:?}", pattern.endpoint);
            };
            let segments = segments(&pattern.path);
            if segments.iter().filter(|one| matches!(one, Segment::Id)).count() != 1 {
                bail!("the path {:?} must have one {{id}}", pattern.path);
            }
            Ok((endpoint, segments))
        });
        given.collect::<Result<_>>().map(Self)
    }

    /// Finds the resource of a path or URL, whatever stands before the pattern.
    pub(crate) fn resource(&self, path: &str) -> Option<Partition> {
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        self.0.iter().find_map(|(endpoint, segments)| {
            let mut parts = path.rsplit('/');
            let mut id = "";
            for segment in segments.iter().rev() {
                let part = parts.next()?;
                match segment {
                    Segment::Text(text) if text != part => return None,
                    Segment::Version if !is_version(part) => return None,
                    Segment::Id => id = part,
                    Segment::Text(_) | Segment::Version | Segment::Any => {}
                }
            }
            let decoded = decoded(id, *endpoint)?;
            Some(Partition::of_id(*endpoint, &decoded))
        })
    }
}

fn segments(path: &str) -> Vec<Segment> {
    let segment = |text: &str| match text {
        "{version}" => Segment::Version,
        "{id}" => Segment::Id,
        "*" => Segment::Any,
        _ => Segment::Text(text.to_owned()),
    };
    path.split('/').filter(|text| !text.is_empty()).map(segment).collect()
}

fn is_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|digits| {
        (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The identifier as a state change has it. `CloudFront` encodes once more what a client has encoded.
fn decoded(id: &str, endpoint: Endpoint) -> Option<String> {
    let once = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    let decoded = once(id)?;
    let decoded = if decoded.contains('%') { once(&decoded)? } else { decoded };
    endpoint.row().id_syntax.admits(&decoded).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_convention_names_its_resource() {
        let paths = Paths::of(&[]).unwrap();
        let consent = Partition::of_id(Endpoint::PaymentConsent, "urn:bancoex:C1DD33123");
        for path in [
            "/open-banking/payments/v5/consents/urn:bancoex:C1DD33123",
            "https://api.bank.example:443/open-banking/payments/v5/consents/urn%3Abancoex%3AC1DD33123?x=1",
            "/stage/open-banking/payments/v5/consents/urn%253Abancoex%253AC1DD33123/",
        ] {
            assert_eq!(paths.resource(path), Some(consent), "{path}");
        }
        let e5 = Partition::of_id(Endpoint::RecurringPayment, "a1-b2");
        assert_eq!(
            paths.resource("/open-banking/automatic-payments/v2/pix/recurring-payments/a1-b2"),
            Some(e5)
        );
        for path in [
            "",
            "/",
            "/open-banking/payments/v5/pix/payments",
            "/open-banking/consents/v3/consents/urn:bancoex:C1DD33123",
            "/open-banking/payments/vx/consents/urn:bancoex:C1DD33123",
            "/open-banking/payments/v5/consents/not-a-urn",
            "/open-banking/payments/v5/consents/urn:bancoex:C1/more",
        ] {
            assert_eq!(paths.resource(path), None, "{path}");
        }
    }

    #[test]
    fn a_pattern_of_the_bank_names_it_too_and_a_wrong_one_is_refused() {
        let pattern =
            |endpoint: &str, path: &str| PathPattern { endpoint: endpoint.to_owned(), path: path.to_owned() };
        let paths = Paths::of(&[pattern("E2", "/pix/*/payment/{id}")]).unwrap();
        let e2 = Partition::of_id(Endpoint::PixPayment, "a1");
        assert_eq!(paths.resource("/internal/pix/x/payment/a1"), Some(e2));
        assert_eq!(paths.resource("/open-banking/payments/v5/pix/payments/a1"), None);
        assert!(Paths::of(&[pattern("E9", "/{id}")]).is_err() && Paths::of(&[pattern("E1", "/x")]).is_err());
    }
}
