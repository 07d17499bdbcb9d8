//! Evidence in a folder, and whatever somebody might do to it.

use std::fs;
use std::path::PathBuf;

use convention::delivery::Hour;
use evidence::{Attempt, Hasher, Kind, Record, Seal, Sealed, prefix};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::{any, proptest};
use proptest::{prop_assert, prop_assert_eq};
use tempfile::TempDir;

use super::*;

const HOURS: i64 = 6;

fn hour(at: i64) -> Hour {
    "2026-11-23T00".parse::<Hour>().unwrap().plus(at)
}

/// One thing that happened: which attempt, what of it, and after how many seconds.
fn record(name: u128, attempt: u8, outcome: Option<&str>, at: Timestamp) -> Record {
    let kind = if outcome.is_some() { Kind::AttemptEnded } else { Kind::AttemptBegan };
    let notification_id = format!("{name:032x}");
    Record {
        id: format!("{notification_id}.{attempt}.{}", kind.as_str()),
        kind,
        notification_id,
        sequence: at.as_millisecond().to_string(),
        recorded_at: at,
        notification_status: None,
        reason: None,
        client_id: Some("itp-1".to_owned()),
        authorisation_server: None,
        endpoint: Some("E2".to_owned()),
        resource_id: Some("p-1".to_owned()),
        api_version: Some("v5".to_owned()),
        event_instant: None,
        accepted_at: Some(hour(0).start() + SignedDuration::from_mins(20)),
        replay_of: None,
        expires_at: Some(hour(24 * 180).start()),
        attempt: Some(Attempt {
            number: attempt,
            interaction_id: format!("interaction-{name}-{attempt}"),
            host: "itp.example".to_owned(),
            url_api_version: None,
            started_at: at,
            ended_at: outcome.map(|_| at),
            outcome: outcome.map(str::to_owned),
            status: None,
            address: None,
            tls: None,
        }),
    }
}

/// The records of a notification: these outcomes, one a minute.
fn story(name: u128, outcomes: &[&str], from: Timestamp) -> Vec<Record> {
    let at = |attempt: u8, seconds| from + SignedDuration::from_secs(i64::from(attempt) * 60 + seconds);
    (1..)
        .zip(outcomes)
        .flat_map(|(attempt, outcome)| {
            [
                record(name, attempt, None, at(attempt, 0)),
                record(name, attempt, Some(outcome), at(attempt, 1)),
            ]
        })
        .collect()
}

/// A copy of a bucket: some objects an hour, each hour sealed.
struct Copy {
    folder: TempDir,
    seals: Vec<Seal>,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut copy = Self { folder, seals: vec![] };
        for at in 0..HOURS {
            let of_hour = (0..3).map(|object| {
                let start = hour(at).start() + SignedDuration::from_mins(21);
                let name = u128::try_from(at * 10 + object + 1).unwrap();
                let records = story(name, &["timeout", "delivered"], start);
                (format!("{}stream-1-{object}", prefix(hour(at))), text(&records))
            });
            let objects = of_hour.map(|(key, content)| copy.put(&key, content.as_bytes())).collect();
            copy.seal(hour(at), objects, vec![]);
        }
        copy
    }

    fn put(&self, key: &str, content: &[u8]) -> Sealed {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        let mut hasher = Hasher::default();
        hasher.update(content);
        let (size, sha256) = hasher.finish();
        Sealed { key: key.to_owned(), version_id: "v-1".to_owned(), size, sha256 }
    }

    fn seal(&mut self, hour: Hour, objects: Vec<Sealed>, late: Vec<Sealed>) {
        let previous = self.seals.last().map(|seal| seal.head);
        let sealed_at = hour.plus(1).start() + SignedDuration::from_mins(25);
        let seal = Seal::new(hour, sealed_at, previous, (objects, late));
        self.put(&Seal::key(hour), &seal.to_json());
        self.seals.push(seal);
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }

    fn objects(&self) -> Vec<&Sealed> {
        self.seals.iter().flat_map(Seal::objects).collect()
    }

    fn asked() -> Asked {
        let now = hour(HOURS).start() + SignedDuration::from_hours(200);
        Asked { from: hour(0), to: hour(HOURS - 1), heads: vec![], now }
    }

    fn check(&self, asked: &Asked) -> Report {
        let source = Source::Folder(self.folder.path().to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(verify(&source, asked, |_| ())).unwrap()
    }

    /// What is wrong, and with what.
    fn found(&self) -> Vec<(Wrong, String)> {
        let findings = self.check(&Self::asked()).findings;
        findings.into_iter().map(|finding| (finding.code, finding.subject)).collect()
    }
}

