//! Every limit with a load's demand.

use convention::delivery::LedgerWrites;

use super::assumptions::{
    BATCH, CHANGES, EVIDENCE_BYTES, FIRST_INVOKES, GIVEN_UP_KEYS, GIVEN_UP_UNITS, KEY_READS, KEY_WRITES,
    LEAN_WRITES, MAXIMUM_CONCURRENCY, NEW_ENVIRONMENTS, NEW_TABLE_READS, NEW_TABLE_WRITES, POLLER_INVOKES,
    POLLER_POLLS, POLLERS_MOST, POLLERS_READY, REQUESTS_EACH, SECRET_READS, SECRETS_EVERY, WRITES,
};
use super::change::{Change, enough, enough_of};
use super::estimate::Estimate;
use super::load::{Begin, Load, Mapping, Settings};
use super::model::{Limit, Observed};
use super::numbers::{real, whole, whole_above};

/// A limit and the load's demand.
#[derive(Clone, Debug)]
pub struct Quota {
    /// Its name.
    pub name: &'static str,
    /// The demand.
    pub needed: f64,
    /// The limit.
    pub limit: f64,
    /// Whether messages waited for it, or would be throttled.
    pub breaks: bool,
    /// The change that helps.
    pub change: Change,
    /// An alternative change with a drawback, which is never applied automatically.
    pub or: Option<Change>,
}

impl Quota {
    fn new(name: &'static str, needed: f64, limit: f64, change: Change) -> Self {
        Self { name, needed, limit, breaks: needed > limit, change, or: None }
    }

    /// Returns the used share.
    pub fn used(&self) -> f64 {
        self.needed / self.limit
    }
}

/// Returns all limits: those that break first, then by used share.
pub(super) fn quotas(load: &Load, settings: &Settings, begin: Begin, seen: &Observed) -> Vec<Quota> {
    let of = Of { load, settings, begin, seen, estimate: Estimate::of(load, settings, begin) };
    let mut quotas = of.invocations();
    quotas.extend(of.tables());
    quotas.extend(of.services());
    quotas.sort_by(|one, other| {
        other.breaks.cmp(&one.breaks).then_with(|| other.used().total_cmp(&one.used()))
    });
    quotas
}

struct Of<'a> {
    load: &'a Load,
    settings: &'a Settings,
    begin: Begin,
    seen: &'a Observed,
    estimate: Estimate,
}

