//! The month's report, of a history that dispatch made and the evidence function recorded: its figures are the known truth, what
//! was tampered with is found, and one initiator sees nothing of others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use arauto::attempts::LogGroups;
use arauto::report::{Asked, Ledger, Logs, OfStack, Places, gather};
use arauto::verify;
use convention::address::AddressPolicy;
use convention::delivery::{AttemptMessage, Hour, LedgerWrites};
use convention::directory::Registration;
use convention::notification::WebhookVersion;
use devkit::local::AUTHORISATION_SERVER_ID;
use devkit::receiver::MockReceiver;
use dispatch::Dispatch;
use evidence::{Archive, Digest, Kind, Record, SETTLES, Seal, prefix, records};
use jiff::{SignedDuration, Timestamp};
use platform::aws::{Change, DirectoryTable, Receivers, cloudwatch_logs, dynamodb};
use report::{
    Check, End, InitiatorKey, Language, Month, Report, Selection, Share, Source, Webhook, csv, html, text,
};
use serde_json::{Value, json};
use tests::aws::{Aws, DIRECTORY, DISPATCH_LOG, Functions, LEDGER, NOTIFICATIONS, PKI, RECEIVERS, requeued};
use tests::bucket::Bucket;
use tests::contract::file;
use tests::log::listen;

const SUSPENDED: &str = "A client is suspended: the Directory does not list it as active.";
const RESUMED: &str = "A client is notified again: the Directory lists it as active.";

struct Fixture {
    functions: Functions,
    dispatch: Arc<Dispatch>,
    mocks: Vec<MockReceiver>,
    bucket: Bucket,
    recorded: usize,
    start: Timestamp,
}

impl Fixture {
    /// Begins so long after the machine's time.
    async fn of(functions: Functions, after: SignedDuration) -> Self {
        functions.test_clock.advance(after);
        functions.put_identity(&PKI.sender);
        let dispatch = functions.dispatch(&functions.test_clock);
        dispatch.identities.prepare().await.unwrap();
        functions.aws.stream(LEDGER, functions.test_clock.now());
        let start = functions.test_clock.now();
        Self { functions, dispatch, mocks: Vec::new(), bucket: Bucket::default(), recorded: 0, start }
    }

    /// Far enough from midnight in Brasília that a history of some minutes is of one month.
    async fn within_a_month() -> Self {
        let now = Functions::default().test_clock.now();
        let is_near = Month::of(now).end().duration_since(now) < SignedDuration::from_hours(1);
        Self::of(Functions::default(), SignedDuration::from_hours(if is_near { 2 } else { 0 })).await
    }

    async fn receiver(&mut self, client: &str, answers: &str) {
        self.mocks.push(self.functions.receiver(client, answers).await);
    }

    /// Attempts these, and lets every message that follows have its attempt; the lines are in the log.
    async fn attempt(&self, messages: &[AttemptMessage]) {
        let (written, listening) = listen();
        let mut bodies: Vec<_> = messages.iter().map(AttemptMessage::to_json).collect();
        while !bodies.is_empty() {
            assert_eq!(requeued(&self.dispatch, &bodies).await, [0_usize; 0]);
            for line in written.take() {
                self.functions.aws.log(self.functions.test_clock.now(), &line);
            }
            let next = self.functions.aws.take_messages(NOTIFICATIONS);
            let longest = next.iter().map(|message| message.delay_s).max().unwrap_or_default();
            self.pass(longest.try_into().unwrap());
            bodies = next.into_iter().map(|message| message.body).collect();
        }
        drop(listening);
        for line in self.functions.metrics.lines() {
            self.functions.aws.log(self.functions.test_clock.now(), &line.to_string());
        }
    }

    fn payment(&self, client: &str, resource: &str) -> AttemptMessage {
        self.functions.payment(client, resource)
    }

    fn pass(&self, seconds: i64) {
        self.functions.test_clock.advance(SignedDuration::from_secs(seconds));
    }

    fn now(&self) -> Timestamp {
        self.functions.test_clock.now()
    }

    /// Records what was written to the ledger since, as the evidence function does and Firehose stores it.
    fn record(&mut self) {
        let now = self.now();
        let changes = self.functions.aws.stream(LEDGER, now);
        let lines = changes.iter().skip(self.recorded).flat_map(|change| records(&Change::read(change)));
        let lines: String = lines.map(|record| record.to_line() + "\n").collect();
        if !lines.is_empty() {
            let key = format!("{}stream-{}", prefix(Hour::of(now)), self.recorded);
            self.bucket.put(&key, lines.as_bytes());
        }
        self.recorded = changes.len();
    }

