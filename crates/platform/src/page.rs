//! Answers in pages: how many entries a page has, and the token that names the next one.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::answer::Problem;

/// Maximum number of entries of a page, and the default. A hundred entries of the largest kind, registrations with ten
/// URIs of 2,048 characters, have 2.2 MB; Lambda answers with 6 MB at most ("Lambda quotas", AWS Lambda Developer Guide).
pub const MAX_PAGE_SIZE: u16 = 100;
/// The parameter with the number of entries of a page.
pub const PAGE_SIZE: &str = "page_size";
/// The parameter with the token of a page.
pub const PAGE_TOKEN: &str = "page_token";
/// Bytes of a token that tell whether it belongs to a question.
const CHECK: usize = 16;
/// Maximum length of a token in characters; a longer one is not looked into.
const MAX_TOKEN: usize = 4_096;

/// Reads the number of entries of a page from a query parameter.
pub fn page_size(asked: Option<&str>) -> Result<u16, Problem> {
    let Some(text) = asked else { return Ok(MAX_PAGE_SIZE) };
    let size = text.parse().ok().filter(|size| (1..=MAX_PAGE_SIZE).contains(size));
    size.ok_or_else(|| {
        Problem::malformed(format!(
            "The query parameter {PAGE_SIZE} is wrong: expected 1 to {MAX_PAGE_SIZE}."
        ))
    })
}

/// Refuses a query parameter that is none of these: one that is ignored would give another answer than was asked for.
pub fn refuse_unknown<'a>(names: impl Iterator<Item = &'a str>, known: &[&str]) -> Result<(), Problem> {
    let mut unknown = names.filter(|name| !known.contains(name));
    if unknown.next().is_none() {
        return Ok(());
    }
    // The name is the caller's text, and is not repeated.
    let known = known.join(", ");
    Err(Problem::malformed(format!("A query parameter is unknown here. Known are: {known}.")))
}

/// What a page's token belongs to: a token of another question is refused.
///
/// The check tells tokens that this stack did not give for the question; it is no secret. A caller who computes one gains
/// nothing, because what follows any position is open to who may ask the question.
#[derive(Clone, Debug)]
pub struct Question(Vec<u8>);

impl Question {
    /// The question with these parts, such as the kind of the list and its filters.
    pub fn new<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            // Lengths, so that no two lists of parts are the same bytes.
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        Self(bytes)
    }

    /// Makes the token of the page that begins at this position.
    pub fn token(&self, position: &str) -> String {
        let mut bytes = self.check(position);
        bytes.extend(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Returns the position that a token names; fails if the token is of another question, or made up.
    pub fn position(&self, token: &str) -> Result<String, Problem> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|_| token.len() <= MAX_TOKEN)?;
            let (check, position) = bytes.split_at_checked(CHECK)?;
            let position = String::from_utf8(position.to_vec()).ok()?;
            (check == self.check(&position)).then_some(position)
        };
        read().ok_or_else(wrong_token)
    }

    fn check(&self, position: &str) -> Vec<u8> {
        let bytes = [self.0.as_slice(), position.as_bytes()].concat();
        digest(&SHA256, &bytes).as_ref().iter().take(CHECK).copied().collect()
    }
}

/// The problem with a token that names no page of a question. It says nothing of what the token holds.
pub fn wrong_token() -> Problem {
    Problem::malformed(format!(
        "The query parameter {PAGE_TOKEN} is wrong: expected the next_page_token of an answer to the same question, \
         with the same parameters. Begin again without it."
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_has_1_to_100_entries() {
        for (asked, size) in [(None, 100), (Some("1"), 1), (Some("100"), 100)] {
            assert_eq!(page_size(asked).ok(), Some(size));
        }
        for wrong in ["", "0", "101", "-1", "1.0", " 1", "99999999999999999999", "ten"] {
            let problem = page_size(Some(wrong)).unwrap_err();
            assert_eq!((problem.status, problem.detail.contains("page_size")), (400, true), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_of_one_question() {
        let one = Question::new(["clients", "a", "b"]);
        let token = one.token("the last");
        assert_eq!(one.position(&token).ok().as_deref(), Some("the last"));
        for other in [&["clients", "ab"][..], &["clients", "a", "c"], &["clients", "a", "b", ""], &[]] {
            assert!(Question::new(other.iter().copied()).position(&token).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_token_with_any_character_changed_is_refused_without_a_word_of_what_it_holds() {
        let question = Question::new(["clients"]);
        let token = question.token("itp-secret");
        for at in 0..token.len() {
            for with in ["A", "b", "-", "=", " ", ""] {
                let mut changed = token.clone();
                changed.replace_range(at..=at, with);
                if changed != token {
                    let problem = question.position(&changed).unwrap_err();
                    assert!(!problem.detail.contains("itp-secret") && problem.status == 400, "{changed}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,64}") {
            prop_assert!(Question::new(["clients"]).position(&text).is_err());
        }

        #[test]
        fn each_position_comes_back(position in ".{0,64}") {
            let question = Question::new(["clients"]);
            prop_assert_eq!(question.position(&question.token(&position)).ok(), Some(position));
        }
    }
}
