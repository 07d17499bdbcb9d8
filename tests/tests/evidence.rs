//! Evidence from the ledger's write to the proof: on the local stack, whose stream, Lambda, Firehose and S3 nobody here wrote,
//! and, for the faults it does not know, on a Firehose that refuses what it is told to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use arauto::verify::{Asked, Report, Source, Wrong, verify};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use convention::delivery::Hour;
use convention::notification::Endpoint;
use devkit::stack::Progress;
use evidence::{
    ATTEMPTS, Archive, BUDGET, Blob, Entry, Evidence, Firehose, Run, Seal, Sealer, hour_of, pack,
};
use jiff::{SignedDuration, Timestamp};
use platform::clock::Clock;
use platform::telemetry::Metrics;
use serde_json::{Value, json};
use tests::aws::Aws;
use tests::bucket::Bucket;
use tests::world::{World, new_change, now};
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn what_the_ledger_is_told_is_sealed_and_whoever_removes_or_adds_something_is_found() {
    let world = World::start_with(Progress::stderr(), &[("Evidence", "true")]).unwrap();
    world.run_alone(on_the_stack).unwrap();
}

async fn on_the_stack(world: &World) -> Result<()> {
    let sdk = world.stack.sdk_config();
    let bucket = world.stack.output("EvidenceBucketName")?.to_owned();
    let archive = Archive::of(&sdk, bucket.clone());
    let started = now();

    // One that is delivered at once, and one whose first attempt fails: six writes of the ledger.
    for answers in ["202", "503,202"] {
        let (client, mock) = world.receiver(answers).await?;
        let id = world.notify(&new_change(Endpoint::PixPayment, &client)).await?;
        world.ended(&id, "delivered", MINUTE).await?;
        mock.stop().await;
    }
    wait_for_lines(&archive, 6).await?;

    // The deployed function seals the hour before, in which there was nothing; then two hours pass.
    let answer = world.invoke("EvidenceFunctionName", r#"{"task":"seal"}"#).await?;
    let answered: Value = serde_json::from_slice(&answer.body)?;
    ensure!(
        answered["left"] == 0 && answered["head"].as_str().is_some_and(|head| head.len() == 64),
        "{answered}"
    );
    let later = now() + SignedDuration::from_hours(2);
    let sealer = Sealer { archive: archive.clone(), clock: Clock::from_fn(move || later), budget: BUDGET };
    let run = sealer.run().await?;
    ensure!(run.sealed > 0 && run.objects > 0 && run.left == 0, "{run:?}");
    // Nothing is sealed twice.
    ensure!(sealer.run().await? == Run { head: run.head, ..Run::default() });

    let asked = Asked {
        from: Hour::of(started),
        to: Hour::of(later),
        heads: run.head.into_iter().collect(),
        now: later,
    };
    let check = async || -> Result<Report> { verify(&Source::Bucket(archive.clone()), &asked, |_| ()).await };
    let report = check().await?;
    ensure!(report.is_proven(), "{report:#?}");
    ensure!((report.records, report.notifications, report.unsealed) == (6, 2, 0), "{report:#?}");

    // Somebody who may do everything removes an object, overwrites another, and marks a third as deleted.
    let s3 =
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build());
    let objects = archive.versions(ATTEMPTS, "", None).await?;
    let [removed, overwritten, hidden, ..] = &objects[..] else { bail!("{} objects", objects.len()) };
    s3.delete_object().bucket(&bucket).key(&removed.key).version_id(&removed.version_id).send().await?;
    let body = ByteStream::from_static(b"{}\n");
    s3.put_object().bucket(&bucket).key(&overwritten.key).body(body).send().await?;
    s3.delete_object().bucket(&bucket).key(&hidden.key).send().await?;
    let found: Vec<_> =
        check().await?.findings.into_iter().map(|finding| (finding.code, finding.subject)).collect();
    for expected in [
        (Wrong::ObjectRemoved, &removed.key),
        (Wrong::ObjectHidden, &hidden.key),
        (Wrong::ObjectAdded, &overwritten.key),
        (Wrong::RecordMalformed, &overwritten.key),
    ] {
        ensure!(found.contains(&(expected.0, expected.1.clone())), "{expected:?} is not in {found:#?}");
    }
    Ok(())
}

