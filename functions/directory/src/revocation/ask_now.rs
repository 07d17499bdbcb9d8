//! Asks the authorities of one path and stores nothing, for a person who looks at a receiver without a stack.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mtls::revocation::{GoodList, Link, OcspEntry, Path, Source, may_sign_lists, ocsp_urls};
use platform::rng::Rng;
use tokio::time::timeout;

use super::merge::Answer;
use super::task::{Asker, Done, Finding, Task};
use crate::fetch::Fetcher;

/// Timeout of one request.
const WITHIN: Duration = Duration::from_secs(10);

/// What was answered of one certificate of a path.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answered {
    /// Whether its authority's list revokes it.
    pub revoked: bool,
    /// The list that covers it, or the code of why there is none; absent if the certificate names none.
    pub list: Option<Result<GoodList, &'static str>>,
    /// Its status, likewise.
    pub status: Option<Result<OcspEntry, &'static str>>,
}

/// Asks for the list and the status of each certificate, one after the other, the receiver's own first.
pub async fn ask_now(path: &Path, fetcher: Arc<Fetcher>, rng: Rng, now: Timestamp) -> Vec<Answered> {
    let asker = Asker::new(fetcher, rng);
    let mut answers = Vec::new();
    for link in path.links() {
        let mut answered = Answered::default();
        if let Some(source) = Source::of(&link) {
            answered.list = Some(match ask(&asker, list(&link, source), now).await {
                Ok(Done::List { answer, .. }) => good(answer, &link, &mut answered.revoked),
                Ok(Done::Status { .. }) => Err("crl_other"),
                Err(finding) => Err(finding.code()),
            });
        }
        let urls = ocsp_urls(&link.certificate);
        if !urls.is_empty() {
            let fingerprint = String::new();
            let status = Task::Status { fingerprint, urls, link: link.clone(), kept: None };
            answered.status = Some(match ask(&asker, status, now).await {
                Ok(Done::Status { status, .. }) => Ok(status),
                Ok(Done::List { .. }) => Err("ocsp_other"),
                Err(finding) => Err(finding.code()),
            });
        }
        answers.push(answered);
    }
    answers
}

async fn ask(asker: &Asker, task: Task, now: Timestamp) -> Result<Done, Finding> {
    timeout(WITHIN, asker.ask(task, now)).await.unwrap_or(Err(Finding::Late))
}

fn list(link: &Link, source: Source) -> Task {
    Task::List {
        issuer: link.issuer.id(),
        authority: link.issuer.clone(),
        may_sign_lists: link.issuer_certificate.as_ref().and_then(|certificate| may_sign_lists(certificate)),
        source,
        kept: None,
    }
}

/// Reads a list: what it revokes is revoked whether or not it is good.
fn good(answer: Answer, link: &Link, revoked: &mut bool) -> Result<GoodList, &'static str> {
    let (fetched, is_good) = match answer {
        Answer::Same(list) => return Ok(list),
        Answer::New(fetched, is_good) => (fetched, is_good),
    };
    let names = |serials: &[u64]| link.serial().is_none_or(|serial| serials.contains(&serial));
    *revoked = names(&fetched.list.revoked) || names(&fetched.list.held);
    is_good.map_err(super::merge::NotGood::code)?;
    Ok(GoodList {
        url: fetched.url,
        etag: fetched.etag,
        digest: fetched.digest,
        fetched_at: fetched.at,
        this_update: fetched.list.this_update,
        next_update: fetched.list.next_update,
    })
}
