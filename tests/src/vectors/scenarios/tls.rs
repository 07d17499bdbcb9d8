//! TLS on real sockets: the product's client against receivers that do right or wrong.

use convention::delivery::{Answer, Outcome};
use convention::directory::Settings;
use convention::notification::AuthorisationServers;
use jiff::SignedDuration;
use mtls::revocation::{AuthorityRow, Contents, GoodList, LeafRow, ListEntry, Serials, Source};
use mtls::{Exchange, Expiry, Identities, Identity, StoredIdentity};
use platform::aws::DirectoryTableError;
use platform::clock::Clock;
use rustls::{CipherSuite, SupportedProtocolVersion};
use serde_json::{Value, json};

use super::Scenario::{self, Played};
use super::compare;
use crate::aws::Functions;
use crate::vectors::peers::{
    LIST_URL, Offer, OpenSsl, Seen, Server, Signer, block_on, client, client_of, client_with, exchange,
    nothing_known, pki, post,
};
use crate::vectors::{Judgement, Vector};

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
fn told(exchange: &Exchange, id: &str, seen: &[Seen]) -> Value {
    let outcome = id.parse().map(|id| exchange.outcome(id, &Settings::default()));
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
fn play(vector: &Vector, offer: Offer) -> Judgement {
    let (exchange, id, seen) = block_on(exchange(offer))??;
    compare(vector, &told(&exchange, &id, &seen))
}

fn a_client_certificate_is_sent_with_its_intermediates(vector: &Vector) -> Judgement {
    let (exchange, id, seen) = block_on(exchange(Offer { asks: true, ..Offer::default() }))??;
    let mut came = told(&exchange, &id, &seen);
    // Its chain is the leaf and one intermediate.
    let chain = match seen.first().map(|seen| seen.certificates) {
        Some(2) => "BRCAC leaf + intermediates".to_owned(),
        other => format!("{other:?} certificates"),
    };
    came["client_chain"] = chain.into();
    compare(vector, &came)
}

fn a_receiver_that_does_not_ask_is_notified_and_reported(vector: &Vector) -> Judgement {
    play(vector, Offer { asks: false, ..Offer::default() })
}

fn an_unknown_authority_is_refused_before_anything_is_sent(vector: &Vector) -> Judgement {
    play(vector, Offer { signer: Signer::Stranger, ..Offer::default() })
}

fn a_certificate_for_another_name_is_refused(vector: &Vector) -> Judgement {
    play(vector, Offer { name: "other.example", ..Offer::default() })
}

fn an_expired_certificate_is_refused(vector: &Vector) -> Judgement {
    play(vector, Offer { expired: true, ..Offer::default() })
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
    let server = Server::start(Offer::default()).await?;
    // The first exchange shows the receiver's certificate, and dispatch notes it.
    post(&client_with(&functions.revocation(&functions.test_clock, window))?, server.address).await?;
    let noted = loop {
        let (noted, _) = store.paths().await.map_err(|error| error.to_string())?;
        if let Some(noted) = noted.into_iter().next() {
            break noted;
        }
        tokio::task::yield_now().await;
    };
    let link = noted.path.links().into_iter().next().ok_or("no link")?;
    let source = Source::of(&link).ok_or("no source")?.id();
    let (checked, until) = if revoked { (now, now + WEEK) } else { (now - ended - WEEK, now - ended) };
    let good = GoodList {
        url: LIST_URL.to_owned(),
        etag: None,
        digest: String::new(),
        fetched_at: checked,
        this_update: checked,
        next_update: until,
    };
    let serials =
        Serials { revoked: revoked.then(|| link.serial()).flatten().into_iter().collect(), held: Vec::new() };
    let put = async || {
        let entry = store.put_serials(&link.issuer.id(), &serials, None, now).await?;
        let lists = vec![ListEntry { source, good: Some(good) }];
        let row = AuthorityRow { name: String::new(), lists, serials: Some(entry) };
        let authority = store.put_authority(&link.issuer.id(), &row, now).await?;
        let first_seen = now - 2 * WEEK;
        let row = LeafRow { first_seen, ways: vec![noted.path.row()], ocsp: None };
        let leaf = store.put_leaf(&noted.path.fingerprint(), &row, now).await?;
        let contents = Contents {
            authorities: [(link.issuer.id(), authority)].into(),
            leaves: [(noted.path.fingerprint(), leaf)].into(),
        };
        store.put_contents(&contents, now).await
    };
    put().await.map_err(|error: DirectoryTableError| error.to_string())?;
    let revocation = functions.revocation(&functions.test_clock, window);
    revocation.ready().await;
    let (before, counted) = (server.seen().len(), || functions.metrics.values("RevocationFallbacks").len());
    let fallbacks = counted();
    let (exchange, id) = post(&client_with(&revocation)?, server.address).await?;
    let came = told(&exchange, &id, server.seen().get(before..).unwrap_or_default());
    Ok((came, counted() - fallbacks))
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
    let (version, spelt): (&'static SupportedProtocolVersion, _) = match vector.input["version"].as_str() {
        Some("1.2") => (&rustls::version::TLS12, "TLSv1_2"),
        Some("1.3") => (&rustls::version::TLS13, "TLSv1_3"),
        other => return Err(format!("no receiver speaks TLS {other:?}")),
    };
    let offer = Offer { version: Some(version), suite, ..Offer::default() };
    let (exchange, id, seen) = block_on(exchange(offer))??;
    let tls = exchange.handshake.as_ref().map(|handshake| handshake.tls.clone()).unwrap_or_default();
    if !tls.starts_with(spelt) || !tls.ends_with(name) {
        return Err(format!("handshake: expected {spelt} {name}, came {tls}, {:?}", exchange.answer));
    }
    compare(vector, &told(&exchange, &id, &seen))
}

fn a_session_is_not_resumed(vector: &Vector) -> Judgement {
    // Receivers of rustls offer tickets in TLS 1.3, and a session to resume in TLS 1.2.
    let mut resumed = false;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let offer = Offer { version: Some(version), closes: true, ..Offer::default() };
        let seen = block_on(async {
            let (client, server) = (client().await?, Server::start(offer).await?);
            for _ in 0..2 {
                post(&client, server.address).await?.0.answer.map_err(|failure| failure.to_string())?;
            }
            Ok::<_, String>(server.seen())
        })??;
        if seen.len() != 2 {
            return Err(format!("the receiver saw {} requests of 2", seen.len()));
        }
        resumed |= seen.iter().any(|seen| seen.resumed);
    }
    compare(vector, &json!({ "resumption_used": resumed }))
}