    /// Seals what was recorded, and returns the head.
    async fn seal(&self) -> Digest {
        let later = self.now() + SignedDuration::from_hours(2);
        self.bucket.evidence(later).sealer.run().await.unwrap().head.unwrap()
    }

    fn places(&self, bucket: Option<&Bucket>) -> Places {
        let sdk = self.functions.aws.sdk_config();
        let source = |bucket: &Bucket| {
            let sdk = Aws::sdk_config_over(bucket.clone());
            verify::Source::Bucket(Archive::of(&sdk, "bucket".to_owned()))
        };
        let clock = self.functions.test_clock.clock();
        Places {
            stack: Some("arauto-test (sa-east-1)".to_owned()),
            evidence: bucket.map(source),
            of_stack: Some(OfStack {
                ledger: Ledger {
                    client: dynamodb(&sdk),
                    table: LEDGER.to_owned(),
                    kept_from: None,
                    lean: Some(false),
                },
                receivers: Receivers::new(
                    dynamodb(&sdk),
                    RECEIVERS.to_owned(),
                    AddressPolicy::PublicAndLoopback,
                    clock,
                ),
                directory: DirectoryTable::new(dynamodb(&sdk), DIRECTORY.to_owned()),
                logs: Logs {
                    dispatch: LogGroups::new(cloudwatch_logs(&sdk), vec![DISPATCH_LOG.to_owned()]),
                    directory: Some(LogGroups::new(cloudwatch_logs(&sdk), vec![DISPATCH_LOG.to_owned()])),
                    kept_from: Some(Timestamp::UNIX_EPOCH),
                },
                servers: AUTHORISATION_SERVER_ID.parse().ok(),
            }),
        }
    }

    fn asked(&self, selection: Selection) -> Asked {
        let now = self.now() + SignedDuration::from_mins(150);
        Asked { month: Month::of(self.start), selection, heads: vec![], now }
    }

    async fn report(&self, bucket: Option<&Bucket>) -> Report {
        gather(&self.places(bucket), &self.asked(Selection::All), |_| ()).await.unwrap()
    }

    /// A history: delivered at once twice, delivered at the second attempt, undelivered and replayed, and without a receiver.
    async fn history(&mut self) {
        self.receiver("itp-1", "202").await;
        self.receiver("itp-2", "503,202").await;
        self.receiver("itp-3", "503,503,503,202").await;
        let lost = self.payment("itp-3", "payment-5");
        let messages = [
            self.payment("itp-1", "payment-1"),
            self.payment("itp-1", "payment-2"),
            self.payment("itp-2", "payment-3"),
            self.payment("itp-9", "payment-4"),
            lost.clone(),
        ];
        self.attempt(&messages).await;
        self.record();
        self.attempt(&[lost.replay()]).await;
        self.record();
    }
}

fn key(client: &str) -> InitiatorKey {
    InitiatorKey::new(None, client)
}

fn of<'a>(report: &'a Report, client: &str) -> &'a report::Initiator {
    report.initiators.iter().find(|one| one.key == key(client)).unwrap()
}

/// What the history says of itself.
fn assert_truth(report: &Report) {
    let all = &report.all;
    assert_eq!(
        (all.notifications, all.delivered, all.undelivered, all.cancelled, all.open()),
        (6, 4, 1, 1, 0),
        "{all:?}"
    );
    assert_eq!((all.replays, all.replays_delivered, all.replayed, all.recovered), (1, 1, 1, 1));
    assert_eq!((all.attempts, all.accepted(), all.failed(), all.without_outcome()), (8, 4, 4, 0));
    assert_eq!(all.outcomes, [("delivered".to_owned(), 4), ("server_error".to_owned(), 4)].into());
    assert_eq!(all.reasons, [("no_receiver".to_owned(), 1)].into());
    // The four that are no replay and had an attempt.
    assert_eq!(all.in_time_share(), Share { part: 4, whole: 4 });
    let figures = |client: &str| {
        let figures = &of(report, client).figures;
        (figures.notifications, figures.delivered, figures.undelivered, figures.attempts, figures.failed())
    };
    assert_eq!(figures("itp-1"), (2, 2, 0, 2, 0));
    assert_eq!(figures("itp-2"), (1, 1, 0, 2, 1));
    assert_eq!(figures("itp-3"), (2, 1, 1, 4, 3));
    assert_eq!(figures("itp-9"), (1, 0, 0, 0, 0));
}

