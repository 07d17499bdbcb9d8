//! A function's own binary, run by what plays Lambda: its Runtime API, its event source, its hard stops.

mod http;
mod process;
mod proxy;
mod queue;
mod runtime_api;

pub use process::{Died, Held, Process, binary};
pub use proxy::{Deed, Proxy, Reached};
pub use queue::OwnQueue;
