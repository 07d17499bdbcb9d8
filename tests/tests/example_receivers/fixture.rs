//! A receiver of the examples before dispatch, and what is asked of it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use convention::delivery::AttemptMessage;
use convention::notification::Endpoint;
use devkit::local::{change, changes_of_all_kinds};
use devkit::pki::{ClientSubject, Identity};
use dispatch::Dispatch;
use jiff::SignedDuration;
use serde_json::json;
use tempfile::TempDir;
use tests::aws::{Functions, NOTIFICATIONS, PKI, Row, call_settings, requeued};
use tests::judges::Nginx;
use tokio::time::Instant;

use super::process::{Receiver, site};
use super::request::{BODY, PATH, ask, post};
use super::{BASE_PATH, CLIENT, DOWN};

const NOTHING: [usize; 0] = [];

/// A receiver behind nginx, registered with dispatch.
pub(super) struct Fixture {
    receiver: Receiver,
    nginx: Nginx,
    functions: Functions,
    dispatch: Arc<Dispatch>,
}

impl Fixture {
    pub(super) async fn new(nginx: PathBuf, folder: TempDir, command: Command) -> Self {
        let receiver = Receiver::start(folder, command).await;
        let nginx = Nginx::serving(&nginx, &PKI, |port| Ok(site(port, receiver.port))).await.unwrap();
        let functions = Functions::default();
        functions.put_identity(&PKI.sender);
        functions.register(CLIENT, &nginx.base_uri(BASE_PATH)).await;
        let dispatch = functions.dispatch(&functions.test_clock);
        dispatch.identities.prepare().await.unwrap();
        Self { receiver, nginx, functions, dispatch }
    }

    /// Has dispatch make an attempt, and returns the row of its notification.
    async fn attempt(&self, message: &AttemptMessage) -> Row {
        assert_eq!(requeued(&self.dispatch, &[message.to_json()]).await, NOTHING);
        self.functions.aws.ledger_row(message.notification.as_str()).unwrap()
    }

    /// Sends what dispatch would not, and returns the status.
    async fn status(&self, identity: Option<&Identity>, request: &str) -> u16 {
        ask(&self.nginx.base_uri(""), identity, request).await.0
    }

    /// How often it fetched a resource, once it logged so many lines of it.
    async fn fetched(&self, resource: &str, count: usize) -> usize {
        let lines = self.receiver.lines(resource, count).await;
        lines.iter().filter(|line| line.starts_with("fetch ")).count()
    }

    /// The first answer counts for nothing, as if it had been lost. To the receiver the second attempt is a copy.
    pub(super) async fn recognises_a_second_attempt(&self) {
        let (directory, now) = (self.functions.directory(), self.functions.test_clock.now());
        let success = async |status: u16| {
            let settings = json!({ "success_statuses": [status] });
            assert_eq!(call_settings(&directory, CLIENT, &settings.to_string()).await.status, 200);
        };
        success(200).await;
        let posted = change(Endpoint::PaymentConsent, CLIENT, "a/b?c%d", now);
        let row = self.attempt(&self.functions.message_of(&posted)).await;
        assert_eq!((row.attempt(1, "outcome"), row.attempt(1, "status")), ("nonconformant_2xx", "202"));
        success(202).await;
        let queued = self.functions.aws.take_messages(NOTIFICATIONS).remove(0);
        self.functions.test_clock.advance(SignedDuration::from_secs(10));
        let row = self.attempt(&AttemptMessage::from_json(&queued.body).unwrap()).await;
        assert_eq!((row.text("status"), row.attempt(2, "status")), ("delivered", "202"));

        let organisation = ClientSubject::default().organization_id;
        let resource = "payments/v5/consents/urn:bancoex:a%2Fb%3Fc%25d";
        let timestamp = now.strftime("%FT%TZ");
        let told = |word: &str, attempt| {
            let id = row.attempt(attempt, "interaction_id");
            format!("{word} {id} {organisation} {resource} {timestamp}")
        };
        let expected = [told("accepted", 1), told("known", 2), format!("fetch {organisation} {resource}")];
        let mut lines = self.receiver.lines(resource, 3).await;
        // The fetch may be logged before the copy.
        lines.sort_by_key(|line| expected.iter().position(|one| one == line));
        assert_eq!(lines, expected);
    }

