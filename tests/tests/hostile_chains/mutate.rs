//! Chains made by chance: what is good stays delivered and what is revoked stays refused, whatever stands beside it.

use std::time::Duration;

use jiff::SignedDuration;
use libtest_mimic::{Failed, Trial};
use mtls::revocation::{MAX_PRESENTED, MAX_PRESENTED_BYTES, MAX_SIGNATURES};
use rustls::RootCertStore;
use tests::aws::Functions;
use tests::chains::{Draft, Party, Search};

use super::case::{Case, put};
use super::meeting::Meeting;
use super::pki::{Der, HOST, PKI, anchor, issuer, own, receiver, root, second, stranger, sub};

/// How many chains each trial makes.
const CASES: u64 = 1500;
const NAMES: [&str; 4] = ["Issuer", "Root", "Second root", "Sub"];
const EVIL: &str = "http://evil.example/list.crl";

pub(crate) fn trials() -> Vec<Trial> {
    let trial =
        |name: &str, revoked| Trial::test(name, move || super::run(play(revoked)).map_err(Failed::from));
    vec![
        trial("good chains with whatever beside them are delivered", false),
        trial("revoked leaves with whatever beside them are not", true),
    ]
}

/// The good chain, or the one whose leaf is revoked, and what is put beside it.
struct Deck {
    leaf: Der,
    /// Ways from it to a trusted root, each in its order.
    ways: Vec<Vec<Der>>,
    beside: Vec<Der>,
    now: jiff::Timestamp,
}

impl Deck {
    fn new(now: jiff::Timestamp) -> Self {
        let leaf =
            Draft::receiver(&[HOST], now).lists(&["http://ca.example/leaf.crl"]).sign(receiver(), issuer());
        let authority = || Draft::authority(now).lists(&["http://ca.example/issuer.crl"]);
        let evil = || Draft::authority(now).lists(&[EVIL]);
        let days = |days: i64| now + SignedDuration::from_hours(24 * days);
        let good = authority().sign(issuer(), root());
        let ways = vec![
            vec![good.clone()],
            vec![authority().sign(issuer(), second())],
            vec![authority().sign(issuer(), sub()), authority().sign(sub(), root())],
        ];
        let beside = vec![
            leaf.clone(),
            evil().sign(issuer(), stranger()),
            evil().sign(root(), stranger()),
            evil().valid(days(-20), days(-10)).sign(issuer(), root()),
            evil().valid(days(10), days(20)).sign(issuer(), root()),
            evil().path_length(0).sign(sub(), root()),
            evil().permits(&["other.example"]).sign(issuer(), root()),
            evil().no_authority().sign(issuer(), root()),
            evil().with(&[0x2a, 3, 4], true, &[5, 0]).sign(issuer(), root()),
            evil().with(&[0x2a, 3, 4], false, &[0; 6000]).sign(own("Issuer", 0), own("Root", 1)),
            anchor(root()),
            anchor(second()),
            Der::from(vec![0x30, 0x80, 1]),
            Der::from(good[..good.len() / 2].to_vec()),
        ];
        Self { leaf, ways, beside, now }
    }

    /// A certificate of the receiver's own making: any name by any name, with any key by any key.
    fn made(&self, rng: &mut fastrand::Rng) -> Der {
        let mut name = || NAMES[rng.usize(..NAMES.len())];
        let (subject, issuer_name) = (name(), name());
        // The keys of authorities are known to all, and signed with by none but them.
        let keys = [issuer().key, root().key, sub().key, &PKI.own[0], &PKI.own[1], &PKI.own[2]];
        let subject = Party::new(subject, keys[rng.usize(..keys.len())]);
        let signer = Party::new(issuer_name, &PKI.own[rng.usize(..4)]);
        let draft = Draft::authority(self.now).lists(&[EVIL]).serial(&[rng.u8(1..120)]);
        draft.sign(subject, signer)
    }

