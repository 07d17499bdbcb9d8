//! `infra/api.yaml` against the template and the code, and the template against the code.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;

use convention::directory::{RegistrationCall, SettingsChange};
use convention::notification::{APIS_WITHOUT_WEBHOOK, ENDPOINTS, Ecosystem, StateChange, Subject};
use devkit::local::changes_of_all_kinds;
use jiff::Timestamp;
use mtls::TrustAnchors;
use platform::aws::SLOW_RECEIVER_ATTRIBUTES;
use regex_lite::Regex;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use tests::aws::{Functions, post};
use tests::contract::{Contract, file};
use tests::template::Template;

const STATE_CHANGES: (&str, &str) = ("post", "/v1/state-changes");
const CLIENTS: (&str, &str) = ("put", "/v1/clients/{clientId}");
const SETTINGS: (&str, &str) = ("patch", "/v1/clients/{clientId}/settings");

fn resources() -> BTreeMap<String, Value> {
    Template::stack().unwrap().resources()
}

fn of_type(kind: &str) -> BTreeMap<String, Value> {
    resources().into_iter().filter(|(_, resource)| resource["Type"] == kind).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn the_contract_and_the_template_have_the_same_routes_and_each_asks_for_a_signature_or_a_token() {
    let routes = of_type("AWS::ApiGatewayV2::Route");
    for (name, route) in &routes {
        let properties = &route["Properties"];
        assert_eq!(properties["AuthorizationType"], json!(["UsesTokens", "JWT", "AWS_IAM"]), "{name}");
        assert_eq!(properties["AuthorizerId"][1], "TokenAuthorizer", "{name}");
    }
    let keys: BTreeSet<_> =
        routes.values().map(|route| text(&route["Properties"]["RouteKey"]).to_owned()).collect();
    assert_eq!(keys.len(), routes.len());
    assert_eq!(keys, Contract::read().unwrap().routes());
}

/// Manual de Segurança, 4.1: who called, from where, when, what, and how it ended. An HTTP API has no variable for the caller's
/// port.
#[test]
fn the_access_log_says_who_called_from_where_when_what_and_how_it_ended() {
    let stages = of_type("AWS::ApiGatewayV2::Stage");
    let formats = stages.values().map(|stage| text(&stage["Properties"]["AccessLogSettings"]["Format"]));
    let formats: Vec<_> = formats.collect();
    assert_eq!(formats.len(), 1);
    let line: Value = serde_json::from_str(formats[0]).unwrap();
    for (field, variable) in [
        ("caller", "$context.identity.userArn"),
        ("token_client", "$context.authorizer.claims.client_id"),
        ("certificate_subject", "$context.identity.clientCert.subjectDN"),
        ("source_ip", "$context.identity.sourceIp"),
        ("requested_at", "$context.requestTime"),
        ("route", "$context.routeKey"),
        ("path", "$context.path"),
        ("status", "$context.status"),
    ] {
        assert_eq!(line[field], variable, "{field}");
    }
}

#[test]
fn each_route_and_nothing_else_may_invoke_the_function_behind_it() {
    let integrations = of_type("AWS::ApiGatewayV2::Integration");
    let expected: BTreeSet<_> = of_type("AWS::ApiGatewayV2::Route")
        .values()
        .map(|route| {
            let target = text(&route["Properties"]["Target"]);
            let integration = target.trim_start_matches("integrations/${").trim_end_matches('}');
            let function = text(&integrations[integration]["Properties"]["IntegrationUri"]).to_owned();
            let key = text(&route["Properties"]["RouteKey"])
                .replace(' ', "")
                .replace("{clientId}", "*")
                .replace("{notificationId}", "*");
            (function, key)
        })
        .collect();
    let mut permissions = of_type("AWS::Lambda::Permission");
    // The rule on alarms, and no other, may invoke what tells them.
    let of_rule = permissions.remove("AlarmChangesPermission").unwrap();
    assert_eq!(of_rule["Properties"]["FunctionName"], "OutcomesFunction.Alias");
    assert_eq!(of_rule["Properties"]["Principal"], "events.amazonaws.com");
    assert_eq!(of_rule["Properties"]["SourceArn"], "AlarmChangesRule.Arn");
    let permitted: BTreeSet<_> = permissions
        .values()
        .map(|permission| {
            let properties = &permission["Properties"];
            assert_eq!(properties["Action"], "lambda:InvokeFunction");
            assert_eq!(properties["Principal"], "apigateway.amazonaws.com");
            let (api, key) = text(&properties["SourceArn"]).split_once("/*/").unwrap();
            assert!(api.ends_with(":${NotifierApi}"), "{api}");
            (text(&properties["FunctionName"]).to_owned(), key.to_owned())
        })
        .collect();
    assert_eq!(permitted, expected);
}

#[test]
fn each_setting_that_a_function_reads_is_set_and_none_more() {
    let name = Regex::new("ARAUTO_[A-Z_]+").unwrap();
    let functions = of_type("AWS::Serverless::Function");
    assert_eq!(functions.len(), 5);
    for (function, resource) in functions {
        let binary = text(&resource["Metadata"]["BuildProperties"]["Binary"]);
        // Where a function has many parts, a file beside its main puts them together.
        let read = |name| read_to_string(file(&format!("functions/{binary}/src/{name}")).unwrap());
        let source = read("main.rs").unwrap() + &read("parts.rs").unwrap_or_default();
        let mut read: BTreeSet<_> = name.find_iter(&source).map(|found| found.as_str().to_owned()).collect();
        // Some are read by a function of the settings that has the name of what it returns.
        let settings = read_to_string(file("crates/platform/src/config.rs").unwrap()).unwrap();
        for reader in settings.split("    pub fn ").skip(1) {
            let (called, _) = reader.split_once('(').unwrap();
            if source.contains(&format!("settings.{called}()")) {
                // The comment above the next function is part of what follows the name of this one.
                let body = reader.split("\n    ///").next().unwrap();
                read.extend(name.find_iter(body).map(|found| found.as_str().to_owned()));
            }
        }
        // This one is read by the type that it chooses.
        if source.contains("KeyExchange::of_settings(") {
            let identity = read_to_string(file("crates/mtls/src/identity.rs").unwrap()).unwrap();
            read.extend(name.find_iter(&identity).map(|found| found.as_str().to_owned()));
        }
        let variables = resource["Properties"]["Environment"]["Variables"].as_object().unwrap();
        assert_eq!(variables.keys().cloned().collect::<BTreeSet<_>>(), read, "{function}");
    }
}

#[test]
fn dispatch_may_write_nothing_of_a_receiver_but_the_mark_of_one_that_hangs() {
    let role = &resources()["DispatchRole"];
    let statements = role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap();
    let of_receivers = |statement: &&Value| statement["Resource"] == "ReceiversTable.Arn";
    let mut writes =
        statements.iter().filter(of_receivers).filter(|allowed| allowed["Action"] != "dynamodb:GetItem");
    let write = writes.next().unwrap();
    assert_eq!(writes.next(), None);
    assert_eq!(write["Action"], "dynamodb:UpdateItem");
    let attributes =
        write["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"].as_array().unwrap();
    let allowed: Vec<_> = attributes.iter().map(text).collect();
    assert_eq!(allowed, [&["client_id"], &SLOW_RECEIVER_ATTRIBUTES[..]].concat());
}

#[test]
fn the_page_of_outcomes_is_made_of_the_table_of_codes() {
    let page = read_to_string(file("docs/outcomes.md").unwrap()).unwrap();
    assert!(page == arauto::outcomes::markdown(), "docs/outcomes.md is not what `make outcomes` writes");
}

#[test]
fn the_page_of_capacity_is_what_the_model_says() {
    let page = read_to_string(file("docs/capacity.md").unwrap()).unwrap();
    let said = capacity::markdown(&mut |_, _, _| ());
    assert!(page == said, "docs/capacity.md is not what `make capacity` writes");
}

fn now() -> Timestamp {
    "2026-11-22T13:15:30Z".parse().unwrap()
}

/// Judges documents by the contract and by the code.
struct Judges {
    contract: &'static Contract,
    operation: (&'static str, &'static str),
    code: fn(&Value) -> bool,
}

impl Judges {
    fn of_changes() -> Self {
        let code = |value: &Value| StateChange::from_json(value, "").is_ok();
        Self { contract: Contract::read().unwrap(), operation: STATE_CHANGES, code }
    }

    fn of_registrations() -> Self {
        let code = |value: &Value| RegistrationCall::from_json(value, now()).is_ok();
        Self { contract: Contract::read().unwrap(), operation: CLIENTS, code }
    }

    fn of_settings() -> Self {
        let code = |value: &Value| SettingsChange::from_json(value).is_ok();
        Self { contract: Contract::read().unwrap(), operation: SETTINGS, code }
    }

    /// Says whether the contract takes a document, and whether the code does.
    fn judge(&self, document: &Value) -> (bool, bool) {
        let (method, path) = self.operation;
        (self.contract.takes(method, path, document).unwrap(), (self.code)(document))
    }

    /// Lists the documents over which the two do not agree.
    fn disagreements(&self, documents: impl IntoIterator<Item = Value>) -> Vec<String> {
        documents
            .into_iter()
            .filter_map(|document| match self.judge(&document) {
                (contract, code) if contract == code => None,
                (true, _) => Some(format!("the code refuses {document}")),
                (false, _) => Some(format!("the contract refuses {document}")),
            })
            .collect()
    }
}

/// Documents that differ from this one in one field, which is missing or holds what it may or may not hold.
fn mutations(base: &Value, fields: &[&str]) -> Vec<Value> {
    let long = |length| Value::from("a".repeat(length));
    let list = |length| Value::from(vec!["a"; length]);
    let numbers = |length| Value::from(vec![202; length]);
    let values = [
        json!(null),
        json!(true),
        json!(false),
        json!(7),
        json!(7.5),
        json!({}),
        json!({ "a": "b" }),
        json!(""),
        json!(" "),
        json!("a"),
        long(128),
        long(129),
        long(255),
        long(256),
        long(257),
        list(0),
        list(1),
        list(10),
        list(11),
        list(50),
        list(51),
        json!(["a", 1]),
        json!([null]),
        json!([[]]),
        numbers(1),
        numbers(2),
        numbers(100),
        numbers(101),
        json!([199]),
        json!([200, 299]),
        json!([300]),
        json!([-202]),
        json!([202.5]),
        json!(["202"]),
    ];
    let mut mutations = vec![base.clone()];
    for field in fields.iter().chain(&["unknown", "CLIENT_ID", ""]) {
        for value in &values {
            let mut mutation = base.clone();
            mutation[field] = value.clone();
            mutations.push(mutation);
        }
        let mut mutation = base.clone();
        mutation.as_object_mut().unwrap().remove(*field);
        mutations.push(mutation);
    }
    mutations.extend(values);
    mutations
}

const CHANGE_FIELDS: &[&str] = &[
    "client_id",
    "api",
    "resource",
    "resource_id",
    "api_version",
    "from",
    "to",
    "event_instant",
    "expires_at",
    "expires_to",
    "passed_through_partially_accepted",
    "changed_fields",
    "actor",
    "product",
    "cause",
    "brand",
    "event_id",
];
const REGISTRATION_FIELDS: &[&str] = &[
    "operation",
    "called_at",
    "software_statement",
    "webhook_uris",
    "webhook_version",
    "success_statuses",
    "notify_optional",
    "also_send_x_authorisation_server_id",
];

/// A state change of an API without webhook, of which nothing is asked beyond its fields, so the contract says all of it.
fn change_without_webhook() -> Value {
    json!({
        "client_id": "itp-1", "api": "consents", "resource": "consent", "resource_id": "urn:bancoex:C1",
        "api_version": "v3", "from": "AWAITING_AUTHORISATION", "to": "AUTHORISED", "actor": "USUARIO",
        "event_instant": "2026-11-22T10:15:30.250-03:00",
    })
}

#[test]
fn the_examples_of_the_contract_are_taken_by_the_contract_and_by_the_code() {
    for (judges, count) in
        [(Judges::of_changes(), 2), (Judges::of_registrations(), 2), (Judges::of_settings(), 1)]
    {
        let (method, path) = judges.operation;
        let examples = judges.contract.request_examples(method, path);
        assert_eq!(examples.len(), count, "{path}");
        for example in examples {
            assert!(judges.contract.takes(method, path, &example).unwrap(), "{example}");
            let changes = example["changes"].as_array().cloned().unwrap_or_else(|| vec![example]);
            for change in changes {
                assert!((judges.code)(&change), "{change}");
            }
        }
    }
}

#[test]
fn the_contract_and_the_code_take_the_same_fields_of_a_state_change() {
    let mutations = mutations(&change_without_webhook(), CHANGE_FIELDS);
    assert_eq!(Judges::of_changes().disagreements(mutations), [""; 0]);
}

#[test]
fn what_the_contract_refuses_of_a_notifiable_change_the_code_refuses_too() {
    let judges = Judges::of_changes();
    let changes = changes_of_all_kinds("itp-1", "r-1", now());
    for change in &changes {
        assert_eq!(judges.judge(change), (true, true), "{change}");
    }
    for mutation in mutations(&changes[0], CHANGE_FIELDS) {
        assert_ne!(judges.judge(&mutation), (false, true), "{mutation}");
    }
}

#[test]
fn the_contract_and_the_code_take_the_same_values_of_fields_with_a_pattern() {
    let cases: [(&str, &[&str]); 4] = [
        (
            "client_id",
            &[
                "A.z_0~:@-",
                "a b",
                "a/b",
                "ação",
                "a\n",
                "a%20b",
                "a+b==",
                "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
                ".",
                "..",
                "...",
                ".a",
                "\u{7f}",
                "\t",
            ],
        ),
        (
            "api_version",
            &["v1", "v10", "v19", "v99", "v0", "v01", "v100", "V1", "1", "v", "v1.0", "v+1", "v1\n"],
        ),
        ("actor", &["DETENTORA", "INICIADORA", "USUARIO", "detentora", "OUTRO"]),
        (
            "event_instant",
            &[
                "2026-11-22T13:15:30Z",
                "2026-11-22t13:15:30z",
                "2026-11-22T13:15:30.123456789012Z",
                "2026-11-22T13:15:30+23:59",
                "2026-11-22T13:15:30-00:00",
                "2024-02-29T00:00:00Z",
                "2016-12-31T23:59:60Z",
                "2026-02-29T00:00:00Z",
                "2026-11-22T24:00:00Z",
                "2026-11-22T13:60:00Z",
                "2026-13-22T13:15:30Z",
                "2026-11-22T13:15:30",
                "2026-11-22T13:15Z",
                "2026-11-22 13:15:30Z",
                "2026-11-22",
                "2026-11-22T13:15:30.Z",
                "2026-11-22T13:15:30+0300",
                "20261122T131530Z",
                " 2026-11-22T13:15:30Z",
                "yesterday",
            ],
        ),
    ];
    let documents = cases.iter().flat_map(|(field, values)| {
        values.iter().map(move |value| {
            let mut change = change_without_webhook();
            change[field] = (*value).into();
            change
        })
    });
    assert_eq!(Judges::of_changes().disagreements(documents), [""; 0]);
}

#[test]
fn the_contract_and_the_code_know_the_same_apis() {
    let judges = Judges::of_changes();
    let subject = |api: &str, resource: &str| {
        let mut change = change_without_webhook();
        (change["api"], change["resource"]) = (api.into(), resource.into());
        assert!(judges.judge(&change).0, "{api}");
        StateChange::from_json(&change, "").map(|change| change.subject)
    };
    // Written here once more: a name that is missing or misspelt in the code is taken for one of an unknown API.
    let without_webhook = [
        "accounts",
        "bank-fixed-incomes",
        "consents",
        "credit-cards-accounts",
        "credit-fixed-incomes",
        "credit-portability",
        "customers",
        "exchanges",
        "financings",
        "funds",
        "invoice-financings",
        "loans",
        "resources",
        "treasure-titles",
        "unarranged-accounts-overdraft",
        "variable-incomes",
    ];
    assert_eq!(APIS_WITHOUT_WEBHOOK, without_webhook);
    for api in without_webhook {
        assert_eq!(subject(api, "consent"), Ok(Subject::ApiWithoutWebhook));
    }
    let with_webhook = [
        ("payments", "consent"),
        ("payments", "pix_payment"),
        ("enrollments", "enrollment"),
        ("automatic-payments", "recurring_consent"),
        ("automatic-payments", "recurring_payment"),
    ];
    for change in changes_of_all_kinds("itp-1", "r-1", now()) {
        let known = |(api, resource): &(&str, &str)| change["api"] == *api && change["resource"] == *resource;
        assert!(with_webhook.iter().any(known), "{change}");
        let subject = StateChange::from_json(&change, "").map(|change| change.subject);
        assert!(matches!(subject, Ok(Subject::Resource(_))), "{change}");
    }
    let (of_code, of_list): (BTreeSet<_>, BTreeSet<_>) =
        (ENDPOINTS.iter().map(|row| row.api).collect(), with_webhook.iter().map(|(api, _)| *api).collect());
    assert_eq!(of_code, of_list);
    let contract: Value =
        serde_saphyr::from_str(&read_to_string(file("infra/api.yaml").unwrap()).unwrap()).unwrap();
    let described =
        text(&contract["components"]["schemas"]["StateChange"]["properties"]["api"]["description"]);
    assert!(of_code.iter().all(|api| described.contains(api)), "{described}");
    assert_eq!(subject("payment", "consent"), Ok(Subject::UnknownApi("payment".to_owned())));
    let name_of_64 = "a".repeat(64);
    for unknown in ["payroll-credit-portability", "payment", "x", &name_of_64] {
        let mut change = change_without_webhook();
        change["api"] = unknown.into();
        assert!(judges.judge(&change).0, "{unknown}");
    }
    let name_of_65 = "a".repeat(65);
    let odd = ["", "Payments", "-a", "a-", "a--b", "a_b", "a/b", "a1", "ação", "a ", &name_of_65];
    let documents = odd.iter().map(|api| {
        let mut change = change_without_webhook();
        change["api"] = (*api).into();
        change
    });
    let documents: Vec<_> = documents.collect();
    assert!(documents.iter().all(|change| !judges.judge(change).0));
    assert_eq!(judges.disagreements(documents), [""; 0]);
}

#[test]
fn the_contract_takes_what_a_stack_of_open_insurance_takes() {
    let judges = Judges::of_changes();
    let rows = Ecosystem::OpenInsurance.endpoints();
    for change in rows.iter().map(|row| devkit::local::change(row.endpoint, "itp-1", "r-1", now())) {
        assert!(StateChange::posted_in(Ecosystem::OpenInsurance, &change, "", now()).is_ok(), "{change}");
        assert!(judges.judge(&change).0, "{change}");
    }
    let judges = Judges::of_registrations();
    for profile in Ecosystem::OpenInsurance.profiles() {
        let call = json!({ "operation": "DCM", "webhook_version": profile.as_str() });
        let read = RegistrationCall::from_json_in(Ecosystem::OpenInsurance, &call, now());
        assert!(judges.judge(&call).0 && read.is_ok(), "{call}");
    }
}

#[test]
fn the_contract_and_the_code_take_the_same_registrations() {
    let full = json!({
        "operation": "DCR", "called_at": "2026-11-22T13:15:29.5Z", "software_statement": "a.b.c", "webhook_uris": ["https://itp.example.com/kong3"], "webhook_version": "1.2.0", "success_statuses": [200, 202],
        "notify_optional": true, "also_send_x_authorisation_server_id": true,
    });
    let judges = Judges::of_registrations();
    for base in [full, json!({ "operation": "DCM" })] {
        assert_eq!(judges.disagreements(mutations(&base, REGISTRATION_FIELDS)), [""; 0]);
    }
    let operations = ["DCR", "DCM", "dcm", "POST", ""].map(|operation| json!({ "operation": operation }));
    assert_eq!(judges.disagreements(operations), [""; 0]);
    let statements = [64 * 1024, 64 * 1024 + 1]
        .map(|length| json!({ "operation": "DCM", "software_statement": "a".repeat(length) }));
    assert_eq!(judges.disagreements(statements), [""; 0]);
    let versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.3", "v1.3.0", ""];
    let documents = versions.map(|version| json!({ "operation": "DCM", "webhook_version": version }));
    assert_eq!(judges.disagreements(documents), [""; 0]);
}

#[test]
fn the_contract_and_the_code_take_the_same_settings() {
    let full = json!({
        "webhook_version": "1.2.0", "success_statuses": [200, 202], "notify_optional": true,
        "also_send_x_authorisation_server_id": true,
    });
    for base in [full, json!({})] {
        assert_eq!(Judges::of_settings().disagreements(mutations(&base, REGISTRATION_FIELDS)), [""; 0]);
    }
}

#[test]
fn the_contract_and_the_code_count_characters_alike() {
    for (field, most) in [("cause", 256), ("product", 256), ("brand", 128), ("event_id", 128)] {
        let documents = [most, most + 1].map(|length| {
            let mut change = change_without_webhook();
            change[field] = "ç".repeat(length).into();
            change
        });
        assert_eq!(Judges::of_changes().disagreements(documents), [""; 0]);
    }
}

#[test]
fn an_offset_of_a_day_is_no_offset() {
    let documents = ["+23:59", "+24:00", "-24:00", "+25:59"].map(|offset| {
        let mut change = change_without_webhook();
        change["event_instant"] = format!("2026-11-22T13:15:30{offset}").into();
        change
    });
    assert_eq!(Judges::of_changes().disagreements(documents), [""; 0]);
}

#[tokio::test]
async fn the_contract_and_intake_take_the_same_bodies() {
    let functions = Functions::default();
    let intake = functions.intake();
    let contract = Contract::read().unwrap();
    let change = change_without_webhook();
    let (method, path) = STATE_CHANGES;
    for (body, taken) in [
        (change.clone(), true),
        (json!({ "changes": [change] }), true),
        (json!({ "changes": vec![change.clone(); 100] }), true),
        (json!({ "changes": vec![change.clone(); 101] }), false),
        (json!({ "changes": [] }), false),
        (json!({ "changes": null }), false),
        (json!({ "changes": change }), false),
        (json!({ "changes": [null] }), false),
        (json!({ "changes": [change], "more": 1 }), false),
        (json!({ "changes": [{ "changes": [change] }] }), false),
        (json!([change]), false),
        (json!({}), false),
        (json!(null), false),
        (json!("a"), false),
    ] {
        let answer = post(&intake, "application/json", &body.to_string()).await;
        assert_eq!(answer.status, if taken { 202 } else { 400 }, "{body}");
        contract.check(method, path, &answer).unwrap();
        assert_eq!(contract.takes(method, path, &body).unwrap(), taken, "{body}");
    }
}

#[test]
fn each_trust_anchor_is_usable_and_is_the_one_whose_provenance_is_told() {
    let told = read_to_string(file("infra/trust/README.md").unwrap()).unwrap();
    let mut found = 0;
    for environment in ["production", "sandbox"] {
        for entry in std::fs::read_dir(file(&format!("infra/trust/{environment}")).unwrap()).unwrap() {
            let path = entry.unwrap().path();
            let pem = read_to_string(&path).unwrap();
            TrustAnchors::from_pem(&pem).unwrap();
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate);
            let pairs: Vec<_> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
            let name = path.file_name().unwrap().to_string_lossy();
            let (_, section) = told.split_once(&format!("#### {environment}/{name}")).unwrap();
            let section = section.split("####").next().unwrap();
            assert!(section.contains(&pairs.join(":")), "{name}: {}", pairs.join(":"));
            found += 1;
        }
    }
    assert!(found >= 3, "{found}");
}
