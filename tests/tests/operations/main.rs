//! What an operator sees: metrics, traces, alarms and the dashboard, held against what the functions really write.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alarms;
mod canary;
mod draw;
mod evaluate;
mod filters;
mod metrics;
mod picture;
mod play;
mod runbooks;
mod silence;
mod trace;
