//! Checks a receiver before its first notification and once a day: records the certificates that it shows, so that
//! their revocation is checked in time, and reports what would prevent notifications.

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

/// Timeout of one check: a registration call waits for it.
const WITHIN: Duration = Duration::from_secs(5);
/// Maximum number of receivers checked concurrently.
const AT_ONCE: usize = 8;
/// Minimum interval between scheduled checks of a receiver; less than a day, so that a run that starts early does not
/// skip one.
const EVERY: SignedDuration = SignedDuration::from_hours(23);
/// Number of scheduled runs, an hour's, over which the receivers are spread.
const TURNS: u64 = 12;
/// How long the trust anchors are used before their secret is read again.
const ANCHORS_LIVE: SignedDuration = SignedDuration::from_mins(5);
/// A certificate that expires within this time causes a warning.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Checks receivers.
pub struct ReceiverCheck {
    /// The secrets with the trust anchors. This function needs no identity, because it presents no certificate.
    pub secrets: Secrets,
    /// The secret with the trust anchors.
    pub trust_secret: String,
    /// Where receivers' certificates are recorded.
    pub store: RevocationStore,
    /// Where the time of the last check is recorded.
    pub table: DirectoryTable,
    /// The network to receivers.
    pub network: Network,
    /// Counts findings.
    pub metrics: Metrics,
    /// The clock.
    pub clock: Clock,
    /// The trust anchors, and when they were read.
    pub anchors: Mutex<Option<(TrustAnchors, Timestamp)>>,
}

/// The result of a check, as included in a registration's answer.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// Number of addresses checked.
    addresses: usize,
    /// Number of these that showed a certificate which dispatch would accept.
    accepted: usize,
    /// Whether a client certificate was requested in every handshake; absent if there was none.
    client_certificate_requested: Option<bool>,
    /// The certificates of the verified path, the receiver's own first.
    chain: Vec<Certificate>,
    /// Whether revocation of the path can be checked: all authorities publish lists, or the receiver's own
    /// certificate has an OCSP responder.
    revocation_can_be_checked: Option<bool>,
    /// Findings, as codes of outcomes and warnings.
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

impl ReceiverCheck {
    /// Checks a receiver and records its certificates. No result refuses a registration.
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
                    "The certificate of a receiver could not be recorded; dispatch records it at the first notification."
                );
            }
        }
        let seen = Seen::of(&preflight, now);
        for Described { code, .. } in &seen.warnings {
            tracing::warn!(
                code,
                host = preflight.host,
                paths = paths.len(),
                "The check of a receiver has a finding."
            );
            self.metrics.count(now, "ReceiverCheckWarnings", code, 1);
        }
        seen
    }

    /// Checks the receivers that are due in this run: each once a day.
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

    /// Checks a receiver unless that was done today.
    ///
    /// Checks are counted by base URI and not by client: the certificate, and whether a client certificate is
    /// requested, are the same for all clients notified there, whatever their brand, as we present none. Several
    /// registrations share one check.
    async fn turn(&self, base: BaseUri, now: Timestamp) {
        let name = format!("receiver-check#{}", sha256_hex(base.as_str().as_bytes()));
        match self.table.claim(&name, now, EVERY).await {
            Ok(true) => drop(self.look(&base).await),
            Ok(false) => {}
            Err(error) => tracing::error!(
                code = "receiver_check_not_claimed",
                error = %ErrorChain(&error),
                "A receiver could not be checked; the next run tries again."
            ),
        }
    }

    /// Returns the trust anchors; `None` if they cannot be read, which is a fault of ours.
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
                    "Receivers cannot be checked without trust anchors."
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
    detail: "The receiver was not checked, because our trust anchors cannot be read: a fault of ours.",
};
const NO_NETWORK: Described = Described {
    code: "network_unavailable",
    detail: "The receiver, or an address of it, was not checked, because our network cannot resolve or connect: a fault of ours.",
};
const WITHOUT_MTLS: Described = Described {
    code: "receiver_without_mtls",
    detail: "The receiver does not ask for a client certificate in the handshake.",
};
const NO_REVOCATION: Described = Described {
    code: "revocation_not_published",
    detail: "The receiver's certificate, or one above it, names neither a usable revocation list nor an OCSP responder; it is refused once the tolerance window is over.",
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

/// Describes a failure as the outcome of a notification would be.
fn described(unseen: Unseen) -> Described {
    let Unseen::Receiver(failure) = unseen else { return NO_NETWORK };
    let row = failure.as_code().row();
    Described { code: row.name, detail: row.en }
}

/// Says whether every certificate has a usable list, or the receiver's own has an OCSP responder.
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

/// Maximum length of a certificate's subject in an answer.
const MAX_SUBJECT: usize = 256;
