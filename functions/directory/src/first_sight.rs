//! Looks at a receiver before the first notification goes to it, and once a day: which certificates it shows, so that their
//! revocation is asked about in time, and what would keep it from being notified.

use std::collections::BTreeSet;
use std::time::Duration;

use convention::directory::{BaseUri, Registration};
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use mtls::revocation::{RevocationStore, Source, ocsp_urls};
use mtls::{Network, Preflight, TrustAnchors, Unseen, preflight};
use platform::aws::{DirectoryTable, Secrets};
use platform::clock::Clock;
use platform::sha256_hex;
use platform::telemetry::{ErrorChain, Metrics};
use serde::Serialize;
use tokio::sync::Mutex;

/// How long one look may take: a call waits for it.
const WITHIN: Duration = Duration::from_secs(5);
/// How many receivers are looked at at once.
const AT_ONCE: usize = 8;
/// A receiver is looked at once in this time by the schedule; less than a day, so that a run that comes early is not one too few.
const EVERY: SignedDuration = SignedDuration::from_hours(23);
/// In how many runs of the schedule each receiver gets its turn to be looked at: an hour.
const TURNS: u64 = 12;
/// How long the trust anchors are used before their secret is read again.
const ANCHORS_LIVE: SignedDuration = SignedDuration::from_mins(5);
/// A certificate that ends sooner is worth a warning.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Looks at receivers.
pub struct FirstSight {
    /// Where the trust anchors are. The identity is none of this function's business: it presents no certificate.
    pub secrets: Secrets,
    /// The secret with the trust anchors.
    pub trust_secret: String,
    /// Where the certificates are noted that receivers show.
    pub store: RevocationStore,
    /// Where it is noted whose turn was when.
    pub table: DirectoryTable,
    /// How receivers are reached.
    pub network: Network,
    /// Where findings are counted.
    pub metrics: Metrics,
    /// What time it is.
    pub clock: Clock,
    /// The trust anchors, and when they were read.
    pub anchors: Mutex<Option<(TrustAnchors, Timestamp)>>,
}

/// What was seen of a receiver, as a registration's answer tells it.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// How many addresses were visited.
    addresses: usize,
    /// How many of them showed a certificate that dispatch would accept.
    accepted: usize,
    /// Whether a client certificate was asked for in each handshake; nothing where there was none.
    client_certificate_requested: Option<bool>,
    /// The certificates of the path that was verified, the receiver's own first.
    chain: Vec<Certificate>,
    /// Whether the authorities of the whole path publish lists or answer by OCSP for the receiver's certificate.
    revocation_can_be_checked: Option<bool>,
    /// What is to be looked at, as codes of outcomes and warnings.
    warnings: Vec<Described>,
}

#[derive(Clone, Debug, Serialize)]
struct Certificate {
    subject: String,
    expires_at: String,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct Described {
    code: &'static str,
    detail: &'static str,
}

impl FirstSight {
    /// Looks at a receiver and notes the certificates that it shows. Nothing that goes wrong is a reason to refuse a registration.
    pub(crate) async fn look(&self, base: &BaseUri) -> Seen {
        let now = self.clock.now();
        let Some(anchors) = self.anchors(now).await else { return Seen::nothing(NO_ANCHORS) };
        let preflight = preflight(base, &anchors, &self.network, &self.clock, WITHIN).await;
        let paths: BTreeSet<_> = preflight.sights().map(|sight| sight.path.row()).collect();
        for sight in preflight.sights() {
            if let Err(error) = self.store.note(&preflight.host, &sight.path, now).await {
                tracing::error!(
                    code = "path_not_noted",
                    host = preflight.host,
                    error = %ErrorChain(&error),
                    "The certificate of a receiver could not be noted; dispatch notes it at the first notification."
                );
            }
        }
        let seen = Seen::of(&preflight, now);
        for Described { code, .. } in &seen.warnings {
            tracing::warn!(
                code,
                host = preflight.host,
                paths = paths.len(),
                "A receiver that was looked at has something to look at."
            );
            self.metrics.count(now, "FirstSightWarnings", code, 1);
        }
        seen
    }

    /// Looks at the receivers whose turn it is: each once a day.
    pub(crate) async fn daily(&self, registrations: &[Registration]) {
        let now = self.clock.now();
        let turn = u64::try_from(now.as_second()).unwrap_or_default() / 300 % TURNS;
        let policy = self.network.policy();
        let due = registrations.iter().filter(|registration| registration.webhook() == "enabled");
        let due = due.filter_map(|registration| registration.receiver(policy));
        let looks: Vec<_> = due
            .filter(|receiver| turn_of(&receiver.base_uri) == turn)
            .map(|receiver| self.turn(receiver.base_uri, now))
            .collect();
        stream::iter(looks).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }

    /// Looks at a receiver unless somebody did so today.
    ///
    /// The turn is the base URI's and no client's: what is seen there, a certificate and whether one is asked for, is the same for
    /// all clients that are notified there, of whichever brand, as we present none. Several registrations are one look.
    async fn turn(&self, base: BaseUri, now: Timestamp) {
        let name = format!("first-sight#{}", sha256_hex(base.as_str().as_bytes()));
        match self.table.claim(&name, now, EVERY).await {
            Ok(true) => drop(self.look(&base).await),
            Ok(false) => {}
            Err(error) => tracing::error!(
                code = "first_sight_not_claimed",
                error = %ErrorChain(&error),
                "A receiver could not be looked at; the next run tries again."
            ),
        }
    }

