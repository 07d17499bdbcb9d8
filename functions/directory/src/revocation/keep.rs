//! Writes the results of a refresh: each authority's and each leaf's row separately, so that a failed write keeps the
//! earlier row and affects no other.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use mtls::revocation::{
    AuthorityRow, Contents, Good, LeafRow, OcspStatus, RECENT_CHECK, Serials, SerialsEntry, Source,
};
use platform::aws::DirectoryTableError;
use platform::sha256_hex;
use platform::telemetry::{ErrorChain, Unit};

use super::merge::merge;
use super::plan::{Issuer, Leaf, Plan};
use super::room::{ROOM, share};
use super::task::Finding;
use super::{Answer, BROKEN, Before, Found, Refresher};

/// Interval after which unchanged rows of serials are rewritten before they expire.
const REWRITTEN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// If a receiver has no valid revocation data for this long, its authority cannot be reached.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);
/// Maximum number of concurrent writes.
const AT_ONCE: usize = 8;

/// A pending change of an authority's row.
struct Change<'a> {
    id: &'a str,
    issuer: &'a Issuer,
    row: AuthorityRow,
    serials: Serials,
    /// Whether the serials must be written.
    changed: bool,
}

impl Refresher {
    /// Writes what was found and returns the resulting index.
    pub(super) async fn keep(
        &self,
        plan: &Plan,
        before: Before,
        mut found: Found,
        now: Timestamp,
    ) -> Contents {
        let mut changes = Vec::new();
        for (id, issuer) in &plan.authorities {
            let known = before.authorities.get(id).cloned().unwrap_or_default();
            let answers = found.lists.remove(id).unwrap_or_default();
            let change = change(id, issuer, known, answers, &revoked_by_ocsp(id, plan, &found), now);
            // Lost serials stay marked as unreadable for dispatch until all of them are known again.
            if !before.lost.contains(id) || change.row.lists.iter().all(|list| list.good.is_some()) {
                changes.push(change);
            }
        }
        let most = share(changes.iter().map(|change| change.serials.size()).collect(), ROOM);
        let writes: Vec<_> =
            changes.into_iter().map(|change| self.keep_authority(change, most, now)).collect();
        let authorities: BTreeMap<_, _> =
            stream::iter(writes).buffer_unordered(AT_ONCE).filter_map(async |kept| kept).collect().await;
        let is_kept =
            |id: &String| authorities.contains_key(id) || before.contents.authorities.contains_key(id);
        let writes: Vec<_> = plan
            .leaves
            .iter()
            .map(|(fingerprint, leaf)| {
                let (known, status) = (before.leaves.get(fingerprint), found.statuses.get(fingerprint));
                // A way whose authority was not written is not monitored.
                let ways = leaf.ways.iter().filter(|way| way.authorities.iter().all(is_kept));
                let ways = ways.map(|way| way.row.clone()).collect();
                let row = leaf_row(leaf, ways, known, status, now);
                self.keep_leaf(fingerprint, &leaf.host, row, now)
            })
            .collect();
        let leaves: BTreeMap<_, _> =
            stream::iter(writes).buffer_unordered(AT_ONCE).filter_map(async |kept| kept).collect().await;
        contents(plan, &before.contents, authorities, leaves)
    }

    /// Writes an authority unless its serials exceed its share; returns its id and a hash of the row.
    async fn keep_authority(
        &self,
        change: Change<'_>,
        most: usize,
        now: Timestamp,
    ) -> Option<(String, String)> {
        let Change { id, issuer, mut row, serials, changed } = change;
        if changed && serials.size() > most {
            self.report("crl", &issuer.name, &Finding::TooMuch, now);
            self.count_broken("room", now);
            return None;
        }
        let written = async {
            if changed {
                let before = row.serials.take();
                row.serials = Some(self.store.put_serials(id, &serials, before, now).await?);
            }
            self.store.put_authority(id, &row, now).await
        };
        match written.await {
            Ok(hash) => Some((id.to_owned(), hash)),
            Err(error) => {
                self.report_write("authority", &issuer.name, &error, now);
                None
            }
        }
    }

    /// Writes a leaf; returns its fingerprint and a hash of the row.
    async fn keep_leaf(
        &self,
        fingerprint: &str,
        host: &str,
        row: LeafRow,
        now: Timestamp,
    ) -> Option<(String, String)> {
        match self.store.put_leaf(fingerprint, &row, now).await {
            Ok(hash) => Some((fingerprint.to_owned(), hash)),
            Err(error) => {
                self.report_write("leaf", host, &error, now);
                None
            }
        }
    }

