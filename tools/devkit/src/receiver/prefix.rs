use std::str::FromStr;

/// The path of a base URI, such as `/kong3`; empty for none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Prefix(String);

impl Prefix {
    /// The path, without a final `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Prefix {
    type Err = String;

    /// Parses as the pattern of `webhook_uris` does: no empty segment, no white space, no `?`, no `#`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good_segment = |segment: &str| {
            !segment.is_empty() && !segment.contains(|c: char| c.is_whitespace() || "?#".contains(c))
        };
        let good =
            text.is_empty() || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(good_segment));
        if !good {
            return Err(format!("{text:?} is not the path of a base URI: expected something like /kong3"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_starts_with_a_slash_and_does_not_end_in_one() {
        for good in ["", "/kong3", "/a/b"] {
            assert_eq!(good.parse::<Prefix>().unwrap().as_str(), good);
        }
        for bad in ["kong3", "/", "/kong3/", "/a//b", "/a?b", "/a#b", "/a b"] {
            bad.parse::<Prefix>().unwrap_err();
        }
    }
}
