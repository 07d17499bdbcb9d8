//! Examines a receiver before, or after, notifications to it fail: a few gentle connections, one after the other, each as
//! dispatch would make it or narrower.
//!
//! It gathers [`Facts`] and judges nothing: the command that asked does. The facts travel as JSON, because dispatch may
//! be asked to look from its own network. Revocation is decided in the handshake, as dispatch decides it; nothing is
//! recorded.

mod certificate;
mod examiner;
mod facts;
mod first_flight;
mod letter;
mod look;
mod revoked;
mod run;
mod text;
mod visit;

pub use examiner::Examiner;
pub use facts::{
    AddressFacts, Answered, Certificate, Chain, Facts, Failed, Idle, ListFacts, Look, Offered, Refused,
    RevocationFacts, RevocationOf, RevocationVerdict, Stage, StatusFacts, Tls, Visit,
};
pub use letter::NO_PAYMENT;
pub use revoked::status;
pub use run::{LIMIT, MAX_CONNECTIONS, examine};
