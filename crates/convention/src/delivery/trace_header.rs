//! The X-Ray trace of a state change, carried from the invocation that accepted it to each attempt.
//!
//! Source: "AWS X-Ray Developer Guide", "Tracing header"; "Amazon SQS Developer Guide", "Amazon SQS and AWS
//! X-Ray".

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A trace header. It is sent with the message (`AWSTraceHeader`) but not to the receiver: the convention has
/// no such header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TraceHeader {
    /// Version, seconds and 96 bits: 35 characters.
    root: String,
    parent: Option<String>,
    sampled: Option<bool>,
}

impl TraceHeader {
    /// Returns the trace id.
    pub fn id(&self) -> &str {
        &self.root
    }
}

impl FromStr for TraceHeader {
    type Err = ParseTraceHeaderError;

    /// Reads root, parent and sampling. Other fields (`Lineage`, `Self`) belong to a single invocation and
    /// are ignored.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut root, mut parent, mut sampled) = (None, None, None);
        for part in text.split(';') {
            // The first of several parts with one name counts.
            match part.trim().split_once('=') {
                Some(("Root", value)) => root = root.or(Some(value)),
                Some(("Parent", value)) => parent = parent.or(Some(value)),
                Some(("Sampled", value)) => sampled = sampled.or(Some(value)),
                _ => {}
            }
        }
        let root = root.filter(|root| is_trace_id(root)).ok_or(ParseTraceHeaderError)?;
        Ok(Self {
            root: root.to_owned(),
            parent: parent.filter(|parent| is_hexadecimal(parent, 16)).map(str::to_owned),
            sampled: sampled.and_then(|sampled| match sampled {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            }),
        })
    }
}

impl fmt::Display for TraceHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root={}", self.root)?;
        if let Some(parent) = &self.parent {
            write!(f, ";Parent={parent}")?;
        }
        if let Some(sampled) = self.sampled {
            write!(f, ";Sampled={}", u8::from(sampled))?;
        }
        Ok(())
    }
}

fn is_trace_id(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut next_has = |digits| parts.next().is_some_and(|part| is_hexadecimal(part, digits));
    next_has(1) && next_has(8) && next_has(24) && parts.next().is_none()
}

fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A text that is not a trace header.
#[derive(Clone, Copy, Debug, Error, Eq, PartialEq)]
#[error("not a trace header of X-Ray")]
pub struct ParseTraceHeaderError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn what_lambda_says_of_its_own_invocation_is_passed_on_without_it() {
        let header: TraceHeader =
            format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0").parse().unwrap();
        assert_eq!(header.id(), "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(header.to_string(), format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1"));
    }

    #[test]
    fn a_header_may_name_its_root_alone() {
        for text in [ROOT, &format!("Self=1-67891234-12456789abcdef012345678;{ROOT};Parent=x;Sampled=?")] {
            assert_eq!(text.parse::<TraceHeader>().unwrap().to_string(), ROOT);
        }
    }

    #[test]
    fn an_invalid_trace_header_is_not_passed_on() {
        for text in [
            "",
            "Root=",
            "Parent=53995c3f42cd8ad8",
            "Root=1-5759e988-bd86",
            "Root=1-5759e988-bd862e3fe1be46a99427279\"",
            &format!("{ROOT}-1"),
        ] {
            assert_eq!(text.parse::<TraceHeader>(), Err(ParseTraceHeaderError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_header_is_read_back_the_same(text in any::<String>(), root in "[0-9a-f]{24}", parent in "[0-9a-f]{16}") {
            let header = format!("Root=1-5759e988-{root};Parent={parent};{text}").parse::<TraceHeader>().unwrap();
            prop_assert_eq!(header.to_string().parse(), Ok(header));
        }
    }
}
