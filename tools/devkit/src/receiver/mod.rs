//! A receiver to test senders against: a mock of what a payment initiator runs.
//!
//! It demands a client certificate, keeps everything it received, notes what the published contract has against it, and
//! answers as it is told to, badly included. Its parts serve other suites by themselves: [`ServerTls`], [`http`] on any
//! stream, [`wire`] byte by byte, and [`Receiver`], which has no socket.

mod admin;
mod answer;
mod body;
mod command;
mod contract;
mod event;
mod finding;
pub mod http;
mod journal;
mod message;
mod mock_receiver;
mod prefix;
mod serve;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
pub mod wire;

pub use self::answer::{Answer, AnswerFor, Answers, Sequence};
pub use self::command::{ReceiverArgs, run};
pub use self::contract::{Endpoint, WebhookVersion};
pub use self::event::{ClientCertificate, Received, Tls};
pub use self::finding::{Code, Finding};
pub use self::journal::{Connections, Refusal};
pub use self::message::{Body, Header};
pub use self::mock_receiver::{MockReceiver, Receiver};
pub use self::prefix::Prefix;
pub use self::settings::Settings;
pub use self::tls::{Presented, ServerTls};
