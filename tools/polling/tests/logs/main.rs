//! Access logs: simulated ones whose truth is known, and lines as vendors document them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bank;
mod formats;
mod simulated;
