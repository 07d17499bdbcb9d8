//! Keeps what is known of the revocation of receivers' certificates: lists, and OCSP statuses as the other mechanism.
//!
//! Dispatch notes the chains that receivers present. The schedule asks the authorities about them and leaves what they
//! signed in the directory table; what cannot be had, or is not to be believed, leaves the last good in place.

mod crl;
#[allow(dead_code, reason = "the refresh is about to read lists with it")]
mod crl_reader;
#[allow(dead_code, reason = "as its readers")]
mod der;
#[allow(dead_code, reason = "as its readers")]
mod envelope;
#[cfg(test)]
mod kit;
mod ocsp;
#[allow(dead_code, reason = "the refresh is about to ask with it")]
mod ocsp_reader;
mod signature;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use webhook::aws::DirectoryTableError;
use webhook::edge::{Chance, Clock};
use webhook::revocation::{
    CRL_LIMIT, Chain, ChainEntry, CrlEntry, CrlSource, Index, OcspEntry, RevocationStore, crl_source,
    ocsp_url, sha256_hex,
};
use webhook::telemetry::{Chain as Causes, Metrics, Unit};

use self::crl::CrlRefusal;
use self::ocsp::{OcspRefusal, Question};
use self::signature::{Link, links};
use crate::fetch::{FetchError, Fetched, Fetcher};

/// A refresh is made at most once in this time, so that two never write at once; the schedule comes every five minutes.
const EVERY: SignedDuration = SignedDuration::from_mins(4);
/// How long all fetches of one refresh may take; with the reads and writes around them they stay within half of the
/// function's 60 s.
pub const BUDGET: Duration = Duration::from_secs(15);
/// How many hosts are asked for lists at once, and how many lists of one. With [`CRL_LIMIT`] that bounds the memory.
const LISTS_AT_ONCE: (usize, usize) = (8, 2);
/// How many hosts are asked for statuses at once, and how many of one.
const STATUSES_AT_ONCE: (usize, usize) = (16, 4);
/// How many chains are looked after. There are some sixty initiators.
const CHAINS: usize = 500;
/// How many bytes of lists are kept in all. Dispatch has 256 MB and holds them as they are and parsed twice, for its two ways
/// of checking, and while they change the ones before besides; entries take several times their bytes when parsed.
const LISTS_LIMIT: usize = 4 * 1024 * 1024;
/// The largest OCSP answer; real ones have some two kilobytes.
const OCSP_LIMIT: usize = 32 * 1024;
/// Rows of a list that did not change are written anew after so long, or they would expire.
const REWRITTEN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a refresh works with.
#[derive(Clone, Debug)]
pub struct Refresher {
    /// Where what is known is kept.
    pub store: RevocationStore,
    /// Who asks the authorities.
    pub fetcher: Arc<Fetcher>,
    /// What time it is.
    pub clock: Clock,
    /// Where nonces come from.
    pub chance: Chance,
    /// How long all fetches of one refresh may take.
    pub budget: Duration,
    /// Where findings are counted.
    pub metrics: Metrics,
}

/// What one authority is asked for.
enum Task {
    List { source: CrlSource, issuers: Vec<Link>, kept: Option<CrlEntry> },
    Status { fingerprint: String, url: String, link: Link, kept: Option<OcspEntry> },
}

/// What came of it.
enum Done {
    List(String, CrlEntry),
    Status(String, OcspEntry),
}

