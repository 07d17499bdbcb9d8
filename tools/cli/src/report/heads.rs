//! Heads of seals outside of the hours that a report reads.

use std::ops::ControlFlow;

use anyhow::Result;
use convention::delivery::Hour;
use evidence::{Digest, SEALS, Seal, Version, hour_of};

use crate::verify;

/// Number of seals that are read at once.
const AT_A_TIME: usize = 8;
/// After the keys of all seals, which begin with digits.
const END: &str = "seals/~";

/// Returns those of these heads that seals before the first hour or after the last one have. Only seals of one chain with
/// these hours count: a seal that was left in place when the others were made anew proves nothing.
pub(super) async fn chained(
    source: &verify::Source,
    (first, last): (Hour, Hour),
    wanted: &[Digest],
    mut tell: impl FnMut(&str),
) -> Result<Vec<Digest>> {
    let mut found = Vec::new();
    let mut note = |seal: &Seal| {
        if wanted.contains(&seal.head) {
            found.push(seal.head);
        }
        if found.len() < wanted.len() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let mut earlier = oldest(source.versions(SEALS, "", &Seal::key(first)).await?);
    earlier.reverse();
    let mut expected = None;
    each(source, &earlier, &mut tell, |seal| {
        if expected.is_some_and(|expected| expected != Some(seal.head)) {
            return ControlFlow::Break(());
        }
        expected = Some(seal.previous);
        note(seal)
    })
    .await?;
    let later = oldest(source.versions(SEALS, &Seal::key(last.plus(-1)), END).await?);
    let mut before: Option<Digest> = None;
    each(source, &later, &mut tell, |seal| {
        if before.is_some_and(|before| seal.previous != Some(before)) {
            return ControlFlow::Break(());
        }
        before = Some(seal.head);
        note(seal)
    })
    .await?;
    Ok(found)
}

/// The oldest version of each seal, which counts.
fn oldest(mut versions: Vec<Version>) -> Vec<Version> {
    versions.retain(|version| !version.is_delete_marker);
    versions.dedup_by(|later, earlier| later.key == earlier.key);
    versions
}

/// Reads seals until one is wrong in itself, or no more are wanted.
async fn each(
    source: &verify::Source,
    versions: &[Version],
    tell: &mut impl FnMut(&str),
    mut take: impl FnMut(&Seal) -> ControlFlow<()>,
) -> Result<()> {
    for group in versions.chunks(AT_A_TIME) {
        for (version, content) in group.iter().zip(source.read_group(group).await?) {
            tell(&format!("looking for heads: {}", version.key));
            let seal = Seal::from_json(&content.unwrap_or_default()).ok();
            let is_right = |seal: &Seal| seal.check().is_ok() && hour_of(&version.key) == Some(seal.hour);
            let Some(seal) = seal.filter(is_right) else { return Ok(()) };
            if take(&seal).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}
