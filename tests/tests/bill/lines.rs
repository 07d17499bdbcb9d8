//! What dispatch and intake write is what a bill is made of, and has no more bytes than the model of a notification says.

use std::sync::Arc;

use arauto::bill::{Bill, Item, Lines, Model, Terms};
use arauto::prices::{Prices, Rate, Region};
use convention::notification::Endpoint;
use devkit::local::change;
use devkit::receiver::MockReceiver;
use dispatch::Dispatch;
use intake::Intake;
use platform::telemetry::Written;
use serde_json::{Value, json};
use tests::aws::{Fault, Functions, NOTIFICATIONS, PKI, requeued_with, verdicts};
use tests::log::{Listening, listen};

const TERMS: Terms = Terms {
    gigabyte_second: Rate::LambdaArm64,
    signature: Rate::KmsRsa2048,
    ledger_write: Rate::DynamoDbWrite,
    memory_mb: 256,
};
const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
/// As long as the names that CloudFormation gives functions of a stack of that name.
const FUNCTION: &str = "arauto-production-DispatchFunction-AbCdEfGhIjKl";

/// Intake, dispatch and receivers, and every line that the two functions write.
struct Play {
    functions: Functions,
    intake: Intake,
    dispatch: Arc<Dispatch>,
    mocks: Vec<MockReceiver>,
    written: Written,
    measured: usize,
    _log: Listening,
}

impl Play {
    async fn with_receivers(count: usize) -> Self {
        let functions = Functions::default();
        functions.put_identity(&PKI.sender);
        let mut mocks = Vec::new();
        for number in 0..count {
            mocks.push(functions.receiver(&client(number), "202").await);
        }
        functions.aws.forget_calls();
        let (written, log) = listen();
        let (intake, dispatch) = (functions.intake(), functions.dispatch(&functions.test_clock));
        Self { functions, intake, dispatch, mocks, written, measured: 0, _log: log }
    }

    /// Posts ten changes, hands dispatch what was queued as one batch, and returns the lines of the two invocations.
    async fn ten(&mut self, name: &str) -> [Vec<String>; 2] {
        let now = self.functions.test_clock.now();
        let one = |number| {
            let receiver = client(number % self.mocks.len());
            change(Endpoint::PixPayment, &receiver, &format!("{name}-{number}"), now)
        };
        let changes: Vec<_> = (0..10).map(one).collect();
        let (status, _) = verdicts(&self.intake, &json!({ "changes": changes })).await;
        assert_eq!(status, 202);
        let of_intake = self.lines();
        let messages = self.functions.aws.take_messages(NOTIFICATIONS);
        let bodies: Vec<_> = messages.into_iter().map(|message| message.body).collect();
        let trace = [("AWSTraceHeader", TRACE.to_owned())];
        assert_eq!(requeued_with(&self.dispatch, &bodies, &trace).await, [0_usize; 0]);
        [of_intake, self.lines()]
    }

    /// What was written since the last time.
    fn lines(&mut self) -> Vec<String> {
        let measured = self.functions.metrics.lines().split_off(self.measured);
        self.measured += measured.len();
        let measured =
            measured.iter().map(|line| line.to_string().replace("\"dispatch\"", &format!("\"{FUNCTION}\"")));
        self.written.take().into_iter().chain(measured).collect()
    }

    /// How often the account was asked for these.
    fn asked(&self, operations: &[&str]) -> u64 {
        let counted = self.functions.aws.counted();
        let counted = counted.iter().filter_map(|counted| counted.split_once(' '));
        counted
            .filter(|(name, _)| operations.contains(name))
            .map(|(_, count)| count.parse::<u64>().unwrap())
            .sum()
    }
}

fn client(number: usize) -> String {
    format!("e6b1bd4a-8ea2-4f1c-9a5f-{number:012}")
}

fn bill(groups: &[Vec<String>]) -> Bill {
    let groups: Vec<_> =
        groups.iter().map(|lines| Lines::read(lines.join("\n").as_bytes()).unwrap()).collect();
    Bill::of(&groups, TERMS, &Prices::of(Region::UsEast1))
}

