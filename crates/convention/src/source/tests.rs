use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn now() -> Timestamp {
    "2026-03-10T12:00:01Z".parse().unwrap()
}

fn change() -> Value {
    json!({
        "client_id": "c-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1", "api_version": "v5",
        "from": "RCVD", "to": "ACSC", "event_instant": "2026-03-10T12:00:00Z"
    })
}

fn event(detail: &Value) -> Value {
    json!({
        "version": "0", "id": "e-1", "detail-type": "StateChange", "source": "bank.payments",
        "account": "123456789012", "time": "2026-03-10T12:00:00Z", "region": "sa-east-1", "resources": [],
        "detail": detail
    })
}

fn read_of(source: Source, record: &[u8]) -> Reading {
    read(
        source,
        record,
        &Envelope::default(),
        (Ecosystem::OpenFinance, &AuthorisationServers::default()),
        now(),
    )
}

fn errors(record: &Value) -> Vec<(String, &'static str)> {
    let read = read_of(Source::Kinesis, record.to_string().as_bytes());
    let errors = read.change.unwrap_err().into_iter();
    errors.map(|error| (error.pointer, error.code)).collect()
}

#[test]
fn a_change_is_found_in_each_usual_envelope() {
    let bare = change().to_string();
    let cloud_event = |member: &str, data: Value| {
        let mut event = json!({ "specversion": "1.0", "id": "1", "source": "/core", "type": "change" });
        event[member] = data;
        event
    };
    let records = [
        change(),
        event(&change()),
        json!({ "Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": bare }),
        cloud_event("data", change()),
        cloud_event("data", json!(bare)),
        cloud_event("data_base64", json!(STANDARD.encode(&bare))),
    ];
    let expected = StateChange::from_json(&change(), "").unwrap();
    for record in records {
        let read = read_of(Source::Kafka, record.to_string().as_bytes());
        assert_eq!(read.change.unwrap().change, expected, "{record}");
    }
}

#[test]
fn a_path_leads_through_texts_and_the_first_that_is_there_counts() {
    let inner = json!({ "payload": { "change/s": change() } }).to_string();
    let record = json!({ "Message": inner, "data": change() }).to_string();
    let envelope: Envelope = "/absent,/Message/payload/change~1s,/data".parse().unwrap();
    let (found, pointer) = envelope.open(serde_json::from_str(&record).unwrap()).unwrap();
    assert_eq!((found, pointer.as_str()), (change(), "/Message/payload/change~1s"));
    assert!("detail".parse::<Envelope>().is_err());
    let none: Envelope = "".parse().unwrap();
    assert_eq!(none.open(event(&change())).unwrap(), (event(&change()), String::new()));
}

#[test]
fn each_wrong_field_is_named_from_the_root_of_the_record() {
    let mut wrong = change();
    (wrong["to"], wrong["api_version"]) = (json!(7), json!("v0"));
    let mut found = errors(&event(&wrong));
    found.sort_unstable();
    let found: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(found, ["/detail/api_version", "/detail/to"]);
    assert_eq!(errors(&json!({ "Message": "no JSON" })), [("/Message".to_owned(), "not_json")]);
    assert_eq!(errors(&json!({ "data_base64": "*" })), [("/data_base64".to_owned(), "not_json")]);
    assert_eq!(errors(&json!([])), [(String::new(), "wrong_type")]);
    assert_eq!(errors(&json!("x".repeat(MAX_RECORD))), [(String::new(), "too_large")]);
    let twice = br#"{"client_id":"a","client_id":"b"}"#;
    assert_eq!(read_of(Source::Kafka, twice).change.unwrap_err()[0].code, "not_json");
}

#[test]
fn a_brand_that_this_stack_lacks_is_an_error_of_the_change() {
    let mut of_brand = change();
    of_brand["brand"] = json!("other");
    let servers = "one=11111111-1111-4111-8111-111111111111".parse().unwrap();
    let record = json!({ "data": of_brand }).to_string();
    let read = read(
        Source::Kafka,
        record.as_bytes(),
        &Envelope::default(),
        (Ecosystem::OpenFinance, &servers),
        now(),
    );
    let error = &read.change.unwrap_err()[0];
    assert_eq!((error.pointer.as_str(), error.code), ("/data/brand", "unknown_brand"));
}

#[test]
fn a_message_of_sqs_in_the_form_of_an_event_is_one_of_eventbridge() {
    let event = event(&change()).to_string();
    assert_eq!(read_of(Source::Sqs, event.as_bytes()).source, Source::EventBridge);
    assert_eq!(read_of(Source::Kafka, event.as_bytes()).source, Source::Kafka);
    assert_eq!(read_of(Source::Sqs, change().to_string().as_bytes()).source, Source::Sqs);
}

fn rejected(body: &[u8], errors: &[FieldError]) -> (String, Value) {
    let rejection =
        Rejection { source: Source::Kafka, from: "arn:t", id: "payments-3@42", at: now(), errors, body };
    let json = rejection.to_json();
    let value = serde_json::from_str(&json).unwrap();
    (json, value)
}

#[test]
fn a_rejection_holds_errors_and_the_original_body() {
    let errors = read_of(Source::Kafka, b"{}").change.unwrap_err();
    let (_, value) = rejected(b"{}", &errors);
    assert_eq!(value["body"], "{}");
    assert_eq!((&value["source"], &value["record_id"]), (&json!("kafka"), &json!("payments-3@42")));
    assert_eq!(value["errors"].as_array().unwrap().len(), errors.len());
    assert_eq!(value["errors"][0]["code"], "missing");
    let (_, value) = rejected(&[0xff, 0x00], &errors);
    assert_eq!((&value["body"], &value["body_base64"]), (&Value::Null, &json!("/wA=")));
}

#[test]
fn a_rejection_always_fits_into_a_message() {
    let many: serde_json::Map<_, _> =
        (0..3_000).map(|at| (format!("{at:0>60}\u{ffff}"), Value::Null)).collect();
    let errors = read_of(Source::Kafka, Value::Object(many).to_string().as_bytes()).change.unwrap_err();
    for body in ["\u{1}", "\"", "\u{ffff}", "a"].map(|unit| unit.repeat(10 * 1024 * 1024 / unit.len())) {
        let (json, value) = rejected(body.as_bytes(), &errors);
        assert!(json.len() <= MAX_REJECTION, "{}", json.len());
        assert_eq!(value["truncated"], true);
    }
}

proptest! {
    #[test]
    fn no_record_makes_the_reader_panic(record in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read_of(Source::Sqs, &record).change.is_err());
    }

    #[test]
    fn sqs_accepts_every_rejection(text in any::<String>()) {
        let (json, _) = rejected(text.as_bytes(), &[]);
        let is_refused = json.chars().any(|c| c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}'));
        prop_assert!(!is_refused);
    }
}
