//! Notifications and attempts from the evidence, which is checked as it is read.

use anyhow::Result;
use convention::delivery::Hour;
use evidence::{Digest, SEALS, Seal, hour_of, last_over};
use jiff::Timestamp;
use report::{Basis, Chain, Check, Concern, Counter, Counts, Difference, Month, Selection, Source};

use super::facts::take_record;
use super::heads::chained;
use crate::verify::{self, Finding, OVERDUE, Wrong, verify_with};

/// The result of reading the evidence.
#[derive(Debug)]
pub(super) enum Evidence {
    /// What was counted, and what it rests on.
    Counted(Box<(Counts, Basis)>),
    /// No hour of the month is sealed. What is wrong with that, as seals of other hours say.
    Nothing { wrong: Option<Finding> },
}

/// Reads the evidence of a month.
pub(super) async fn read(
    source: &verify::Source,
    (month, selection): (Month, &Selection),
    heads: &[Digest],
    now: Timestamp,
    mut tell: impl FnMut(&str),
) -> Result<Evidence> {
    let (start, end) = (Hour::of(month.start()), Hour::of(month.end()));
    let (from, to) = (start.plus(-Month::AROUND), end.plus(Month::AROUND).min(Hour::of(now)));
    let asked = verify::Asked { from, to, heads: heads.to_vec(), now };
    let mut counter = Counter::new(month, selection.clone(), true);
    let checked = verify_with(source, &asked, |record| take_record(&mut counter, record), &mut tell).await?;
    // Without a seal within the month, those around it say nothing of it.
    let touches = |checked: &verify::Report| {
        let hours = checked.sealed.as_ref().map(|(first, last)| (hour(first), hour(last)));
        hours.is_none_or(|(first, last)| first < end && last >= start)
    };
    let mut checked = match checked {
        Some(checked) if touches(&checked) => checked,
        other => {
            return Ok(Evidence::Nothing { wrong: wrong(source, other.as_ref(), (start, to), now).await? });
        }
    };
    look_further(source, &mut checked, heads, tell).await?;
    let counts = counter.finish();
    let basis = basis(source, &asked, &checked, &counts, month);
    Ok(Evidence::Counted(Box::new((counts, basis))))
}

/// Says what is wrong if no hour from `start` on, where the month begins, to `to` is sealed.
async fn wrong(
    source: &verify::Source,
    checked: Option<&verify::Report>,
    (start, to): (Hour, Hour),
    now: Timestamp,
) -> Result<Option<Finding>> {
    let missing = Some(Finding::new(Wrong::SealMissing, start, ""));
    // The first seal after the month names one before it.
    if checked.is_some_and(|checked| checked.findings.iter().any(|one| one.code == Wrong::SealMissing)) {
        return Ok(missing);
    }
    let earlier = source.versions(SEALS, "", &Seal::key(start)).await?;
    let Some(last) = earlier.iter().filter_map(|version| hour_of(&version.key)).max() else {
        return Ok(None);
    };
    let later = source.versions(SEALS, &Seal::key(start), &Seal::key(Hour::of(now))).await?;
    if !later.is_empty() {
        return Ok(missing);
    }
    let is_overdue = last_over(now).min(to).since(last) > OVERDUE;
    Ok(is_overdue.then(|| Finding::new(Wrong::SealOverdue, last, "")))
}

/// Withdraws what was said of heads that seals of other hours have, if those are of the same chain.
async fn look_further(
    source: &verify::Source,
    checked: &mut verify::Report,
    heads: &[Digest],
    tell: impl FnMut(&str),
) -> Result<()> {
    let missing: Vec<String> = checked
        .findings
        .iter()
        .filter(|finding| finding.code == Wrong::HeadMissing)
        .map(|finding| finding.subject.clone())
        .collect();
    let wanted: Vec<_> = heads.iter().filter(|head| missing.contains(&head.to_string())).copied().collect();
    let Some((first, last)) = checked.sealed.as_ref().filter(|_| !wanted.is_empty()) else { return Ok(()) };
    let found = chained(source, (hour(first), hour(last)), &wanted, tell).await?;
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    checked.findings.retain(|one| one.code != Wrong::HeadMissing || !found.contains(&one.subject));
    Ok(())
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
        is_complete: hour(first) <= Hour::of(month.start()) && hour(last) >= Hour::of(month.end()).plus(-1),
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
