//! A read-only snapshot of the revocation data in the directory table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use platform::aws::DirectoryTableError;
use platform::telemetry::ErrorChain as Causes;

use super::decide::{Good, RevocationState};
use super::path::{Link, Path};
use super::rows::{AuthorityRow, GoodList, LeafRow, OcspEntry, OcspStatus};
use super::serials::Serials;
use super::source::Source;
use super::store::RevocationStore;

/// The data of an authority.
#[derive(Debug)]
struct Known {
    /// The hash of the row it was read from.
    hash: String,
    row: AuthorityRow,
    serials: Arc<Serials>,
}

/// The data read at one time.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// When the directory function last refreshed the data; `None` if nothing was read yet.
    pub(super) renewed_at: Option<Timestamp>,
    authorities: HashMap<String, Arc<Known>>,
    leaves: HashMap<String, (String, Arc<LeafRow>)>,
    /// Authorities and leaves whose rows exist but could not be read.
    unreadable: HashSet<String>,
}

impl Snapshot {
    /// Reads what changed since `before`; `None` before the first refresh of the directory function.
    ///
    /// A row that cannot be read does not affect others, and its earlier data stays in use.
    pub(super) async fn read(
        store: &RevocationStore,
        before: &Self,
    ) -> Result<Option<Self>, DirectoryTableError> {
        let Some((contents, renewed_at)) = store.contents().await? else { return Ok(None) };
        let mut snapshot = Self { renewed_at: Some(renewed_at), ..Self::default() };
        let (mut authorities, mut leaves) = (Vec::new(), Vec::new());
        for (id, hash) in &contents.authorities {
            match before.authorities.get(id) {
                Some(known) if known.hash == *hash => {
                    snapshot.authorities.insert(id.clone(), Arc::clone(known));
                }
                _ => authorities.push(id.clone()),
            }
        }
        for (id, hash) in &contents.leaves {
            match before.leaves.get(id) {
                Some(known) if known.0 == *hash => {
                    snapshot.leaves.insert(id.clone(), known.clone());
                }
                _ => leaves.push(id.clone()),
            }
        }
        let (authority_rows, leaf_rows) =
            tokio::try_join!(store.authorities(&authorities), store.leaves(&leaves))?;
        for (id, error) in authority_rows.unreadable.iter().chain(&leaf_rows.unreadable) {
            report_unreadable(id, &Causes(error));
        }
        for (id, hash, row) in authority_rows.read {
            if let Some(known) = read_authority(store, before, &id, hash, row).await? {
                snapshot.authorities.insert(id, known);
            }
        }
        snapshot.leaves.extend(leaf_rows.read.into_iter().map(|(id, hash, row)| (id, (hash, Arc::new(row)))));
        snapshot.keep_unread(before, &authorities, &leaves);
        Ok(Some(snapshot))
    }

    /// Keeps the earlier data of rows that cannot be read now.
    fn keep_unread(&mut self, before: &Self, authorities: &[String], leaves: &[String]) {
        for id in
            authorities.iter().filter(|id| !self.authorities.contains_key(*id)).cloned().collect::<Vec<_>>()
        {
            if let Some(known) = before.authorities.get(&id) {
                self.authorities.insert(id.clone(), Arc::clone(known));
            }
            self.unreadable.insert(id);
        }
        for id in leaves.iter().filter(|id| !self.leaves.contains_key(*id)).cloned().collect::<Vec<_>>() {
            if let Some(known) = before.leaves.get(&id) {
                self.leaves.insert(id.clone(), known.clone());
            }
            self.unreadable.insert(id);
        }
    }

    /// Says whether every row was read.
    pub(super) fn is_whole(&self) -> bool {
        self.unreadable.is_empty()
    }

    /// Returns when a leaf was first seen, according to its row.
    pub(super) fn first_seen(&self, fingerprint: &str) -> Option<Timestamp> {
        Some(self.leaves.get(fingerprint)?.1.first_seen)
    }