/// Firehose here writes an object for each record that it is given.
async fn wait_for_lines(archive: &Archive, count: usize) -> Result<()> {
    let deadline = Instant::now() + MINUTE;
    loop {
        let objects = archive.versions(ATTEMPTS, "", None).await?;
        let mut lines = 0;
        for object in &objects {
            ensure!(hour_of(&object.key).is_some(), "{} lies in no hour", object.key);
            let content = archive.read_all(&object.key, &object.version_id).await?;
            lines += String::from_utf8_lossy(&content).lines().count();
        }
        if lines >= count {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{lines} lines of {count} came in {} objects", objects.len());
        sleep(Duration::from_millis(300)).await;
    }
}

/// A Firehose that takes what it is not told to refuse: of each call, these records.
#[derive(Clone, Debug, Default)]
struct Stand(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    calls: usize,
    lines: Vec<String>,
    refusals: VecDeque<Refusal>,
}

#[derive(Debug)]
enum Refusal {
    /// These records of the call, by their place.
    Records(Vec<usize>),
    /// The call.
    Call,
}

impl Stand {
    fn refuses(&self, refusals: impl IntoIterator<Item = Refusal>) {
        self.0.lock().unwrap().refusals.extend(refusals);
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().lines.clone()
    }

    fn firehose(&self) -> Firehose {
        Firehose::new(aws_sdk_firehose::Client::new(&Aws::sdk_config_over(self.clone())), "stream".to_owned())
    }
}

impl HttpConnector for Stand {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut taken = self.0.lock().unwrap();
        taken.calls += 1;
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let records = body["Records"].as_array().unwrap();
        assert!(records.len() <= 500);
        let refused = match taken.refusals.pop_front() {
            None => vec![],
            Some(Refusal::Records(refused)) => refused,
            Some(Refusal::Call) => {
                let mut response = HttpResponse::new(
                    StatusCode::try_from(400).unwrap(),
                    SdkBody::from(r#"{"__type":"AccessDeniedException"}"#),
                );
                response.headers_mut().insert("x-amzn-errortype", "AccessDeniedException");
                return HttpConnectorFuture::ready(Ok(response));
            }
        };
        let mut answers = Vec::new();
        for (at, record) in records.iter().enumerate() {
            if refused.contains(&at) {
                answers.push(
                    json!({ "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down." }),
                );
                continue;
            }
            let data = aws_smithy_types::base64::decode(record["Data"].as_str().unwrap()).unwrap();
            assert!(data.len() <= 1_000 * 1024);
            taken.lines.extend(String::from_utf8(data).unwrap().lines().map(str::to_owned));
            answers.push(json!({ "RecordId": at.to_string() }));
        }
        let answer = json!({ "FailedPutCount": refused.len(), "RequestResponses": answers });
        let response =
            HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(answer.to_string()));
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// So many records for Firehose, of a line each.
fn blobs(count: usize) -> Vec<Blob> {
    (0..count).flat_map(|at| pack([(format!("s-{at}"), format!("line {at}"))])).collect()
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines.dedup();
    lines
}

#[tokio::test]
async fn records_that_firehose_refuses_are_put_again_and_those_it_took_are_not() {
    // The first client looks for a region and the like, in real time.
    let stand = Stand::default();
    let firehose = stand.firehose();
    tokio::time::pause();
    stand.refuses([Refusal::Records(vec![1, 7]), Refusal::Records(vec![0])]);
    firehose.put(&blobs(20)).await.unwrap();
    assert_eq!(stand.lines().len(), 20);
    assert_eq!(sorted(stand.lines()).len(), 20);
    // Eight, of which two, of which one; then eight, and the other four.
    assert_eq!(stand.0.lock().unwrap().calls, 5);
}

#[tokio::test]
async fn what_firehose_goes_on_refusing_is_reported_from_the_first_record_on_that_is_missing() {
    let stand = Stand::default();
    let firehose = stand.firehose();
    tokio::time::pause();
    stand.refuses([Refusal::Records(vec![3, 5]), Refusal::Records(vec![1])]);
    stand.refuses((0..3).map(|_| Refusal::Records(vec![0])));
    assert_eq!(firehose.put(&blobs(20)).await.unwrap_err().from, "s-5");
    let stand = Stand::default();
    let firehose = stand.firehose();
    stand.refuses([Refusal::Records(vec![]), Refusal::Call]);
    assert_eq!(firehose.put(&blobs(20)).await.unwrap_err().from, "s-8");
}

/// A batch of the stream: notifications whose first attempts begin.
fn batch(sequences: std::ops::Range<usize>) -> Value {
    let change = |at: usize| {
        let name = format!("{at:032x}");
        json!({
            "eventName": "INSERT",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_795_348_801.0, "SequenceNumber": at.to_string(),
                "Keys": { "partition": { "S": name.chars().take(15).collect::<String>() }, "notification": { "S": name } },
                "NewImage": {
                    "notification": { "S": name }, "status": { "S": "attempting" }, "client_id": { "S": "itp-1" },
                    "endpoint": { "S": "E2" }, "resource_id": { "S": "p".repeat(200) },
                    "event_instant": { "S": "2026-11-22T12:00:00Z" },
                    "attempt_1": { "M": {
                        "interaction_id": { "S": name }, "started_at": { "N": "1795348800000" },
                        "base_uri": { "S": "https://itp.example" },
                    } },
                },
            },
        })
    };
    json!({ "Records": sequences.map(change).collect::<Vec<_>>() })
}

#[tokio::test]
async fn nothing_of_a_batch_is_lost_though_firehose_is_down_for_a_while() {
    let stand = Stand::default();
    let firehose = stand.firehose();
    let evidence = Evidence { firehose, ..Bucket::default().evidence(Timestamp::UNIX_EPOCH) };
    tokio::time::pause();
    // The second Firehose record of the first batch is refused to the end, then a whole call is.
    stand.refuses([Refusal::Records(vec![1])]);
    stand.refuses((0..4).map(|_| Refusal::Records(vec![0])));
    stand.refuses([Refusal::Call]);
    let (mut from, end) = (0, 2_000);
    let mut rounds = 0;
    while from < end {
        let answer = evidence.handle(batch(from..end)).await.unwrap();
        let failed = answer["batchItemFailures"].as_array().unwrap();
        // What Lambda does: it hands over again all from the first failure on.
        from = failed.first().map_or(end, |item| item["itemIdentifier"].as_str().unwrap().parse().unwrap());
        rounds += 1;
        assert!(rounds < 5);
    }
    assert_eq!(rounds, 3);
    let lines = sorted(stand.lines());
    assert_eq!(lines.len(), 2_000);
    assert!(evidence.handle(json!({ "task": "other" })).await.is_err());
}

const OBJECT: &str = "attempts/2026/11/23/13/stream-1";

/// Twenty-five minutes after the beginning of an hour.
fn at(hour: &str) -> Timestamp {
    hour.parse::<Hour>().unwrap().start() + SignedDuration::from_mins(25)
}

fn seal_of(bucket: &Bucket, hour: &str) -> Option<Seal> {
    let json = bucket.content(&Seal::key(hour.parse().unwrap()))?;
    Some(Seal::from_json(&json).unwrap())
}

fn keys(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.object.key.as_str()).collect()
}