#[tokio::test]
async fn the_report_tells_the_truth_of_a_history_from_the_evidence_and_from_the_ledger() {
    let mut fixture = Fixture::within_a_month().await;
    fixture.history().await;
    let head = fixture.seal().await;
    let report = fixture.report(Some(&fixture.bucket)).await;
    assert_eq!((report.basis.source, report.basis.check), (Source::Evidence, Check::Agrees));
    assert_truth(&report);
    let chain = report.basis.chain.as_ref().unwrap();
    assert_eq!(chain.head, head.to_string());
    assert_eq!(chain.unsealed_objects, Some(0));
    assert_eq!(report.all.all_rolled_back(), Some(0));

    let report = fixture.report(None).await;
    assert_eq!((report.basis.source, report.basis.check), (Source::Ledger, Check::Unsealed));
    assert_truth(&report);
    // The ledger does not keep what was rolled back.
    assert_eq!(report.all.all_rolled_back(), None);
    assert!(text(&report, Language::PtBr).contains("Nada sela estes números."));

    // No personal data: neither the resources nor what is derived from them.
    for document in [html(&report, Language::En), csv(&report), serde_json::to_string(&report).unwrap()] {
        assert!(!document.contains("payment-"), "{document}");
    }
}

#[tokio::test]
async fn a_record_that_was_tampered_with_is_found_and_said() {
    let mut fixture = Fixture::within_a_month().await;
    fixture.history().await;
    fixture.seal().await;
    let asked = fixture.asked(Selection::All);
    let key = format!("{}stream-0", prefix(Hour::of(fixture.start)));
    let content = String::from_utf8(fixture.bucket.content(&key).unwrap()).unwrap();
    let better = content.replace("server_error", "delivered");
    assert_ne!(content, better);
    let tampered = fixture.bucket.copy_with(&key, better.as_bytes());
    let removed = fixture.bucket.copy_without(&key);
    for (bucket, code) in [(tampered, "object_changed"), (removed, "object_removed")] {
        let report = gather(&fixture.places(Some(&bucket)), &asked, |_| ()).await.unwrap();
        assert!(!report.agrees());
        assert!(
            report.basis.differences.iter().any(|one| one.code == code && one.subject == key),
            "{:?}",
            report.basis
        );
        for (language, said) in [
            (Language::En, "The check found differences."),
            (Language::PtBr, "A conferência encontrou divergências."),
        ] {
            assert!(html(&report, language).contains(said));
        }
    }
    // A head that no seal has.
    let heads = vec!["ab".repeat(32).parse().unwrap()];
    let report =
        gather(&fixture.places(Some(&fixture.bucket)), &Asked { heads, ..asked.clone() }, |_| ()).await;
    let report = report.unwrap();
    assert_eq!(report.basis.differences[0].code, "head_missing");
    // An object that somebody adds to a sealed hour counts for nothing.
    let added = fixture.bucket.copy();
    let forged = content.replace("\"itp-1\"", "\"itp-7\"");
    added.put(&format!("{}stream-9", prefix(Hour::of(fixture.start))), forged.as_bytes());
    let report = gather(&fixture.places(Some(&added)), &asked, |_| ()).await.unwrap();
    assert!(!report.agrees() && report.initiators.iter().all(|one| one.key.client_id != "itp-7"));
}

/// The seals of these hours, which have no objects.
fn chain(from: Hour, until: Hour) -> Vec<Seal> {
    let mut seals: Vec<Seal> = Vec::new();
    for hours in 0..until.since(from) {
        let (hour, previous) = (from.plus(hours), seals.last().map(|seal| seal.head));
        seals.push(Seal::new(hour, hour.plus(1).start() + SETTLES, previous, (vec![], vec![])));
    }
    seals
}

fn bucket_of<'a>(seals: impl IntoIterator<Item = &'a Seal>) -> Bucket {
    let bucket = Bucket::default();
    for seal in seals {
        bucket.put(&Seal::key(seal.hour), &seal.to_json());
    }
    bucket
}

