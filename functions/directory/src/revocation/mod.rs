//! Refreshes the revocation data of receivers' certificates: lists, and OCSP statuses as the second mechanism.
//!
//! Dispatch and the check of a receiver record the paths that they verified. The schedule asks the authorities of
//! those paths and stores their signed answers in the directory table. Data that cannot be fetched, or is refused,
//! leaves the previous data in place.

mod ask_now;
mod crl_reader;
mod envelope;
mod keep;
#[cfg(test)]
mod kit;
mod merge;
mod ocsp_reader;
mod plan;
mod room;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use mtls::revocation::{AuthorityRow, Contents, LeafRow, RevocationStore, Serials};
use platform::aws::DirectoryTableError;
use platform::clock::Clock;
use platform::rng::Rng;
use platform::telemetry::{ErrorChain, Metrics, Unit};
use tokio::time::{Instant, timeout_at};

pub use self::ask_now::{Answered, ask_now};
pub use self::task::CRL_LIMIT;

use self::merge::Answer;
use self::plan::{Plan, plan};
use self::task::{Asker, Done, Finding, Task};
use crate::fetch::Fetcher;

/// Minimum interval between refreshes, so that two never write at once; the schedule runs every five minutes.
const EVERY: SignedDuration = SignedDuration::from_mins(4);
/// Maximum time for all fetches of one refresh; with the reads and writes around them it stays within half of the
/// function's 60 s.
pub const BUDGET: Duration = Duration::from_secs(15);
/// Maximum number of hosts asked for lists concurrently, and of lists of one host.
const LISTS_AT_ONCE: (usize, usize) = (8, 2);
/// Maximum number of hosts asked for statuses concurrently, and of statuses of one host.
const STATUSES_AT_ONCE: (usize, usize) = (16, 4);
/// Minimum number of authorities, at as many servers, that must all have answered wrongly before our egress is
/// suspected. One or two may have misplaced their lists.
const ASKED_FOR_A_PROXY: usize = 3;
/// Counts refreshes in which sources were asked and none answered.
const UNREACHABLE: &str = "RevocationSourcesUnreachable";

/// Refreshes the revocation data.
#[derive(Clone, Debug)]
pub struct Refresher {
    store: RevocationStore,
    asker: Asker,
    clock: Clock,
    rng: Rng,
    /// Maximum time for all fetches of one refresh.
    pub budget: Duration,
    metrics: Metrics,
}

/// The rows left by the last refresh, as far as this one needs them.
#[derive(Debug, Default)]
struct Before {
    contents: Contents,
    authorities: BTreeMap<String, (AuthorityRow, Serials)>,
    /// Authorities whose row or serials exist but cannot be read: they are asked anew, and keep their rows until all
    /// of it is known again.
    lost: BTreeSet<String>,
    leaves: BTreeMap<String, LeafRow>,
}

/// The results of a refresh.
#[derive(Default)]
struct Found {
    /// By authority and source.
    lists: BTreeMap<String, BTreeMap<String, Answer>>,
    statuses: BTreeMap<String, mtls::revocation::OcspEntry>,
    asked: usize,
    /// The authorities that were asked, and their servers.
    authorities: BTreeSet<String>,
    servers: BTreeSet<String>,
    unanswered: usize,
    /// Number of authorities without an answer that only an authority can give, including those that did not answer.
    from_anybody: usize,
    findings: usize,
}

impl Found {
    /// Says whether no authority was reached: nobody answered, or a proxy answered for all.
    fn reached_nobody(&self) -> bool {
        let are_enough = self.authorities.len().min(self.servers.len()) >= ASKED_FOR_A_PROXY;
        let is_a_proxy = are_enough && self.from_anybody == self.asked;
        self.asked > 0 && (self.unanswered == self.asked || is_a_proxy)
    }
}

/// Asks the authorities about every path that receivers showed.
///
/// Never fails: errors are logged and counted, and the next run follows in five minutes. Returns `false` if the table did
/// not work or no authority was reached.
pub async fn refresh(refresher: &Refresher) -> bool {
    refresher.refresh().await.unwrap_or_else(|error| {
        tracing::error!(
            code = "revocation_unavailable",
            error = %ErrorChain(&error),
            "The revocation data could not be refreshed."
        );
        false
    })
}

impl Refresher {
    /// Uses this fetcher and this store.
    pub fn new(
        store: RevocationStore,
        fetcher: Arc<Fetcher>,
        (clock, rng): (Clock, Rng),
        metrics: Metrics,
    ) -> Self {
        let asker = Asker::new(fetcher, rng.clone());
        Self { store, asker, clock, rng, budget: BUDGET, metrics }
    }