    /// Alarms about receivers without valid revocation data for more than a day, whatever certificates they showed
    /// meanwhile.
    pub(super) fn report_blind(&self, plan: &Plan, before: &Before, now: Timestamp) {
        let mut hosts = BTreeMap::<&str, (Timestamp, bool)>::new();
        for (fingerprint, leaf) in &plan.leaves {
            let is_known = is_known(leaf, before.leaves.get(fingerprint), before, now);
            let host = hosts.entry(&leaf.host).or_insert((leaf.first_seen, false));
            *host = (host.0.min(leaf.first_seen), host.1 || is_known);
        }
        for (host, (since, is_known)) in hosts {
            if !is_known && now.duration_since(since) > A_DAY {
                tracing::error!(
                    code = "revocation_soft_for_a_day",
                    host,
                    %since,
                    "This receiver has had no valid revocation data for more than a day; its authority cannot be reached."
                );
                self.metrics.record(now, ("RevocationSoftForADay", 1.0, Unit::Count), &[("host", host)]);
            }
        }
    }

    fn report_write(&self, what: &'static str, whose: &str, error: &DirectoryTableError, now: Timestamp) {
        tracing::error!(
            code = "revocation_row_not_written",
            what,
            whose,
            error = %ErrorChain(error),
            "A row of revocation data cannot be written; its earlier content stays in use."
        );
        self.metrics.record(now, (BROKEN, 1.0, Unit::Count), &[("what", what), ("whose", whose)]);
    }
}

/// Says whether a valid list or status covers a leaf.
fn is_known(leaf: &Leaf, row: Option<&LeafRow>, before: &Before, now: Timestamp) -> bool {
    let until = |id: &String, source: &String| {
        let (row, _) = before.authorities.get(id)?;
        row.lists.iter().find(|list| list.source == *source)?.good.as_ref().map(|good| good.next_update)
    };
    let listed = leaf.link.issuer.id();
    let source = Source::of(&leaf.link).map(|source| source.id());
    let by_list = source.and_then(|source| until(&listed, &source)).is_some_and(|until| now < until);
    let ocsp = row.and_then(|row| row.ocsp.as_ref());
    by_list || ocsp.is_some_and(|ocsp| Good::of_ocsp(ocsp).is_none_or(|good| now < good.until))
}

/// Merges the answers about an authority into its row.
fn change<'a>(
    id: &'a str,
    issuer: &'a Issuer,
    (known, serials): (AuthorityRow, Serials),
    answers: BTreeMap<String, Answer>,
    by_ocsp: &[u64],
    now: Timestamp,
) -> Change<'a> {
    let known = AuthorityRow { name: issuer.name.clone(), ..known };
    let (row, serials) = merge(&known, serials, &issuer.sources, answers, by_ocsp);
    let digest = sha256_hex(&serials.to_bytes());
    let is_as_it_was =
        |entry: &SerialsEntry| entry.digest == digest && now.duration_since(entry.written_at) < REWRITTEN;
    let changed = !known.serials.as_ref().is_some_and(is_as_it_was);
    Change { id, issuer, row, serials, changed }
}

/// Returns the serials that responders called permanently revoked, for leaves signed by this authority.
fn revoked_by_ocsp(id: &str, plan: &Plan, found: &Found) -> Vec<u64> {
    let revoked = found.statuses.iter().filter(|(_, status)| status.status == OcspStatus::Revoked);
    let leaves = revoked.filter_map(|(fingerprint, _)| plan.leaves.get(fingerprint));
    leaves.filter(|leaf| leaf.link.issuer.id() == id).filter_map(|leaf| leaf.link.serial()).collect()
}

/// Creates a leaf's row. A permanent revocation stays, whatever the responder says later.
fn leaf_row(
    leaf: &Leaf,
    ways: Vec<String>,
    before: Option<&LeafRow>,
    status: Option<&mtls::revocation::OcspEntry>,
    now: Timestamp,
) -> LeafRow {
    let known = before.and_then(|before| before.ocsp.clone());
    let is_final = known.as_ref().is_some_and(|known| known.status == OcspStatus::Revoked);
    let ocsp = if is_final { known } else { status.cloned().or(known) };
    // A leaf that could not be checked for more than a run or two, because of us, counts as new.
    let asked_late = now.duration_since(leaf.first_seen) > RECENT_CHECK;
    let first_seen = match before {
        Some(before) => before.first_seen,
        None if asked_late => now,
        None => leaf.first_seen,
    };
    LeafRow { first_seen, ways, ocsp }
}

/// Creates the index: rows written now, and the earlier rows where a write failed.
fn contents(
    plan: &Plan,
    before: &Contents,
    authorities: BTreeMap<String, String>,
    leaves: BTreeMap<String, String>,
) -> Contents {
    let stay = |known: &BTreeMap<String, String>, in_use: &dyn Fn(&String) -> bool| {
        known.iter().filter(|(id, _)| in_use(id)).map(|(id, hash)| (id.clone(), hash.clone())).collect()
    };
    let mut contents = Contents {
        authorities: stay(&before.authorities, &|id| plan.authorities.contains_key(id)),
        leaves: stay(&before.leaves, &|id| plan.leaves.contains_key(id)),
    };
    contents.authorities.extend(authorities);
    contents.leaves.extend(leaves);
    contents
}
