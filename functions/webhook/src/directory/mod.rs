//! Who is notified, and where.

mod base_uri;
mod environment;
mod receiver;
mod registration;
mod statement;

pub(crate) use base_uri::is_literal_in_segment;
pub use base_uri::{BaseUri, BaseUriError, matches_published_pattern};
pub use environment::{Environment, EnvironmentName, UnknownEnvironment};
pub use receiver::{
    Operation, Origin, Promise, Receiver, Registration, RegistrationCall, RegistrationRequest, Settings,
    Suspension,
};
pub use registration::{
    DIFFERS_FROM_STATEMENT, INVALID_WEBHOOK_URIS, Refusal, StatementUris, Target, Warning, target,
};
pub use statement::{Keys, KeysError, STATEMENT_LIMIT, Software, Statement, StatementError};
