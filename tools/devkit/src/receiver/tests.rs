//! The mock as a sender meets it: real sockets, real handshakes.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, Response};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::pki::{Authority, ClientSubject, Identity, TestPki, Validity};

const REQUESTS_TIMEOUT: Duration = Duration::from_secs(10);
const CONSENT: &str = "/open-banking/webhook/v1/payments/v5/consents/urn:bancoex:C1DD33123";
const PAYMENT: &str = "/open-banking/webhook/v1/payments/v5/pix/payments/TXpRMU9UQTROMWhZV2xSU1FUazJSMDl";

/// Making RSA keys takes most of a test's time, so all tests share theirs.
static PKI: LazyLock<TestPki> = LazyLock::new(|| TestPki::new(&ClientSubject::default(), now()).unwrap());

fn now() -> Timestamp {
    settings::wall_clock()
}

fn settings() -> Settings {
    Settings::new(PKI.receiver.clone(), PKI.sender_authority.root_pem())
}

fn answering(answers: &str) -> Settings {
    Settings { answers: answers.parse().unwrap(), ..settings() }
}

fn client(identity: Option<&Identity>, versions: &[&'static SupportedProtocolVersion]) -> Client {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(PKI.receiver_authority.root_pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        Some(identity) => {
            let chain =
                CertificateDer::pem_slice_iter(identity.chain_pem.as_bytes()).collect::<Result<_, _>>();
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain.unwrap(), key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(REQUESTS_TIMEOUT)
        .build()
        .unwrap()
}

fn sender() -> Client {
    client(Some(&PKI.sender), rustls::ALL_VERSIONS)
}

fn notification(client: &Client, mock: &MockReceiver, path: &str, attempt: u8) -> RequestBuilder {
    client
        .post(format!("{}{path}", mock.base_uri()))
        .header("x-webhook-interaction-id", interaction_id(attempt))
        .json(&json!({"data": {"timestamp": "2026-01-12T12:00:00Z"}}))
}

fn interaction_id(attempt: u8) -> String {
    format!("7f1c2b1e-5a0e-4a9e-9d6b-0000000000{attempt:02x}")
}

fn echo(response: &Response) -> Option<&str> {
    response.headers().get("x-webhook-interaction-id").map(|value| value.to_str().unwrap())
}

async fn statuses(client: &Client, mock: &MockReceiver, paths: &[&str]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for (attempt, path) in (0..).zip(paths) {
        statuses.push(notification(client, mock, path, attempt).send().await.unwrap().status().as_u16());
    }
    statuses
}

async fn body_of(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        body.extend_from_slice(&chunk);
    }
    body
}

#[tokio::test]
async fn a_notification_is_accepted_echoed_and_kept() {
    let mock =
        MockReceiver::start(Settings { prefix: "/kong3".parse().unwrap(), ..settings() }).await.unwrap();
    let mut subscription = mock.subscribe();
    let response = notification(&sender(), &mock, CONSENT, 1).send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(echo(&response), Some(interaction_id(1).as_str()));

    let received = mock.wait_for(1, REQUESTS_TIMEOUT).await.unwrap();
    assert_eq!(subscription.recv().await.unwrap(), received[0]);
    let event = &received[0];
    assert_eq!(event.findings, []);
    assert_eq!(event.endpoint, Some(Endpoint::E1));
    assert_eq!(event.resource_id.as_deref(), Some("urn:bancoex:C1DD33123"));
    assert_eq!(event.header("content-type"), Some("application/json"));
    assert_eq!(event.body, Body::Json(json!({"data": {"timestamp": "2026-01-12T12:00:00Z"}})));
    assert_eq!(event.tls.protocol, "TLS 1.3");
    assert!(event.tls.cipher_suite.starts_with("TLS_"), "{}", event.tls.cipher_suite);
    let certificate = event.client_certificate.as_ref().unwrap();
    assert!(
        certificate.subject.contains("organizationIdentifier=OFBBR-b7a1c0de-0000-4000-8000-0000000000a1")
    );

    let json = serde_json::to_value(event).unwrap();
    assert_eq!(json["sequence"], 1);
    assert_eq!(json["path"], format!("/kong3{CONSENT}"));
    assert_eq!(json["endpoint"], "E1");
    assert_eq!(json["received_at"].as_str().unwrap().len(), "2026-01-12T12:00:00.000Z".len());
    assert_eq!(json["answered"], "202");
    mock.stop().await;
}

