//! Tables without a frame, as wide as their content.

use std::fmt;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, Width};

/// On which side of its column a text stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Align {
    /// Names and other texts.
    Left,
    /// Numbers.
    Right,
}

/// Rows of texts in columns two spaces apart.
///
/// Nothing is wrapped or cut, whatever the width of the terminal, and no line ends with a space: a program can read what people
/// read. A text of several lines takes as many lines of its row.
#[derive(Clone, Debug)]
pub struct Table<const N: usize> {
    columns: [Align; N],
    at_least: [u16; N],
    indent: u16,
    rows: Vec<[String; N]>,
}

/// Spaces between two columns.
const APART: u16 = 2;

impl<const N: usize> Table<N> {
    /// A table without rows.
    pub fn new(columns: [Align; N]) -> Self {
        Self { columns, at_least: [0; N], indent: 0, rows: Vec::new() }
    }

    /// Puts so many spaces before each line.
    #[must_use]
    pub fn indented(mut self, indent: u16) -> Self {
        self.indent = indent;
        self
    }

    /// Makes each column at least so wide, in characters: where rows are written before later ones are known.
    #[must_use]
    pub fn at_least(mut self, widths: [u16; N]) -> Self {
        self.at_least = widths;
        self
    }

    /// Adds a row; the first may name the columns.
    pub fn row<T: Into<String>>(&mut self, cells: [T; N]) {
        self.rows.push(cells.map(Into::into));
    }
}

/// The rows, each line with its end.
impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).add_rows(&self.rows);
        for (index, column) in table.column_iter_mut().enumerate() {
            let before = if index == 0 { self.indent } else { APART };
            column.set_padding((before, 0));
            column.set_cell_alignment(match self.columns[index] {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
            // To the library, a column's width is with what is before it.
            let width = Width::Fixed(before + self.at_least[index]);
            column.set_constraint(ColumnConstraint::LowerBoundary(width));
        }
        table.lines().try_for_each(|line| writeln!(f, "{}", line.trim_end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_left_and_numbers_right_and_no_line_ends_with_a_space() {
        let mut table = Table::new([Align::Left, Align::Right, Align::Left]);
        table.row(["receiver", "count", "last"]);
        table.row(["açúcar", "1,234", ""]);
        table.row(["b", "5", "later\nand more"]);
        assert_eq!(
            table.to_string(),
            "receiver  count  last\n\
             açúcar    1,234\n\
             b             5  later\n                 and more\n"
        );
    }

    #[test]
    fn rows_that_are_written_one_by_one_stand_below_each_other() {
        let row = |cells: [&str; 2]| {
            let mut table = Table::new([Align::Left, Align::Right]).at_least([6, 4]).indented(3);
            table.row(cells);
            table.to_string()
        };
        assert_eq!(row(["a", "1"]), "   a          1\n");
        assert_eq!(row(["abcdef", "1000"]), "   abcdef  1000\n");
        assert_eq!(row(["longer than that", "7"]), "   longer than that     7\n");
    }

    #[test]
    fn a_table_without_rows_is_nothing() {
        assert_eq!(Table::new([Align::Left; 2]).to_string(), "");
    }
}