#[tokio::test]
async fn the_bill_counts_what_the_account_was_asked() {
    let mut play = Play::with_receivers(2).await;
    let lines = play.ten("a").await;
    let bill = bill(&lines);
    let counts = bill.counts;
    assert_eq!(counts.table_writes, play.asked(&["UpdateItem", "PutItem"]));
    assert_eq!(counts.table_reads, play.asked(&["GetItem", "Query"]));
    assert_eq!(counts.sqs_requests, play.asked(&["SendMessageBatch"]));
    assert_eq!(counts.secret_requests, play.asked(&["GetSecretValue"]));
    assert_eq!((counts.sqs_requests, counts.secret_requests), (1, 2));
    assert_eq!((counts.attempts, counts.delivered), (10, 10));
    assert_eq!((counts.dispatches, counts.api_calls, counts.reports), (1, 1, 2));
    // Two writes a notification, two first deliveries, and the certificate that both receivers have: at 0.625 millionths.
    assert!(counts.table_writes >= 23, "{counts:?}");
    let writes = bill.costs.iter().find(|cost| cost.item == Item::TableWrites).unwrap();
    assert_eq!(
        writes.usd,
        "0.000000625".parse::<arauto::prices::Usd>().unwrap().times(counts.table_writes.into())
    );
    let bytes: usize = lines.iter().flatten().map(String::len).sum();
    assert_eq!(counts.log_bytes, bytes as u64);
    let receivers: Vec<_> = bill.receivers.iter().map(|part| part.attempts).collect();
    assert_eq!((receivers, bill.endpoints.len(), bill.endpoints[0].name.as_str()), (vec![5, 5], 1, "E2"));
    assert_eq!(bill.days.len(), 1);
}

#[tokio::test]
async fn each_try_of_the_sdk_is_paid_for() {
    let mut play = Play::with_receivers(1).await;
    play.ten("a").await;
    play.functions.aws.fails_once("UpdateItem", Fault::AnswerLost);
    let [_, lines] = play.ten("b").await;
    assert_eq!(bill(&[lines]).counts.table_writes, 21);
}

#[tokio::test]
async fn a_batch_on_connections_that_are_there_uses_what_the_model_says() {
    for receivers in [1, 10] {
        let mut play = Play::with_receivers(receivers).await;
        let first = bill(&play.ten("a").await).counts;
        let lines = play.ten("b").await;
        let counts = bill(&lines).counts;
        // The budget of a notification: two writes, nothing of SQS in dispatch, one call of it for ten in intake.
        assert_eq!((counts.table_writes, counts.table_reads, counts.sqs_requests), (20, 0, 1));
        assert_eq!((counts.secret_requests, counts.kms_signatures, counts.connections), (0, 0, 0));
        let sent = counts.sent_bytes / 10;
        assert!(close(sent, Model::SENT_BYTES), "{sent} bytes sent");
        let handshake = (first.sent_bytes - counts.sent_bytes) / first.connections;
        assert!(close(handshake, Model::HANDSHAKE_BYTES), "{handshake} bytes of a handshake");
    }
}

#[tokio::test]
async fn the_lines_of_a_notification_have_no_more_bytes_than_the_model_says() {
    for receivers in [1, 10] {
        let mut play = Play::with_receivers(receivers).await;
        play.ten("a").await;
        let [of_intake, of_dispatch] = play.ten("b").await;
        assert_eq!(of_intake.len(), 1);
        let (attempts, metrics): (Vec<_>, Vec<_>) =
            of_dispatch.into_iter().partition(|line| line.contains("An attempt ended."));
        assert_eq!(attempts.len(), 10);
        // Certificates of production have revocation lists.
        let usual = |line: &String| line.replace("\"revocation\":\"soft\",", "").len();
        let bytes = |lines: &[String]| lines.iter().map(usual).sum::<usize>() as u64;
        let of_attempt = bytes(&attempts).div_ceil(10);
        assert!(close(of_attempt, Model::LINE_BYTES), "{of_attempt}: {}", attempts[0]);
        assert!(close(bytes(&of_intake), Model::REQUEST_BYTES), "{}: {of_intake:?}", bytes(&of_intake));
        assert!(close(bytes(&metrics), Model::METRICS_BYTES), "{}: {metrics:?}", bytes(&metrics));
        let told: Vec<Value> = metrics.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((told.len(), &told[0]["invocations"]), (1, &json!(1)));
    }
}

#[tokio::test]
async fn the_row_of_a_notification_is_one_unit_of_writing_and_as_large_as_the_model_says() {
    let mut play = Play::with_receivers(1).await;
    let [_, lines] = play.ten("a").await;
    let attempt = lines.iter().find(|line| line.contains("An attempt ended.")).unwrap();
    let line: Value = serde_json::from_str(attempt).unwrap();
    let row = play.functions.aws.ledger_row(line["notification_id"].as_str().unwrap()).unwrap();
    let bytes = row.bytes() as u64;
    assert!(bytes <= 1024 && close(bytes, Model::ROW_BYTES), "{bytes}: {row:?}");
}

/// Says whether a measured number is no more than a stated one, and not so much less that the statement says little.
fn close(measured: u64, stated: u64) -> bool {
    measured <= stated && 10 * measured >= 9 * stated
}