#[tokio::test]
async fn in_the_first_hours_of_a_month_none_of_its_seals_is_missing_until_one_is_overdue() {
    let now = Functions::default().test_clock.now();
    let start = Month::of(now).end();
    let after = start.duration_since(now) + SignedDuration::from_mins(10);
    let mut fixture = Fixture::of(Functions::default(), after).await;
    fixture.history().await;
    let first = Hour::of(start);
    let before = chain(first.plus(-60), first);
    let minutes = SignedDuration::from_mins;
    // As `arauto verify`: after three hours that are over, and settled, and have no seal.
    let last = first.plus(-1).to_string();
    let overdue = [("seal_overdue".to_owned(), last)];
    for (passed, expected) in [(90, &[][..]), (259, &[]), (260, &overdue)] {
        let asked = Asked { now: start + minutes(passed), ..fixture.asked(Selection::All) };
        let report = gather(&fixture.places(Some(&bucket_of(&before))), &asked, |_| ()).await.unwrap();
        assert_eq!(report.basis.source, Source::Ledger);
        let differences = report.basis.differences.iter();
        let found: Vec<_> = differences.map(|one| (one.code.clone(), one.subject.clone())).collect();
        assert_eq!(found, expected, "{passed}");
        let check = if expected.is_empty() { Check::Unsealed } else { Check::Differs };
        assert_eq!(report.basis.check, check);
        assert_truth(&report);
    }
}

#[tokio::test]
async fn seals_of_a_month_that_are_gone_although_there_are_others_are_a_difference() {
    let now = Functions::default().test_clock.now();
    let start = Month::of(now).end();
    let after = start.duration_since(now) + SignedDuration::from_mins(10);
    let mut fixture = Fixture::of(Functions::default(), after).await;
    fixture.history().await;
    let report = fixture.report(Some(&Bucket::default())).await;
    assert_eq!((report.basis.source, report.basis.check), (Source::Ledger, Check::Unsealed));
    let (first, end) = (Hour::of(start), Hour::of(Month::of(start).end()));
    let long_before = chain(first.plus(-400), first.plus(-399));
    let after_it = |hours| {
        let hour = end.plus(hours);
        Seal::new(hour, hour.plus(1).start() + SETTLES, Some(long_before[0].head), (vec![], vec![]))
    };
    let (soon, late) = (after_it(3), after_it(500));
    for (seals, code, subject) in [
        (vec![&long_before[0]], "seal_overdue", long_before[0].hour),
        // Without the one before, a seal still names it.
        (vec![&soon], "seal_missing", first),
        (vec![&long_before[0], &soon], "seal_missing", first),
        (vec![&long_before[0], &late], "seal_missing", first),
    ] {
        let asked = Asked { now: end.plus(510).start(), ..fixture.asked(Selection::All) };
        let report = gather(&fixture.places(Some(&bucket_of(seals))), &asked, |_| ()).await.unwrap();
        assert_eq!(report.basis.check, Check::Differs);
        let differences = report.basis.differences.iter();
        let found: Vec<_> = differences.map(|one| (one.code.as_str(), one.subject.clone())).collect();
        assert_eq!(found, [(code, subject.to_string())]);
        assert_truth(&report);
    }
}

#[tokio::test]
async fn a_month_is_all_sealed_if_its_first_and_its_last_hour_are() {
    let fixture = Fixture::within_a_month().await;
    let month = Month::of(fixture.start);
    let (first, end) = (Hour::of(month.start()), Hour::of(month.end()));
    let now = month.end() + SignedDuration::from_hours(60);
    for (from, until, is_complete, provisional) in [
        (first, end.plus(60), true, false),
        (first.plus(1), end.plus(60), false, false),
        // Attempts of the month may still end in the two days after it.
        (first, end.plus(48), true, false),
        (first, end.plus(47), true, true),
        (first, end, true, true),
        (first, end.plus(-1), false, true),
    ] {
        let asked = Asked { now, ..fixture.asked(Selection::All) };
        let bucket = bucket_of(&chain(from, until));
        let report = gather(&fixture.places(Some(&bucket)), &asked, |_| ()).await.unwrap();
        let chain = report.basis.chain.as_ref().unwrap();
        assert_eq!((chain.is_complete, report.provisional), (is_complete, provisional), "{from} {until}");
    }
}

