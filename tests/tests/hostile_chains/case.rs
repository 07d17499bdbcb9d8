//! One row: what is known, what a receiver presents, what comes of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use mtls::revocation::{
    Authority, AuthorityRow, Contents, GoodList, LeafRow, ListEntry, OcspEntry, OcspStatus, Path,
    RevocationStore, Serials, Source,
};
use tests::aws::Functions;
use tests::chains::{Draft, Party};

use super::meeting::Meeting;
use super::pki::{Der, HOST, authority, issuer, receiver, root};
use super::web::Web;

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long it is tolerated that nothing is known.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// What is known of one path.
#[derive(Clone)]
pub(crate) struct Known {
    path: Path,
    /// Which of its certificates are revoked, by place.
    revoked: Vec<usize>,
    /// What OCSP says of the leaf.
    ocsp: Option<OcspStatus>,
}

#[derive(Default)]
pub(crate) struct Case {
    presented: Vec<Der>,
    code: &'static str,
    /// Paths that were noted two weeks ago, with the lists of all their certificates.
    known: Vec<Known>,
    /// The same, of which what is published is fetched.
    fetched: Vec<Path>,
    /// Paths that are to be noted besides.
    notes: Vec<Vec<Der>>,
    /// What is to be asked for; whatever is not an attacker's where nothing is said.
    asks: Option<Vec<&'static str>>,
    skipped: bool,
}

impl Case {
    /// A receiver that presents these certificates.
    pub(crate) fn presents(presented: &[&Der], code: &'static str) -> Self {
        Self { presented: presented.iter().map(|der| (*der).clone()).collect(), code, ..Self::default() }
    }

    /// What is known.
    pub(crate) fn known(&self) -> &[Known] {
        &self.known
    }

    /// A row that cannot be played here, as something is missing.
    pub(crate) fn skipped() -> Self {
        Self { skipped: true, ..Self::default() }
    }

    /// A path to this anchor is known, and none of its certificates is revoked.
    pub(crate) fn known_path(mut self, path: &[&Der], anchor: Party<'_>) -> Self {
        let path = to_path(path, anchor);
        self.known.push(Known { path, revoked: Vec::new(), ocsp: None });
        self
    }

    /// Of the path that was named last, this certificate is revoked.
    pub(crate) fn revoked(mut self, place: usize) -> Self {
        self.known.last_mut().unwrap().revoked.push(place);
        self
    }

    /// Of the leaf of the path that was named last, OCSP says this.
    pub(crate) fn ocsp(mut self, status: OcspStatus) -> Self {
        self.known.last_mut().unwrap().ocsp = Some(status);
        self
    }

    /// A path to this anchor is known, and what is published about it is fetched.
    pub(crate) fn fetches(mut self, path: &[&Der], anchor: Party<'_>) -> Self {
        self.fetched.push(to_path(path, anchor));
        self
    }

    /// This path is noted afterwards.
    pub(crate) fn notes(mut self, path: &[&Der]) -> Self {
        self.notes.push(path.iter().map(|der| (*der).clone()).collect());
        self
    }

    /// These pages are asked for afterwards, and no others.
    pub(crate) fn asks(mut self, pages: &[&'static str]) -> Self {
        self.asks = Some(pages.to_vec());
        self
    }
}

fn to_path(path: &[&Der], anchor: Party<'_>) -> Path {
    Path::new(path.iter().map(|der| (*der).clone()).collect(), authority(anchor))
}

/// What a row is made with.
pub(crate) struct Fixture {
    pub(crate) functions: Functions,
    pub(crate) now: Timestamp,
    pub(crate) web: Web,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let functions = Functions::default();
        Self { now: functions.test_clock.now(), functions, web: Web::start().await }
    }

    /// A receiver's certificate whose authority publishes a list at `/leaf.crl`.
    pub(crate) fn leaf(&self) -> Draft {
        Draft::receiver(&[HOST], self.now).lists(&[&self.web.url("/leaf.crl")])
    }

    /// An authority's certificate whose issuer publishes a list at `/issuer.crl`.
    pub(crate) fn authority(&self) -> Draft {
        Draft::authority(self.now).lists(&[&self.web.url("/issuer.crl")])
    }

    /// An authority's certificate that leads to an attacker's pages.
    pub(crate) fn evil(&self) -> Draft {
        let (list, responder) = (self.web.url("/evil.crl"), self.web.url("/evil-ocsp"));
        Draft::authority(self.now).lists(&[&list]).responders(&[&responder])
    }

    /// A chain that is as it should be: the receiver's certificate and its authority's, below the root.
    pub(crate) fn good(&self) -> (Der, Der) {
        (self.leaf().sign(receiver(), issuer()), self.authority().sign(issuer(), root()))
    }

    pub(crate) fn ago(&self, hours: i64) -> Timestamp {
        self.now - SignedDuration::from_hours(hours)
    }