fn text(records: &[Record]) -> String {
    records.iter().fold(String::new(), |text, record| text + &record.to_line() + "\n")
}

#[test]
fn evidence_that_nobody_touched_is_proven() {
    let copy = Copy::new();
    let report = copy.check(&Copy::asked());
    assert_eq!(report.findings, []);
    assert_eq!((report.seals, report.objects, report.records, report.notifications), (6, 18, 72, 18));
    assert_eq!(report.heads, [("2026-11-23".to_owned(), copy.seals[5].head)]);
    // A part of it, too; and a head that was noted.
    let part = Asked { from: hour(2), to: hour(3), heads: vec![copy.seals[3].head], ..Copy::asked() };
    assert_eq!(copy.check(&part).findings, []);
    let other = Asked { heads: vec![copy.objects()[0].sha256], ..Copy::asked() };
    assert_eq!(copy.check(&other).findings[0].code, Wrong::HeadMissing);
}

#[test]
fn an_object_that_came_late_is_in_a_later_seal_and_none_is_added_for_it() {
    let mut copy = Copy::new();
    let key = format!("{}late", prefix(hour(1)));
    let late = copy.put(&key, text(&story(99, &["delivered"], hour(1).start())).as_bytes());
    assert_eq!(copy.found(), [(Wrong::ObjectAdded, key.clone())]);
    copy.seal(hour(HOURS), vec![], vec![late]);
    assert_eq!(copy.found(), []);
}

#[test]
fn where_nothing_is_sealed_nothing_is_proven() {
    let copy = Copy::new();
    fs::remove_dir_all(copy.path("seals")).unwrap();
    let source = Source::Folder(copy.folder.path().to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(verify(&source, &Copy::asked(), |_| ())).is_err());
}

#[test]
fn a_chain_that_was_computed_anew_after_a_removal_is_found_by_a_head_that_was_noted() {
    let copy = Copy::new();
    let noted = copy.seals[5].head;
    let mut forged = Copy { folder: tempfile::tempdir().unwrap(), seals: vec![] };
    for seal in &copy.seals {
        let objects = seal.entries.iter().skip(usize::from(seal.hour == hour(2)));
        let objects: Vec<_> = objects.map(|entry| entry.object.clone()).collect();
        for object in &objects {
            forged.put(&object.key, &fs::read(copy.path(&object.key)).unwrap());
        }
        forged.seal(seal.hour, objects, vec![]);
    }
    assert_eq!(forged.found(), []);
    let asked = Asked { heads: vec![noted], ..Copy::asked() };
    assert_eq!(forged.check(&asked).findings[0].code, Wrong::HeadMissing);
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(40))]

    #[test]
    fn an_object_of_which_any_bit_differs_is_named(which in any::<usize>(), at in any::<usize>(), bit in 0_u8..8) {
        let copy = Copy::new();
        let key = copy.objects()[which % 18].key.clone();
        let mut content = fs::read(copy.path(&key)).unwrap();
        let at = at % content.len();
        content[at] ^= 1 << bit;
        fs::write(copy.path(&key), content).unwrap();
        prop_assert!(copy.found().contains(&(Wrong::ObjectChanged, key)));
    }

    #[test]
    fn an_object_that_is_removed_or_exchanged_for_another_is_named(which in 0_usize..17) {
        let copy = Copy::new();
        let [one, other] = [which, which + 1].map(|at| copy.objects()[at].key.clone());
        fs::rename(copy.path(&one), copy.path("held")).unwrap();
        prop_assert_eq!(copy.found(), [(Wrong::ObjectRemoved, one.clone())]);
        fs::rename(copy.path(&other), copy.path(&one)).unwrap();
        fs::rename(copy.path("held"), copy.path(&other)).unwrap();
        let found = copy.found();
        prop_assert!(found.contains(&(Wrong::ObjectChanged, one)), "{:?}", found);
        prop_assert!(found.contains(&(Wrong::ObjectChanged, other)), "{:?}", found);
    }

    #[test]
    fn a_seal_of_which_any_bit_differs_or_that_is_removed_is_noticed(
        which in 0_i64..HOURS, at in any::<usize>(), bit in 0_u8..8,
    ) {
        let copy = Copy::new();
        let path = copy.path(&Seal::key(hour(which)));
        let good = fs::read(&path).unwrap();
        let mut json = good.clone();
        let at = at % json.len();
        json[at] ^= 1 << bit;
        // White space says nothing.
        let same = Seal::from_json(&json).is_ok_and(|read| read == copy.seals[usize::try_from(which).unwrap()]);
        fs::write(&path, json).unwrap();
        prop_assert_eq!(copy.found().is_empty(), same);
        if which < HOURS - 1 {
            fs::remove_file(&path).unwrap();
            prop_assert!(copy.found().contains(&(Wrong::SealMissing, hour(which).to_string())));
        }
    }
}

