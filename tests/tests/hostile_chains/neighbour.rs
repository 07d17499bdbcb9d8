//! A receiver that presents the dearest chains, and its innocent neighbour in the same batch.
//!
//! Nothing is timed here, where builds are not optimised and other tests run: what a chain costs is counted in signatures, and
//! `tests/examples/chains.rs` measures it in milliseconds.

use convention::delivery::AttemptMessage;
use devkit::receiver::{MockReceiver, Presented, Settings};
use libtest_mimic::{Failed, Trial};
use mtls::revocation::MAX_SIGNATURES;
use rustls::RootCertStore;
use tests::aws::{Functions, PKI, requeued};
use tests::chains::worst::Makings;
use tests::chains::{Key, Search};

use super::pki::{Der, HOST, pem};

/// How many of a batch of ten are for the receiver that is hostile.
const HOSTILE: usize = 9;

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("the neighbour of a receiver with the dearest chains is delivered to", || {
        super::run(play()).map_err(Failed::from)
    })]
}

async fn play() -> Result<(), String> {
    let functions = Functions::default();
    let own = (0..6).map(|_| Key::default()).collect();
    let makings = Makings { host: HOST, root: Key::default(), own, now: functions.test_clock.now() };
    let mut roots = RootCertStore::empty();
    roots.add(makings.anchor()).unwrap();
    functions.put_identity(&PKI.sender);
    functions.put_trust(&(PKI.receiver_authority.root_pem().to_owned() + &pem(&makings.anchor())));
    let neighbour = functions.receiver("itp-2", "202").await;
    let dispatch = functions.dispatch(&functions.test_clock);
    dispatch.identities.prepare().await.map_err(|error| error.to_string())?;
    for (number, kind) in makings.worst().into_iter().enumerate() {
        let (name, client) = (kind.name, format!("hostile-{number}"));
        let search = Search { presented: &kind.presented, host: HOST, roots: &roots, now: makings.now };
        let checks = search.checks();
        if checks > MAX_SIGNATURES {
            return Err(format!("{name}: {checks} signatures are checked"));
        }
        let hostile = receiver(kind.presented, &makings).await;
        functions.register(&client, &hostile.base_uri()).await;
        let mut batch: Vec<_> = (0..HOSTILE)
            .map(|message| functions.payment(&client, &format!("p-{number}-{message}")))
            .collect();
        batch.push(functions.payment("itp-2", &format!("n-{number}")));
        let bodies: Vec<_> = batch.iter().map(AttemptMessage::to_json).collect();
        let left = requeued(&dispatch, &bodies).await;
        if left.contains(&HOSTILE) || neighbour.count() != number + 1 {
            return Err(format!("{name}: the neighbour was not notified, kept were {left:?}"));
        }
        let row = functions.aws.ledger_row(batch[HOSTILE].notification.as_str()).ok_or("no row")?;
        if row.attempt(1, "outcome") != "delivered" {
            return Err(format!("{name}: the neighbour's outcome is {}", row.attempt(1, "outcome")));
        }
        for message in &batch[..HOSTILE] {
            let row = functions.aws.ledger_row(message.notification.as_str()).ok_or("no row")?;
            if row.attempt(1, "outcome") == "delivered" {
                return Err(format!("{name}: it was delivered to"));
            }
        }
    }
    Ok(())
}

/// Starts a receiver that presents this.
async fn receiver(presented: Vec<Der>, makings: &Makings) -> MockReceiver {
    let presented = Presented::unchecked(presented, &makings.own[2].private()).unwrap();
    let settings = Settings {
        presents: Some(presented),
        client_ca_pem: None,
        ..Settings::new(PKI.receiver.clone(), "")
    };
    MockReceiver::start(settings).await.unwrap()
}