/// Posts with an identity to a receiver that asks for it.
fn exchange_as(identity: &Identity) -> Result<(Exchange, String, Vec<Seen>), String> {
    block_on(async {
        let server = Server::start(Offer { asks: true, ..Offer::default() }).await?;
        let (exchange, id) = post(&client_of(identity, &nothing_known().await)?, server.address).await?;
        Ok((exchange, id, server.seen()))
    })?
}

fn a_certificate_near_its_end_is_used_and_alarms(vector: &Vector) -> Judgement {
    let days = vector.input["client_not_after_days"].as_i64().ok_or("client_not_after_days is no number")?;
    // Receivers go by the time of the machine.
    let now = Clock::system().now();
    let pem = pki().client("detentora.example", Some(now + SignedDuration::from_hours(24 * days)));
    let identity = Identity::from_pem(&pem.chain, &pem.key).map_err(|error| error.to_string())?;
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
            let pem = pki().client(&format!("{}.example", brand.to_lowercase()), None);
            (format!("00000000-0000-4000-8000-{number:012}"), brand, pem)
        })
        .collect();
    let secret: serde_json::Map<_, _> = brands
        .iter()
        .map(|(id, _, pem)| (id.clone(), json!({ "certificate_chain": pem.chain, "private_key": pem.key })))
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
    let presented = seen.first().map(|seen| seen.certificate.clone()).ok_or("the receiver saw no request")?;
    let whose = brands.iter().find(|(_, _, pem)| pem.leaf() == presented).map(|(_, brand, _)| brand);
    compare(vector, &json!({ "client_certificate": whose }))
}