    async fn refresh(&self) -> Result<bool, DirectoryTableError> {
        let now = self.clock.now();
        if !self.store.claim(now, EVERY).await? {
            return Ok(true);
        }
        let (noted, unreadable) = self.store.paths().await?;
        for error in unreadable {
            self.report_row("path", &error, now);
        }
        let plan = plan(noted, now);
        self.report_left_out(&plan, now);
        let before = self.before(&plan, now).await?;
        self.report_blind(&plan, &before, now);
        let deadline = Instant::now() + self.budget;
        let found = self.ask_all(tasks(&plan, &before), deadline, now).await;
        if found.reached_nobody() {
            // Without a renewal, dispatch treats what it cannot decide as a fault of ours, which unreachable
            // authorities are.
            tracing::error!(
                code = "revocation_sources_unreachable",
                asked = found.asked,
                unanswered = found.unanswered,
                "No authority answered about revocation: our network has no egress, a proxy answers for all, or the resolver does not answer."
            );
            self.metrics.record(now, (UNREACHABLE, 1.0, Unit::Count), &[]);
            return Ok(false);
        }
        let (leaves, asked, findings) = (plan.leaves.len(), found.asked, found.findings);
        let contents = self.keep(&plan, before, found, now).await;
        self.store.put_contents(&contents, now).await?;
        tracing::info!(leaves, asked, findings, "The revocation data was refreshed.");
        Ok(true)
    }

    /// Reads the rows of the last refresh. A row that cannot be read affects no other, and is written anew.
    async fn before(&self, plan: &Plan, now: Timestamp) -> Result<Before, DirectoryTableError> {
        let contents = match self.store.contents().await {
            Ok(contents) => contents.map(|(contents, _)| contents).unwrap_or_default(),
            Err(error @ DirectoryTableError::Unreadable { .. }) => {
                self.report_row("contents", &error, now);
                Contents::default()
            }
            Err(error) => return Err(error),
        };
        let authorities: Vec<_> = plan.authorities.keys().cloned().collect();
        let leaves: Vec<_> = plan.leaves.keys().cloned().collect();
        let (authorities, leaves) =
            tokio::try_join!(self.store.authorities(&authorities), self.store.leaves(&leaves))?;
        for (_, error) in authorities.unreadable.iter().chain(&leaves.unreadable) {
            self.report_row("revocation", error, now);
        }
        let leaves = leaves.read.into_iter().map(|(id, _, row)| (id, row)).collect();
        let lost = authorities.unreadable.into_iter().map(|(id, _)| id).collect();
        let mut before = Before { contents, authorities: BTreeMap::new(), lost, leaves };
        for (id, _, row) in authorities.read {
            let serials = match &row.serials {
                Some(entry) => self.store.serials(&id, entry).await?,
                None => Some(Serials::default()),
            };
            if let Some(serials) = serials {
                before.authorities.insert(id, (row, serials));
            } else {
                let name = row.name;
                tracing::error!(
                    code = "revocation_row_unreadable",
                    what = "serials",
                    whose = name,
                    "The serials of an authority are lost; its lists will be fetched again."
                );
                self.count_broken("serials", now);
                before.lost.insert(id);
            }
        }
        Ok(before)
    }

    async fn ask_all(&self, tasks: Vec<Task>, deadline: Instant, now: Timestamp) -> Found {
        let mut found = Found::default();
        let ask = |task: Task| {
            let (what, host, asked) = (task.what(), task.host(), (task.authority(), task.server()));
            timeout_at(deadline, self.asker.ask(task, now)).map(move |done| (what, host, asked, done))
        };
        let (lists, statuses): (Vec<_>, Vec<_>) =
            tasks.into_iter().partition(|task| matches!(task, Task::List { .. }));
        // Concurrent: a hanging responder must not delay lists, nor a list's host the statuses that replace it.
        let mut done = pin!(stream::select(
            self.by_host(lists, LISTS_AT_ONCE, ask),
            self.by_host(statuses, STATUSES_AT_ONCE, ask)
        ));
        while let Some((what, host, (authority, server), done)) = done.next().await {
            let done = done.unwrap_or(Err(Finding::Late));
            found.asked += 1;
            found.authorities.insert(authority);
            found.servers.insert(server);
            found.unanswered += usize::from(done.as_ref().is_err_and(Finding::is_unanswered));
            found.from_anybody += usize::from(done.as_ref().is_err_and(Finding::is_from_anybody));
            match done {
                Ok(Done::Status { fingerprint, status }) => {
                    found.statuses.insert(fingerprint, status);
                }
                Ok(Done::List { issuer, source, answer }) => {
                    if let Answer::New(_, Err(reason)) = &answer {
                        found.findings += 1;
                        self.report(what, &host, &Finding::NotGood(*reason), now);
                    }
                    found.lists.entry(issuer).or_default().insert(source, answer);
                }
                Err(finding) => {
                    found.findings += 1;
                    self.report(what, &host, &finding, now);
                }
            }
        }
        found
    }

