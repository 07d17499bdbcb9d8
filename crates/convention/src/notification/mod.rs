//! The content and the triggers of notifications: the rules of the convention, without I/O.

mod authorisation_servers;
mod change;
mod choices;
mod ecosystem;
mod endpoint;
mod id;
mod lookup;
mod name;
mod open_insurance;
mod plan;
mod published;
mod queued_change;
mod receiver_key;
mod time;
mod timer;
mod trigger;
mod version;

pub use authorisation_servers::{AuthorisationServers, IdentityOwner, MissingAuthorisationServerId};
pub use change::{Actor, Expiry, Resource, StateChange, Subject};
pub use choices::{ApiVersionOverride, ApiVersionOverrides, Choices, ParseApiVersionOverridesError};
pub use ecosystem::{Ecosystem, ParseEcosystemError};
pub use endpoint::{
    APIS_WITHOUT_WEBHOOK, ENDPOINTS, EditRow, Endpoint, EndpointRow, Reached, Scope, StateRow,
};
pub use id::{ClientId, IdSyntax, ParseClientIdError, ParseResourceIdError, ResourceId, is_plain, is_urn};
pub use name::{InteractionId, NotificationId, ParseNotificationIdError, Partition};
pub use open_insurance::OPEN_INSURANCE_ENDPOINTS;
pub use plan::{Notification, Plan, compose_url, plan};
pub(crate) use queued_change::QueuedChange;
pub use receiver_key::ReceiverKey;
pub use time::{EventInstant, ParseEventInstantError, is_canonical, matches_published_pattern};
pub use timer::{Reported, ResourceState, StateKey, Timer, TimerMessage, TimerName};
pub use trigger::{EventType, Rule, Trigger, resource_of, trigger};
pub use version::{ApiVersion, ParseApiVersionError, ParseWebhookVersionError, WebhookVersion};
