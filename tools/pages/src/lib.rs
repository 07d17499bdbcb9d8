#![doc = include_str!("../README.md")]

pub mod access;
pub mod attempt;
pub mod chart;
pub mod figures;
pub mod history;
pub mod model;
pub mod page;
pub mod receiver;
pub mod timeline;
pub mod views;

pub use access::Access;
pub use model::{Model, Reading};
pub use page::Page;

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("../assets/console.css");
/// The sign of the pages in a browser's tab.
pub const ICON: &str = include_str!("../assets/icon.svg");
/// The script of all pages: they work without it.
pub const SCRIPT: &str = include_str!("../assets/console.js");