impl Of<'_> {
    fn waited(&self, limit: Limit) -> bool {
        self.seen.waited.iter().any(|waited| waited.limit == limit)
    }

    /// Returns the concurrent invocations of dispatch that the load needs.
    fn concurrency(&self) -> f64 {
        let limits = [
            Limit::Mapping,
            Limit::Ramp,
            Limit::Account,
            Limit::Environments,
            Limit::InFlight,
            Limit::Receives,
        ];
        if !limits.into_iter().any(|limit| self.waited(limit)) {
            return self.seen.concurrency.1;
        }
        // The observed concurrency was throttled; a backlog makes full batches.
        let onset = if self.begin == Begin::Running { 0.0 } else { self.estimate.onset };
        let settled = self
            .seen
            .full_batch
            .map_or(self.estimate.settled, |seconds| self.estimate.attempts / BATCH.value * seconds);
        settled.max(onset).max(self.seen.concurrency.1)
    }

    fn invocations(&self) -> Vec<Quota> {
        let (needed, intake) = (self.concurrency(), Estimate::intake(self.load));
        let account = self.settings.quotas.concurrency;
        let (most, ready) = match self.settings.mapping {
            Mapping::Concurrency(most) => (real(most), FIRST_INVOKES.value),
            Mapping::Pollers(min, most) => {
                (real(most) * POLLER_INVOKES.value, real(min) * POLLER_INVOKES.value)
            }
        };
        let mut quotas = vec![
            Quota {
                breaks: self.waited(Limit::Mapping),
                ..Quota::new("Invocations of dispatch at a time", needed, most, self.mapping(needed))
            },
            Quota {
                breaks: self.waited(Limit::Account) || needed + intake > account,
                ..Quota::new(
                    "Invocations of the account at a time",
                    needed + intake,
                    account,
                    Change::Concurrency(enough(needed.max(most.min(1.5 * needed)) + intake)),
                )
            },
            Quota {
                breaks: self.waited(Limit::InFlight),
                ..Quota::new(
                    "Messages in flight",
                    if self.waited(Limit::InFlight) {
                        self.seen.in_flight.max(needed * BATCH.value)
                    } else {
                        self.seen.in_flight
                    },
                    self.settings.quotas.in_flight,
                    Change::InFlight(enough(self.seen.in_flight.max(needed * BATCH.value))),
                )
            },
            Quota::new(
                "Invocations of the account a second",
                self.seen.busiest.invocations + self.requests(),
                account * REQUESTS_EACH.value,
                Change::Concurrency(enough(
                    (self.seen.busiest.invocations + self.requests()) / REQUESTS_EACH.value,
                )),
            ),
        ];
        if self.waited(Limit::Ramp) {
            let change = match self.settings.mapping {
                Mapping::Pollers(min, _) if real(min) >= POLLERS_READY.value => Change::None(
                    "nothing: AWS keeps no more than 200 pollers ready for a queue, and adds 100 a minute",
                ),
                Mapping::Pollers(_, max) => Change::Mapping(Mapping::Pollers(
                    whole(POLLERS_READY.value),
                    max.max(whole(POLLERS_READY.value)),
                )),
                Mapping::Concurrency(_) => self.pollers(needed),
            };
            quotas.push(Quota {
                breaks: true,
                ..Quota::new("Invocations of dispatch that are ready at once", needed, ready, change)
            });
        }
        if self.waited(Limit::Environments) {
            let change = Change::None("nothing: Lambda makes 1,000 environments of a function in 10 s");
            quotas.push(Quota {
                breaks: true,
                ..Quota::new("New environments in 10 s", needed, NEW_ENVIRONMENTS.value, change)
            });
        }
        if let Mapping::Pollers(_, most) = self.settings.mapping {
            let needed = self.estimate.attempts / BATCH.value;
            quotas.push(Quota {
                breaks: self.waited(Limit::Receives) && needed > real(most) * POLLER_POLLS.value,
                ..Quota::new(
                    "Receives of the pollers a second",
                    needed,
                    real(most) * POLLER_POLLS.value,
                    self.pollers(needed),
                )
            });
        }
        quotas
    }

    fn mapping(&self, needed: f64) -> Change {
        match self.settings.mapping {
            Mapping::Concurrency(_) if enough(1.1 * needed) <= MAXIMUM_CONCURRENCY.value => {
                Change::Mapping(Mapping::Concurrency(enough_of(1.1 * needed).max(2)))
            }
            Mapping::Concurrency(_) | Mapping::Pollers(..) => self.pollers(needed),
        }
    }

    fn pollers(&self, needed: f64) -> Change {
        // Ten messages in each receive, and a tenth more than full batches need.
        let receives = self.estimate.attempts / BATCH.value / POLLER_POLLS.value;
        let pollers = enough_of(receives.max(1.1 * needed / POLLER_INVOKES.value)).max(2);
        if real(pollers) > POLLERS_MOST.value {
            return Change::None(
                "nothing: an event source ends at 20,000 invocations; share the load among several stacks",
            );
        }
        Change::Mapping(Mapping::Pollers(pollers.min(whole(POLLERS_READY.value)), pollers))
    }

    /// A higher throttle suits a few more requests; many changes should share a request.
    fn api_rate(&self) -> Change {
        let requests = self.requests();
        if requests <= 4.0 * self.settings.api_rate && enough(requests) <= self.settings.quotas.api_requests {
            return Change::ApiRate(enough(requests));
        }
        let changes = whole_above(
            self.load.rate / (0.8 * self.settings.api_rate.min(self.settings.quotas.api_requests)),
        );
        if real(changes) <= CHANGES.value {
            return Change::Changes(changes);
        }
        if requests < self.settings.quotas.api_requests {
            Change::ApiRate(enough(requests))
        } else {
            Change::ApiRequests(enough(requests))
        }
    }

    fn requests(&self) -> f64 {
        self.load.api_requests()
    }

    fn tables(&self) -> Vec<Quota> {
        let (quotas, busiest) = (&self.settings.quotas, &self.seen.busiest);
        let given_up = busiest.given_up_writes.max(self.estimate.given_up * GIVEN_UP_UNITS.value);
        let weight = |receiver: &super::load::Receiver| receiver.weight;
        let all: f64 = self.load.receivers.iter().map(weight).sum();
        let largest = self.load.receivers.iter().map(weight).fold(0.0, f64::max) / all;
        let (writes, reads) = if self.settings.new_tables {
            let limits = (NEW_TABLE_WRITES.value, NEW_TABLE_READS.value);
            ((limits.0, Change::WarmTables), (limits.1, Change::WarmTables))
        } else {
            (
                (quotas.table_writes, Change::TableWrites(enough(busiest.writes))),
                (quotas.table_reads, Change::TableReads(enough(busiest.reads.max(busiest.ledger_reads)))),
            )
        };
        let ledger_reads = self.is_lean().then(|| {
            Quota::new("Read units of LedgerTable a second", busiest.ledger_reads, reads.0, reads.1.clone())
        });
        let of_tables = vec![
            Quota {
                or: self.lean(),
                ..Quota::new("Write units of LedgerTable a second", busiest.writes, writes.0, writes.1)
            },
            Quota::new("Read units of ReceiversTable a second", busiest.reads, reads.0, reads.1),
            Quota::new(
                "Write units a second of an hour's list of what was given up",
                given_up,
                KEY_WRITES.value * GIVEN_UP_KEYS.value,
                Change::None(
                    "nothing: one partition key takes 1,000 write units; share the load among several stacks",
                ),
            ),
            Quota::new(
                "Read units a second of one receiver's row",
                busiest.reads * largest,
                KEY_READS.value,
                Change::None(
                    "nothing: one partition key takes 3,000 read units; share the load among several stacks",
                ),
            ),
        ];
        of_tables.into_iter().chain(ledger_reads).collect()
    }

    fn is_lean(&self) -> bool {
        self.settings.ledger_writes == LedgerWrites::Lean
    }

    /// Returns the change to a single ledger write, if it is allowed and not in effect.
    fn lean(&self) -> Option<Change> {
        let busiest = &self.seen.busiest;
        let spared = busiest.at_once * (WRITES.value - LEAN_WRITES.value);
        // The template does not allow it together with evidence.
        (!self.is_lean() && !self.settings.evidence).then_some(Change::Lean(busiest.writes - spared))
    }

    fn services(&self) -> Vec<Quota> {
        let (quotas, busiest) = (&self.settings.quotas, &self.seen.busiest);
        let requests = self.requests();
        let secrets = 2.0 * (busiest.starts + self.seen.environments / SECRETS_EVERY.value);
        let mut all = vec![
            Quota::new(
                "Requests of the API a second (ApiRateLimit)",
                requests,
                self.settings.api_rate,
                self.api_rate(),
            ),
            Quota::new(
                "Requests of the account's APIs a second",
                requests,
                quotas.api_requests,
                self.api_rate(),
            ),
            Quota::new(
                "Reads of secrets a second",
                secrets,
                SECRET_READS.value,
                Change::None("AWS Secrets Manager raises it on request"),
            ),
        ];
        if self.settings.kms {
            all.push(Quota::new(
                "Signatures of KMS a second",
                busiest.handshakes,
                quotas.kms_signs,
                Change::KmsSigns(enough(busiest.handshakes)),
            ));
        }
        if self.settings.evidence {
            let mebibytes = busiest.attempts * EVIDENCE_BYTES.value / (1024.0 * 1024.0);
            all.push(Quota::new(
                "Mebibytes of evidence a second",
                mebibytes,
                quotas.firehose,
                Change::Firehose(enough(mebibytes)),
            ));
        }
        all
    }
}
