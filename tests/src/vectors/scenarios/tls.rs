//! TLS on real sockets: the product's client against receivers that do right or wrong.

use std::collections::BTreeMap;

use convention::delivery::{Answer, Outcome};
use convention::directory;
use convention::notification::AuthorisationServers;
use devkit::receiver::{Received, Settings};
use jiff::{SignedDuration, Timestamp};
use mtls::revocation::{AuthorityRow, Contents, GoodList, LeafRow, ListEntry, Serials, Source};
use mtls::{Exchange, Expiry, Identities, Identity, StoredIdentity};
use platform::aws::DirectoryTableError;
use platform::clock::Clock;
use rustls::{CipherSuite, SupportedProtocolVersion};
use serde_json::{Value, json};

use super::play::Scenario::{self, Played};
use super::play::compare;
use crate::aws::Functions;
use crate::vectors::peers::{
    LIST_URL, OpenSsl, block_on, client, client_certificate, client_of, client_with, exchange, expired,
    named, nothing_known, of_a_stranger, post, receiver, start,
};
use crate::vectors::{Judgement, Vector};

const TLS_1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
const TLS_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) const SCENARIOS: &[(&str, Scenario)] = &[
    ("TLS-001", Played(a_client_certificate_is_sent_with_its_intermediates)),
    ("TLS-002", Played(a_receiver_that_does_not_ask_is_notified_and_reported)),
    ("TLS-003", Played(an_unknown_authority_is_refused_before_anything_is_sent)),
    ("TLS-004", Played(a_certificate_for_another_name_is_refused)),
    ("TLS-005", Played(an_expired_certificate_is_refused)),
    ("TLS-006", Played(a_revoked_certificate_is_refused)),
    ("TLS-007", Played(an_old_revocation_list_is_tolerated_within_the_window)),
    ("TLS-008", Played(an_old_revocation_list_is_tolerated_within_the_window)),
    ("TLS-009", Played(tls_1_1_is_refused)),
    ("TLS-010", Played(the_suite_of_the_vector_is_spoken)),
    ("TLS-011", Played(the_suite_of_the_vector_is_spoken)),
    ("TLS-012", Played(a_cbc_suite_is_refused)),
    ("TLS-013", Played(the_version_of_the_vector_is_spoken)),
    ("TLS-014", Played(a_receiver_that_wants_renegotiation_is_refused_it)),
    ("TLS-015", Played(a_session_is_not_resumed)),
    ("TLS-016", Played(a_certificate_near_its_end_is_used_and_alarms)),
    ("TLS-017", Played(a_brand_is_notified_with_its_own_certificate)),
];

/// Those that a receiver has to play which rustls cannot be.
pub(super) const WITH_OPENSSL: &[&str] = &["TLS-009", "TLS-012", "TLS-014"];

/// Says in the words of the vectors what came of an exchange.
fn told(exchange: &Exchange, id: &str, seen: &[Received]) -> Value {
    let outcome = id.parse().map(|id| exchange.outcome(id, &directory::Settings::default()));
    let findings = match outcome {
        Ok(Outcome::Delivered { findings, .. }) => findings,
        _ => Vec::new(),
    };
    match (&exchange.answer, &exchange.handshake) {
        (Ok(Answer { status, .. }), Some(_)) => {
            let finding = findings.first().map(|finding| finding.code());
            json!({ "handshake": "ok", "finding": finding, "send": *status == 202 && seen.len() == 1 })
        }
        (Ok(_), None) => json!({ "handshake": "unknown" }),
        (Err(failure), _) => {
            json!({ "attempt": "failed", "reason": failure.code(), "http_request_sent": !seen.is_empty() })
        }
    }
}

/// Posts to a receiver and compares what came of it.
fn play(vector: &Vector, settings: Settings) -> Judgement {
    let (exchange, id, seen) = block_on(exchange(settings))??;
    compare(vector, &told(&exchange, &id, &seen))
}