/// What is wrong with records that nobody sealed.
fn wrongs(records: &[Record]) -> Vec<Wrong> {
    let mut structure = Structure::new(hour(0).start(), false);
    for record in records {
        structure.take(record).unwrap();
    }
    let findings = structure.finish(hour(100).start()).findings;
    findings.into_iter().map(|finding| finding.code).collect()
}

fn three() -> Vec<Record> {
    story(7, &["timeout", "server_error", "delivered"], hour(0).start() + SignedDuration::from_mins(20))
}

#[test]
fn whichever_record_but_the_last_is_removed_is_missed_though_nobody_sealed_it() {
    assert_eq!(wrongs(&three()), []);
    for at in 0..5 {
        let mut records = three();
        let removed = records.remove(at);
        assert!(wrongs(&records).contains(&Wrong::RecordMissing), "{}", removed.id);
    }
    let mut open = three();
    open.truncate(5);
    assert_eq!(wrongs(&open), [Wrong::AttemptNeverEnded]);
}

#[test]
fn copies_are_counted_and_are_no_fault_in_whatever_order_they_come() {
    let mut records = three();
    records.extend(three().into_iter().rev());
    assert_eq!(wrongs(&records), []);
    let mut structure = Structure::new(hour(0).start(), false);
    for record in &records {
        structure.take(record).unwrap();
    }
    let judged = structure.finish(hour(100).start());
    assert_eq!((judged.records, judged.copies, judged.notifications), (12, 6, 1));
}

#[test]
fn what_the_ledger_does_not_allow_is_found() {
    let start = hour(0).start() + SignedDuration::from_mins(20);
    let after_delivery = story(7, &["delivered", "delivered"], start);
    assert_eq!(wrongs(&after_delivery), [Wrong::AttemptAfterDelivery]);
    let four = story(7, &["timeout", "timeout", "timeout", "timeout"], start);
    assert!(wrongs(&four).contains(&Wrong::TooManyAttempts));
    let mut twice = three();
    let mut second = twice[0].clone();
    second.sequence += "0";
    second.attempt.as_mut().unwrap().interaction_id += "-other";
    twice.push(second);
    assert!(wrongs(&twice).contains(&Wrong::TooManyAttempts));
    let mut rewritten = three();
    let mut better = rewritten[1].clone();
    better.sequence += "0";
    better.attempt.as_mut().unwrap().outcome = Some("delivered".to_owned());
    rewritten.push(better);
    assert!(wrongs(&rewritten).contains(&Wrong::RecordRewritten));
    let mut contradicted = three();
    let mut other = contradicted[1].clone();
    other.attempt.as_mut().unwrap().status = Some(200);
    contradicted.push(other);
    assert_eq!(wrongs(&contradicted), [Wrong::RecordContradicted]);
    let mut removed = three();
    let row = Record {
        kind: Kind::RowRemoved,
        sequence: "9999999999999".to_owned(),
        attempt: None,
        ..three().remove(0)
    };
    removed.push(row);
    assert_eq!(wrongs(&removed), [Wrong::LedgerTampered]);
}