#[tokio::test]
async fn a_head_of_any_time_is_looked_for_along_the_chain() {
    let fixture = Fixture::within_a_month().await;
    let month = Month::of(fixture.start);
    let (first, end) = (Hour::of(month.start()), Hour::of(month.end()));
    let seals = chain(first.plus(-100), end.plus(200));
    let of = |hour: Hour| seals[usize::try_from(hour.since(first.plus(-100))).unwrap()].head;
    let (early, within, late) = (of(first.plus(-90)), of(first.plus(5)), of(end.plus(150)));
    let asked = |heads: &[Digest]| Asked {
        heads: heads.to_vec(),
        now: end.plus(201).start(),
        ..fixture.asked(Selection::All)
    };
    let found = async |bucket: &Bucket, heads: &[Digest]| {
        let report = gather(&fixture.places(Some(bucket)), &asked(heads), |_| ()).await.unwrap();
        let differences = report.basis.differences.into_iter();
        differences.map(|one| (one.code, one.subject)).collect::<Vec<_>>()
    };
    let missing = |head: Digest| ("head_missing".to_owned(), head.to_string());
    assert_eq!(found(&bucket_of(&seals), &[early, within, late]).await, []);
    let none: Digest = "ab".repeat(32).parse().unwrap();
    assert_eq!(found(&bucket_of(&seals), &[early, none]).await, [missing(none)]);
    // A seal that is there, but that those of the month do not follow from, or that does not follow from them.
    for gone in [first.plus(-70), end.plus(120)] {
        let bucket = bucket_of(seals.iter().filter(|seal| seal.hour != gone));
        let head = if gone < first { early } else { late };
        assert_eq!(found(&bucket, &[early, late]).await, [missing(head)]);
    }
}

/// A record of something that Arauto never does may be the only one of its notification.
#[tokio::test]
async fn an_initiator_is_told_that_its_own_notification_was_tampered_with() {
    let mut fixture = Fixture::within_a_month().await;
    fixture.history().await;
    let lines = fixture.bucket.keys().into_iter().filter_map(|key| fixture.bucket.content(&key));
    let lines: Vec<_> = lines.flat_map(|content| String::from_utf8(content).unwrap().into_bytes()).collect();
    let of_itp_3 = lines.split(|byte| *byte == b'\n').find(|line| {
        let line = String::from_utf8_lossy(line);
        line.contains("itp-3") && line.contains("attempt_began")
    });
    let began = Record::from_line(of_itp_3.unwrap()).unwrap();
    for (at, kind) in [
        Kind::RowRemoved,
        Kind::RowRewritten,
        Kind::AttemptErased,
        Kind::ExpiryShortened,
        Kind::NotificationReopened,
        // Sooner than it may.
        Kind::RowExpired,
    ]
    .into_iter()
    .enumerate()
    {
        for client in [Some("itp-3"), None] {
            let id = format!("{:032x}", 0xabc + at);
            let record = Record {
                kind,
                notification_id: id.clone(),
                client_id: client.map(str::to_owned),
                attempt: began.attempt.clone().filter(|_| kind == Kind::AttemptErased),
                expires_at: Some(began.recorded_at + SignedDuration::from_hours(1)),
                ..began.clone()
            };
            let bucket = fixture.bucket.copy();
            let key = format!("{}stream-tampered", prefix(Hour::of(fixture.start)));
            bucket.put(&key, (record.to_line() + "\n").as_bytes());
            bucket.evidence(fixture.now() + SignedDuration::from_hours(2)).sealer.run().await.unwrap();
            let found = async |client: &str| {
                let asked = fixture.asked(Selection::Only([InitiatorKey::new(None, client)].into()));
                let report = gather(&fixture.places(Some(&bucket)), &asked, |_| ()).await.unwrap();
                let differences = report.basis.differences.into_iter();
                differences.map(|one| (one.code, one.subject)).collect::<Vec<_>>()
            };
            let told = |subject: &str| vec![("ledger_tampered".to_owned(), subject.to_owned())];
            let (own, others) = match client {
                Some(_) => (told(&id), vec![]),
                // It may be anybody's, so that nobody's report agrees.
                None => (told(""), told("")),
            };
            assert_eq!((found("itp-3").await, found("itp-1").await), (own, others), "{kind:?} {client:?}");
        }
    }
}

