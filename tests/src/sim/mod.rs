//! A deterministic simulator: the whole system for some minutes, in milliseconds, the same each time for the same seed.
//!
//! Under test are the real [`intake::Intake`], [`dispatch::Dispatch`] and [`directory::Directory`], behind the real clients
//! of the AWS SDK and in front of the real HTTP and TLS client. Around them stand models of SQS, DynamoDB and Secrets Manager
//! ([`crate::aws`]), of Lambda and its event source mapping, of receivers, and of those who call the API. Time is tokio's,
//! paused; all chance comes from the seed. What each guarantee demands is asked at every step and at the end.

mod actors;
mod calls;
mod dice;
mod duplicates;
mod environment;
mod hazards;
mod hostile;
mod invariants;
mod isolation;
mod lambda;
mod life;
mod peers;
mod request;
mod run;
mod scenario;
mod seam;
mod troubles;
mod world;

pub use self::hazards::{Hazard, Hazards};
pub use self::isolation::{Crowd, Flood, Flooded, Lateness, Ours, flood, one_of};
pub use self::run::{Report, run, warm_up};
pub use self::scenario::Break;
pub use self::world::Violation;
