//! One request to an authority: a list of one of its sources, or the status of one leaf.

use std::sync::Arc;

use jiff::Timestamp;
use mtls::revocation::{Authority, GoodList, Link, OcspEntry, OcspStatus, Source};
use platform::aws::DirectoryTableError;
use platform::rng::Rng;
use platform::sha256_hex;
use thiserror::Error;
use tokio::sync::Semaphore;

use super::crl_reader::{self, CrlRefusal};
use super::merge::{Answer, Fetched as FetchedList, NotGood, judge};
use super::ocsp_reader::{OcspRefusal, Question, Status};
use crate::fetch::{FetchError, Fetched, Fetcher};

/// Maximum size of a list in bytes: about 350,000 revoked certificates.
pub const CRL_LIMIT: usize = 16 * 1024 * 1024;
/// Lists up to this size are fetched concurrently; larger ones take turns, which bounds the memory.
const SMALL_LIST: usize = 1024 * 1024;
/// Maximum size of an OCSP answer in bytes; real ones have about two kilobytes.
const OCSP_LIMIT: usize = 32 * 1024;

/// A request to an authority.
pub(super) enum Task {
    List {
        /// Its id.
        issuer: String,
        authority: Authority,
        may_sign_lists: Option<bool>,
        source: Source,
        kept: Option<GoodList>,
    },
    Status {
        fingerprint: String,
        urls: Vec<String>,
        link: Link,
        kept: Option<OcspEntry>,
    },
}

/// The result of a request.
pub(super) enum Done {
    List { issuer: String, source: String, answer: Answer },
    Status { fingerprint: String, status: OcspEntry },
}

/// Why a request brought nothing usable.
#[derive(Debug, Error)]
pub(super) enum Finding {
    #[error("it could not be fetched")]
    Fetch(#[from] FetchError),
    #[error("the revocation list is refused")]
    List(#[from] CrlRefusal),
    #[error("the revocation list is not good for the certificates that name it")]
    NotGood(#[from] NotGood),
    #[error("the status is refused")]
    Status(#[from] OcspRefusal),
    #[error("the status is older than the stored one")]
    OlderStatus,
    #[error("it could not be stored")]
    Table(#[from] DirectoryTableError),
    #[error("the serials of all authorities together exceed the available memory")]
    TooMuch,
    #[error("the time for all requests was over")]
    Late,
}

impl Finding {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.code(),
            Self::List(refusal) => refusal.code(),
            Self::NotGood(reason) => reason.code(),
            Self::Status(refusal) => refusal.code(),
            Self::OlderStatus => "ocsp_older",
            Self::Table(DirectoryTableError::TooLarge { .. }) => "row_too_large",
            Self::Table(_) => "directory_unavailable",
            Self::TooMuch => "lists_too_large",
            Self::Late => "late",
        }
    }

    /// Says whether there was no answer. A resolver that returns non-public addresses for authorities is a broken one
    /// of ours.
    pub(super) fn is_unanswered(&self) -> bool {
        use FetchError as F;
        matches!(self, Self::Late | Self::Fetch(F::Timeout | F::Network(_) | F::Client(_) | F::Blocked))
    }

    /// Says whether the answer may come from anybody: a proxy that answers for an authority has neither a list nor a
    /// status.
    pub(super) fn is_from_anybody(&self) -> bool {
        let has_neither = matches!(
            self,
            Self::Fetch(_) | Self::List(CrlRefusal::NotCrl) | Self::Status(OcspRefusal::NotOcsp)
        );
        has_neither || self.is_unanswered()
    }
}

impl Task {
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::List { .. } => "crl",
            Self::Status { .. } => "ocsp",
        }
    }

    /// Returns the id of the authority that is asked.
    pub(super) fn authority(&self) -> String {
        match self {
            Self::List { issuer, .. } => issuer.clone(),
            Self::Status { link, .. } => link.issuer.id(),
        }
    }

    /// Returns the host only, because an address may contain what must not be logged.
    pub(super) fn host(&self) -> String {
        self.url().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Returns host and port.
    pub(super) fn server(&self) -> String {
        let port = self.url().and_then(|url| url.port_or_known_default()).unwrap_or_default();
        format!("{}:{port}", self.host())
    }

    fn url(&self) -> Option<reqwest::Url> {
        let url = match self {
            Self::List { source, .. } => source.urls.first(),
            Self::Status { urls, .. } => urls.first(),
        };
        reqwest::Url::parse(url?).ok()
    }
}

/// Maximum number of large lists in memory at once; with [`CRL_LIMIT`] this bounds their memory.
const LARGE_LISTS_AT_ONCE: usize = 2;

/// Sends requests to authorities.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    fetcher: Arc<Fetcher>,
    /// Generates nonces.
    rng: Rng,
    large_lists: Arc<Semaphore>,
}

impl Asker {
    /// Asks with this fetcher.
    pub(super) fn new(fetcher: Arc<Fetcher>, rng: Rng) -> Self {
        Self { fetcher, rng, large_lists: Arc::new(Semaphore::new(LARGE_LISTS_AT_ONCE)) }
    }