#[tokio::test]
async fn a_report_of_one_initiator_holds_nothing_of_others() {
    let mut fixture = Fixture::within_a_month().await;
    fixture.receiver("itp-1", "202").await;
    fixture.attempt(&[fixture.payment("itp-1", "payment-0")]).await;
    fixture.record();
    // Of what was accepted just as the evidence began, records may be missing.
    fixture.pass(1_200);
    fixture.functions.remove("itp-1").await;
    let history = fixture.recorded;
    fixture.history().await;
    fixture.seal().await;
    let line =
        json!({ "level": "WARN", "message": SUSPENDED, "client_id": "itp-2", "code": "software_not_active" });
    fixture.functions.aws.log(fixture.now(), &line.to_string());
    let asked = fixture.asked(Selection::Only([key("itp-3")].into()));
    for bucket in [Some(&fixture.bucket), None] {
        let report = gather(&fixture.places(bucket), &asked, |_| ()).await.unwrap();
        assert_eq!((report.all.notifications, report.all.attempts, report.initiators.len()), (2, 4, 1));
        if let Some(chain) = &report.basis.chain {
            assert_eq!((chain.objects, chain.records, chain.unsealed_objects), (None, None, None));
        }
        for document in [
            html(&report, Language::En),
            html(&report, Language::PtBr),
            csv(&report),
            text(&report, Language::En),
            serde_json::to_string(&report).unwrap(),
        ] {
            assert!(document.contains("itp-3"));
            for other in ["itp-1", "itp-2", "itp-9", "no_receiver", "software_not_active"] {
                assert!(!document.contains(other), "{other}: {document}");
            }
        }
    }
    // An id that was mistyped gets no spotless report.
    let unknown = fixture.asked(Selection::Only([key("itp-33")].into()));
    let error = gather(&fixture.places(Some(&fixture.bucket)), &unknown, |_| ()).await.unwrap_err();
    assert!(error.to_string().contains("nothing is known of the client itp-33"), "{error}");
    // What is wrong with a notification of another is not told either.
    let key_of_object =
        fixture.bucket.keys().into_iter().find(|key| key.ends_with(&format!("stream-{history}"))).unwrap();
    let content = String::from_utf8(fixture.bucket.content(&key_of_object).unwrap()).unwrap();
    let began =
        content.lines().find(|line| line.contains("itp-2") && line.contains("attempt_began")).unwrap();
    let id = serde_json::from_str::<Value>(began).unwrap()["notification_id"].as_str().unwrap().to_owned();
    let without =
        content.lines().filter(|line| *line != began).fold(String::new(), |all, line| all + line + "\n");
    // Sealed as it is: the record never came.
    let bucket = fixture.bucket.unsealed_with(&key_of_object, without.as_bytes());
    bucket.evidence(fixture.now() + SignedDuration::from_hours(2)).sealer.run().await.unwrap();
    let report = gather(&fixture.places(Some(&bucket)), &asked, |_| ()).await.unwrap();
    assert!(!serde_json::to_string(&report).unwrap().contains(&id));
    let all = gather(&fixture.places(Some(&bucket)), &fixture.asked(Selection::All), |_| ()).await.unwrap();
    assert!(all.basis.differences.iter().any(|one| one.code == "record_missing" && one.subject == id));
}

