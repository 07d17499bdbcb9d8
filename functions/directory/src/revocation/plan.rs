//! Plans a refresh: the lists of each authority and the status of each leaf, for all recorded paths. Pure.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use mtls::revocation::{Authority, Link, MAX_LISTS, MAX_WAYS, Noted, Source, may_sign_lists, ocsp_urls};

/// Maximum number of monitored leaves. There are about sixty initiators.
const MAX_LEAVES: usize = 500;
/// Maximum number of monitored leaves of one host, so that a host with many leaves does not displace others.
const MAX_LEAVES_OF_HOST: usize = 8;
/// Maximum number of monitored authorities; about twenty of ICP-Brasil issue server certificates.
const MAX_AUTHORITIES: usize = 200;
/// Maximum length of an authority's name, which is stored for people.
const MAX_NAME: usize = 200;

/// The requests of a refresh.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) leaves: BTreeMap<String, Leaf>,
    pub(super) authorities: BTreeMap<String, Issuer>,
    /// Number of leaves left out because there are too many.
    pub(super) left_out: usize,
    /// Number of paths left out because there are too many authorities, or lists of one of them.
    pub(super) unfit: usize,
}

/// A leaf that receivers show.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) host: String,
    pub(super) first_seen: Timestamp,
    /// Its ways to a trust anchor.
    pub(super) ways: Vec<Way>,
    pub(super) link: Link,
    /// Its OCSP responders, which are alternatives.
    pub(super) ocsp_urls: Vec<String>,
}

/// A way from a leaf to a trust anchor.
#[derive(Debug)]
pub(super) struct Way {
    /// The key of its row.
    pub(super) row: String,
    /// The ids of the authorities on it.
    pub(super) authorities: Vec<String>,
}

/// An authority that signed certificates of these paths.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) authority: Authority,
    /// Its name, for people.
    pub(super) name: String,
    /// Whether its certificate allows its key to sign lists, if it states that.
    pub(super) may_sign_lists: Option<bool>,
    /// Its lists, by the id of their source.
    pub(super) sources: BTreeMap<String, Source>,
}

/// Plans a refresh at this instant. Expired leaves are left out, as no verifier accepts them.
pub(super) fn plan(noted: Vec<Noted>, now: Timestamp) -> Plan {
    let mut of_leaf = BTreeMap::<String, Vec<Noted>>::new();
    for noted in noted.into_iter().filter(|noted| noted.path.valid_until().is_some_and(|until| until > now)) {
        of_leaf.entry(noted.path.fingerprint()).or_default().push(noted);
    }
    let all = of_leaf.len();
    let mut plan = Plan::default();
    let mut ranked = ranked(of_leaf);
    let within = ranked.iter().take_while(|leaf| leaf.rank <= MAX_LEAVES_OF_HOST).count();
    let others = ranked.split_off(within.min(MAX_LEAVES));
    for leaf in ranked {
        plan.add(leaf.fingerprint, leaf.ways);
    }
    plan.left_out = all - plan.leaves.len();
    // Their authorities are monitored as well, as far as there is room: their revocations must not be forgotten
    // because a receiver has changed its certificate.
    for noted in others.iter().flat_map(|leaf| &leaf.ways) {
        plan.fits(noted);
    }
    plan
}

/// A leaf and its rank among those of its host, the newest first.
struct Ranked {
    rank: usize,
    fingerprint: String,
    ways: Vec<Noted>,
}

/// Sorts the leaves by priority: the newest of each host first, all hosts alike.
fn ranked(of_leaf: BTreeMap<String, Vec<Noted>>) -> Vec<Ranked> {
    let first_seen = |ways: &[Noted]| ways.iter().map(|noted| noted.first_seen).min();
    let mut leaves: Vec<_> = of_leaf.into_iter().collect();
    // The newest leaves are in use: a receiver that renews its certificate abandons the previous one.
    leaves.sort_by_key(|(_, ways)| std::cmp::Reverse(first_seen(ways)));
    let mut of_host = HashMap::<String, usize>::new();
    let rank = |(fingerprint, ways): (String, Vec<Noted>)| {
        let host = ways.first().map(|noted| noted.host.clone()).unwrap_or_default();
        let rank = of_host.entry(host).or_default();
        *rank += 1;
        Ranked { rank: *rank, fingerprint, ways }
    };
    let mut ranked: Vec<_> = leaves.into_iter().map(rank).collect();
    ranked.sort_by_key(|leaf| leaf.rank);
    ranked
}

impl Plan {
    fn add(&mut self, fingerprint: String, mut ways: Vec<Noted>) {
        let first_seen = ways.iter().map(|noted| noted.first_seen).min();
        ways.sort_by_key(|noted| std::cmp::Reverse(noted.first_seen));
        ways.truncate(MAX_WAYS);
        let leaf =
            ways.first().and_then(|noted| Some((noted.host.clone(), noted.path.links().into_iter().next()?)));
        let (Some(first_seen), Some((host, link))) = (first_seen, leaf) else { return };
        let found = ways.len();
        let ways: Vec<_> = ways.iter().filter_map(|noted| self.fits(noted)).collect();
        self.unfit += found - ways.len();
        let ocsp_urls = ocsp_urls(&link.certificate);
        self.leaves.insert(fingerprint, Leaf { host, first_seen, ways, link, ocsp_urls });
    }

    /// Adds the requests for a path; `None` if there is no room for all of them. A way that is not monitored counts
    /// as a fault of ours.
    fn fits(&mut self, noted: &Noted) -> Option<Way> {
        let links = noted.path.links();
        let fits = links.iter().all(|link| self.add_link(link));
        let authorities = links.iter().map(|link| link.issuer.id()).collect();
        fits.then(|| Way { row: noted.path.row(), authorities })
    }

    fn add_link(&mut self, link: &Link) -> bool {
        let id = link.issuer.id();
        if !self.authorities.contains_key(&id) && self.authorities.len() >= MAX_AUTHORITIES {
            return false;
        }
        let stated = link.issuer_certificate.as_ref().and_then(|certificate| may_sign_lists(certificate));
        let issuer = self.authorities.entry(id).or_insert_with(|| Issuer {
            authority: link.issuer.clone(),
            name: name_of(&link.certificate),
            may_sign_lists: stated,
            sources: BTreeMap::new(),
        });
        // If an authority has several certificates for one key, one that allows list signing is enough.
        if stated != Some(false) {
            issuer.may_sign_lists = stated;
        }
        let Some(source) = Source::of(link) else { return true };
        let id = source.id();
        let has_room = issuer.sources.len() < MAX_LISTS || issuer.sources.contains_key(&id);
        if has_room {
            issuer.sources.insert(id, source);
        }
        has_room
    }
}

/// Returns the name of a certificate's issuer in readable form.
fn name_of(certificate: &[u8]) -> String {
    let read = x509_parser::parse_x509_certificate(certificate).ok();
    let name = read.map(|(_, certificate)| certificate.issuer().to_string());
    name.unwrap_or_default().chars().take(MAX_NAME).collect()
}
