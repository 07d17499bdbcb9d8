//! The certificates that receivers showed, from the paths that dispatch and directory recorded for revocation checks.

use std::collections::BTreeMap;

use account::ChosenStack;
use anyhow::Result;
use jiff::Timestamp;
use mtls::revocation::{AuthorityRow, LeafRow, Noted, OcspStatus, RevocationStore, Serials};
use pages::model::Certificate;
use platform::aws::{DirectoryTable, dynamodb};

/// What is known of revocation.
#[derive(Debug, Default)]
struct Known {
    authorities: BTreeMap<String, (AuthorityRow, Option<Serials>)>,
    leaves: BTreeMap<String, LeafRow>,
}

pub(super) async fn read(stack: &ChosenStack, now: Timestamp) -> Result<BTreeMap<String, Certificate>> {
    let table = stack.output("DirectoryTableName")?.to_owned();
    let store = RevocationStore::new(DirectoryTable::new(dynamodb(&stack.sdk), table));
    let (paths, _) = store.paths().await?;
    let known = known(&store).await?;
    Ok(newest(&paths, &known, now))
}

async fn known(store: &RevocationStore) -> Result<Known> {
    let Some((contents, _)) = store.contents().await? else { return Ok(Known::default()) };
    let ids = |of: BTreeMap<String, String>| of.into_keys().collect::<Vec<_>>();
    let (authorities, leaves) = (ids(contents.authorities), ids(contents.leaves));
    let (authorities, leaves) = tokio::try_join!(store.authorities(&authorities), store.leaves(&leaves))?;
    let leaves = leaves.read.into_iter().map(|(id, _, row)| (id, row)).collect();
    let mut known = Known { authorities: BTreeMap::new(), leaves };
    for (id, _, row) in authorities.read {
        let serials = match &row.serials {
            Some(entry) => store.serials(&id, entry).await?,
            None => None,
        };
        known.authorities.insert(id, (row, serials));
    }
    Ok(known)
}

/// The certificate that each host showed at last.
fn newest(paths: &[Noted], known: &Known, now: Timestamp) -> BTreeMap<String, Certificate> {
    let mut paths: Vec<_> = paths.iter().collect();
    paths.sort_by_key(|noted| noted.first_seen);
    paths.into_iter().map(|noted| (noted.host.clone(), certificate(noted, known, now))).collect()
}

fn certificate(noted: &Noted, known: &Known, now: Timestamp) -> Certificate {
    let ocsp = known.leaves.get(&noted.path.fingerprint()).and_then(|row| row.ocsp.as_ref());
    let leaf = noted.path.links().into_iter().next();
    let issuer = leaf.as_ref().and_then(|leaf| known.authorities.get(&leaf.issuer.id()));
    let lists =
        issuer.into_iter().flat_map(|(row, _)| row.lists.iter().filter_map(|list| list.good.as_ref()));
    let valid = lists.filter(|good| good.next_update > now).map(|good| good.fetched_at);
    let current = ocsp.filter(|ocsp| ocsp.next_update.is_some_and(|next| next > now));
    let serials = issuer.and_then(|(_, serials)| serials.as_ref());
    let is_listed = serials
        .zip(leaf.and_then(|leaf| leaf.serial()))
        .is_some_and(|(serials, serial)| serials.contains(serial));
    Certificate {
        valid_until: noted.path.valid_until(),
        checked_at: valid.chain(current.map(|ocsp| ocsp.fetched_at)).max(),
        is_revoked: is_listed || ocsp.is_some_and(|ocsp| ocsp.status != OcspStatus::Good),
    }
}