#[tokio::test]
async fn receivers_are_told_with_all_that_is_known_of_them() {
    let mut fixture = Fixture::within_a_month().await;
    fixture.history().await;
    fixture.seal().await;
    let before = fixture.functions.registration("itp-2").await.unwrap();
    let mut settings = before.settings.clone();
    settings.webhook_version = WebhookVersion::V1_0_0;
    let after = Registration { settings, ..before.clone() };
    assert!(fixture.functions.put_registration(&after, &before).await);
    fixture.pass(60);
    for (sentence, code) in [(SUSPENDED, Some("organisation_not_active")), (RESUMED, None)] {
        let line = json!({ "level": "WARN", "message": sentence, "client_id": "itp-1", "code": code });
        fixture.functions.aws.log(fixture.now(), &line.to_string());
        // The same id of another brand is another receiver.
        let line =
            json!({ "message": sentence, "client_id": "itp-2", "authorisation_server": "aa", "code": code });
        fixture.functions.aws.log(fixture.now(), &line.to_string());
        fixture.pass(60);
    }
    let report = fixture.report(Some(&fixture.bucket)).await;
    let receiver = |client: &str| of(&report, client).receiver.clone().unwrap();
    let (one, two, gone) = (receiver("itp-1"), receiver("itp-2"), receiver("itp-9"));
    assert_eq!((one.webhook, gone.webhook), (Some(Webhook::Enabled), None));
    assert_eq!(two.webhook_version.as_deref(), Some("1.0.0"));
    assert_eq!(two.profile_warnings, ["profile_without_enrollments", "profile_without_automatic_payments"]);
    assert_eq!(one.profile_warnings, [""; 0]);
    let codes: Vec<_> = one.suspensions.as_ref().unwrap().iter().map(|one| one.code.clone()).collect();
    assert_eq!(codes, [Some("organisation_not_active".to_owned()), None]);
    assert_eq!(two.suspensions.as_deref(), Some(&[][..]));
    // Each registration was used once, at once.
    assert_eq!(one.synchronisation.unwrap().registrations, 1);
    assert_eq!(report.synchronisation.unwrap().registrations, 3);
    assert_eq!((one.without_mtls, two.without_mtls), (Some(0), Some(0)));
    assert!(one.certificate_ends.is_some());
    let own = report.own_certificates.as_ref().unwrap();
    assert_eq!(own.iter().map(|one| one.owner.as_str()).collect::<Vec<_>>(), [AUTHORISATION_SERVER_ID]);
    assert!(own[0].days_left > 0);
}

#[tokio::test]
async fn deliveries_without_a_client_certificate_are_counted_by_their_begin() {
    let mut fixture = Fixture::within_a_month().await;
    fixture.receiver("itp-1", "202").await;
    let line = |client: &str, findings: &str| json!({ "message": "An attempt ended.", "client_id": client, "outcome": "delivered", "duration_ms": 1500, "findings": findings });
    let month = Month::of(fixture.start);
    let late = month.start() + SignedDuration::from_millis(1_499);
    for (at, client, findings) in [
        (late + SignedDuration::from_millis(1), "itp-1", "receiver_without_mtls"),
        (fixture.now(), "itp-1", "missing_response_interaction_id,receiver_without_mtls"),
        (fixture.now(), "itp-1", "body_cut"),
        (fixture.now(), "itp-2", "receiver_without_mtls"),
        // Begun before the month.
        (late, "itp-1", "receiver_without_mtls"),
    ] {
        fixture.functions.aws.log(at, &line(client, findings).to_string());
    }
    // An account may ask CloudWatch Logs five times a second.
    for _ in 0..4 {
        fixture.functions.aws.fails_once("FilterLogEvents", tests::aws::Fault::THROTTLED);
    }
    let report = fixture.report(None).await;
    assert_eq!(of(&report, "itp-1").receiver.as_ref().unwrap().without_mtls, Some(2));
    // Lines of a part of the month would be half of the truth.
    let mut places = fixture.places(None);
    places.of_stack.as_mut().unwrap().logs.kept_from = Some(month.start() + SignedDuration::from_secs(1));
    let report = gather(&places, &fixture.asked(Selection::All), |_| ()).await.unwrap();
    let receiver = of(&report, "itp-1").receiver.as_ref().unwrap();
    assert_eq!((receiver.without_mtls, &receiver.suspensions), (None, &None));
    // Where it is not known how long lines are kept, none is no zero.
    places.of_stack.as_mut().unwrap().logs.kept_from = None;
    let report = gather(&places, &fixture.asked(Selection::All), |_| ()).await.unwrap();
    let receiver = of(&report, "itp-1").receiver.as_ref().unwrap();
    assert_eq!((receiver.without_mtls, &receiver.suspensions), (None, &None));
}