    /// Returns the trust anchors; nothing where they cannot be read, which is our own fault and no receiver's.
    async fn anchors(&self, now: Timestamp) -> Option<TrustAnchors> {
        let mut kept = self.anchors.lock().await;
        if let Some((anchors, read_at)) = &*kept
            && (SignedDuration::ZERO..ANCHORS_LIVE).contains(&now.duration_since(*read_at))
        {
            return Some(anchors.clone());
        }
        let read = async {
            let pem = self
                .secrets
                .text(&self.trust_secret)
                .await
                .map_err(|error| ErrorChain(&error).to_string())?;
            TrustAnchors::from_pem(&pem).map_err(|error| ErrorChain(&error).to_string())
        };
        match read.await {
            Ok(anchors) => {
                *kept = Some((anchors.clone(), now));
                Some(anchors)
            }
            Err(error) => {
                tracing::error!(
                    code = NO_ANCHORS.code,
                    error,
                    "Receivers cannot be looked at without trust anchors."
                );
                None
            }
        }
    }
}

/// Spreads the receivers over the runs of an hour.
fn turn_of(base: &BaseUri) -> u64 {
    u64::from_str_radix(sha256_hex(base.as_str().as_bytes()).get(..8).unwrap_or_default(), 16)
        .unwrap_or_default()
        % TURNS
}

const NO_ANCHORS: Described = Described {
    code: "trust_anchors_missing",
    detail: "The receiver was not looked at, as our trust anchors cannot be read: a fault of ours.",
};
const NO_NETWORK: Described = Described {
    code: "network_unavailable",
    detail: "The receiver, or an address of it, was not seen, as our network cannot resolve or connect: a fault of ours.",
};
const WITHOUT_MTLS: Described = Described {
    code: "receiver_without_mtls",
    detail: "The receiver does not ask for a client certificate in the handshake.",
};
const NO_REVOCATION: Described = Described {
    code: "revocation_not_published",
    detail: "The receiver's certificate, or one above it, names neither a revocation list nor an OCSP responder that can be asked; it is refused once the window is over.",
};
const ENDS: Described = Described {
    code: "certificate_expires_soon",
    detail: "The receiver's certificate expires within 30 days.",
};

impl Seen {
    fn nothing(why: Described) -> Self {
        let (chain, warnings) = (Vec::new(), vec![why]);
        let (client_certificate_requested, revocation_can_be_checked) = (None, None);
        Self {
            addresses: 0,
            accepted: 0,
            client_certificate_requested,
            chain,
            revocation_can_be_checked,
            warnings,
        }
    }

    fn of(preflight: &Preflight, now: Timestamp) -> Self {
        let sights: Vec<_> = preflight.sights().collect();
        let requested = sights.iter().map(|sight| sight.certificate_requested).reduce(|a, b| a && b);
        let checkable = sights.iter().map(|sight| can_be_checked(&sight.path)).reduce(|a, b| a && b);
        let ends = sights.iter().filter_map(|sight| sight.path.valid_until()).min();
        let warnings: BTreeSet<_> = preflight
            .failures()
            .map(described)
            .chain((requested == Some(false)).then_some(WITHOUT_MTLS))
            .chain((checkable == Some(false)).then_some(NO_REVOCATION))
            .chain(ends.filter(|ends| ends.duration_since(now) < ENDS_SOON).map(|_| ENDS))
            .collect();
        Self {
            addresses: preflight.addresses.len(),
            accepted: sights.len(),
            client_certificate_requested: requested,
            chain: sights.first().map(|sight| chain(&sight.path)).unwrap_or_default(),
            revocation_can_be_checked: checkable,
            warnings: warnings.into_iter().collect(),
        }
    }
}

/// Tells a failure as an outcome of a notification would.
fn described(unseen: Unseen) -> Described {
    let Unseen::Receiver(failure) = unseen else { return NO_NETWORK };
    let row = failure.as_code().row();
    Described { code: row.name, detail: row.en }
}

/// Says whether every certificate has a list that can be asked for, or the receiver's own a responder.
fn can_be_checked(path: &mtls::revocation::Path) -> bool {
    let links = path.links();
    links.iter().all(|link| Source::of(link).is_some())
        || links.first().is_some_and(|leaf| !ocsp_urls(&leaf.certificate).is_empty())
}

fn chain(path: &mtls::revocation::Path) -> Vec<Certificate> {
    path.certificates()
        .iter()
        .filter_map(|der| {
            let (_, read) = x509_parser::parse_x509_certificate(der).ok()?;
            let expires_at = Timestamp::from_second(read.validity().not_after.timestamp()).ok()?;
            let subject = read.subject().to_string().chars().take(MAX_SUBJECT).collect();
            Some(Certificate { subject, expires_at: expires_at.to_string() })
        })
        .collect()
}

/// The longest name of a certificate that is told.
const MAX_SUBJECT: usize = 256;
