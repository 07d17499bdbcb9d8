//! One invocation: the steps of its messages and their duration.

use std::time::Duration;

use convention::delivery::{AttemptNumber, LedgerMode, LedgerWrites};

use super::super::assumptions::{
    DYNAMODB, GIVEN_UP_UNITS, INIT_BILLED, KMS_SIGN, LATER_UNITS, LEAN_READS, LEAN_WRITES, MEMORY_OF_CPU,
    RECEIVE, SECRETS_READ, SQS, START, START_CPU, WRITES,
};
use super::super::load::{Load, Settings};
use super::super::numbers::{real, whole};
use super::counts::Counts;
use super::environments::Environment;
use super::queue::Message;
use super::receivers::Peer;
use super::rng::{Dice, Micros};

/// An invocation in progress.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) environment: usize,
    pub(super) began: Micros,
    pub(super) attempts: Vec<Attempt>,
}

/// The course of one message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) message: Message,
    /// When the request reached its receiver.
    pub(super) arrived: Micros,
    pub(super) failed: Option<Failed>,
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    pub(super) at: Micros,
    /// The timeout that expired, if one did.
    pub(super) timed_out: Option<Duration>,
}

/// Number of receives of a message in the model.
const ONCE: u32 = 1;

/// The parameters of invocations.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) load: &'a Load,
    /// Dispatch's share of a processor.
    processor: f64,
    kms: bool,
    ledger_writes: LedgerWrites,
    metrics_kept: f64,
}

impl<'a> Stage<'a> {
    pub(super) fn new(load: &'a Load, settings: &Settings) -> Self {
        let processor = (real(settings.memory) / MEMORY_OF_CPU.value).min(1.0);
        let Settings { kms, ledger_writes, metrics_kept, .. } = *settings;
        Self { load, processor, kms, ledger_writes, metrics_kept }
    }

    /// Simulates an invocation that begins now: the times of each message, and its requests.
    pub(super) fn play(
        &self,
        (time, is_new): (Micros, bool),
        messages: &[Message],
        environment: &mut Environment,
        peers: &mut [Peer],
        dice: &mut Dice,
    ) -> (Vec<Attempt>, Micros, Counts) {
        let mut counts =
            Counts { invocations: 1.0, starts: f64::from(u8::from(is_new)), ..Counts::default() };
        let start = if is_new { dice.delay(START.value) + START_CPU.value / self.processor } else { 0.0 };
        let began = real(time) + dice.delay(RECEIVE.value) + start;
        if environment.reads_secrets(time) {
            counts.secret_reads += SECRETS_READ.value;
        }
        counts.metric_lines = f64::from(u8::from(environment.writes_metrics(time, self.metrics_kept)));
        // The messages of a batch share one thread.
        let mut processor_free = began;
        let mut ends = began;
        let mut attempts = Vec::with_capacity(messages.len());
        for message in messages {
            let is_first = message.attempt == AttemptNumber::FIRST;
            let peer = &mut peers[message.receiver as usize];
            let copy = environment.copy(message.receiver, is_first, time);
            counts.reads += f64::from(u8::from(copy.1));
            let within = peer.granted(copy, time);
            let read = if copy.1 { dice.delay(DYNAMODB.value) } else { 0.0 };
            let begins = self.ledger_writes.mode(message.attempt, ONCE);
            // A ledger write, or a read.
            let ready = began + read + dice.delay(DYNAMODB.value);
            let silent = peer.is_silent(whole(ready));
            let connected = !silent && environment.is_connected(message.receiver, whole(ready));
            let mut work = self.load.cpu_us;
            let mut connecting = 0.0;
            if !connected && !silent {
                counts.handshakes += 1.0;
                work += self.load.handshake_us;
                // TCP, then TLS 1.3.
                connecting = 2.0 * self.load.rtt_ms * 1e3;
                if self.kms {
                    connecting += dice.delay(KMS_SIGN.value);
                }
            }
            processor_free = processor_free.max(ready) + work / self.processor;
            let arrived = processor_free + connecting + self.load.rtt_ms * 500.0;
            let answered = arrived + self.load.rtt_ms * 500.0 + dice.delay(self.load.answer_ms);
            let refused = !silent && dice.share() < self.load.failing;
            let (at, timed_out) = if silent {
                (processor_free + real(u64::try_from(within.as_micros()).unwrap_or(u64::MAX)), Some(within))
            } else {
                environment.keep_connection(message.receiver, whole(answered));
                (answered, None)
            };
            let failed = (silent || refused).then(|| Failed { at: whole(at), timed_out });
            // A failure writes the beginning as well.
            let beginning = match begins {
                LedgerMode::WriteBehind if failed.is_some() => dice.delay(DYNAMODB.value),
                LedgerMode::WriteBehind | LedgerMode::WriteAhead => 0.0,
            };
            let queueing = if failed.is_some() { dice.delay(SQS.value) } else { 0.0 };
            ends = ends.max(at + beginning + queueing + dice.delay(DYNAMODB.value));
            counts.attempts += 1.0;
            counts.at_once += f64::from(u8::from(is_first && failed.is_none()));
            let full = WRITES.value * if is_first { 1.0 } else { LATER_UNITS.value };
            counts.writes += match begins {
                LedgerMode::WriteBehind if failed.is_none() => LEAN_WRITES.value,
                LedgerMode::WriteBehind | LedgerMode::WriteAhead => full,
            };
            if begins == LedgerMode::WriteBehind {
                counts.ledger_reads += LEAN_READS.value;
            }
            if failed.is_some() && message.attempt.next().is_none() {
                counts.writes += GIVEN_UP_UNITS.value;
                counts.given_up_writes += GIVEN_UP_UNITS.value;
            }
            attempts.push(Attempt { message: *message, arrived: whole(arrived), failed });
        }
        counts.busy = (ends - began) / 1e6 + counts.starts * INIT_BILLED.value / 1e3;
        (attempts, whole(ends), counts)
    }
}