#[tokio::test]
async fn an_attempt_is_of_the_month_that_it_begins_in_at_midnight_in_brasilia() {
    let functions = Functions::default();
    let now = functions.test_clock.now();
    let midnight = Month::of(now).end();
    let before = midnight - SignedDuration::from_secs(5);
    let mut fixture = Fixture::of(functions, before.duration_since(now)).await;
    // The first attempt fails five seconds before midnight, and the second is ten seconds later.
    fixture.receiver("itp-2", "503,202").await;
    fixture.receiver("itp-1", "202").await;
    fixture.attempt(&[fixture.payment("itp-2", "payment-1"), fixture.payment("itp-1", "payment-2")]).await;
    assert!(fixture.now() >= midnight);
    fixture.attempt(&[fixture.payment("itp-1", "payment-3")]).await;
    fixture.record();
    fixture.seal().await;
    let (this, next) = (Month::of(now), Month::of(midnight));
    for bucket in [Some(&fixture.bucket), None] {
        for (month, notifications, attempts, failed) in [(this, 2, 2, 1), (next, 1, 2, 0)] {
            let asked = Asked { month, ..fixture.asked(Selection::All) };
            let all = gather(&fixture.places(bucket), &asked, |_| ()).await.unwrap().all;
            assert_eq!((all.notifications, all.delivered), (notifications, notifications), "{month}");
            assert_eq!((all.attempts, all.failed()), (attempts, failed), "{month}");
        }
    }
}

#[tokio::test]
async fn a_lean_ledger_is_said_and_a_month_of_which_nothing_is_known_is_refused() {
    let functions = Functions { ledger_writes: LedgerWrites::Lean, ..Functions::default() };
    let mut fixture = Fixture::of(functions, SignedDuration::ZERO).await;
    fixture.receiver("itp-1", "202").await;
    fixture.attempt(&[fixture.payment("itp-1", "payment-1")]).await;
    let mut places = fixture.places(None);
    let ledger = &mut places.of_stack.as_mut().unwrap().ledger;
    (ledger.lean, ledger.kept_from) = (Some(true), Some(fixture.start - SignedDuration::from_secs(1)));
    let asked = fixture.asked(Selection::All);
    let report = gather(&places, &asked, |_| ()).await.unwrap();
    assert_eq!(
        (report.all.notifications, report.basis.known_from),
        (1, Some(fixture.start - SignedDuration::from_secs(1)))
    );
    assert!(html(&report, Language::En).contains("LedgerWrites=lean"));
    assert!(html(&report, Language::PtBr).contains("Conhecido desde"));
    let long_ago = Asked { month: "2026-01".parse().unwrap(), ..asked };
    let error = gather(&places, &long_ago, |_| ()).await.unwrap_err().to_string();
    assert!(error.contains("nothing is known of 2026-01"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_read_of_receivers_is_not_known_and_stops_nothing() {
    let mut fixture = Fixture::within_a_month().await;
    fixture.history().await;
    fixture.seal().await;
    fixture.functions.aws.fails("FilterLogEvents", tests::aws::Fault::DENIED);
    let is_of = |table: &'static str| move |input: &Value| input["TableName"] == table;
    fixture.functions.aws.fails_where("Scan", is_of(DIRECTORY), tests::aws::Fault::DENIED);
    let report = fixture.report(Some(&fixture.bucket)).await;
    assert_truth(&report);
    let receiver = of(&report, "itp-1").receiver.as_ref().unwrap();
    assert_eq!(receiver.webhook, Some(Webhook::Enabled));
    assert_eq!(
        (receiver.without_mtls, receiver.synchronisation, receiver.certificate_ends),
        (None, None, None)
    );
    assert_eq!((&report.own_certificates, report.synchronisation), (&None, None));
    fixture.functions.aws.fails_where("Scan", is_of(RECEIVERS), tests::aws::Fault::DENIED);
    let report = fixture.report(Some(&fixture.bucket)).await;
    assert_truth(&report);
    assert!(report.initiators.iter().all(|one| one.receiver.is_none()));
    // What the report rests on must be there.
    fixture.functions.aws.fails_where("Scan", is_of(LEDGER), tests::aws::Fault::DENIED);
    let failed = gather(&fixture.places(None), &fixture.asked(Selection::All), |_| ()).await;
    assert!(format!("{:#}", failed.unwrap_err()).contains("failed to read the ledger"));
}

/// The report finds these lines by their sentences.
#[test]
fn the_lines_that_are_looked_for_are_those_that_are_written() {
    let written = std::fs::read_to_string(file("functions/directory/src/reconciler.rs").unwrap()).unwrap();
    let read = std::fs::read_to_string(file("tools/cli/src/log_line.rs").unwrap()).unwrap();
    for sentence in [SUSPENDED, RESUMED] {
        assert!(written.contains(sentence) && read.contains(sentence), "{sentence}");
    }
    // An end that is known better replaces another.
    assert!(End::Delivered > End::Undelivered && End::Undelivered > End::Cancelled);
}