fn a_client_certificate_is_sent_with_its_intermediates(vector: &Vector) -> Judgement {
    let (exchange, id, seen) = block_on(exchange(receiver()))??;
    let mut came = told(&exchange, &id, &seen);
    // Its chain is the leaf and one intermediate.
    let certificate = seen.first().and_then(|seen| seen.client_certificate.as_ref());
    let chain = match certificate.map(|certificate| certificate.chain.len()) {
        Some(2) => "BRCAC leaf + intermediates".to_owned(),
        other => format!("{other:?} certificates"),
    };
    came["client_chain"] = chain.into();
    compare(vector, &came)
}

fn a_receiver_that_does_not_ask_is_notified_and_reported(vector: &Vector) -> Judgement {
    play(vector, Settings { client_ca_pem: None, ..receiver() })
}

fn an_unknown_authority_is_refused_before_anything_is_sent(vector: &Vector) -> Judgement {
    play(vector, Settings { identity: of_a_stranger(), ..receiver() })
}

fn a_certificate_for_another_name_is_refused(vector: &Vector) -> Judgement {
    play(vector, Settings { identity: named("other.example"), ..receiver() })
}

fn an_expired_certificate_is_refused(vector: &Vector) -> Judgement {
    play(vector, Settings { identity: expired(), ..receiver() })
}

