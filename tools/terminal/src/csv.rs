//! Comma-separated values (RFC 4180) that a spreadsheet shows as they are.

/// Writes a line with its end.
///
/// A cell that a spreadsheet would take for a formula gets an apostrophe in front ("CSV Injection", OWASP); a number, of which
/// a minus may be the first character, does not.
pub fn csv_line<T: AsRef<str>>(cells: &[T]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| quoted(cell.as_ref())).collect();
    format!("{}\r\n", cells.join(","))
}

fn quoted(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
        && text.parse::<f64>().is_err();
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n', ';']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_no_cell_is_a_formula() {
        let line = csv_line(&[
            "itp-1",
            "a,b",
            "say \"x\"",
            "=cmd|'/c calc'!A1",
            "@SUM(1)",
            "-1+2",
            "-5",
            "+1,5",
            "",
        ]);
        assert_eq!(
            line,
            "itp-1,\"a,b\",\"say \"\"x\"\"\",'=cmd|'/c calc'!A1,'@SUM(1),'-1+2,-5,\"'+1,5\",\r\n"
        );
    }
}
