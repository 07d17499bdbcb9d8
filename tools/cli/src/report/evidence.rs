//! Notifications and attempts from the evidence, which is checked as it is read.

use anyhow::Result;
use convention::delivery::Hour;
use evidence::{Digest, SEALS, Seal};
use jiff::Timestamp;
use report::{Basis, Chain, Check, Concern, Counter, Counts, Difference, Month, Selection, Source};

use super::facts::take_record;
use crate::verify::{self, Finding, Wrong, verify_with};

/// How long before the month attempts of its notifications may have begun, and how long after it they may end: faults of ours
/// requeue a message for 36 hours at most (`docs/operations.md`).
const AROUND: i64 = 48;

/// The result of reading the evidence.
#[derive(Debug)]
pub(super) enum Evidence {
    /// What was counted, and what it rests on.
    Counted(Box<(Counts, Basis)>),
    /// No hour of the month is sealed. Whether there is a seal of an earlier hour, so that those of the month are missing.
    Nothing { is_missing: bool },
}

/// Reads the evidence of a month.
pub(super) async fn read(
    source: &verify::Source,
    (month, selection): (Month, &Selection),
    heads: &[Digest],
    now: Timestamp,
    tell: impl FnMut(&str),
) -> Result<Evidence> {
    let (start, end) = (Hour::of(month.start()), Hour::of(month.end()));
    let (from, to) = (start.plus(-AROUND), end.plus(AROUND).min(Hour::of(now)));
    let asked = verify::Asked { from, to, heads: heads.to_vec(), now };
    let mut counter = Counter::new(month, selection.clone(), true);
    let checked = verify_with(source, &asked, |record| take_record(&mut counter, record), tell).await?;
    // Without a seal within the month, those around it say nothing of it.
    let touches = |checked: &verify::Report| {
        let hours = checked.sealed.as_ref().map(|(first, last)| (hour(first), hour(last)));
        hours.is_none_or(|(first, last)| first < end && last >= start)
    };
    let Some(checked) = checked.filter(touches) else {
        let earlier = source.versions(SEALS, "", &Seal::key(start)).await?;
        return Ok(Evidence::Nothing { is_missing: !earlier.is_empty() });
    };
    let counts = counter.finish();
    let basis = basis(source, &asked, &checked, &counts, month);
    Ok(Evidence::Counted(Box::new((counts, basis))))
}

fn basis(
    source: &verify::Source,
    asked: &verify::Asked,
    checked: &verify::Report,
    counts: &Counts,
    month: Month,
) -> Basis {
    let is_all = counts.is_of_all();
    let differences: Vec<_> =
        checked.findings.iter().filter_map(|finding| difference(finding, counts)).collect();
    let chain = checked.sealed.as_ref().zip(checked.heads.last()).map(|((first, last), (_, head))| Chain {
        first_hour: first.clone(),
        last_hour: last.clone(),
        hours: checked.seals,
        head: head.to_string(),
        is_complete: hour(last) >= Hour::of(month.end()).plus(-1),
        unsealed_objects: is_all.then_some(checked.unsealed),
        objects: is_all.then_some(checked.objects),
        records: is_all.then_some(checked.records),
        expected_heads: asked.heads.iter().map(ToString::to_string).collect(),
    });
    let first = checked.sealed.as_ref().map(|(first, _)| hour(first).start());
    Basis {
        source: Source::Evidence,
        check: if differences.is_empty() { Check::Agrees } else { Check::Differs },
        is_copy: !source.has_versions(),
        known_from: first.filter(|first| *first > month.start()),
        read_until: asked.to.plus(1).start().min(asked.now),
        chain,
        // With evidence every request is in the ledger: the template demands it.
        lean: Some(false),
        unattributed_records: counts.unattributed,
        unreadable_rows: 0,
        differences,
    }
}

/// Tells a finding, unless it is of a notification of others.
fn difference(finding: &Finding, counts: &Counts) -> Option<Difference> {
    let Finding { code, subject, .. } = finding;
    let concern = if code.is_of_notification() { counts.concern(subject) } else { Concern::Own };
    let subject = match concern {
        Concern::Own => subject.clone(),
        Concern::Unknown => String::new(),
        Concern::Others => return None,
    };
    Some(told(*code, subject))
}

/// Tells what is wrong with what.
pub(super) fn told(code: Wrong, subject: String) -> Difference {
    let name = serde_json::to_value(code).ok();
    Difference {
        code: name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned(),
        subject,
        en: code.sentence().to_owned(),
        pt_br: code.sentence_pt_br().to_owned(),
    }
}

/// Reads an hour that a report of the verifier names.
fn hour(text: &str) -> Hour {
    text.parse().unwrap_or_else(|_| Hour::of(Timestamp::UNIX_EPOCH))
}
