//! What is sent, beside what the published contracts of the webhook say of it.

use std::collections::{BTreeMap, BTreeSet};

use convention::address::AddressPolicy;
use convention::directory::{BaseUri, Receiver, Settings};
use convention::notification::{
    ApiVersion, Choices, ClientId, ENDPOINTS, EndpointRow, IdSyntax, InteractionId, Notification, Partition,
    Plan, Reached, ReceiverKey, StateChange, WebhookVersion, plan,
};
use regex_lite::Regex;
use serde_json::{Value, json};

use super::repository;

const BASE: &str = "https://itp.com/kong3";
const SERVER: &str = "123e4567-e89b-12d3-a456-426614174000";
/// The version under which the examples were born, which each API has had.
const API_VERSION: &str = "v2";

/// The contract of a webhook version.
fn contract(version: WebhookVersion) -> Value {
    serde_saphyr::from_str(&repository::contract(version)).unwrap()
}

/// A part of a contract with what it refers to in its place, and its objects closed.
fn resolved(contract: &Value, part: &Value) -> Value {
    if let Some(reference) = part["$ref"].as_str() {
        return resolved(contract, contract.pointer(reference.trim_start_matches('#')).unwrap());
    }
    match part {
        Value::Object(object) => {
            let mut all: serde_json::Map<_, _> =
                object.iter().map(|(name, value)| (name.clone(), resolved(contract, value))).collect();
            if all.contains_key("properties") {
                all.insert("additionalProperties".to_owned(), false.into());
            }
            all.into()
        }
        Value::Array(items) => items.iter().map(|item| resolved(contract, item)).collect(),
        other => other.clone(),
    }
}

/// The path of an endpoint as a contract writes it.
fn template(row: &EndpointRow) -> String {
    format!("/{}/{{versionApi}}/{}/{{{}}}", row.api, row.path, row.id_name)
}