/// What could not be had, or is not to be believed.
#[derive(Debug, Error)]
enum Finding {
    #[error("it could not be fetched")]
    Fetch(#[from] FetchError),
    #[error("the revocation list is not believed")]
    List(#[from] CrlRefusal),
    #[error("the status is not believed")]
    Status(#[from] OcspRefusal),
    #[error("it could not be kept")]
    Table(#[from] DirectoryTableError),
    #[error("the lists have more than {LISTS_LIMIT} bytes in all")]
    TooMuch,
    #[error("the time for all of them was over")]
    Late,
}

impl Finding {
    fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.code(),
            Self::List(refusal) => refusal.code(),
            Self::Status(refusal) => refusal.code(),
            Self::Table(_) => "directory_unavailable",
            Self::TooMuch => "lists_too_large",
            Self::Late => "late",
        }
    }
}

/// Asks the authorities about every chain that receivers presented.
///
/// Fails for nobody: what goes wrong is logged and counted, and the next run is five minutes away.
pub async fn refresh(refresher: &Refresher) {
    if let Err(error) = refresher.refresh().await {
        tracing::error!(
            code = "revocation_unavailable",
            error = %Causes(&error),
            "What is known of revocation could not be refreshed."
        );
    }
}

impl Refresher {
    async fn refresh(&self) -> Result<(), DirectoryTableError> {
        let now = self.clock.now();
        if !self.store.claim(now, EVERY).await? {
            return Ok(());
        }
        let deadline = Instant::now() + self.budget;
        let ((chains, unreadable), before) = tokio::try_join!(self.store.chains(), self.before())?;
        for error in unreadable {
            tracing::error!(
                code = "chain_unreadable",
                error = %Causes(&error),
                "A receiver's certificate chain cannot be read; it is left out until it is noted again."
            );
        }
        let chains = in_use(chains, now);
        let tasks = tasks(&chains, &before);
        // What nobody uses any more is forgotten; the rest keeps what is known of it until there is better.
        let mut index = Index::default();
        for (fingerprint, first_seen, chain) in &chains {
            let ocsp = before.chains.get(fingerprint).and_then(|known| known.ocsp.clone());
            let (first_seen, lists) = (*first_seen, chain.lists());
            index.chains.insert(fingerprint.clone(), ChainEntry { first_seen, lists, ocsp });
        }
        for task in &tasks {
            if let Task::List { source, kept: Some(kept), .. } = task {
                index.crls.insert(source.row.clone(), kept.clone());
            }
        }
        let room = Room::of(&index);
        let (asked, mut findings) = (tasks.len(), 0);
        let ask = |task: Task| {
            let (what, host) = (task.what(), task.host());
            timeout_at(deadline, self.ask(task, &room, now)).map(move |done| (what, host, done))
        };
        let (lists, statuses): (Vec<_>, Vec<_>) =
            tasks.into_iter().partition(|task| matches!(task, Task::List { .. }));
        // Side by side: a responder that hangs keeps no list waiting, nor a list's host the statuses that stand in for it.
        let mut done = pin!(stream::select(
            self.by_host(lists, LISTS_AT_ONCE, ask),
            self.by_host(statuses, STATUSES_AT_ONCE, ask)
        ));
        while let Some((what, host, done)) = done.next().await {
            match done.unwrap_or(Err(Finding::Late)) {
                Ok(Done::Status(fingerprint, status)) => {
                    if let Some(chain) = index.chains.get_mut(&fingerprint) {
                        chain.ocsp = Some(status);
                    }
                }
                Ok(Done::List(row, list)) => {
                    index.crls.insert(row, list);
                }
                Err(finding) => {
                    findings += 1;
                    self.report(what, &host, &finding, now);
                }
            }
        }
        self.store.put_index(&index, now).await?;
        tracing::info!(chains = chains.len(), asked, findings, "What is known of revocation was refreshed.");
        Ok(())
    }

    /// Does tasks in no order, but of one host only so many at once, and of so many hosts.
    ///
    /// A host that hangs keeps its own tasks waiting alone; by chance not always the same ones, as those that failed would be
    /// first if what is oldest were.
    fn by_host<T, F: Future<Output = T>>(
        &self,
        mut tasks: Vec<Task>,
        (hosts_at_once, at_once): (usize, usize),
        ask: impl Fn(Task) -> F + Copy,
    ) -> impl Stream<Item = T> {
        tasks.sort_by_cached_key(|_| self.chance.bits());
        let mut hosts = BTreeMap::<String, Vec<Task>>::new();
        for task in tasks {
            hosts.entry(task.host()).or_default().push(task);
        }
        let mut hosts: Vec<_> = hosts.into_values().collect();
        hosts.sort_by_cached_key(|_| self.chance.bits());
        let host = move |tasks: Vec<Task>| stream::iter(tasks).map(ask).buffer_unordered(at_once);
        stream::iter(hosts).map(host).flatten_unordered(hosts_at_once)
    }

    /// Reads what the last refresh left. An index that cannot be read is written anew from nothing.
    async fn before(&self) -> Result<Index, DirectoryTableError> {
        match self.store.index().await {
            Ok(index) => Ok(index.map(|(index, _)| index).unwrap_or_default()),
            Err(error @ DirectoryTableError::Unreadable { .. }) => {
                tracing::error!(
                    code = "index_unreadable",
                    error = %Causes(&error),
                    "What was known of revocation cannot be read and is asked for anew."
                );
                Ok(Index::default())
            }
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, task: Task, room: &Room, now: Timestamp) -> Result<Done, Finding> {
        match task {
            Task::List { source, issuers, kept } => {
                let list = self.list(&source, &issuers, kept.as_ref(), room, now).await?;
                Ok(Done::List(source.row, list))
            }
            Task::Status { fingerprint, url, link, kept } => {
                let status = self.status(&url, &link, kept.as_ref(), now).await?;
                Ok(Done::Status(fingerprint, status))
            }
        }
    }

    /// Gets a list from the first of its addresses that has one to be believed.
    async fn list(
        &self,
        source: &CrlSource,
        issuers: &[Link],
        kept: Option<&CrlEntry>,
        room: &Room,
        now: Timestamp,
    ) -> Result<CrlEntry, Finding> {
        let mut finding = Finding::Fetch(FetchError::Url);
        for url in &source.urls {
            match self.list_from(url, issuers, kept, now).await {
                Ok((list, None)) => return Ok(list),
                Ok((list, Some(bytes))) => {
                    // Before anything is written: what is kept stays whole whatever is refused.
                    room.take(&source.row, bytes.len())?;
                    let parts = self.store.put_crl(&source.row, &bytes, now).await?;
                    return Ok(CrlEntry { parts, ..list });
                }
                Err(error) => finding = error,
            }
        }
        Err(finding)
    }

    /// Gets a list from one of its addresses; with it come the bytes that have to be written, if any.
    async fn list_from(
        &self,
        url: &str,
        issuers: &[Link],
        kept: Option<&CrlEntry>,
        now: Timestamp,
    ) -> Result<(CrlEntry, Option<Vec<u8>>), Finding> {
        // Rows have to be written now and then, and a version has its name at the address that gave it only.
        let current = kept.filter(|kept| now.duration_since(kept.written_at) < REWRITTEN);
        let known = current.filter(|kept| kept.url == url);
        let etag = known.and_then(|known| known.etag.as_deref());
        let fetched = self.fetcher.get(url, "application/pkix-crl, */*;q=0.1", etag, CRL_LIMIT).await?;
        let (list, etag) = match (fetched, known) {
            (Fetched::Document { bytes, etag, .. }, _) => (bytes, etag),
            // It is still the one, and that is worth no more than its own dates allow.
            (Fetched::NotModified { .. }, Some(known)) if known.next_update > now => {
                return Ok((CrlEntry { fetched_at: now, ..known.clone() }, None));
            }
            (Fetched::NotModified { .. }, _) => return Err(CrlRefusal::Expired.into()),
        };
        let kept_from = kept.map(|kept| kept.this_update);
        let believed = issuers
            .iter()
            .map(|link| crl::believe(&list, &link.issuer, kept_from, now))
            .reduce(Result::or)
            .unwrap_or(Err(CrlRefusal::OtherIssuer))?;
        let digest = sha256_hex(&list);
        let url = url.to_owned();
        if let Some(same) = current.filter(|kept| kept.digest == digest) {
            return Ok((CrlEntry { fetched_at: now, url, etag, ..same.clone() }, None));
        }
        let entry = CrlEntry {
            issuer: believed.issuer,
            digest,
            bytes: list.len(),
            parts: 0,
            written_at: now,
            fetched_at: now,
            this_update: believed.this_update,
            next_update: believed.next_update,
            url,
            etag,
        };
        Ok((entry, Some(list)))
    }

    async fn status(
        &self,
        url: &str,
        link: &Link,
        kept: Option<&OcspEntry>,
        now: Timestamp,
    ) -> Result<OcspEntry, Finding> {
        let nonce = [self.chance.bits().to_be_bytes(), self.chance.bits().to_be_bytes()].concat();
        let question = Question::new(link, &nonce).ok_or(OcspRefusal::NotOcsp)?;
        let body = question.to_der().map_err(|_| OcspRefusal::NotOcsp)?;
        let request = self
            .fetcher
            .request(Method::POST, url)?
            .header("content-type", "application/ocsp-request")
            .body(body);
        match self.fetcher.send(request, OCSP_LIMIT).await? {
            Fetched::Document { bytes, .. } => {
                Ok(question.believe(&bytes, kept.map(|kept| kept.this_update), now)?)
            }
            Fetched::NotModified { .. } => Err(OcspRefusal::NotOcsp.into()),
        }
    }

    fn report(&self, what: &'static str, host: &str, finding: &Finding, now: Timestamp) {
        let code = finding.code();
        tracing::warn!(
            what,
            host,
            code,
            error = %Causes(finding),
            "An authority could not be asked about revocation; what it said before is kept."
        );
        let context = [("what", what), ("host", host), ("code", code)];
        self.metrics.record(now, ("RevocationFindings", 1.0, Unit::Count), &context);
    }
}

/// Leaves out the chains that nobody accepts any more, and what is more than is looked after.
fn in_use(mut chains: Vec<(String, Timestamp, Chain)>, now: Timestamp) -> Vec<(String, Timestamp, Chain)> {
    chains.retain(|(.., chain)| chain.valid_until().is_some_and(|until| until > now));
    if chains.len() > CHAINS {
        tracing::error!(
            code = "too_many_chains",
            chains = chains.len(),
            "More certificate chains are in use than revocation is checked of."
        );
        // The newest are those in use: a receiver that renews its certificate leaves the one before it behind.
        chains.sort_by_key(|(_, first_seen, _)| std::cmp::Reverse(*first_seen));
        chains.truncate(CHAINS);
    }
    chains
}

/// How many bytes each list has, of those that are kept and those that are about to be.
struct Room(Mutex<BTreeMap<String, usize>>);

impl Room {
    fn of(index: &Index) -> Self {
        Self(Mutex::new(index.crls.iter().map(|(row, list)| (row.clone(), list.bytes)).collect()))
    }

    /// Takes the room for a list in the place of the one before, unless all of them would become too large.
    fn take(&self, row: &str, bytes: usize) -> Result<(), Finding> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let others: usize = lists.iter().filter(|(other, _)| *other != row).map(|(_, bytes)| bytes).sum();
        if others + bytes > LISTS_LIMIT {
            return Err(Finding::TooMuch);
        }
        lists.insert(row.to_owned(), bytes);
        Ok(())
    }
}

/// Says what is to be asked: each list once, whoever uses it, and the status of each leaf.
fn tasks(chains: &[(String, Timestamp, Chain)], before: &Index) -> Vec<Task> {
    let (mut lists, mut tasks) = (BTreeMap::<CrlSource, Vec<Link>>::new(), Vec::new());
    for (fingerprint, _, chain) in chains {
        let links = links(chain.certificates());
        if let Some(leaf) = links.first()
            && let Some(url) = ocsp_url(&leaf.certificate)
        {
            let kept = before.chains.get(fingerprint).and_then(|known| known.ocsp.clone());
            tasks.push(Task::Status { fingerprint: fingerprint.clone(), url, link: leaf.clone(), kept });
        }
        for link in links {
            let Some(source) = crl_source(&link.certificate) else { continue };
            let issuers = lists.entry(source).or_default();
            if issuers.iter().all(|other| other.issuer != link.issuer) {
                issuers.push(link);
            }
        }
    }
    let mut rows = BTreeSet::new();
    for (source, issuers) in lists {
        // Certificates may name the mirrors of one list in part; one of them is enough.
        if rows.insert(source.row.clone()) {
            let kept = before.crls.get(&source.row).cloned();
            tasks.push(Task::List { source, issuers, kept });
        }
    }
    tasks
}

impl Task {
    fn what(&self) -> &'static str {
        match self {
            Self::List { .. } => "crl",
            Self::Status { .. } => "ocsp",
        }
    }

    /// Returns the host alone: an address may carry what no log should.
    fn host(&self) -> String {
        let url = match self {
            Self::List { source, .. } => source.urls.first().map(String::as_str),
            Self::Status { url, .. } => Some(url.as_str()),
        };
        let host = url.and_then(|url| reqwest::Url::parse(url).ok()?.host_str().map(str::to_owned));
        host.unwrap_or_default()
    }
}
