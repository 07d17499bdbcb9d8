//! Writes what a refresh learnt: each authority's row and each leaf's for itself, so that one that cannot be written keeps what it
//! said before and costs no other.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use webhook::aws::DirectoryTableError;
use webhook::revocation::{
    AuthorityRow, CHECKED_WITHIN, Contents, LeafRow, OcspStatus, Serials, SerialsEntry,
};
use webhook::telemetry::{Chain as Causes, Unit};

use super::merge::merge;
use super::plan::{Issuer, Leaf, Plan};
use super::room::{ROOM, share};
use super::task::Finding;
use super::{BROKEN, Before, Found, Refresher};

/// Rows of serials that did not change are written anew after so long, or they would expire.
const REWRITTEN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many rows are written at once.
const AT_ONCE: usize = 8;

/// An authority's row as it is to be written.
struct Change<'a> {
    id: &'a str,
    issuer: &'a Issuer,
    row: AuthorityRow,
    /// The serials, where they have to be written.
    serials: Option<Serials>,
    /// How many bytes they take.
    bytes: usize,
}

impl Refresher {
    /// Writes what was found; returns which rows there are then.
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
            let known = AuthorityRow { name: issuer.name.clone(), ..known };
            let answers = found.lists.remove(id).unwrap_or_default();
            let by_ocsp = revoked_by_ocsp(id, plan, &found);
            match self.change(id, issuer, known, answers, &by_ocsp, now).await {
                Ok(change) => changes.push(change),
                Err(error) => self.report_write("authority", &issuer.name, &error, now),
            }
        }
        let most = share(changes.iter().map(|change| change.bytes).collect(), ROOM);
        let writes: Vec<_> =
            changes.into_iter().map(|change| self.keep_authority(change, most, now)).collect();
        let authorities: Vec<_> = stream::iter(writes).buffer_unordered(AT_ONCE).collect().await;
        let writes: Vec<_> = plan
            .leaves
            .iter()
            .map(|(fingerprint, leaf)| {
                let row =
                    leaf_row(leaf, before.leaves.get(fingerprint), found.statuses.get(fingerprint), now);
                self.keep_leaf(fingerprint, &leaf.host, row, now)
            })
            .collect();
        let leaves: Vec<_> = stream::iter(writes).buffer_unordered(AT_ONCE).collect().await;
        contents(plan, &before.contents, authorities, leaves)
    }

    /// Puts what was fetched of an authority into its row.
    async fn change<'a>(
        &self,
        id: &'a str,
        issuer: &'a Issuer,
        mut known: AuthorityRow,
        answers: BTreeMap<String, super::Answer>,
        by_ocsp: &[u64],
        now: Timestamp,
    ) -> Result<Change<'a>, DirectoryTableError> {
        let brings_serials =
            !by_ocsp.is_empty() || answers.values().any(|answer| matches!(answer, super::Answer::New(..)));
        let has_other_sources = known.lists.iter().map(|list| &list.source).ne(issuer.sources.keys());
        let is_due = |entry: &SerialsEntry| now.duration_since(entry.written_at) >= REWRITTEN;
        let due = known.serials.as_ref().is_some_and(is_due);
        let mut serials = Serials::default();
        // Where they stay as they are they need not be read.
        let reads = brings_serials || has_other_sources || due;
        if reads && let Some(entry) = &known.serials {
            if let Some(read) = self.store.serials(id, entry).await? {
                serials = read;
            } else {
                // Lost: the lists are asked for anew, as what they named is not known any more.
                known.lists.clear();
                known.serials = None;
            }
        }
        if !reads {
            let held = vec![Vec::new(); known.lists.len()];
            serials.held = held;
        }
        let (row, serials) = merge(&known, serials, &issuer.sources, answers, by_ocsp);
        let bytes =
            if reads { serials.size() } else { known.serials.as_ref().map_or(0, |entry| entry.bytes) };
        let changed =
            reads && (due || known.serials.as_ref().is_none_or(|entry| entry.digest != digest(&serials)));
        Ok(Change { id, issuer, row, serials: changed.then_some(serials), bytes })
    }

    /// Writes an authority unless its serials take more than its share; returns its id and a hash of the row.
    async fn keep_authority(
        &self,
        change: Change<'_>,
        most: usize,
        now: Timestamp,
    ) -> Option<(String, String)> {
        let Change { id, issuer, mut row, serials, bytes } = change;
        if serials.is_some() && bytes > most {
            self.report("crl", &issuer.name, &Finding::TooMuch, now);
            return None;
        }
        let written = async {
            if let Some(serials) = serials {
                row.serials = Some(self.store.put_serials(id, &serials, now).await?);
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

    fn report_write(&self, what: &'static str, whose: &str, error: &DirectoryTableError, now: Timestamp) {
        tracing::error!(
            code = "revocation_row_not_written",
            what,
            whose,
            error = %Causes(error),
            "A row of what is known of revocation cannot be written; what it said before stays in use."
        );
        self.metrics.record(now, (BROKEN, 1.0, Unit::Count), &[("what", what), ("whose", whose)]);
    }
}

fn digest(serials: &Serials) -> String {
    webhook::revocation::sha256_hex(&serials.to_bytes())
}

/// Returns the serials that responders called revoked for good, of leaves that this authority signed.
fn revoked_by_ocsp(id: &str, plan: &Plan, found: &Found) -> Vec<u64> {
    let revoked = found.statuses.iter().filter(|(_, status)| status.status == OcspStatus::Revoked);
    let leaves = revoked.filter_map(|(fingerprint, _)| plan.leaves.get(fingerprint));
    leaves.filter(|leaf| leaf.link.issuer.id() == id).filter_map(|leaf| leaf.link.serial()).collect()
}

/// Makes a leaf's row. What a responder called revoked for good stays so, whatever it says later.
fn leaf_row(
    leaf: &Leaf,
    before: Option<&LeafRow>,
    status: Option<&webhook::revocation::OcspEntry>,
    now: Timestamp,
) -> LeafRow {
    let known = before.and_then(|before| before.ocsp.clone());
    let is_final = known.as_ref().is_some_and(|known| known.status == OcspStatus::Revoked);
    let ocsp = if is_final { known } else { status.cloned().or(known) };
    // One that could not be asked about for longer than a run or two, for a fault of ours, is as good as new.
    let asked_late = now.duration_since(leaf.first_seen) > CHECKED_WITHIN;
    let first_seen = match before {
        Some(before) => before.first_seen,
        None if asked_late => now,
        None => leaf.first_seen,
    };
    LeafRow { first_seen, ways: leaf.ways.clone(), ocsp }
}

/// Says which rows there are: those that were written now, and of those that could not be written what was there before.
fn contents(
    plan: &Plan,
    before: &Contents,
    authorities: Vec<Option<(String, String)>>,
    leaves: Vec<Option<(String, String)>>,
) -> Contents {
    let stay = |known: &BTreeMap<String, String>, in_use: &dyn Fn(&String) -> bool| {
        known.iter().filter(|(id, _)| in_use(id)).map(|(id, hash)| (id.clone(), hash.clone())).collect()
    };
    let mut contents = Contents {
        authorities: stay(&before.authorities, &|id| plan.authorities.contains_key(id)),
        leaves: stay(&before.leaves, &|id| plan.leaves.contains_key(id)),
    };
    contents.authorities.extend(authorities.into_iter().flatten());
    contents.leaves.extend(leaves.into_iter().flatten());
    contents
}