    /// Runs a task at the first of its addresses that gives a usable answer.
    pub(super) async fn ask(&self, task: Task, now: Timestamp) -> Result<Done, Finding> {
        match task {
            Task::List { issuer, authority, may_sign_lists, source, kept } => {
                let signer = (&authority, may_sign_lists);
                let answer = self.list(&source, signer, kept.as_ref(), now).await?;
                Ok(Done::List { issuer, source: source.id(), answer })
            }
            Task::Status { fingerprint, urls, link, kept } => {
                let status = self.status(&urls, &link, kept.as_ref(), now).await?;
                Ok(Done::Status { fingerprint, status })
            }
        }
    }

    async fn list(
        &self,
        source: &Source,
        signer: (&Authority, Option<bool>),
        kept: Option<&GoodList>,
        now: Timestamp,
    ) -> Result<Answer, Finding> {
        let mut second_best: Result<Answer, Finding> = Err(FetchError::Url.into());
        for url in &source.urls {
            match self.list_from(url, source, signer, kept, now).await {
                Ok(answer @ (Answer::Same(_) | Answer::New(_, Ok(())))) => return Ok(answer),
                // Its serials are revoked, and another address may have a good list.
                Ok(not_good) => second_best = Ok(not_good),
                Err(error) if second_best.is_err() => second_best = Err(error),
                Err(_) => {}
            }
        }
        second_best
    }

    async fn list_from(
        &self,
        url: &str,
        source: &Source,
        (authority, may_sign_lists): (&Authority, Option<bool>),
        kept: Option<&GoodList>,
        now: Timestamp,
    ) -> Result<Answer, Finding> {
        // An ETag is valid only at the address that sent it.
        let named = kept.filter(|kept| kept.url == url);
        let etag = named.and_then(|named| named.etag.as_deref());
        // A 304 without a conditional request is not a valid answer.
        let named = named.filter(|_| etag.is_some());
        let (bytes, etag) = match (self.fetch_list(url, etag).await?, named) {
            (Fetched::Document { bytes, etag, .. }, _) => (bytes, etag),
            // The list is unchanged, and valid only as its own dates allow.
            (Fetched::NotModified { .. }, Some(named)) if named.next_update > now => {
                return Ok(Answer::Same(GoodList { fetched_at: now, ..named.clone() }));
            }
            (Fetched::NotModified { .. }, _) => return Err(NotGood::Expired.into()),
        };
        let digest = sha256_hex(&bytes);
        let url = url.to_owned();
        if let Some(same) = kept.filter(|kept| kept.digest == digest && kept.next_update > now) {
            return Ok(Answer::Same(GoodList { fetched_at: now, url, etag, ..same.clone() }));
        }
        let list = crl_reader::read(&bytes, authority, may_sign_lists)?;
        let is_good = judge(&list, source, kept, now);
        Ok(Answer::New(Box::new(FetchedList { url, etag, digest, at: now, list }), is_good))
    }

    /// Fetches a list; a large one waits until few others of that size are in memory.
    async fn fetch_list(&self, url: &str, etag: Option<&str>) -> Result<Fetched, FetchError> {
        const ACCEPT: &str = "application/pkix-crl, */*;q=0.1";
        match self.fetcher.get_signed(url, ACCEPT, etag, SMALL_LIST).await {
            Err(FetchError::TooLarge { .. }) => {
                let _turn = self.large_lists.acquire().await;
                self.fetcher.get_signed(url, ACCEPT, etag, CRL_LIMIT).await
            }
            fetched => fetched,
        }
    }

    async fn status(
        &self,
        urls: &[String],
        link: &Link,
        kept: Option<&OcspEntry>,
        now: Timestamp,
    ) -> Result<OcspEntry, Finding> {
        let mut finding = Finding::Fetch(FetchError::Url);
        for url in urls {
            match self.status_from(url, link, kept, now).await {
                Ok(status) => return Ok(status),
                Err(error) => finding = error,
            }
        }
        Err(finding)
    }

    async fn status_from(
        &self,
        url: &str,
        link: &Link,
        kept: Option<&OcspEntry>,
        now: Timestamp,
    ) -> Result<OcspEntry, Finding> {
        let mut nonce = [0; 16];
        for bytes in nonce.as_chunks_mut::<8>().0 {
            *bytes = self.rng.bits().to_be_bytes();
        }
        let question =
            Question::new(&link.certificate, &link.issuer, Some(nonce)).ok_or(OcspRefusal::Unsupported)?;
        let body = question.request_der();
        match self.fetcher.post_signed(url, "application/ocsp-request", body, OCSP_LIMIT).await? {
            Fetched::Document { bytes, .. } => {
                let answer = question.read(&bytes, now)?;
                let is_older = kept.is_some_and(|kept| answer.this_update < kept.this_update);
                if is_older && answer.status != Status::Revoked {
                    return Err(Finding::OlderStatus);
                }
                let (this_update, next_update) = (answer.this_update, answer.next_update);
                let status = match answer.status {
                    Status::Good => OcspStatus::Good,
                    Status::Held => OcspStatus::Held,
                    Status::Revoked => OcspStatus::Revoked,
                };
                Ok(OcspEntry { status, this_update, next_update, fetched_at: now })
            }
            Fetched::NotModified { .. } => Err(OcspRefusal::NotOcsp.into()),
        }
    }
}
