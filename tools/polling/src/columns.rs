//! Lines of columns: between spaces, where `"…"` and `[…]` hold a text with spaces, or between tabs.

use std::borrow::Cow;

/// Splits at spaces.
pub(crate) fn spaced(line: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(' ');
        let first = rest.chars().next()?;
        let close = match first {
            '"' => '"',
            '[' => ']',
            _ => {
                let (column, after) = rest.split_once(' ').unwrap_or((rest, ""));
                rest = after;
                return Some(Cow::Borrowed(column));
            }
        };
        let inner = rest.get(1..).unwrap_or_default();
        let end = closing(inner, close);
        let (column, after) = inner.split_at_checked(end).unwrap_or((inner, ""));
        rest = after.strip_prefix(close).unwrap_or(after);
        // A quotation mark and a backslash within are written with a backslash before them.
        Some(if column.contains("\\\"") {
            Cow::Owned(column.replace("\\\"", "\""))
        } else {
            Cow::Borrowed(column)
        })
    })
}

/// Where a text ends, escaped signs apart.
fn closing(text: &str, close: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == close && !escaped {
            return at;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_quotation_marks_or_brackets_is_one_column() {
        let split = |line| spaced(line).map(Cow::into_owned).collect::<Vec<_>>();
        assert_eq!(
            split(r#"a - [10/Oct/2000:13:55:36 -0700] "GET /x\"y HTTP/1.1" 200 "" "open"#),
            ["a", "-", "10/Oct/2000:13:55:36 -0700", "GET /x\"y HTTP/1.1", "200", "", "open"]
        );
        assert_eq!(split(""), [""; 0]);
        assert_eq!(split("é  \"ü"), ["é", "ü"]);
    }
}
