//! A deterministic simulator: the whole system for some minutes, in milliseconds, the same each time for the same seed.
//!
//! Under test are the real [`intake::Intake`], [`dispatch::Dispatch`] and [`directory::Directory`], behind the real clients
//! of the AWS SDK and in front of the real HTTP and TLS client. Around them stand models of SQS, DynamoDB and Secrets Manager
//! ([`crate::aws`]), of Lambda and its event source mapping, of receivers, and of those who call the API. Time is tokio's,
//! paused; all chance comes from the seed. What each guarantee demands is asked at every step and at the end.
//!
//! A receiver that accepted a notification may get it again only if its answer did not come (the model counts the bytes that our side
//! read), if the process died in between, or if its invocation had no time left to record the delivery. Each failed attempt needs a
//! cause on the receiver's side. Whether an environment must know that an outage is its own is judged by what it has tried: none of
//! three receivers reached for 30 s.
//!
//! Not modelled: fetches over HTTP (the Directory's documents are in the table, and receivers' certificates name no lists, so that no
//! certificate is ever revoked), the call that changes settings, a second brand, IAM, quotas of a region, how many pollers Lambda has
//! and when it takes some away, the latency of TLS itself, and connections that are open when an outage begins (they go on). After a
//! kill the tasks of an environment live on, but nothing that they do gets out of it.

mod actors;
mod breaks;
mod calls;
mod dice;
mod draw;
mod duplicates;
mod environment;
mod hazards;
mod hostile;
mod invariants;
mod isolation;
mod lambda;
mod life;
mod peers;
mod plan;
mod run;
mod scenario;
mod sdk_transport;
mod time;
mod troubles;
mod way;
mod world;

pub use self::breaks::Break;
pub use self::hazards::{Hazard, Hazards};
pub use self::isolation::{Flood, Flooded, Lateness, Ours, ReceiverLoad, flood, one_of};
pub use self::run::{Report, run, warm_up};
pub use self::world::Violation;