fn tls_1_1_is_refused(vector: &Vector) -> Judgement {
    play_openssl(vector, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"])
}

fn a_cbc_suite_is_refused(vector: &Vector) -> Judgement {
    play_openssl(vector, &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"])
}

fn play_openssl(vector: &Vector, options: &[&str]) -> Judgement {
    let exchange = block_on(async {
        let server = OpenSsl::start(options).await?;
        post(&client().await?, server.address).await
    });
    let (exchange, id) = exchange??;
    compare(vector, &told(&exchange, &id, &[]))
}

fn a_receiver_that_wants_renegotiation_is_refused_it(vector: &Vector) -> Judgement {
    let exchange = block_on(async {
        let server = OpenSsl::renegotiating().await?;
        let (address, client) = (server.address, client().await?);
        let (exchange, asked) = tokio::join!(post(&client, address), server.asks_again());
        asked?;
        exchange
    });
    let (exchange, id) = exchange??;
    compare(vector, &told(&exchange, &id, &[]))
}

fn a_revoked_certificate_is_refused(vector: &Vector) -> Judgement {
    if vector.input["crl"] != "serial listed" {
        return Err(format!("no list says {}", vector.input["crl"]));
    }
    let (came, _) = block_on(with_list(true, SignedDuration::ZERO, SignedDuration::from_hours(1)))??;
    compare(vector, &came)
}

fn an_old_revocation_list_is_tolerated_within_the_window(vector: &Vector) -> Judgement {
    let minutes = |field: &str| vector.input[field].as_i64().map(SignedDuration::from_mins);
    let age = minutes("cache_age_min").ok_or("no age")?;
    let window = minutes("soft_fail_window_min").ok_or("no window")?;
    let (mut came, fallbacks) = block_on(with_list(false, age, window))??;
    if fallbacks == 1 {
        came["event"] = "revocation_fallback_used".into();
    }
    compare(vector, &came)
}

/// Posts where the receiver's authority published a list that ended so long ago, read as dispatch reads it; returns what came of
/// it and how many fallbacks were counted.
async fn with_list(
    revoked: bool,
    ended: SignedDuration,
    window: SignedDuration,
) -> Result<(Value, usize), String> {
    let functions = Functions::default();
    let (store, now) = (functions.revocation_store(), functions.test_clock.now());
    let server = start(receiver()).await?;
    // The first exchange shows the receiver's certificate, and dispatch notes it.
    post(&client_with(&functions.revocation(&functions.test_clock, window))?, server.address()).await?;
    let noted = loop {
        let (noted, _) = store.paths().await.map_err(|error| error.to_string())?;
        if let Some(noted) = noted.into_iter().next() {
            break noted;
        }
        tokio::task::yield_now().await;
    };
    let [link, above] =
        <[_; 2]>::try_from(noted.path.links()).map_err(|_| "not a leaf and an intermediate")?;
    // The list of the receiver's authority is as old as the vector says, that of the root is new.
    let ends = if revoked { now + WEEK } else { now - ended };
    let mut known = Vec::new();
    for (link, ends, revoked) in [(&link, ends, revoked), (&above, now + WEEK, false)] {
        let source = Source::of(link).ok_or("no source")?.id();
        let list = ListEntry { source, good: Some(list_until(ends)) };
        let revoked = revoked.then(|| link.serial()).flatten().into_iter().collect();
        known.push((link.issuer.id(), list, Serials { revoked, held: Vec::new() }));
    }
    let put = async || {
        let mut authorities = BTreeMap::new();
        for (issuer, list, serials) in known {
            let serials = Some(store.put_serials(&issuer, &serials, None, now).await?);
            let row = AuthorityRow { name: String::new(), lists: vec![list], serials };
            authorities.insert(issuer.clone(), store.put_authority(&issuer, &row, now).await?);
        }
        let first_seen = now - 2 * WEEK;
        let row = LeafRow { first_seen, ways: vec![noted.path.row()], ocsp: None };
        let leaf = store.put_leaf(&noted.path.fingerprint(), &row, now).await?;
        let contents = Contents { authorities, leaves: [(noted.path.fingerprint(), leaf)].into() };
        store.put_contents(&contents, now).await
    };
    put().await.map_err(|error: DirectoryTableError| error.to_string())?;
    let revocation = functions.revocation(&functions.test_clock, window);
    revocation.ready().await;
    let (before, counted) =
        (server.received().len(), || functions.metrics.values("RevocationFallbacks").len());
    let fallbacks = counted();
    let (exchange, id) = post(&client_with(&revocation)?, server.address()).await?;
    let came = told(&exchange, &id, server.received().get(before..).unwrap_or_default());
    Ok((came, counted() - fallbacks))
}

/// A list that was fetched when it was new, a week before its end.
fn list_until(ends: Timestamp) -> GoodList {
    let made = ends - WEEK;
    GoodList {
        url: LIST_URL.to_owned(),
        etag: None,
        digest: String::new(),
        fetched_at: made,
        this_update: made,
        next_update: ends,
    }
}

fn the_suite_of_the_vector_is_spoken(vector: &Vector) -> Judgement {
    let name = vector.input["suite"].as_str().unwrap_or_default();
    let known = [
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ];
    let suite = known.into_iter().find(|suite| format!("{suite:?}") == name);
    let suite = suite.ok_or_else(|| format!("no receiver speaks {name:?} only"))?;
    spoken(vector, Some(suite), name)
}

fn the_version_of_the_vector_is_spoken(vector: &Vector) -> Judgement {
    spoken(vector, None, "")
}

/// Posts to a receiver of one version and perhaps one suite, and checks that those were spoken.
fn spoken(vector: &Vector, suite: Option<CipherSuite>, name: &str) -> Judgement {
    let (tls_versions, spelt) = match vector.input["version"].as_str() {
        Some("1.2") => (TLS_1_2, "TLSv1_2"),
        Some("1.3") => (TLS_1_3, "TLSv1_3"),
        other => return Err(format!("no receiver speaks TLS {other:?}")),
    };
    let settings = Settings { tls_versions, cipher_suite: suite, ..receiver() };
    let (exchange, id, seen) = block_on(exchange(settings))??;
    let tls = exchange.handshake.as_ref().map(|handshake| handshake.tls.clone()).unwrap_or_default();
    if !tls.starts_with(spelt) || !tls.ends_with(name) {
        return Err(format!("handshake: expected {spelt} {name}, came {tls}, {:?}", exchange.answer));
    }
    compare(vector, &told(&exchange, &id, &seen))
}

fn a_session_is_not_resumed(vector: &Vector) -> Judgement {
    // Receivers of rustls offer tickets in TLS 1.3, and a session to resume in TLS 1.2.
    let mut resumed = false;
    for tls_versions in [TLS_1_2, TLS_1_3] {
        let answers = "last:202".parse()?;
        let seen = block_on(async {
            let settings = Settings { tls_versions, answers, ..receiver() };
            let (client, server) = (client().await?, start(settings).await?);
            for _ in 0..2 {
                post(&client, server.address()).await?.0.answer.map_err(|failure| failure.to_string())?;
            }
            Ok::<_, String>(server.received())
        })??;
        if seen.len() != 2 {
            return Err(format!("the receiver saw {} requests of 2", seen.len()));
        }
        resumed |= seen.iter().any(|seen| seen.tls.resumed);
    }
    compare(vector, &json!({ "resumption_used": resumed }))
}

/// Posts with an identity to a receiver that asks for it.
fn exchange_as(identity: &Identity) -> Result<(Exchange, String, Vec<Received>), String> {
    block_on(async {
        let server = start(receiver()).await?;
        let (exchange, id) = post(&client_of(identity, &nothing_known().await)?, server.address()).await?;
        Ok((exchange, id, server.received()))
    })?
}

fn a_certificate_near_its_end_is_used_and_alarms(vector: &Vector) -> Judgement {
    let days = vector.input["client_not_after_days"].as_i64().ok_or("client_not_after_days is no number")?;
    // Receivers go by the time of the machine.
    let now = Clock::system().now();
    let pem = client_certificate("detentora.example", Some(now + SignedDuration::from_hours(24 * days)));
    let identity = Identity::from_pem(&pem.chain_pem, &pem.key_pem).map_err(|error| error.to_string())?;
    identity.check_validity(now).map_err(|error| error.to_string())?;
    let (exchange, id, seen) = exchange_as(&identity)?;
    let mut came = told(&exchange, &id, &seen);
    let alarms = Expiry::at(identity.valid_until(), now).alarms();
    came["alarm"] = alarms.then_some(Expiry::CODE).into();
    compare(vector, &came)
}

fn a_brand_is_notified_with_its_own_certificate(vector: &Vector) -> Judgement {
    let brand = vector.input["resource_brand"].as_str().ok_or("input.resource_brand is no text")?;
    let available: Vec<String> = serde_json::from_value(vector.input["available"].clone())
        .map_err(|error| format!("input.available cannot be read: {error}"))?;
    let brands: Vec<_> = (1..)
        .zip(available)
        .map(|(number, brand)| {
            let pem = client_certificate(&format!("{}.example", brand.to_lowercase()), None);
            (format!("00000000-0000-4000-8000-{number:012}"), brand, pem)
        })
        .collect();
    let secret: serde_json::Map<_, _> = brands
        .iter()
        .map(|(id, _, pem)| {
            (id.clone(), json!({ "certificate_chain": pem.chain_pem, "private_key": pem.key_pem }))
        })
        .collect();
    let servers: Vec<_> = brands.iter().map(|(id, brand, _)| format!("{brand}={id}")).collect();
    let servers: AuthorisationServers = servers.join(",").parse().map_err(|error| format!("{error}"))?;
    let secret = Value::Object(secret).to_string();
    let identities = Identities::from_json(&secret, &servers.default_identity_owner());
    let identities = identities.map_err(|error| error.to_string())?;
    let owner = servers.identity_owner(Some(brand)).map_err(|error| error.to_string())?;
    let identity = identities.of(&owner).ok_or("the brand has no identity")?;
    let StoredIdentity::Whole(identity) = identity.map_err(ToString::to_string)? else {
        return Err("the identity's key is in KMS".into());
    };
    let (_, _, seen) = exchange_as(identity)?;
    let request = seen.first().ok_or("the receiver saw no request")?;
    let presented = request.client_certificate.as_ref().map(|certificate| certificate.chain.clone());
    let whose = brands.iter().find(|(_, _, pem)| pem.chain().ok() == presented).map(|(_, brand, _)| brand);
    compare(vector, &json!({ "client_certificate": whose }))
}