    /// Plays a row and says all that is wrong.
    pub(crate) async fn play(&self, case: &Case) -> Result<(), String> {
        if case.skipped {
            return tests::skip::note("skipped: a hostile chain is not made without openssl")
                .map_err(|error| error.to_string());
        }
        let store = self.functions.revocation_store();
        let since = self.now - 2 * WEEK;
        put(&store, &case.known, since, self.now).await;
        for path in &case.fetched {
            store.note(HOST, path, since).await.unwrap();
            // The directory function has asked about it since then, so that the window of its first sight is over.
            let row = LeafRow { first_seen: since, ways: Vec::new(), ocsp: None };
            store.put_leaf(&path.fingerprint(), &row, since).await.unwrap();
        }
        if !case.fetched.is_empty() {
            directory::revocation::refresh(&self.functions.refresher()).await;
        }
        let revocation = self.functions.revocation(&self.functions.test_clock, WINDOW);
        revocation.ready().await;
        let code = Meeting::new(&revocation).outcome(&case.presented).await;
        let mut wrong = String::new();
        if code != case.code {
            writeln!(wrong, "expected {}, came {code}", case.code).unwrap();
        }
        let mut expected: Vec<_> = case.notes.clone();
        expected.extend(case.known.iter().map(|known| known.path.certificates().to_vec()));
        expected.extend(case.fetched.iter().map(|path| path.certificates().to_vec()));
        expected.sort_by_key(|path| bytes_of(path));
        let mut noted = Vec::new();
        // What is noted is written beside the exchange.
        for _ in 0..200 {
            let (paths, unreadable) = store.paths().await.unwrap();
            assert!(unreadable.is_empty(), "{unreadable:?}");
            wrong.extend(paths.iter().filter(|noted| noted.host != HOST).map(|noted| noted.host.as_str()));
            noted = paths.iter().map(|noted| noted.path.certificates().to_vec()).collect();
            noted.sort_by_key(|path| bytes_of(path));
            if noted.len() >= expected.len() {
                break;
            }
            tokio::task::yield_now().await;
        }
        if noted != expected {
            let lengths = |paths: &[Vec<Der>]| paths.iter().map(Vec::len).collect::<Vec<_>>();
            let (expected, noted) = (lengths(&expected), lengths(&noted));
            writeln!(wrong, "expected paths of {expected:?} certificates, noted were {noted:?}").unwrap();
        }
        self.functions.test_clock.advance(SignedDuration::from_mins(5));
        directory::revocation::refresh(&self.functions.refresher()).await;
        let asked = self.web.asked();
        if asked.iter().any(|page| page.starts_with("/evil")) {
            writeln!(wrong, "asked for {asked:?}").unwrap();
        }
        if case.asks.as_ref().is_some_and(|pages| *pages != asked) {
            writeln!(wrong, "expected {:?}, asked for {asked:?}", case.asks).unwrap();
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

/// Puts what is known of paths into the rows of the directory table.
pub(crate) async fn put(store: &RevocationStore, known: &[Known], since: Timestamp, now: Timestamp) {
    let mut contents = Contents::default();
    let mut authorities = BTreeMap::<Authority, (AuthorityRow, Serials)>::new();
    let mut leaves = BTreeMap::<String, LeafRow>::new();
    for Known { path, revoked, ocsp } in known {
        store.note(HOST, path, since).await.unwrap();
        for (place, link) in path.links().into_iter().enumerate() {
            let (row, serials) = authorities.entry(link.issuer.clone()).or_default();
            if let Some(source) = Source::of(&link).map(|source| source.id())
                && row.lists.iter().all(|list| list.source != source)
            {
                row.lists.push(ListEntry { source, good: Some(good_list(now)) });
                serials.held.push(Vec::new());
            }
            serials
                .revoke(&link.serial().filter(|_| revoked.contains(&place)).into_iter().collect::<Vec<_>>());
        }
        let ocsp = ocsp.map(|status| OcspEntry {
            status,
            this_update: now,
            next_update: Some(now + WEEK),
            fetched_at: now,
        });
        let row = LeafRow { first_seen: since, ways: Vec::new(), ocsp };
        leaves.entry(path.fingerprint()).or_insert(row).ways.push(path.row());
    }
    for (authority, (mut row, serials)) in authorities {
        row.serials = Some(store.put_serials(&authority.id(), &serials, None, now).await.unwrap());
        let hash = store.put_authority(&authority.id(), &row, now).await.unwrap();
        contents.authorities.insert(authority.id(), hash);
    }
    for (fingerprint, row) in leaves {
        let hash = store.put_leaf(&fingerprint, &row, now).await.unwrap();
        contents.leaves.insert(fingerprint, hash);
    }
    if !known.is_empty() {
        store.put_contents(&contents, now).await.unwrap();
    }
}

fn good_list(now: Timestamp) -> GoodList {
    GoodList {
        url: String::new(),
        etag: None,
        digest: String::new(),
        fetched_at: now,
        this_update: now,
        next_update: now + WEEK,
    }
}

/// What paths are sorted by.
fn bytes_of(path: &[Der]) -> Vec<u8> {
    path.iter().flat_map(|der| der.iter().copied()).collect()
}
