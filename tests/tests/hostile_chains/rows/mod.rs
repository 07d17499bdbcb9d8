//! The table.

mod bounds;
mod forms;
mod lists;
mod paths;
mod revoked;

use super::case::{Case, Fixture};

/// One row: its name, and what makes it.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) make: Box<dyn Fn(&Fixture) -> Case + Send>,
}

impl Row {
    fn new(name: impl Into<String>, make: impl Fn(&Fixture) -> Case + Send + 'static) -> Self {
        Self { name: name.into(), make: Box::new(make) }
    }
}

/// Every row.
pub(crate) fn rows() -> Vec<Row> {
    [paths::rows(), revoked::rows(), bounds::rows(), forms::rows(), lists::rows()]
        .into_iter()
        .flatten()
        .collect()
}
