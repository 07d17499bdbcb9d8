//! The bearer token of a call to the API.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use platform::config::environment;

/// A token, which is not shown.
#[derive(Clone, Eq, PartialEq)]
pub struct Token(String);

impl Token {
    /// Takes a token with blanks or a line end around it, or after the word `Bearer`.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        let token = text.strip_prefix("Bearer ").unwrap_or(text).trim();
        // "b64token" of RFC 6750, 2.1.
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if token.is_empty() || !token.bytes().all(is_token) {
            bail!("it holds no bearer token");
        }
        Ok(Self(token.to_owned()))
    }

    /// Reads a token from a file.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        Self::new(&text).with_context(|| format!("{} cannot be used", path.display()))
    }

    /// Reads the token of the environment, if there is one.
    pub fn of_environment() -> Result<Option<Self>> {
        let variable = environment("ARAUTO_TOKEN").filter(|text| !text.is_empty());
        variable.map(|text| Self::new(&text).context("ARAUTO_TOKEN cannot be used")).transpose()
    }

    /// Returns the token for the header.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_files_and_variables_hold_it_and_never_shown() {
        for text in ["eyJ.e30.c2ln", " eyJ.e30.c2ln\r\n", "Bearer eyJ.e30.c2ln\n"] {
            let token = Token::new(text).unwrap();
            assert_eq!((token.expose(), format!("{token:?}").as_str()), ("eyJ.e30.c2ln", "Token(…)"));
        }
        for text in ["", " \n", "two words", "a\r\nHost: b", "tök"] {
            let error = format!("{:?}", Token::new(text).unwrap_err());
            assert!(error.contains("no bearer token"), "{error}");
        }
    }
}