    /// A chain with one of its ways, perhaps more of them, and junk, in any order.
    fn draw(&self, rng: &mut fastrand::Rng) -> Vec<Der> {
        let mut above = self.ways[rng.usize(..self.ways.len())].clone();
        for _ in 0..rng.usize(..6) {
            above.push(match rng.u8(..4) {
                0 => self.made(rng),
                1 => above[rng.usize(..above.len())].clone(),
                2 => self.ways.concat()[rng.usize(..4)].clone(),
                _ => self.beside[rng.usize(..self.beside.len())].clone(),
            });
        }
        if rng.u8(..4) == 0 {
            let place = rng.usize(..above.len());
            above[place] = flipped(&above[place], rng);
            above.extend(self.ways[0].clone());
        }
        rng.shuffle(&mut above);
        std::iter::once(self.leaf.clone()).chain(above).collect()
    }
}

/// The same with one bit changed.
fn flipped(der: &Der, rng: &mut fastrand::Rng) -> Der {
    let mut bytes = der.to_vec();
    if let Some(place) = (!bytes.is_empty()).then(|| rng.usize(..bytes.len())) {
        bytes[place] ^= 1 << rng.u8(..8);
    }
    Der::from(bytes)
}

async fn play(revoked: bool) -> Result<(), String> {
    let functions = Functions::default();
    let (store, now) = (functions.revocation_store(), functions.test_clock.now());
    let deck = Deck::new(now);
    let anchors = [root(), second()];
    let ends = [anchors[0], anchors[1], anchors[0]];
    let mut case = Case::presents(&[], "");
    for (way, end) in deck.ways.iter().zip(ends) {
        let path: Vec<_> = std::iter::once(&deck.leaf).chain(way).collect();
        case = case.known_path(&path, end);
        if revoked {
            case = case.revoked(0);
        }
    }
    put(&store, case.known(), now - SignedDuration::from_hours(24 * 14), now).await;
    let revocation = functions.revocation(&functions.test_clock, SignedDuration::from_hours(1));
    revocation.ready().await;
    let meeting = Meeting::new(&revocation);
    let mut roots = RootCertStore::empty();
    for party in anchors {
        roots.add(anchor(party)).unwrap();
    }
    let (mut most, mut outcomes) = (0, std::collections::BTreeMap::<String, usize>::new());
    for seed in 0..CASES {
        let presented = deck.draw(&mut fastrand::Rng::with_seed(seed));
        let code = meeting.outcome(&presented).await;
        let large = presented.len() > MAX_PRESENTED
            || presented.iter().map(|der| der.len()).sum::<usize>() > MAX_PRESENTED_BYTES;
        let search = Search { presented: &presented, host: HOST, roots: &roots, now };
        let checks = search.checks();
        most = most.max(checks);
        let is_right = match code.as_str() {
            "delivered" => !revoked && !large,
            "revoked" => revoked && !large,
            "chain_too_large" => large || checks == MAX_SIGNATURES,
            _ => false,
        };
        if !is_right || checks > MAX_SIGNATURES {
            return Err(format!("seed {seed}: {code} of {} certificates, {checks} checks", presented.len()));
        }
        *outcomes.entry(code).or_default() += 1;
    }
    let main = if revoked { "revoked" } else { "delivered" };
    if outcomes.get(main).is_none_or(|count| *count < 700) || most < 8 {
        return Err(format!("too little was tried: {outcomes:?}, {most} checks at most"));
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (noted, _) = store.paths().await.unwrap();
    for noted in noted {
        let certificates = noted.path.certificates();
        let search = Search { presented: certificates, host: HOST, roots: &roots, now };
        let path = search.path(&|_| true).map_err(|error| error.to_string())?;
        if path != noted.path || noted.host != HOST {
            return Err(format!("noted was what is no path, of {}", noted.host));
        }
        if noted.path.links().iter().any(|link| contains(&link.certificate, EVIL.as_bytes())) {
            return Err("noted was what leads to an attacker's page".to_owned());
        }
    }
    Ok(())
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