/// A record of the row alone, after all others.
fn of_row(kind: Kind, at: Timestamp) -> Record {
    let like = three().remove(5);
    Record { kind, sequence: at.as_millisecond().to_string(), recorded_at: at, attempt: None, ..like }
}

#[test]
fn a_row_that_expires_when_it_may_is_no_fault_and_one_that_expires_sooner_is() {
    let expired = |at: Timestamp, expires_at: Timestamp| {
        let mut records = three();
        records.push(Record { expires_at: Some(expires_at), ..of_row(Kind::RowExpired, at) });
        wrongs(&records)
    };
    let (soon, may) = (hour(80).start(), hour(24 * 180).start());
    assert_eq!(expired(may, may), []);
    // Somebody made it say that it may go, and it went.
    assert_eq!(expired(soon, soon), [Wrong::LedgerTampered]);
    // Without the records before it, the row's own word remains.
    let alone = Record { accepted_at: Some(hour(-5).start()), ..of_row(Kind::RowExpired, soon) };
    assert_eq!(wrongs(&[alone]), [Wrong::LedgerTampered]);
}

#[test]
fn an_expiry_is_shortened_by_hand_or_by_an_attempt_under_a_shorter_retention() {
    let shorter = Some(hour(24 * 30).start());
    let shortened = |at| Record { expires_at: shorter, ..of_row(Kind::ExpiryShortened, at) };
    let mut records = three();
    records.push(shortened(hour(1).start()));
    assert_eq!(wrongs(&records), [Wrong::LedgerTampered]);
    let mut records = three();
    for record in &mut records[2..] {
        record.expires_at = shorter;
    }
    records.push(shortened(records[2].recorded_at));
    records.push(Record { expires_at: shorter, ..of_row(Kind::RowExpired, hour(24 * 30).start()) });
    assert_eq!(wrongs(&records), []);
}

#[test]
fn a_row_that_was_rewritten_is_found() {
    let mut records = three();
    records.push(of_row(Kind::RowRewritten, hour(1).start()));
    assert_eq!(wrongs(&records), [Wrong::LedgerTampered]);
}

#[test]
fn an_attempt_that_was_rolled_back_may_begin_again_under_another_name_and_must_before_the_next() {
    let start = hour(0).start() + SignedDuration::from_mins(20);
    for attempt in 1..=3_u8 {
        let mut outcomes = vec!["timeout"; usize::from(attempt)];
        outcomes[usize::from(attempt) - 1] = "signing_unavailable";
        let mut records = story(7, &outcomes, start);
        assert_eq!(wrongs(&records), []);
        let again = start + SignedDuration::from_mins(30);
        for (outcome, seconds) in [(None, 0), (Some("delivered"), 1)] {
            let mut record = record(7, attempt, outcome, again + SignedDuration::from_secs(seconds));
            record.attempt.as_mut().unwrap().interaction_id += "-again";
            records.push(record);
        }
        assert_eq!(wrongs(&records), [], "attempt {attempt}");
    }
    let skipped = story(7, &["signing_unavailable", "delivered"], start);
    assert_eq!(wrongs(&skipped), [Wrong::RecordMissing]);
    // Under the same name it is no other attempt.
    let mut same = story(7, &["signing_unavailable"], start);
    same.extend(story(7, &["delivered"], start + SignedDuration::from_mins(30)));
    assert!(wrongs(&same).contains(&Wrong::RecordRewritten));
}

#[test]
fn an_interrupted_attempt_may_turn_out_to_have_been_delivered() {
    let start = hour(0).start() + SignedDuration::from_mins(20);
    let mut records = story(7, &["interrupted"], start);
    let mut known_better = records[1].clone();
    known_better.sequence += "0";
    known_better.attempt.as_mut().unwrap().outcome = Some("delivered".to_owned());
    records.push(known_better);
    assert_eq!(wrongs(&records), []);
}

#[test]
fn of_a_notification_that_was_accepted_before_the_range_earlier_records_may_be_absent() {
    let late = three().split_off(3);
    let early = |record: Record| Record { accepted_at: Some(hour(-5).start()), ..record };
    assert_eq!(wrongs(&late.into_iter().map(early).collect::<Vec<_>>()), []);
}