#[tokio::test]
async fn an_hour_is_sealed_once_it_has_settled_and_what_was_missed_is_made_up_for() {
    let bucket = Bucket::default();
    bucket.put(OBJECT, b"one\n");
    let early = at("2026-11-23T14") - SignedDuration::from_mins(10);
    bucket.evidence(early).sealer.run().await.unwrap();
    assert_eq!(seal_of(&bucket, "2026-11-23T13"), None);

    let run = bucket.evidence(at("2026-11-23T18")).sealer.run().await.unwrap();
    assert_eq!(run.left, 0);
    let seals: Vec<_> =
        (13..18).map(|hour| seal_of(&bucket, &format!("2026-11-23T{hour}")).unwrap()).collect();
    assert_eq!(keys(&seals[0].entries), [OBJECT]);
    for (before, after) in seals.iter().zip(&seals[1..]) {
        assert_eq!((after.previous, keys(&after.entries).len()), (Some(before.head), 0));
    }
    assert_eq!(run.head, Some(seals[4].head));
    assert_eq!(seal_of(&bucket, "2026-11-23T18"), None);
}

#[tokio::test]
async fn what_comes_after_its_hour_was_sealed_is_in_the_next_seal_and_in_no_other() {
    let bucket = Bucket::default();
    bucket.put(OBJECT, b"one\n");
    bucket.evidence(at("2026-11-23T14")).sealer.run().await.unwrap();
    let late = "attempts/2026/11/23/13/stream-2";
    bucket.put(late, b"two\n");
    // Another version of a sealed object is another object.
    bucket.put(OBJECT, b"three\n");
    for hour in ["2026-11-23T15", "2026-11-23T16"] {
        bucket.evidence(at(hour)).sealer.run().await.unwrap();
    }
    assert_eq!(keys(&seal_of(&bucket, "2026-11-23T14").unwrap().late), [OBJECT, late]);
    assert_eq!(keys(&seal_of(&bucket, "2026-11-23T15").unwrap().late), [""; 0]);
}

