//! The report as a page that prints well: one file, without script or request to anybody. It is XML, too.

mod figures;
mod page;
mod receivers;

use askama::Template as _;

use crate::report::Report;
use terminal::Language;

/// Writes the page.
pub fn html(report: &Report, language: Language) -> String {
    let page = page::Page::of(report, language);
    page.render().expect("every part of the page is a text that is there")
}
