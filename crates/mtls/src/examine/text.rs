//! Texts of a receiver, made fit to be printed.

/// Maximum length of a text, in characters.
pub(super) const MAX_TEXT: usize = 200;

/// Cuts a text, and replaces what could move a cursor, hide other text or turn its direction.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned: String =
        text.chars().take(MAX_TEXT).map(|c| if is_plain(c) { c } else { '\u{fffd}' }).collect();
    if text.chars().nth(MAX_TEXT).is_some() {
        cleaned.push('…');
    }
    cleaned
}

/// Says whether a character shows itself and nothing else: no control, no format character (Unicode, categories Cc and
/// Cf, as far as terminals and browsers act on them), no separator of lines.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_replaced_and_long_texts_are_cut() {
        assert_eq!(
            clean("Itaú <b>\u{1b}[2J\u{9b}a\u{202e}\r\n"),
            "Itaú <b>\u{fffd}[2J\u{fffd}a\u{fffd}\u{fffd}\u{fffd}"
        );
        let long = clean(&"é".repeat(201));
        assert_eq!((long.chars().count(), long.ends_with('…')), (201, true));
        assert_eq!(clean(&"é".repeat(200)).chars().count(), 200);
    }
}
