//! Estimates a load by Little's law with full batches.

use super::assumptions::{BATCH, DYNAMODB, HANGING, INTAKE_BUSY, MEMORY_OF_CPU, PATIENT, RECEIVE};
use super::load::{Begin, Load, Settings};
use super::numbers::{real, whole};

/// Concurrent invocations of dispatch with full batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    /// Concurrency before the measurement.
    pub(super) before: f64,
    /// Concurrency once the dead receivers are known, retries included.
    pub(super) settled: f64,
    /// Concurrency before they are known, without limits.
    pub(super) onset: f64,
    /// Attempts a second, retries included.
    pub(super) attempts: f64,
    /// Undelivered notifications a second.
    pub(super) given_up: f64,
}

impl Estimate {
    /// Estimates a load.
    pub(super) fn of(load: &Load, settings: &Settings, begin: Begin) -> Self {
        let dead = load.dead_share();
        let first = load.rate;
        let of_dead = first * dead * 3.0;
        let (once, twice) = (load.failing, load.failing * load.failing);
        let of_working = first * (1.0 - dead) * (1.0 + once + twice);
        let attempts = of_dead + of_working;
        let processor = (real(settings.memory) / MEMORY_OF_CPU.value).min(1.0);
        let work = BATCH.value * (load.cpu_us + load.handshake_us / 2.0) / processor / 1e6;
        let works =
            (RECEIVE.value + 4.0 * DYNAMODB.value + 2.0 * load.rtt_ms + 2.0 * load.answer_ms) / 1e3 + work;
        let running = |rate: f64, share: f64, within: f64| {
            let mixed = 1.0 - (0..whole(BATCH.value)).map(|_| 1.0 - share).product::<f64>();
            rate / BATCH.value * (works + mixed * within)
        };
        let settled = running(attempts, of_dead / attempts, HANGING.value);
        let before = match begin {
            // A quarter more, because batches are not always full.
            Begin::Running => 1.25 * settled,
            Begin::Onset => 1.25 * running(of_working, 0.0, 0.0) / (1.0 - dead).max(0.01),
            Begin::Idle => 0.0,
        };
        let given_up = first * (dead + (1.0 - dead) * once * twice);
        Self { before, settled, onset: running(first, dead, PATIENT.value), attempts, given_up }
    }

    /// Returns the concurrent invocations of intake.
    pub(super) fn intake(load: &Load) -> f64 {
        load.intakes() * INTAKE_BUSY.value / 1e3
    }
}
