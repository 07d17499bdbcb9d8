//! Rust source as far as imports need it: words, paths and signs, without comments, texts and tests.

/// One piece of source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Token {
    Word(String),
    /// `::`.
    Path,
    Sign(char),
}

/// Takes source apart.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let source = without_texts(source);
    let mut found = Vec::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            let mut word = c.to_string();
            while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                word.push(c);
            }
            found.push(Token::Word(word));
        } else if c == ':' && chars.next_if_eq(&':').is_some() {
            found.push(Token::Path);
        } else if !c.is_whitespace() {
            found.push(Token::Sign(c));
        }
    }
    without_visibility(&found)
}

/// Leaves out to whom things are visible: `pub(in super)` names a module and imports nothing of it.
fn without_visibility(tokens: &[Token]) -> Vec<Token> {
    let is = |token: Option<&Token>, sign| token == Some(&Token::Sign(sign));
    let word = |token: Option<&Token>, words: &[&str]| matches!(token, Some(Token::Word(word)) if words.contains(&word.as_str()));
    let (mut left, mut at) = (Vec::new(), 0);
    while let Some(token) = tokens.get(at) {
        at += 1;
        let is_limited = word(Some(token), &["pub"])
            && is(tokens.get(at), '(')
            && word(tokens.get(at + 1), &["crate", "in", "self", "super"]);
        left.push(token.clone());
        if is_limited {
            at += tokens[at..].iter().take_while(|token| !is(Some(token), ')')).count() + 1;
        }
    }
    left
}

/// Leaves out each item that is compiled for tests only.
pub(crate) fn without_tests(source: &str) -> String {
    let source = without_texts(source);
    let mut parts = source.split("#[cfg(test)]");
    let mut left = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        left.push_str(&part.chars().skip(item(part)).collect::<String>());
    }
    left
}

/// The length of the item at the beginning: up to its `;`, or its `}`.
fn item(source: &str) -> usize {
    let mut depth = 0;
    for (length, c) in source.chars().enumerate() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return length + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return length + 1,
            _ => {}
        }
    }
    source.chars().count()
}

/// Leaves out comments, and what is between quotation marks.
fn without_texts(source: &str) -> String {
    let mut left = String::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let text = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let from = hashes + 2;
            rest.get(from..).and_then(|text| text.find(&end)).map_or(rest.len(), |at| from + at + end.len())
        } else if c == '"' {
            quoted(rest, '"')
        } else if c == '\'' && is_char(rest) {
            quoted(rest, '\'')
        } else {
            0
        };
        if text == 0 {
            left.push(c);
        }
        rest = rest.get(text.max(c.len_utf8())..).unwrap_or_default();
    }
    left
}

/// How many signs a raw text has before its quotation mark; none if this is no raw text.
fn raw(source: &str) -> Option<usize> {
    let after = source.strip_prefix('r')?;
    let text = after.trim_start_matches('#');
    text.starts_with('"').then(|| after.len() - text.len())
}

/// Whether an apostrophe begins a character, not a lifetime.
fn is_char(source: &str) -> bool {
    let mut chars = source.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

/// The length of a text with its quotation marks.
fn quoted(source: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in source.char_indices().skip(1) {
        if c == mark && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    source.len()
}
