//! The certificates that receivers showed, from the paths that dispatch and directory recorded for revocation checks.

use std::collections::BTreeMap;

use account::ChosenStack;
use anyhow::Result;
use jiff::Timestamp;
use mtls::revocation::{Authority, AuthorityRow, LeafRow, Noted, OcspStatus, RevocationStore};
use pages::receiver::Certificate;
use platform::aws::{DirectoryTable, dynamodb};

pub(super) async fn read(stack: &ChosenStack) -> Result<BTreeMap<String, Certificate>> {
    let table = stack.output("DirectoryTableName")?.to_owned();
    let store = RevocationStore::new(DirectoryTable::new(dynamodb(&stack.sdk), table));
    let (paths, _) = store.paths().await?;
    let Some((contents, _)) = store.contents().await? else { return Ok(newest(&paths, &[], &[])) };
    let ids = |of: BTreeMap<String, String>| of.into_keys().collect::<Vec<_>>();
    let (authorities, leaves) = (ids(contents.authorities), ids(contents.leaves));
    let (authorities, leaves) = tokio::try_join!(store.authorities(&authorities), store.leaves(&leaves))?;
    Ok(newest(&paths, &authorities.read, &leaves.read))
}

type Row<T> = (String, String, T);

/// The certificate that each host showed at last.
fn newest(
    paths: &[Noted],
    authorities: &[Row<AuthorityRow>],
    leaves: &[Row<LeafRow>],
) -> BTreeMap<String, Certificate> {
    let mut of_host = BTreeMap::<String, (Timestamp, Certificate)>::new();
    for noted in paths {
        let shown = certificate(noted, authorities, leaves);
        let newest = of_host.entry(noted.host.clone()).or_insert_with(|| (noted.first_seen, shown.clone()));
        if noted.first_seen >= newest.0 {
            *newest = (noted.first_seen, shown);
        }
    }
    of_host.into_iter().map(|(host, (_, certificate))| (host, certificate)).collect()
}

fn certificate(noted: &Noted, authorities: &[Row<AuthorityRow>], leaves: &[Row<LeafRow>]) -> Certificate {
    let fingerprint = noted.path.fingerprint();
    let ocsp = leaves.iter().find(|(id, ..)| *id == fingerprint).and_then(|(_, _, row)| row.ocsp.as_ref());
    let issuer = noted.path.links().first().map(|link| Authority::id(&link.issuer));
    let of_issuer = authorities.iter().filter(|(id, ..)| Some(id) == issuer.as_ref());
    let lists = of_issuer
        .flat_map(|(_, _, row)| row.lists.iter().filter_map(|list| Some(list.good.as_ref()?.fetched_at)));
    Certificate {
        valid_until: noted.path.valid_until(),
        checked_at: lists.chain(ocsp.map(|ocsp| ocsp.fetched_at)).max(),
        is_revoked: ocsp.is_some_and(|ocsp| ocsp.status != OcspStatus::Good),
    }
}