#[tokio::test]
async fn a_caller_without_the_right_certificate_is_refused_and_counted() {
    let mock = MockReceiver::start(settings()).await.unwrap();
    let stranger = Authority::new("Stranger", now()).unwrap().client(&ClientSubject::default()).unwrap();
    let day = jiff::SignedDuration::from_hours(24);
    let past = Validity { not_before: now() - day * 2, not_after: now() - day };
    let expired = PKI.sender_authority.client_with(&ClientSubject::default(), past).unwrap();
    for (identity, reason) in
        [(None, "peer sent no certificates"), (Some(&stranger), "UnknownIssuer"), (Some(&expired), "expired")]
    {
        let mut refusals = mock.subscribe_refusals();
        notification(&client(identity, rustls::ALL_VERSIONS), &mock, CONSENT, 1).send().await.unwrap_err();
        let refusal = refusals.recv().await.unwrap();
        assert!(refusal.error.contains(reason), "{reason}: {}", refusal.error);
    }
    assert_eq!(mock.received(), []);
    let connections = mock.connections();
    assert_eq!((connections.accepted, connections.completed, connections.failed), (3, 0, 3));
}

#[tokio::test]
async fn nobody_is_asked_for_a_certificate_if_so_told() {
    let mock = MockReceiver::start(Settings { client_ca_pem: None, ..settings() }).await.unwrap();
    notification(&client(None, rustls::ALL_VERSIONS), &mock, CONSENT, 1).send().await.unwrap();
    assert_eq!(mock.received()[0].client_certificate, None);
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_either_can_be_left_out() {
    const TLS_1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
    const TLS_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
    let mock = MockReceiver::start(settings()).await.unwrap();
    for versions in [TLS_1_2, TLS_1_3] {
        notification(&client(Some(&PKI.sender), versions), &mock, CONSENT, 1).send().await.unwrap();
    }
    let spoken: Vec<String> = mock.received().into_iter().map(|event| event.tls.protocol).collect();
    assert_eq!(spoken, ["TLS 1.2", "TLS 1.3"]);

    let modern = MockReceiver::start(Settings { tls_versions: TLS_1_3, ..settings() }).await.unwrap();
    notification(&client(Some(&PKI.sender), TLS_1_2), &modern, CONSENT, 1).send().await.unwrap_err();
}

#[tokio::test]
async fn a_session_is_resumed_only_if_so_told_and_then_seen() {
    for resumption in [false, true] {
        let mock = MockReceiver::start(Settings { resumption, ..answering("close,202") }).await.unwrap();
        let sender = sender();
        // A response first, so that the client has read the session tickets; then a new connection.
        notification(&sender, &mock, PAYMENT, 0).send().await.unwrap_err();
        notification(&sender, &mock, PAYMENT, 1).send().await.unwrap();
        let resumed: Vec<bool> = mock.received().into_iter().map(|event| event.tls.resumed).collect();
        assert_eq!(resumed, [false, resumption]);
    }
}

#[tokio::test]
async fn each_resource_has_its_own_place_in_the_sequence() {
    let mock = MockReceiver::start(answering("503,202")).await.unwrap();
    let paths = [CONSENT, PAYMENT, CONSENT, PAYMENT, CONSENT];
    assert_eq!(statuses(&sender(), &mock, &paths).await, [503, 503, 202, 202, 202]);
    let answered: Vec<String> = mock.received().into_iter().map(|event| event.answered).collect();
    assert_eq!(answered, ["503", "503", "202", "202", "202"]);
    // One client, one connection.
    assert_eq!(mock.connections().accepted, 1);

    mock.set_answers("500".parse().unwrap());
    assert_eq!(statuses(&sender(), &mock, &[CONSENT]).await, [500]);
}

#[tokio::test]
async fn some_paths_can_have_other_answers() {
    let mut settings = settings();
    settings.answers.exceptions.push("/pix/=404".parse().unwrap());
    let mock = MockReceiver::start(settings).await.unwrap();
    assert_eq!(statuses(&sender(), &mock, &[CONSENT, PAYMENT]).await, [202, 404]);
}

#[tokio::test]
async fn a_connection_is_reset_closed_or_left_hanging_after_the_request_was_kept() {
    for (deed, symptom) in [("reset", "reset by peer"), ("close", "closed before"), ("hang", "timed out")] {
        let mock = MockReceiver::start(answering(deed)).await.unwrap();
        let request = notification(&sender(), &mock, CONSENT, 1).timeout(Duration::from_millis(500));
        let error = anyhow::Error::from(request.send().await.unwrap_err());
        assert!(format!("{error:#}").contains(symptom), "{deed}: {error:#}");
        assert_eq!(mock.received()[0].answered, deed);
    }
}

#[tokio::test]
async fn an_answer_can_be_without_end() {
    for deed in ["endless", "trickle"] {
        let mock = MockReceiver::start(answering(deed)).await.unwrap();
        let mut response =
            notification(&sender(), &mock, CONSENT, 1).timeout(Duration::from_secs(2)).send().await.unwrap();
        assert_eq!(response.status(), 202);
        assert!(response.chunk().await.unwrap().is_some(), "{deed}");
        while let Ok(chunk) = response.chunk().await {
            assert!(chunk.is_some(), "{deed} ended");
        }
    }
    let mock = MockReceiver::start(answering("informational")).await.unwrap();
    let request = notification(&sender(), &mock, CONSENT, 1).timeout(Duration::from_millis(500));
    assert!(request.send().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn headers_and_bodies_are_as_told() {
    let mock = MockReceiver::start(answering(
        "no-echo:202,wrong-echo:202,redirect:https://localhost:1/a,body:70000:202,header:70000:500,delay:50ms:202",
    ))
    .await
    .unwrap();
    let sender = sender();
    let mut responses = Vec::new();
    for attempt in 0..6 {
        responses.push(notification(&sender, &mock, CONSENT, attempt).send().await.unwrap());
    }
    let shown: Vec<(u16, Option<&str>)> =
        responses.iter().map(|response| (response.status().as_u16(), echo(response))).collect();
    let ids: Vec<String> = (0..6).map(interaction_id).collect();
    let expected = [
        (202, None),
        (202, Some("00000000-0000-4000-8000-000000000000")),
        (302, Some(ids[2].as_str())),
        (202, Some(ids[3].as_str())),
        (500, Some(ids[4].as_str())),
        (202, Some(ids[5].as_str())),
    ];
    assert_eq!(shown, expected);
    assert_eq!(responses[2].headers()["location"], "https://localhost:1/a");
    assert_eq!(responses[4].headers()["x-padding"].len(), 70_000);
    assert_eq!(body_of(responses.swap_remove(3)).await.len(), 70_000);
}

#[tokio::test]
async fn an_answer_has_the_headers_and_the_text_that_it_is_told_to_have() {
    let mock =
        MockReceiver::start(answering("set:retry-after=120:text:%7B%22a%22%3A1%7D:last:503")).await.unwrap();
    let sender = sender();
    for connection in 1..=2 {
        let response = notification(&sender, &mock, CONSENT, 1).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (503, &"120".parse().unwrap())
        );
        assert_eq!(body_of(response).await, br#"{"a":1}"#);
        assert_eq!(mock.connections().accepted, connection);
    }
    mock.set_answers(Answers::always(Answer::from(StatusCode::ACCEPTED).body("text", 10)));
    let response = notification(&sender, &mock, CONSENT, 1).send().await.unwrap();
    assert_eq!(body_of(response).await, b"textxxxxxx");
}

#[tokio::test]
async fn bytes_that_are_no_http_can_be_sent_and_an_answer_can_be_cut() {
    let mock =
        MockReceiver::start(answering("raw:SSH-2.0%0D%0A%0D%0A,truncate,raw:HTTP/1.1%20204%20X%0D%0A%0D%0A"))
            .await
            .unwrap();
    let sender = sender();
    notification(&sender, &mock, CONSENT, 1).send().await.unwrap_err();
    let mut cut = notification(&sender, &mock, CONSENT, 2).send().await.unwrap();
    assert_eq!((cut.status().as_u16(), cut.chunk().await.unwrap().unwrap().as_ref()), (202, &b"xxxxx"[..]));
    let error = anyhow::Error::from(cut.chunk().await.unwrap_err());
    assert!(format!("{error:#}").contains("close_notify"), "{error:#}");
    assert_eq!(notification(&sender, &mock, CONSENT, 3).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_receiver_without_a_socket_serves_any_stream_and_presents_what_it_is_told_to() {
    let presented = Presented::new(&PKI.receiver).unwrap();
    let receiver = Receiver::new(Settings { presents: Some(presented.clone()), ..settings() }).unwrap();
    let handshake = async || {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(receiver.clone().serve(theirs, ([127, 0, 0, 1], 1).into()));
        let roots = crate::pem::roots(PKI.receiver_authority.root_pem()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(PKI.sender.chain().unwrap(), PKI.sender.private_key().unwrap())
            .unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        connector.connect("localhost".try_into().unwrap(), ours).await
    };
    let mut stream = handshake().await.unwrap();
    let head = format!(
        "POST {CONSENT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    let seen = receiver.received();
    assert_eq!(seen[0].endpoint, Some(Endpoint::E1));
    assert_eq!(seen[0].client_certificate.as_ref().unwrap().chain, PKI.sender.chain().unwrap());

    presented.change(Identity::self_signed(&["localhost"], now()).unwrap().chain().unwrap());
    let error = handshake().await.unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn a_bad_request_is_answered_all_the_same_and_everything_wrong_is_noted() {
    let mock = MockReceiver::start(settings()).await.unwrap();
    let sender = sender();
    let url = format!("{}/open-banking/webhook/v1/enrollments/v0/enrollments/a_b", mock.base_uri());
    let bad = || sender.put(&url).header("x-webhook-interaction-id", "attempt-1").body(r#"{"data":{"x":1}}"#);
    assert_eq!(bad().send().await.unwrap().status(), 202);
    bad().send().await.unwrap();
    let codes = |event: &Received| event.findings.iter().map(|finding| finding.code).collect::<Vec<_>>();
    let mut expected = vec![
        Code::WrongMethod,
        Code::MalformedApiVersion,
        Code::MalformedResourceId,
        Code::InteractionIdNotUuid,
        Code::MissingAuthorizationServerId,
        Code::WrongContentType,
        Code::MissingTimestamp,
        Code::MissingEventType,
        Code::UnexpectedMember,
    ];
    let received = mock.received();
    assert_eq!(codes(&received[0]), expected);
    expected.push(Code::RepeatedInteractionId);
    assert_eq!(codes(&received[1]), expected);
}

#[tokio::test]
async fn a_connection_that_idles_is_closed_if_so_told() {
    let mock =
        MockReceiver::start(Settings { idle: Some(Duration::from_millis(200)), ..settings() }).await.unwrap();
    let sender = sender();
    assert_eq!(statuses(&sender, &mock, &[CONSENT, PAYMENT]).await, [202, 202]);
    assert_eq!(mock.connections().accepted, 1);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(statuses(&sender, &mock, &[CONSENT]).await, [202]);
    assert_eq!(mock.connections().accepted, 2);

    let slow = MockReceiver::start(Settings {
        idle: Some(Duration::from_millis(200)),
        ..answering("delay:600ms:202")
    });
    assert_eq!(statuses(&sender, &slow.await.unwrap(), &[CONSENT]).await, [202]);
}

#[tokio::test]
async fn only_so_many_requests_are_kept_and_waiting_for_more_fails_with_the_count() {
    let mock = MockReceiver::start(Settings { keep: 2, ..settings() }).await.unwrap();
    statuses(&sender(), &mock, &[CONSENT, CONSENT, CONSENT]).await;
    let kept: Vec<u64> =
        mock.wait_for(3, REQUESTS_TIMEOUT).await.unwrap().into_iter().map(|event| event.sequence).collect();
    assert_eq!(kept, [2, 3]);
    let error = mock.wait_for(4, Duration::from_millis(10)).await.unwrap_err();
    assert_eq!(error.to_string(), "3 of 4 requests came within 10ms");
    mock.forget();
    assert_eq!(mock.wait_for(0, REQUESTS_TIMEOUT).await.unwrap(), []);
}

#[tokio::test]
async fn nothing_listens_after_the_mock_is_stopped() {
    let mock = MockReceiver::start(settings()).await.unwrap();
    let address = mock.address();
    mock.stop().await;
    tokio::net::TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn what_was_received_is_served_and_answers_can_be_changed() {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let mock = MockReceiver::start(Settings { admin: Some(loopback), ..settings() }).await.unwrap();
    let admin = format!("http://{}", mock.admin_address().unwrap());
    let sender = sender();
    let http = Client::builder().tls_backend_preconfigured(client_config()).build().unwrap();
    statuses(&sender, &mock, &[CONSENT, PAYMENT]).await;

    let received = async |query: &str| -> Value {
        http.get(format!("{admin}/received{query}")).send().await.unwrap().json().await.unwrap()
    };
    assert_eq!(received("").await.as_array().unwrap().len(), 2);
    let payments = received("?path=/pix/").await;
    assert_eq!(payments.as_array().unwrap().len(), 1);
    assert_eq!(payments[0]["endpoint"], "E2");

    let put = async |path: &str, answers: &'static str| {
        http.put(format!("{admin}{path}")).body(answers).send().await.unwrap().status().as_u16()
    };
    assert_eq!(put("/answer", "503").await, 204);
    assert_eq!(put("/answer?path=/pix/", "500,404").await, 204);
    assert_eq!(put("/answer", "nonsense").await, 400);
    for query in ["?path=", "?paths=/pix/", "?path=/pix/&and=more"] {
        assert_eq!(put(&format!("/answer{query}"), "503").await, 400, "{query}");
    }
    assert_eq!(statuses(&sender, &mock, &[CONSENT, PAYMENT, PAYMENT]).await, [503, 500, 404]);

    let health: Value = http.get(format!("{admin}/health")).send().await.unwrap().json().await.unwrap();
    assert_eq!(health["received"], 5);
    assert_eq!(http.delete(format!("{admin}/received")).send().await.unwrap().status(), 204);
    assert_eq!(received("").await, json!([]));
    assert_eq!(http.get(&admin).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_admin_side_stays_on_this_machine() {
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let error = MockReceiver::start(Settings { admin: Some(everywhere), ..settings() }).await.unwrap_err();
    assert!(error.to_string().contains("not a loopback address"), "{error}");
}

/// Plain HTTP needs no TLS, but the client cannot be built without a provider.
fn client_config() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}