#[tokio::test]
async fn nothing_is_sealed_on_top_of_a_seal_that_is_not_ours() {
    let bucket = Bucket::default();
    bucket.put(OBJECT, b"one\n");
    bucket.evidence(at("2026-11-23T14")).sealer.run().await.unwrap();
    let hour = "2026-11-23T14".parse().unwrap();
    let forged = Seal::new(hour, at("2026-11-23T15"), None, (vec![], vec![]));
    // Between the look at what is sealed and the write.
    bucket.put_before_the_next_put(&Seal::key(hour), &forged.to_json());
    let stopped = bucket.evidence(at("2026-11-23T15")).sealer.run().await.unwrap_err();
    assert!(stopped.source.to_string().contains("does not follow"), "{}", stopped.source);
}

#[tokio::test]
async fn a_seal_that_somebody_puts_far_ahead_does_not_end_the_sealing() {
    let bucket = Bucket::default();
    bucket.put(OBJECT, b"one\n");
    let far = "2031-01-01T00".parse().unwrap();
    bucket.put(&Seal::key(far), b"{}");
    for (hour, sealed) in [("2026-11-23T14", "2026-11-23T13"), ("2026-11-23T15", "2026-11-23T14")] {
        let run = bucket.evidence(at(hour)).sealer.run().await.unwrap();
        assert_eq!((run.sealed, run.left, run.early), (1, 0, vec![far]));
        assert!(seal_of(&bucket, sealed).is_some());
    }
}

#[tokio::test]
async fn what_stands_where_the_next_seal_belongs_is_measured_as_hours_that_are_not_sealed() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let bucket = Bucket::default();
    bucket.put(OBJECT, b"one\n");
    bucket.evidence(at("2026-11-23T14")).sealer.run().await.unwrap();
    let hour: Hour = "2026-11-23T14".parse().unwrap();
    let mut forged = Seal::new(hour, at("2026-11-23T15"), None, (vec![], vec![]));
    forged.head = forged.head.to_string().replace(['0', '1'], "2").parse().unwrap();
    for content in [b"<html>".to_vec(), b"{}".to_vec(), forged.to_json()] {
        let bucket = bucket.copy();
        bucket.put(&Seal::key(hour), &content);
        let mut evidence = bucket.evidence(at("2026-11-23T18"));
        let told = Arc::clone(&lines);
        evidence.metrics =
            Metrics::to("evidence".to_owned(), move |line| told.lock().unwrap().push(line.to_owned()));
        assert!(evidence.handle(json!({ "task": "seal" })).await.is_err());
        let line: Value = serde_json::from_str(&lines.lock().unwrap().pop().unwrap()).unwrap();
        // Those of 14, 15, 16 and 17.
        assert_eq!(line["HoursUnsealed"], 4, "{line}");
    }
}

#[tokio::test]
async fn of_two_versions_of_a_seal_the_older_counts_whatever_their_ids_and_within_one_second() {
    let bucket = Bucket::default();
    bucket.put(OBJECT, b"one\n");
    let first = bucket.evidence(at("2026-11-23T14")).sealer.run().await.unwrap();
    bucket.put(&Seal::key("2026-11-23T13".parse().unwrap()), b"{}");
    let second = bucket.evidence(at("2026-11-23T15")).sealer.run().await.unwrap();
    assert_eq!((second.sealed, second.left), (1, 0));
    assert_eq!(seal_of(&bucket, "2026-11-23T14").unwrap().previous, first.head);
}

#[tokio::test]
async fn one_change_that_cannot_be_read_holds_up_none_of_its_batch() {
    let stand = Stand::default();
    let evidence = Evidence { firehose: stand.firehose(), ..Bucket::default().evidence(now()) };
    let mut batch = batch(0..3);
    batch["Records"][1]["dynamodb"]["ApproximateCreationDateTime"] = json!("yesterday");
    let answer = evidence.handle(batch).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    let read: Vec<Value> = stand.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = read.iter().map(|line| (line["kind"].as_str(), line["sequence"].as_str())).collect();
    let expected = ["attempt_began", "row_unreadable", "attempt_began"].map(Some);
    assert_eq!(kinds, expected.into_iter().zip(["0", "1", "2"].map(Some)).collect::<Vec<_>>());
}

