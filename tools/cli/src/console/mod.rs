//! `arauto console`: pages about a stack, on this machine, with the credentials of who starts it. //! //! A thread of its own reads the stack into a [`pages::Model`], until two minutes after the last request; the pages are made of
//! that, so that none waits for a look-up. What is looked up for one page, such as a notification, is asked for with a time limit.

mod app;
mod command;
mod commands;
mod frame;
mod lookup;
mod overview;
mod read;
mod replay_book;
mod replays;
mod runbooks;
mod server;

pub use app::{App, Options};
pub use command::{ConsoleArgs, run};
pub use server::serve;