/// The parameters of an operation in one place, by their names.
fn parameters(operation: &Value, place: &str) -> BTreeMap<String, Value> {
    let all = operation["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == place);
    all.map(|one| (one["name"].as_str().unwrap().to_owned(), one.clone())).collect()
}

/// Says whether a schema of a text takes it.
fn takes(schema: &Value, text: &str) -> bool {
    let longest = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
    let pattern = schema["pattern"].as_str().map(|pattern| Regex::new(&pattern.replace(r"\/", "/")).unwrap());
    text.chars().count() as u64 <= longest && pattern.is_none_or(|pattern| pattern.is_match(text))
}

#[test]
fn each_contract_has_our_endpoints_and_posts_alone() {
    for version in WebhookVersion::ALL {
        let contract = contract(version);
        let paths = contract["paths"].as_object().unwrap();
        let ours: BTreeSet<_> = ENDPOINTS.iter().filter(|row| row.since <= version).map(template).collect();
        assert_eq!(paths.keys().cloned().collect::<BTreeSet<_>>(), ours, "{version}");
        for (path, item) in paths {
            let methods: Vec<_> = item.as_object().unwrap().keys().collect();
            assert_eq!(methods, ["post"], "{version} {path}");
            let answers: Vec<_> = item["post"]["responses"].as_object().unwrap().keys().collect();
            assert_eq!(answers, ["202"], "{version} {path}");
        }
        assert_eq!(Settings::default().success_statuses, [202]);
        for server in contract["servers"].as_array().unwrap() {
            assert!(
                server["url"].as_str().unwrap().ends_with("/open-banking/webhook/v1"),
                "{version} {server}"
            );
        }
    }
    assert_eq!(Notification::METHOD, "POST");
}

#[test]
fn each_identifier_and_version_has_the_published_pattern() {
    let long = |length: usize| "a".repeat(length);
    let texts = [
        "urn:bancoex:C1DD33123".to_owned(),
        "urn:a:(a+b),-.:=@;$_!*'%/?#".to_owned(),
        "urn:a:ç".to_owned(),
        "urn:-a:1".to_owned(),
        "urn::1".to_owned(),
        "urn:a:".to_owned(),
        "URN:a:1".to_owned(),
        format!("urn:{}:1", long(32)),
        format!("urn:{}:1", long(33)),
        format!("urn:a:{}", long(250)),
        format!("urn:a:{}", long(251)),
        "TXpRMU9UQTROMWhZV2xSU1FUazJSMDl".to_owned(),
        "77b1a0c2-1111-4222-8333-944455556666".to_owned(),
        "-a".to_owned(),
        "a_b".to_owned(),
        String::new(),
        long(100),
        long(101),
    ];
    for version in WebhookVersion::ALL {
        let contract = contract(version);
        for row in ENDPOINTS.iter().filter(|row| row.since <= version) {
            let operation = resolved(&contract, &contract["paths"][template(row)]["post"]);
            let parameters = parameters(&operation, "path");
            for text in &texts {
                let published = takes(&parameters[row.id_name]["schema"], text);
                // The pattern of an enrollment's id refuses each real one, so ours takes those too.
                let ours = match row.id_syntax {
                    IdSyntax::UrnOrPlain => published || IdSyntax::Urn.admits(text),
                    IdSyntax::Urn | IdSyntax::Plain | IdSyntax::Server => published,
                };
                assert_eq!(row.id_syntax.admits(text), ours, "{version} {} {text}", row.code);
            }
            let numbers = (0..=120).map(|number| format!("v{number}"));
            let odd = ["", "v", "V4", "v04", "v4.0.1", "v+4", " v4", "4", "v4 "].map(str::to_owned);
            for text in numbers.chain(odd) {
                let published = takes(&parameters["versionApi"]["schema"], &text);
                assert_eq!(text.parse::<ApiVersion>().is_ok(), published, "{version} {} {text:?}", row.code);
            }
        }
    }
}

fn receiver(webhook_version: WebhookVersion) -> Receiver {
    let client_id: ClientId = "client-1".parse().unwrap();
    Receiver {
        key: ReceiverKey::from(&client_id),
        client_id,
        base_uri: BaseUri::parse(BASE, AddressPolicy::Public).unwrap(),
        settings: Settings { webhook_version, ..Settings::default() },
        notifies_since: None,
        onboarding_slo: None,
    }
}

/// The changes of an endpoint that must be notified on a webhook version: one of its state, and one of its data.
fn changes(row: &EndpointRow, version: WebhookVersion) -> Vec<StateChange> {
    let id = if row.id_syntax == IdSyntax::Plain { "0a4c1c0f" } else { "urn:bancoex:C1/2?3#4" };
    let change = |more: Value| {
        let mut change = json!({
            "client_id": "client-1", "api": row.api, "resource": row.resource, "resource_id": id,
            "api_version": API_VERSION, "event_instant": "2026-11-30T09:15:30.987-03:00",
        });
        change.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        StateChange::from_json(&change, "").unwrap()
    };
    let is_due = |reached| matches!(reached, Reached::Notified(since) if since <= version);
    let state = row.states_of(API_VERSION.parse().unwrap()).find(|state| is_due(state.reached)).unwrap();
    let edit = row.edits.as_ref().filter(|edits| edits.since <= version);
    let edit = edit.map(|edits| {
        change(json!({ "from": edits.only_in, "to": edits.only_in, "changed_fields": [edits.fields[0]] }))
    });
    [Some(change(json!({ "to": state.name }))), edit].into_iter().flatten().collect()
}

#[test]
fn each_request_is_one_of_the_published_contract() {
    let mut seen = 0;
    for version in WebhookVersion::ALL {
        let contract = contract(version);
        for row in ENDPOINTS.iter().filter(|row| row.since <= version) {
            let operation = resolved(&contract, &contract["paths"][template(row)]["post"]);
            for change in changes(row, version) {
                let planned =
                    plan(&change, Some(&receiver(version)), &SERVER.parse().unwrap(), &Choices::default());
                let Plan::Notify(notification) = planned else {
                    panic!("{version} {}: {planned:?}", row.code)
                };
                check(&operation, row, &notification);
                seen += 1;
            }
        }
    }
    // Two, three and twice five endpoints; those of 1.3.0 that tell of edits.
    assert_eq!(seen, 2 + 3 + 5 + 5 + 2);
}

/// Checks URL, headers and body of a notification against its operation.
fn check(operation: &Value, row: &EndpointRow, notification: &Notification) {
    let path = notification.url.strip_prefix(BASE).unwrap().strip_prefix("/open-banking/webhook/v1").unwrap();
    let id = if row.id_syntax == IdSyntax::Plain { "0a4c1c0f" } else { "urn:bancoex:C1%2F2%3F3%234" };
    let published =
        template(row).replace("{versionApi}", API_VERSION).replace(&format!("{{{}}}", row.id_name), id);
    assert_eq!(path, published);

    let content = operation["requestBody"]["content"].as_object().unwrap();
    assert_eq!(content.keys().collect::<Vec<_>>(), ["application/json"]);
    let parameters = parameters(operation, "header");
    let interaction = InteractionId::new(Partition::of(&notification.resource), 1);
    let headers: BTreeMap<_, _> = notification
        .headers_of_attempt(interaction)
        .map(|(name, value)| (name.as_str().to_owned(), value.into_owned()))
        .collect();
    // Those that the contract has, the type of the body, and our name. HTTP adds the host and the length.
    let names = parameters.keys().map(String::as_str).chain(["content-type", "user-agent"]);
    let names: BTreeSet<_> = names.map(str::to_owned).collect();
    assert_eq!(headers.keys().cloned().collect::<BTreeSet<_>>(), names, "{}", notification.url);
    assert_eq!(headers["content-type"], "application/json");
    for (name, parameter) in &parameters {
        assert!(takes(&parameter["schema"], &headers[name]), "{name}: {}", headers[name]);
    }

    let schema = jsonschema::validator_for(&content["application/json"]["schema"]).unwrap();
    let body: Value = serde_json::from_str(&notification.body).unwrap();
    assert!(schema.is_valid(&body), "{} of {}", notification.body, notification.url);
    assert_eq!(body["data"]["timestamp"], "2026-11-30T12:15:30Z");
}