    /// Says whether the directory function monitors this way from a leaf to a trust anchor.
    pub(super) fn looks_after(&self, fingerprint: &str, way: &str) -> bool {
        self.leaves.get(fingerprint).is_some_and(|(_, leaf)| leaf.ways.iter().any(|known| known == way))
    }

    /// Says whether a row of this path exists but could not be read, which is a fault of ours.
    pub(super) fn lacks_rows_of(&self, path: &Path) -> bool {
        !self.unreadable.is_empty()
            && (self.unreadable.contains(&path.fingerprint())
                || path.links().iter().any(|link| self.unreadable.contains(&link.issuer.id())))
    }

    /// Returns the revocation data of a path whose leaf was first seen at `first_seen`.
    pub(super) fn state(&self, path: &Path, first_seen: Timestamp) -> RevocationState {
        let leaf = self.leaves.get(&path.fingerprint()).and_then(|(_, leaf)| leaf.ocsp.as_ref());
        let proof = |list: &GoodList| Good { checked_at: list.fetched_at, until: list.next_update };
        let links = path.links();
        let links: Vec<_> = links.iter().map(|link| self.link(link)).collect();
        let refused = leaf.is_some_and(|ocsp| ocsp.status != OcspStatus::Good);
        // A path with an unreadable certificate is not judged by the others.
        let is_whole = links.len() == path.certificates().len();
        let lists =
            links.iter().map(|(_, list)| list.map(proof)).collect::<Option<Vec<_>>>().filter(|_| is_whole);
        RevocationState {
            revoked: refused || links.iter().any(|(revoked, _)| *revoked),
            lists: lists.and_then(|lists| lists.into_iter().reduce(Good::and)),
            ocsp: leaf.and_then(Good::of_ocsp),
            first_seen,
        }
    }

    /// Returns, of each certificate of a path, whether a list revokes it and the list that covers it; and the status of
    /// the leaf.
    pub(super) fn known_of(&self, path: &Path) -> (Vec<(bool, Option<GoodList>)>, Option<OcspEntry>) {
        let known = |link: &Link| {
            let (revoked, list) = self.link(link);
            (revoked, list.cloned())
        };
        let ocsp = self.leaves.get(&path.fingerprint()).and_then(|(_, leaf)| leaf.ocsp.clone());
        (path.links().iter().map(known).collect(), ocsp)
    }

    /// Returns whether a list revokes a certificate, and the list that covers it.
    fn link(&self, link: &Link) -> (bool, Option<&GoodList>) {
        let Some(known) = self.authorities.get(&link.issuer.id()) else { return (false, None) };
        let revoked = link.serial().is_none_or(|serial| known.serials.contains(serial));
        let source = Source::of(link).map(|source| source.id());
        let list = known.row.lists.iter().find(|list| Some(&list.source) == source.as_ref());
        (revoked, list.and_then(|list| list.good.as_ref()))
    }
}

/// Reads the serials of an authority's row unless they are unchanged; `None` if they cannot be read.
async fn read_authority(
    store: &RevocationStore,
    before: &Snapshot,
    id: &str,
    hash: String,
    row: AuthorityRow,
) -> Result<Option<Arc<Known>>, DirectoryTableError> {
    let known = before.authorities.get(id).filter(|known| {
        let digest = |row: &AuthorityRow| row.serials.as_ref().map(|entry| entry.digest.clone());
        digest(&known.row) == digest(&row)
    });
    let serials = match (&row.serials, known) {
        (_, Some(known)) => Some(Arc::clone(&known.serials)),
        (None, None) => Some(Arc::default()),
        (Some(entry), None) => store.serials(id, entry).await?.map(Arc::new),
    };
    if serials.is_none() {
        report_unreadable(id, &"the rows of its serials do not match its row");
    }
    Ok(serials.map(|serials| Arc::new(Known { hash, row, serials })))
}

fn report_unreadable(id: &str, error: &dyn std::fmt::Display) {
    tracing::error!(
        code = "revocation_row_unreadable",
        row = id,
        %error,
        "A row of revocation data cannot be read; its earlier data stays in use."
    );
}
