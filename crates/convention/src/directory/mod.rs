//! The Directory's data and the registrations of receivers: who is notified, and where.

mod base_uri;
mod environment;
mod key_set;
mod onboarding_slo;
mod participants;
mod receiver;
mod reconcile;
mod registration;
mod removal;
mod settings;
mod statement;

pub(crate) use base_uri::is_literal_in_segment;
pub use base_uri::{BaseUri, BaseUriError, matches_published_pattern};
pub use environment::{AdditionalIssuers, Environment, EnvironmentName, IssuerTooLong, UnknownEnvironment};
pub use key_set::{DroppedKey, KeyFlaw, Keys, KeysError};
pub use onboarding_slo::{FirstDelivery, ONBOARDING_AT_RISK, ONBOARDING_SLO, OnboardingSlo, worst_of_month};
pub use participants::{OrganisationStatus, Participants, ParticipantsError};
pub use receiver::{
    CalledAtError, MAX_CALL_AGE, Operation, Origin, Receiver, Registration, RegistrationCall,
    RegistrationRequest, Suspension, check_called_at, check_removed_at,
};
pub use reconcile::{DirectoryView, Drift, Reconciliation, SoftwareView, reconcile};
pub use registration::{
    DIFFERS_FROM_STATEMENT, INVALID_WEBHOOK_URIS, Refusal, StatementUris, Target, Warning, target, target_in,
};
pub use removal::{CallTime, ClientState, Removal};
pub use settings::{Settings, SettingsChange};
pub use statement::{STATEMENT_LIMIT, Software, Statement, StatementError, VerifyError};
