//! `arauto doctor receiver`: looks at a receiver as dispatch meets it, and says what will fail, with the code that
//! dispatch would record and what to do about it, to be forwarded.
//!
//! `mtls::examine` gathers facts, here or in dispatch; [`judge()`] makes findings of them and asks nobody; [`Report`]
//! prints them.

mod advice;
mod authorities;
mod command;
mod finding;
mod here;
mod html;
mod judge;
mod remote;
mod report;

pub use command::ReceiverArgs;
pub(super) use command::run;
pub use finding::{Check, Finding, Verdict, Words};
pub use html::html;
pub use judge::judge;
pub use remote::from_dispatch;
pub use report::{Outcome, Report};
