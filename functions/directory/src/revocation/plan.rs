//! What a refresh asks for: the lists of each authority and the status of each leaf, of the paths that were noted. Pure.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use webhook::revocation::{Authority, Link, MAX_LISTS, MAX_WAYS, Noted, Source, may_sign_lists, ocsp_urls};

/// How many leaves are looked after. There are some sixty initiators.
const MAX_LEAVES: usize = 500;
/// How many leaves of one host are looked after, so that a host that shows many leaves no other without.
const MAX_LEAVES_OF_HOST: usize = 8;
/// How many authorities are looked after; ICP-Brasil has some twenty that issue for servers.
const MAX_AUTHORITIES: usize = 200;
/// The longest name of an authority that is kept for people.
const MAX_NAME: usize = 200;

/// What is to be asked for.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) leaves: BTreeMap<String, Leaf>,
    pub(super) authorities: BTreeMap<String, Issuer>,
    /// How many leaves are left out, as there are too many.
    pub(super) left_out: usize,
}

/// A leaf that receivers show.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) host: String,
    pub(super) first_seen: Timestamp,
    /// The rows of its ways to a trust anchor.
    pub(super) ways: Vec<String>,
    pub(super) link: Link,
    /// Where its status is asked for; alternatives.
    pub(super) ocsp_urls: Vec<String>,
}

/// An authority that signed certificates of these paths.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) authority: Authority,
    /// Its name, for people.
    pub(super) name: String,
    /// Whether its certificate lets its key sign lists, where it states that.
    pub(super) may_sign_lists: Option<bool>,
    /// Its lists, by the id of their source.
    pub(super) sources: BTreeMap<String, Source>,
}

/// Plans a refresh at this instant: leaves that have expired are left out, as no verifier accepts them any more.
pub(super) fn plan(noted: Vec<Noted>, now: Timestamp) -> Plan {
    let mut of_leaf = BTreeMap::<String, Vec<Noted>>::new();
    for noted in noted.into_iter().filter(|noted| noted.path.valid_until().is_some_and(|until| until > now)) {
        of_leaf.entry(noted.path.fingerprint()).or_default().push(noted);
    }
    let all = of_leaf.len();
    let mut plan = Plan::default();
    for (fingerprint, ways) in looked_after(of_leaf) {
        plan.add(fingerprint, ways);
    }
    plan.left_out = all - plan.leaves.len();
    plan
}

/// Chooses the leaves that are looked after: of each host the newest first, and of all hosts alike.
fn looked_after(of_leaf: BTreeMap<String, Vec<Noted>>) -> Vec<(String, Vec<Noted>)> {
    let first_seen = |ways: &[Noted]| ways.iter().map(|noted| noted.first_seen).min();
    let mut leaves: Vec<_> = of_leaf.into_iter().collect();
    // The newest are those in use: a receiver that renews its certificate leaves the one before it behind.
    leaves.sort_by_key(|(_, ways)| std::cmp::Reverse(first_seen(ways)));
    let mut of_host = HashMap::<String, usize>::new();
    let mut ranked: Vec<_> = leaves
        .into_iter()
        .map(|(fingerprint, ways)| {
            let host = ways.first().map(|noted| noted.host.clone()).unwrap_or_default();
            let rank = of_host.entry(host).or_default();
            *rank += 1;
            (*rank, fingerprint, ways)
        })
        .filter(|(rank, ..)| *rank <= MAX_LEAVES_OF_HOST)
        .collect();
    ranked.sort_by_key(|(rank, ..)| *rank);
    ranked.truncate(MAX_LEAVES);
    ranked.into_iter().map(|(_, fingerprint, ways)| (fingerprint, ways)).collect()
}

impl Plan {
    fn add(&mut self, fingerprint: String, mut ways: Vec<Noted>) {
        let first_seen = ways.iter().map(|noted| noted.first_seen).min();
        ways.sort_by_key(|noted| std::cmp::Reverse(noted.first_seen));
        ways.truncate(MAX_WAYS);
        let leaf =
            ways.first().and_then(|noted| Some((noted.host.clone(), noted.path.links().into_iter().next()?)));
        let (Some(first_seen), Some((host, link))) = (first_seen, leaf) else { return };
        for link in ways.iter().flat_map(|noted| noted.path.links()) {
            self.add_link(&link);
        }
        let ways = ways.iter().map(|noted| noted.path.row()).collect();
        let ocsp_urls = ocsp_urls(&link.certificate);
        self.leaves.insert(fingerprint, Leaf { host, first_seen, ways, link, ocsp_urls });
    }

    fn add_link(&mut self, link: &Link) {
        let id = link.issuer.id();
        if !self.authorities.contains_key(&id) && self.authorities.len() >= MAX_AUTHORITIES {
            return;
        }
        let stated = link.issuer_certificate.as_ref().and_then(|certificate| may_sign_lists(certificate));
        let issuer = self.authorities.entry(id).or_insert_with(|| Issuer {
            authority: link.issuer.clone(),
            name: name_of(&link.certificate),
            may_sign_lists: stated,
            sources: BTreeMap::new(),
        });
        // Of several certificates of one key, one that lets it sign lists is enough.
        if stated != Some(false) {
            issuer.may_sign_lists = stated;
        }
        if let Some(source) = Source::of(link)
            && issuer.sources.len() < MAX_LISTS
        {
            issuer.sources.insert(source.id(), source);
        }
    }
}

/// Returns the name of a certificate's issuer as people read it.
fn name_of(certificate: &[u8]) -> String {
    let read = x509_parser::parse_x509_certificate(certificate).ok();
    let name = read.map(|(_, certificate)| certificate.issuer().to_string());
    name.unwrap_or_default().chars().take(MAX_NAME).collect()
}
