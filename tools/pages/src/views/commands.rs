//! What commands print.

use askama::Template;

use crate::page::Page;

/// What would be sent for a state change.
#[derive(Debug, Template)]
#[template(path = "explain.html")]
pub struct Explain {
    /// The frame.
    pub page: Page,
    /// What was pasted.
    pub text: String,
    /// What would be sent, for each, as the command says.
    pub answers: Vec<String>,
}

/// What a command says.
#[derive(Debug, Template)]
#[template(path = "command.html")]
pub struct Command {
    /// The frame.
    pub page: Page,
    /// A sentence about it.
    pub about: String,
    /// Fields of its form: name, label, value, and a pattern's description.
    pub fields: Vec<Field>,
    /// Its picture.
    pub picture: Option<String>,
    /// What it says.
    pub text: Result<String, String>,
    /// The command that says the same.
    pub command: String,
}

/// A field of a form.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in the query.
    pub name: &'static str,
    /// What people read.
    pub label: String,
    /// What was typed.
    pub value: String,
    /// Values to choose from; empty for free text.
    pub choices: Vec<(String, String)>,
}
