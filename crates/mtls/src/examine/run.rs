//! The order of an examination, and its limits.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use convention::codes::Code;
use convention::delivery::{EXCHANGE_DEADLINE, Failure};
use convention::directory::{BaseUri, BaseUriError};
use http::Uri;
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, SupportedCipherSuite};
use tokio::time::{Instant, timeout};

use super::examiner::Examiner;
use super::facts::{AddressFacts, Facts, Failed, Idle, Look, Offered, Refused, Stage, Visit};
use super::letter::Letter;
use super::text::clean;
use super::visit::{Errand, Held, Offer, Visitor, failed, millis, ours, without_mtls};
use crate::client::IDLE;
use crate::identity::{KeyExchange, provider};
use crate::reach::{MAX_ADDRESSES, bare, look_up};

/// Maximum time of an examination, within the 45 s that dispatch may take.
pub const LIMIT: Duration = Duration::from_secs(35);
/// Maximum number of connections: each address, each suite, the other key exchange, the visit without a certificate and
/// the notification.
pub const MAX_CONNECTIONS: usize = MAX_ADDRESSES + 8;
/// Maximum time of a handshake with a narrower offer.
const NARROW: Duration = Duration::from_secs(5);
/// Maximum time of the visit without a certificate.
const UNINVITED: Duration = Duration::from_secs(8);
/// How much longer an idle connection is watched than dispatch would use it.
const WATCHED_MORE: Duration = Duration::from_millis(500);
/// Number of handshakes in a row without an answer after which no other is tried.
const MAX_SILENT: usize = 2;

/// Examines a receiver: a few connections, one after the other, and no notification unless the examiner posts.
///
/// Never fails: what could not be looked at is absent from the facts.
pub async fn examine(base_uri: &str, examiner: Examiner<'_>) -> Facts {
    let started = Instant::now();
    let mut facts = Facts {
        base_uri: clean(base_uri),
        at: examiner.clock.now(),
        limit_ms: u64::try_from(LIMIT.as_millis()).unwrap_or(u64::MAX),
        presents_certificate: examiner.identity.is_some(),
        hybrid: examiner.network.key_exchange() == KeyExchange::Hybrid,
        posts: examiner.posts,
        ..Facts::default()
    };
    match target(base_uri, &mut facts, examiner, started + LIMIT) {
        Ok((mut visitor, host)) => {
            Box::pin(all(&mut visitor, &host, &mut facts)).await;
            facts.connections = visitor.opened.load(Ordering::Relaxed);
            facts.stopped |= Instant::now() >= visitor.until;
        }
        Err(refused) => facts.refused = Some(refused),
    }
    facts.took_ms = millis(started);
    facts
}

/// Reads the base URI.
fn target<'a>(
    base_uri: &str,
    facts: &mut Facts,
    examiner: Examiner<'a>,
    until: Instant,
) -> Result<(Visitor<'a>, String), Refused> {
    let invalid = |rule: &str| Refused { code: Failure::InvalidUrl.code().to_owned(), rule: rule.to_owned() };
    let base = BaseUri::parse_stored(base_uri, examiner.network.policy()).map_err(|error| {
        let inside = matches!(error, BaseUriError::Address(_) | BaseUriError::LoopbackName);
        let failure = if inside { Failure::BlockedAddress } else { Failure::InvalidUrl };
        Refused { code: failure.code().to_owned(), rule: error.to_string() }
    })?;
    let uri: Uri = base.as_str().parse().map_err(|_| invalid("not a URI"))?;
    let host = uri.host().map(bare).unwrap_or_default().to_owned();
    facts.host.clone_from(&host);
    facts.port = uri.port_u16().unwrap_or(443);
    let name = ServerName::try_from(host.clone()).map_err(|_| invalid("not a name of a server"))?;
    let letter = Letter::to(&base, examiner.settings, facts.at, examiner.rng);
    let letter = letter.ok_or_else(|| invalid("no notification can be addressed to it"))?;
    Ok((Visitor { examiner, name, letter, until, opened: AtomicUsize::new(0) }, host))
}