/// What `arauto verify --bucket` finds in a bucket between these hours.
async fn verified(bucket: &Bucket, from: &str, to: &str) -> Report {
    let hour = |text: &str| text.parse::<Hour>().unwrap();
    let asked =
        Asked { from: hour(from), to: hour(to), heads: vec![], now: at(to) + SignedDuration::from_hours(1) };
    let archive = Archive::of(&Aws::sdk_config_over(bucket.clone()), "bucket".to_owned());
    verify(&Source::Bucket(archive), &asked, |_| ()).await.unwrap()
}

#[tokio::test]
async fn a_replica_proves_what_the_bucket_proves_and_what_was_not_replicated_is_missing_from_it() {
    let bucket = Bucket::default();
    let key = |hour: u8| format!("attempts/2026/11/23/{hour}/stream-1");
    for hour in 13..16 {
        bucket.put(&key(hour), b"");
        bucket.evidence(at(&format!("2026-11-23T{}", hour + 1))).sealer.run().await.unwrap();
    }
    // S3 keeps keys and versions, so that the seals are of the replica too.
    let (first, last) = ("2026-11-23T13", "2026-11-23T15");
    let replica = verified(&bucket.copy(), first, last).await;
    assert_eq!((replica.findings, replica.seals, replica.objects), (vec![], 3, 3));
    let codes = |report: Report| -> Vec<_> { report.findings.iter().map(|finding| finding.code).collect() };
    let lacking = bucket.copy_without(&key(14));
    assert_eq!(codes(verified(&lacking, first, last).await), [Wrong::ObjectRemoved]);
    let unsealed = bucket.copy_without(&Seal::key("2026-11-23T14".parse().unwrap()));
    assert!(codes(verified(&unsealed, first, last).await).contains(&Wrong::SealMissing));
    // What was there before replication began is not replicated: the proof begins after it.
    let late = bucket.copy_without(&key(13)).copy_without(&Seal::key(first.parse().unwrap()));
    assert_eq!(codes(verified(&late, "2026-11-23T14", last).await), []);
}

/// A bucket that takes its time, and how many objects it was asked for at one time at most.
#[derive(Clone, Debug, Default)]
struct Slow {
    bucket: Bucket,
    asked: Arc<Mutex<(usize, usize)>>,
}

impl HttpConnector for Slow {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let slow = self.clone();
        HttpConnectorFuture::new(async move {
            {
                let (now, most) = &mut *slow.asked.lock().unwrap();
                *now += 1;
                *most = (*most).max(*now);
            }
            sleep(Duration::from_millis(50)).await;
            slow.asked.lock().unwrap().0 -= 1;
            slow.bucket.call(request).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn eight_objects_are_read_at_a_time_and_judged_in_their_order() {
    let slow = Slow::default();
    // The middle one was changed after it was sealed.
    let key = |number: usize| format!("attempts/2026/11/23/13/stream-{number:02}");
    for number in 0..20 {
        slow.bucket.put(&key(number), b"");
    }
    let now = at("2026-11-23T14");
    slow.bucket.evidence(now).sealer.run().await.unwrap();
    let changed = slow.bucket.copy_with(&key(9), b"\n");
    let slow = Slow { bucket: changed, ..slow };

    let hour = "2026-11-23T13".parse().unwrap();
    let asked = Asked { from: hour, to: hour, heads: vec![], now };
    let archive = Archive::of(&Aws::sdk_config_over(slow.clone()), "bucket".to_owned());
    let (began, mut told) = (Instant::now(), Vec::new());
    let report = verify(&Source::Bucket(archive), &asked, |step| told.push(step.to_owned())).await.unwrap();
    assert_eq!((report.seals, report.objects), (1, 20));
    let found: Vec<_> = report.findings.into_iter().map(|finding| (finding.code, finding.subject)).collect();
    assert!(found.contains(&(Wrong::ObjectChanged, key(9))), "{found:?}");
    assert_eq!(told.last().map(String::as_str), Some("object 20 of 20"));
    assert_eq!(slow.asked.lock().unwrap().1, 8);
    // Two lists, the seal, and three groups, instead of twenty objects one after the other.
    assert_eq!(began.elapsed().as_millis() / 50, 6);
}