    pub(super) async fn takes_each_endpoint_at_the_first_attempt(&self) {
        for posted in changes_of_all_kinds(CLIENT, "all", self.functions.test_clock.now()) {
            let row = self.attempt(&self.functions.message_of(&posted)).await;
            assert_eq!(
                (row.text("status"), row.attempt(1, "outcome")),
                ("delivered", "delivered"),
                "{posted}"
            );
        }
        assert_eq!(self.fetched("all", 10).await, 5);
    }

    /// Another change of the second of the timestamp would be dropped as a copy, so it has to be in what is fetched.
    pub(super) async fn fetches_after_the_second_of_the_timestamp(&self) {
        let started = Instant::now();
        let request = post(PATH, "a-1", BODY);
        let (status, answer) = ask(&self.nginx.base_uri(""), Some(&PKI.sender), &request).await;
        assert!(
            status == 202 && answer.to_lowercase().contains("x-webhook-interaction-id: a-1\r\n"),
            "{answer}"
        );
        assert_eq!(self.fetched("p-9", 2).await, 1);
        assert!(started.elapsed() >= Duration::from_secs(1));
    }

    /// No attempt follows a 202, so a `GET` that failed is made again, and a copy does not make another.
    pub(super) async fn fetches_again_what_failed(&self) {
        let path = PATH.replace("p-9", DOWN);
        for id in ["a-1", "a-2"] {
            assert_eq!(self.status(Some(&PKI.sender), &post(&path, id, BODY)).await, 202);
        }
        let lines = self.receiver.lines(DOWN, 4).await;
        let words: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(words, ["accepted", "known", "fetch", "fetch"]);
    }

    pub(super) async fn refuses_the_rest(&self) {
        let log = self.receiver.lines("", 0).await;
        for (status, request) in refused() {
            assert_eq!(self.status(Some(&PKI.sender), &request).await, status, "{request}");
        }
        let server = PKI.sender_authority.server(&["localhost"]).unwrap();
        let stranger = ClientSubject { organization_id: "none".to_owned(), ..ClientSubject::default() };
        let stranger = PKI.sender_authority.client(&stranger).unwrap();
        // Without a certificate, with one of a server, of another authority, and of nobody in the Directory.
        for (identity, status) in
            [(None, 400), (Some(&server), 400), (Some(&PKI.receiver), 400), (Some(&stranger), 403)]
        {
            assert_eq!(self.status(identity, &post(PATH, "a-2", BODY)).await, status);
        }
        assert_eq!(self.receiver.lines("", 0).await, log);
    }
}

/// Requests that are refused, and with which status.
fn refused() -> Vec<(u16, String)> {
    let mut refused = Vec::new();
    for path in [
        PATH.replace("/kong3", ""),
        PATH.replace("/kong3", "/kong4"),
        PATH.replace("pix/payments", "enrollments"),
        format!("{PATH}/x"),
        format!("{PATH}?a=b"),
        PATH.replace("p-9", ""),
    ] {
        refused.push((404, post(&path, "a-1", BODY)));
    }
    let deep = "[".repeat(3_000);
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"data":null}"#,
        r#"{"data":[]}"#,
        r#"{"data":{"timestamp":7}}"#,
        r#"{"data":{"timestamp":"yesterday"}}"#,
        r#"{"data":{"timestamp":"2026-02-31T14:00:00Z"}}"#,
        r#"{"data":{"timestamp":"2026-11-30T14:00:00Z"}}}"#,
        &deep,
    ] {
        refused.push((400, post(PATH, "a-1", body)));
    }
    for id in ["", "a b", "-a", &"a".repeat(101)] {
        refused.push((400, post(PATH, id, BODY)));
    }
    refused.push((413, post(PATH, "a-1", &format!("{BODY}{}", " ".repeat(5_000)))));
    refused
}