async fn all(visitor: &mut Visitor<'_>, host: &str, facts: &mut Facts) {
    let say = visitor.examiner.progress;
    say("looking the name up");
    for address in resolve(visitor, host, facts).await {
        facts.addresses.push(AddressFacts { address, refusal: None, visit: None });
    }
    let policy = visitor.examiner.network.policy();
    for one in &mut facts.addresses {
        one.refusal = policy.refusal(one.address.ip()).map(str::to_owned);
    }
    if facts.addresses.iter().any(|one| one.refusal.is_some()) {
        return;
    }
    let Some((index, held)) = first_that_speaks(visitor, facts).await else { return };
    let end = visitor.until;
    if facts.posts {
        // A notification is given all the time of an exchange, or is not sent: what it came to would not be known.
        visitor.until = end.checked_sub(EXCHANGE_DEADLINE).unwrap_or(end);
    }
    let (idle, ()) = tokio::join!(watch(held, visitor.until), rest(visitor, facts, index));
    if let Some(visit) = &mut facts.addresses[index].visit {
        visit.idle = idle;
    }
    facts.stopped = Instant::now() >= visitor.until;
    visitor.until = end;
    if facts.posts && Instant::now() + EXCHANGE_DEADLINE <= end {
        say("sending the notification of nobody's resource");
        let address = facts.addresses[index].address;
        let (mut visit, ..) = visitor.visit(address, visitor.usual(), Errand::Post, EXCHANGE_DEADLINE).await;
        if let Some(answer) = &mut visit.answer
            && answer.outcome.as_deref() == Some(Code::Delivered.as_str())
            && !visit.certificate_requested
        {
            answer.findings.push(without_mtls());
        }
        facts.posted = Some(visit);
    }
}

/// Visits one address after the other until one speaks TLS: its place, and the connection if it answered.
async fn first_that_speaks(visitor: &Visitor<'_>, facts: &mut Facts) -> Option<(usize, Option<Held>)> {
    for index in 0..facts.addresses.len() {
        if Instant::now() >= visitor.until {
            return None;
        }
        let address = facts.addresses[index].address;
        (visitor.examiner.progress)(&format!("visiting {address}"));
        let (visit, path, held) =
            visitor.visit(address, visitor.usual(), Errand::Head, EXCHANGE_DEADLINE).await;
        let speaks = visit.stage >= Stage::Handshake;
        facts.addresses[index].visit = Some(visit);
        if speaks {
            facts.path = path;
            return Some((index, held));
        }
    }
    None
}

/// Looks at the other addresses, and at what the receiver takes besides.
async fn rest(visitor: &Visitor<'_>, facts: &mut Facts, index: usize) {
    let say = visitor.examiner.progress;
    for one in facts.addresses.iter_mut().skip(index + 1) {
        if Instant::now() >= visitor.until {
            return;
        }
        say(&format!("visiting {}", one.address));
        one.visit =
            Some(visitor.visit(one.address, visitor.usual(), Errand::Wait, EXCHANGE_DEADLINE).await.0);
    }
    let address = facts.addresses[index].address;
    let Some(main) = facts.addresses[index].visit.clone() else { return };
    if main.presents_certificate && main.tls.is_some() && Instant::now() < visitor.until {
        say("visiting without a certificate, which must be refused");
        let uninvited = Offer { presents: false, ..visitor.usual() };
        facts.without_certificate = Some(visitor.visit(address, uninvited, Errand::Head, UNINVITED).await.0);
    }
    let mut silent = 0;
    for offer in narrower(visitor, &main) {
        if silent >= MAX_SILENT || Instant::now() >= visitor.until {
            return;
        }
        let offered = one_offer(visitor, address, offer).await;
        silent = if offered.failed.as_ref().is_some_and(is_silence) { silent + 1 } else { 0 };
        facts.offers.push(offered);
    }
}