    /// Runs tasks in random order, with limits on concurrent hosts and on concurrent tasks of one host.
    ///
    /// A hanging host only delays its own tasks. The random order varies which ones: if the oldest came first, failed
    /// tasks would always be first.
    fn by_host<T, F: Future<Output = T>>(
        &self,
        mut tasks: Vec<Task>,
        (hosts_at_once, at_once): (usize, usize),
        ask: impl Fn(Task) -> F + Copy,
    ) -> impl Stream<Item = T> {
        tasks.sort_by_cached_key(|_| self.rng.bits());
        let mut hosts = BTreeMap::<String, Vec<Task>>::new();
        for task in tasks {
            hosts.entry(task.host()).or_default().push(task);
        }
        let mut hosts: Vec<_> = hosts.into_values().collect();
        hosts.sort_by_cached_key(|_| self.rng.bits());
        let host = move |tasks: Vec<Task>| stream::iter(tasks).map(ask).buffer_unordered(at_once);
        stream::iter(hosts).map(host).flatten_unordered(hosts_at_once)
    }

    /// Reports what is not monitored because of the limits: dispatch treats what it cannot decide of it as a fault of
    /// ours.
    fn report_left_out(&self, plan: &Plan, now: Timestamp) {
        if plan.left_out > 0 {
            tracing::error!(
                code = "too_many_leaves",
                leaves = plan.left_out,
                "Receivers use more certificates than the limit for revocation checks; the oldest of each host are left out."
            );
            self.count_broken("leaves", now);
        }
        if plan.unfit > 0 {
            tracing::error!(
                code = "too_many_lists",
                paths = plan.unfit,
                "There are more authorities, or more lists of one of them, than the limit; the paths with them are left out."
            );
            self.count_broken("lists", now);
        }
    }

    fn report(&self, what: &'static str, host: &str, finding: &Finding, now: Timestamp) {
        let code = finding.code();
        tracing::warn!(
            what,
            host,
            code,
            error = %ErrorChain(finding),
            "An authority gave no usable revocation data; its earlier data is kept."
        );
        let context = [("what", what), ("host", host), ("code", code)];
        self.metrics.record(now, ("RevocationFindings", 1.0, Unit::Count), &context);
    }

    /// Reports a row that cannot be read; it affects no other.
    fn report_row(&self, what: &'static str, error: &DirectoryTableError, now: Timestamp) {
        tracing::error!(
            code = "revocation_row_unreadable",
            what,
            error = %ErrorChain(error),
            "A row of revocation data cannot be read; it is left out until it is rewritten."
        );
        self.count_broken(what, now);
    }

    /// Counts rows that cannot be read or stored, for the alarm.
    fn count_broken(&self, what: &'static str, now: Timestamp) {
        self.metrics.record(now, (BROKEN, 1.0, Unit::Count), &[("what", what)]);
    }
}

/// Counts rows that cannot be read or written.
const BROKEN: &str = "RevocationRowsBroken";

/// Creates the tasks of a refresh: each list once, whoever uses it, and the status of each leaf.
fn tasks(plan: &Plan, before: &Before) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (id, issuer) in &plan.authorities {
        let known = before.authorities.get(id).map(|(row, _)| row);
        for (source_id, source) in &issuer.sources {
            let entry = known.and_then(|row| row.lists.iter().find(|list| list.source == *source_id));
            tasks.push(Task::List {
                issuer: id.clone(),
                authority: issuer.authority.clone(),
                may_sign_lists: issuer.may_sign_lists,
                source: source.clone(),
                kept: entry.and_then(|entry| entry.good.clone()),
            });
        }
    }
    for (fingerprint, leaf) in plan.leaves.iter().filter(|(_, leaf)| !leaf.ocsp_urls.is_empty()) {
        tasks.push(Task::Status {
            fingerprint: fingerprint.clone(),
            urls: leaf.ocsp_urls.clone(),
            link: leaf.link.clone(),
            kept: before.leaves.get(fingerprint).and_then(|known| known.ocsp.clone()),
        });
    }
    tasks
}