/// The offers that say more of a receiver than its answer to a notification's: each other suite alone, and the other
/// key exchange. Those of one that speaks no TLS say nothing.
fn narrower(visitor: &Visitor<'_>, main: &Visit) -> Vec<Offer> {
    let code = main.failed.as_ref().map(|failed| failed.code.as_str()).unwrap_or_default();
    if code == Failure::NotTls.code() {
        return Vec::new();
    }
    let usual = Offer { presents: false, ..visitor.usual() };
    let other = match usual.key_exchange {
        KeyExchange::Classical => KeyExchange::Hybrid,
        KeyExchange::Hybrid => KeyExchange::Classical,
    };
    let mut offers = vec![Offer { key_exchange: other, ..usual }];
    // Nobody answers one suite who answers no handshake.
    if main.shows_certificates() || main.stage == Stage::Handshake && code != Failure::Timeout.code() {
        let agreed = main.tls.as_ref().map(|tls| tls.suite.as_str()).unwrap_or_default();
        let suites = provider(usual.key_exchange).cipher_suites;
        let suites = suites.iter().map(SupportedCipherSuite::suite);
        let others = suites.filter(|suite| format!("{suite:?}") != agreed);
        offers.extend(others.map(|suite| Offer { suite: Some(suite), ..usual }));
    }
    offers
}

async fn one_offer(visitor: &Visitor<'_>, address: SocketAddr, offer: Offer) -> Offered {
    let what = offer
        .suite
        .map_or_else(|| format!("{:?} key exchange", offer.key_exchange), |suite| format!("{suite:?}"));
    (visitor.examiner.progress)(&format!("offering {what} alone"));
    let (visit, ..) = visitor.visit(address, offer, Errand::Handshake, NARROW).await;
    // A receiver that takes the offer may still refuse somebody without a certificate.
    let taken = visit.shows_certificates();
    Offered {
        version: offer.suite.map(version).unwrap_or_default().to_owned(),
        suite: offer.suite.map(|suite| format!("{suite:?}")).unwrap_or_default(),
        hybrid: offer.key_exchange == KeyExchange::Hybrid,
        hello_bytes: visit.hello_bytes,
        taken,
        group: visit.tls.map(|tls| tls.group).unwrap_or_default(),
        failed: visit.failed.filter(|_| !taken),
    }
}

fn version(suite: CipherSuite) -> &'static str {
    if format!("{suite:?}").starts_with("TLS13_") { "TLSv1_3" } else { "TLSv1_2" }
}

fn is_silence(failed: &Failed) -> bool {
    [Failure::Timeout, Failure::ConnectTimeout].iter().any(|failure| failed.code == failure.code())
}

/// Watches an idle connection for longer than dispatch would use it.
async fn watch(held: Option<Held>, until: Instant) -> Option<Idle> {
    let Held { mut connection, since } = held?;
    let most = IDLE.unsigned_abs() + WATCHED_MORE;
    let most = most.min(until.saturating_duration_since(since));
    let closed = timeout(most, connection.closed()).await.is_ok();
    let passed = millis(since);
    Some(Idle { watched_ms: passed, closed_after_ms: closed.then_some(passed) })
}

/// Looks the host up: its first addresses, as many as dispatch tries, each once.
async fn resolve(visitor: &Visitor<'_>, host: &str, facts: &mut Facts) -> Vec<SocketAddr> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return vec![SocketAddr::new(address, facts.port)];
    }
    let started = Instant::now();
    let found = look_up(host, facts.port, visitor.examiner.network, visitor.until).await;
    let mut look = Look { took_ms: millis(started), ..Look::default() };
    let addresses = match found {
        Ok(addresses) => addresses,
        Err(error) => {
            look.failed = Some(match &error.ours {
                Some(fault) => ours(fault.code(), &error.to_string()),
                None => failed(error.failure, &error.to_string()),
            });
            Vec::new()
        }
    };
    look.addresses = addresses.len();
    facts.name = Some(look);
    // One that is not allowed refuses them all, wherever it stands.
    let policy = visitor.examiner.network.policy();
    let refused =
        addresses.iter().filter(|address| policy.refusal(address.ip()).is_some()).take(MAX_ADDRESSES);
    let mut seen = BTreeSet::new();
    let all = addresses.iter().take(MAX_ADDRESSES).chain(refused).filter(|address| seen.insert(**address));
    all.copied().collect()
}
