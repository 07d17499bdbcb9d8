//! The profile of Open Insurance Brasil, held against the facts of its published webhook contracts 1.1.0, 1.2.0 and 2.0.0.
//!
//! The facts are written here by hand: the contracts state no licence, so no file of theirs is in this repository.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use convention::FieldError;
use convention::address::AddressPolicy;
use convention::delivery::AttemptMessage;
use convention::directory::{
    Environment, Receiver, Refusal, Registration, RegistrationCall, RegistrationRequest, SettingsChange,
    StatementUris, Target, Warning, target, target_in,
};
use convention::notification::{
    AuthorisationServers, Choices, Ecosystem, EventInstant, IdSyntax, InteractionId, Notification, Partition,
    Plan, Rule, StateChange, Trigger, WebhookVersion, plan, trigger,
};
use http::header;
use jiff::Timestamp;
use regex_lite::Regex;
use serde_json::{Value, json};

const OPIN: Ecosystem = Ecosystem::OpenInsurance;
const SERVER: &str = "123e4567-e89b-12d3-a456-426614174000";
const BASE: &str = "https://corretora.example/x";
const URN: &str = r"^urn:[a-zA-Z0-9][a-zA-Z0-9\-]{0,31}:[a-zA-Z0-9()+,\-.:=@;$_!*'%\/?#]+$";

/// What a version of the contract says.
struct Contract {
    version: &'static str,
    /// What follows the host in `servers`.
    base: &'static str,
    /// `api`, `resource` and the path of each endpoint, with its parameters.
    paths: &'static [(&'static str, &'static str, &'static str)],
    version_api: &'static str,
    timestamp: &'static str,
    interaction_id: &'static str,
}

const QUOTE: (&str, &str, &str) = ("quote", "quote", "/quote/{versionApi}/request/{consentId}/quote-status");
const PRODUCTS: (&str, &str, &str) = (
    "products-services",
    "capitalization_title",
    "/products-services/{authorisationServerId}/{versionApi}/capitalization-title",
);
const CAPITALIZATION_QUOTE: (&str, &str, &str) = (
    "quote-capitalization-title",
    "quote",
    "/quote-capitalization-title/{versionApi}/request/{consentId}/quote-status",
);
const PERSON_FIELDS: (&str, &str, &str) = (
    "dynamic-fields",
    "damage_and_person",
    "/dynamic-fields/{authorisationServerId}/{versionApi}/damage-and-person",
);
const CAPITALIZATION_FIELDS: (&str, &str, &str) = (
    "dynamic-fields",
    "capitalization_title",
    "/dynamic-fields/{authorisationServerId}/{versionApi}/capitalization-title",
);
const OF_1: &[(&str, &str, &str)] =
    &[QUOTE, PRODUCTS, CAPITALIZATION_QUOTE, PERSON_FIELDS, CAPITALIZATION_FIELDS];
const PLAIN: &str = r"^[a-zA-Z0-9][a-zA-Z0-9\-]{0,99}$";
const STRICT_TIME: &str =
    r"^(\d{4})-(1[0-2]|0[1-9])-(3[01]|[12][0-9]|0[1-9])T(?:[01]\d|2[0123]):(?:[012345]\d):(?:[012345]\d)Z$";

const CONTRACTS: &[Contract] = &[
    Contract {
        version: "1.1.0",
        base: "/open-insurance/webhook/v1",
        paths: OF_1,
        // A mistake of the contract, which no version of an API matches.
        version_api: URN,
        timestamp: r"^(\d{4})-(1[0-2]|0?[1-9])-(3[01]|[12][0-9]|0?[1-9])T(?:[01]\d|2[0123]):(?:[012345]\d):(?:[012345]\d)Z$",
        interaction_id: PLAIN,
    },
    Contract {
        version: "1.2.0",
        base: "/open-insurance/webhook/v1",
        paths: OF_1,
        version_api: "^[v][1-9]{1,2}$",
        timestamp: STRICT_TIME,
        interaction_id: PLAIN,
    },
    Contract {
        version: "2.0.0",
        base: "/open-insurance/webhook/v2",
        paths: &[QUOTE, PRODUCTS, PERSON_FIELDS, CAPITALIZATION_FIELDS],
        version_api: "^[v][1-9]{1,2}$",
        timestamp: STRICT_TIME,
        interaction_id: "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    },
];

impl Contract {
    fn profile(&self) -> WebhookVersion {
        OPIN.profile(self.version).unwrap()
    }
}

fn taken_by(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).unwrap().is_match(text)
}

fn now() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

/// A change that must be notified, of the resource with this path.
fn posted((api, resource, path): (&str, &str, &str)) -> Value {
    let is_of_server = path.contains("{authorisationServerId}");
    json!({
        "client_id": "iniciadora-1", "api": api, "resource": resource, "api_version": "v1",
        "resource_id": if is_of_server { SERVER } else { "urn:seguradoraex:C1/2?3#4%" },
        "to": if is_of_server { "UPDATED" } else { "ACCEPTED" }, "event_instant": "2026-11-30T08:59:59.75-03:00",
    })
}

fn with(mut change: Value, field: &str, value: impl Into<Value>) -> Value {
    change[field] = value.into();
    change
}

fn read(change: &Value) -> Result<StateChange, Vec<FieldError>> {
    StateChange::posted_in(OPIN, change, "", now())
}

fn refused(change: &Value) -> Vec<(String, &'static str)> {
    read(change).unwrap_err().into_iter().map(|error| (error.pointer, error.code)).collect()
}

fn registration(metadata: &Value) -> Registration {
    let asked = RegistrationRequest::from_json_in(OPIN, metadata, "").unwrap();
    let uris = asked.webhook_uris.as_deref();
    let decided = target_in(OPIN, StatementUris::NotPresented, uris, AddressPolicy::Public).unwrap();
    Registration::new("iniciadora-1".parse().unwrap(), asked, decided, None, Timestamp::UNIX_EPOCH)
}

fn receiver(version: &str) -> Receiver {
    let made = registration(&json!({ "webhook_uris": [BASE], "webhook_version": version }));
    made.receiver(AddressPolicy::Public).unwrap()
}

fn planned(change: &Value, version: &str) -> Plan {
    let servers: AuthorisationServers = SERVER.parse().unwrap();
    plan(&read(change).unwrap(), Some(&receiver(version)), &servers, &Choices::default())
}

fn notified(change: &Value, version: &str) -> Notification {
    match planned(change, version) {
        Plan::Notify(notification) => *notification,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_path_of_each_version_is_composed_and_no_other() {
    for contract in CONTRACTS {
        let row_of = |api: &str, resource: &str| {
            OPIN.endpoints().iter().find(|row| (row.api, row.resource) == (api, resource)).unwrap()
        };
        let ours =
            OPIN.endpoints().iter().filter(|row| row.until.is_none_or(|until| contract.profile() <= until));
        assert_eq!(ours.count(), contract.paths.len(), "{}", contract.version);
        for &(api, resource, path) in contract.paths {
            let sent = notified(&posted((api, resource, path)), contract.version);
            let path = path
                .replace("{versionApi}", "v1")
                .replace("{consentId}", "urn:seguradoraex:C1%2F2%3F3%234%25")
                .replace("{authorisationServerId}", SERVER);
            assert_eq!(sent.url, format!("{BASE}{}{path}", contract.base), "{}", contract.version);
            assert!(sent.required);
            let row = row_of(api, resource);
            let syntax = if path.contains(SERVER) { IdSyntax::Server } else { IdSyntax::Urn };
            assert_eq!(row.id_syntax, syntax, "{path}");
        }
    }
}

#[test]
fn the_body_has_a_timestamp_alone_and_the_headers_name_no_server() {
    for contract in CONTRACTS {
        let pattern = Regex::new(contract.timestamp).unwrap();
        for &path in contract.paths {
            let sent = notified(&posted(path), contract.version);
            let body: Value = serde_json::from_str(&sent.body).unwrap();
            assert_eq!(body, json!({ "data": { "timestamp": "2026-11-30T11:59:59Z" } }));
            assert!(pattern.is_match(body["data"]["timestamp"].as_str().unwrap()));
            let names: Vec<_> = sent.headers.iter().map(|(name, _)| name.clone()).collect();
            assert_eq!(names, [header::CONTENT_TYPE, header::USER_AGENT], "{}", contract.version);
        }
    }
}

#[test]
fn the_time_of_each_event_has_the_form_that_each_version_wants() {
    let strict = Regex::new(STRICT_TIME).unwrap();
    for text in ["2026-02-03T04:05:06Z", "2026-12-31T21:00:00-03:00", "0999-01-01T00:00:00.999999Z"] {
        assert!(strict.is_match(&text.parse::<EventInstant>().unwrap().to_wire()), "{text}");
    }
    assert!(!strict.is_match("2026-2-3T04:05:06Z"), "the older pattern admits it");
    assert!(Regex::new(CONTRACTS[0].timestamp).unwrap().is_match("2026-2-3T04:05:06Z"));
}

#[test]
fn each_version_of_an_api_is_taken_that_its_pattern_admits() {
    let later = Regex::new(CONTRACTS[1].version_api).unwrap();
    let texts = (0..=120).map(|number| format!("v{number}"));
    let odd = ["", "v", "V1", "v01", "v1.0.0", " v1", "1", "urn:a:b"].map(str::to_owned);
    for text in texts.chain(odd) {
        // Where 1.1.0 has the pattern of a URN, the later pattern is followed: no version matches the former.
        assert!(!taken_by(CONTRACTS[0].version_api, &text) || text.starts_with("urn:"), "{text}");
        let taken = read(&with(posted(QUOTE), "api_version", text.as_str()));
        assert_eq!(taken.is_ok(), later.is_match(&text), "{text}");
    }
    assert_eq!(refused(&with(posted(QUOTE), "api_version", "v10")), [("/api_version".to_owned(), "invalid")]);
}

#[test]
fn each_id_of_an_attempt_has_the_form_that_each_version_wants() {
    let partition = Partition::of_id(OPIN.endpoints()[0].endpoint, "urn:a:b");
    for random in [0, 0x0123_4567_89ab_cdef, u64::MAX] {
        let ours = InteractionId::new(partition, random).to_string();
        for contract in CONTRACTS {
            assert!(taken_by(contract.interaction_id, &ours), "{} {ours}", contract.version);
        }
    }
}

#[test]
fn the_id_of_a_server_has_forty_characters_at_most() {
    let published = |id: &str| read(&with(posted(PRODUCTS), "resource_id", id)).is_ok();
    assert!(published(SERVER) && published(&"a".repeat(40)));
    for id in ["", &"a".repeat(41), "a/b", "a b", "..", "a?b"] {
        assert!(!published(id), "{id}");
    }
}

#[test]
fn a_quote_of_capitalization_has_no_endpoint_of_its_own_from_2_0_0_on() {
    let change = posted(CAPITALIZATION_QUOTE);
    assert_eq!(planned(&change, "2.0.0"), Plan::NotNotifiable(Rule::EndedBeforeProfile));
    assert!(Rule::EndedBeforeProfile.depends_on_receiver());
    notified(&change, "1.2.0");
}

#[test]
fn each_change_of_a_quotes_state_is_notified_whatever_the_state() {
    for state in ["ACCEPTED", "RCVD", "A", "IN_ANALYSIS_2"] {
        notified(&with(posted(QUOTE), "to", state), "2.0.0");
    }
    let long = "A".repeat(65);
    for state in ["", "accepted", "111.444.777-35", "11144477735", "A B", &long] {
        assert_eq!(refused(&with(posted(QUOTE), "to", state))[0].0, "/to", "{state}");
    }
    let same = with(with(posted(QUOTE), "from", "ACCEPTED"), "to", "ACCEPTED");
    assert_eq!(planned(&same, "2.0.0"), Plan::NotNotifiable(Rule::NothingChanged));
    let expiring = with(posted(QUOTE), "expires_at", "2026-12-30T12:00:00Z");
    let expired = read(&with(expiring, "expires_to", "EXPIRED")).unwrap().expired().unwrap();
    assert!(matches!(trigger(&expired, WebhookVersion::V2_0_0), Trigger::Required(_)));
}

#[test]
fn what_a_server_publishes_has_no_states() {
    for of in [PRODUCTS, PERSON_FIELDS, CAPITALIZATION_FIELDS] {
        assert_eq!(refused(&with(posted(of), "to", "ACCEPTED")), [("/to".to_owned(), "unknown_state")]);
        assert_eq!(refused(&with(posted(of), "from", "UPDATED")), [("/from".to_owned(), "no_states")]);
    }
}

#[test]
fn only_a_server_of_ours_publishes() {
    let check = |servers: &str, brand: Option<&str>| {
        let change = match brand {
            Some(brand) => with(posted(PRODUCTS), "brand", brand),
            None => posted(PRODUCTS),
        };
        let servers: AuthorisationServers = servers.parse().unwrap();
        servers.check(&read(&change).unwrap(), "/changes/3").map_err(|errors| errors[0].clone())
    };
    let two = format!("a=22222222-bbbb-4000-8000-000000000002,b={SERVER}");
    assert_eq!((check("", None), check(SERVER, None), check(&two, Some("b"))), (Ok(()), Ok(()), Ok(())));
    let error = check(&two, None).unwrap_err();
    assert_eq!((error.pointer.as_str(), error.code), ("/changes/3/resource_id", "other_server"));
    // As it is written in the path, so that one server has one ledger partition.
    assert!(check(&SERVER.to_uppercase(), None).is_err());
    let of_client = read(&posted(QUOTE)).unwrap();
    assert_eq!(two.parse::<AuthorisationServers>().unwrap().check(&of_client, ""), Ok(()));
}

#[test]
fn each_version_of_an_api_that_publishes_at_one_instant_is_a_notification_of_its_own() {
    let id = |change: &Value, version: &str| {
        let change = read(&with(change.clone(), "api_version", version)).unwrap();
        AttemptMessage::first(change, now()).unwrap().notification
    };
    for of in [PRODUCTS, PERSON_FIELDS, CAPITALIZATION_FIELDS] {
        for change in [posted(of), with(posted(of), "event_id", "e-1")] {
            assert_ne!(id(&change, "v1"), id(&change, "v2"), "{change}");
            assert_eq!(id(&change, "v2"), id(&change, "v2"));
            assert_eq!(id(&change, "v1").partition(), id(&change, "v2").partition());
        }
    }
    // A quote has one version, and its copies are recognised whatever they say of it.
    assert_eq!(id(&posted(QUOTE), "v1"), id(&posted(QUOTE), "v2"));
}

#[test]
fn nothing_of_open_finance_is_taken() {
    for field in ["passed_through_partially_accepted", "changed_fields", "actor"] {
        let change = with(posted(QUOTE), field, Value::Null);
        assert_eq!(refused(&change), [(format!("/{field}"), "unknown_field")]);
    }
    for api in ["payments", "enrollments", "automatic-payments", "accounts", "consents"] {
        assert_eq!(refused(&with(posted(QUOTE), "api", api)), [("/api".to_owned(), "invalid")], "{api}");
    }
    let asked = |field: &str| {
        let call = with(json!({ "operation": "DCR" }), field, Value::Null);
        let settings = SettingsChange::from_json_in(OPIN, &with(json!({}), field, Value::Null));
        RegistrationCall::from_json_in(OPIN, &call, now()).is_ok() && settings.is_ok()
    };
    assert!(asked("webhook_version") && asked("success_statuses"));
    assert!(!asked("notify_optional") && !asked("also_send_x_authorisation_server_id"));
    for version in ["1.0.0", "1.3.0", "2.1.0"] {
        let error = SettingsChange::from_json_in(OPIN, &json!({ "webhook_version": version })).unwrap_err();
        assert_eq!(error[0].detail, "Not a webhook version: expected 1.1.0, 1.2.0 or 2.0.0.");
    }
}

#[test]
fn nothing_of_open_insurance_is_taken_by_open_finance() {
    for &path in OF_1 {
        let errors = StateChange::posted(&posted(path), "", now()).unwrap_err();
        assert_eq!((errors[0].pointer.as_str(), errors[0].code), ("/api", "invalid"));
    }
    assert!(SettingsChange::from_json(&json!({ "webhook_version": "2.0.0" })).is_err());
    let slash = ["https://corretora.example/".to_owned()];
    assert!(target(StatementUris::NotPresented, Some(&slash), AddressPolicy::Public).is_err());
}

#[test]
fn a_receiver_of_the_other_ecosystem_is_not_notified() {
    let change = read(&posted(QUOTE)).unwrap();
    let mut of_finance = receiver("1.2.0");
    of_finance.settings.ecosystem = Ecosystem::OpenFinance;
    let planned = plan(&change, Some(&of_finance), &AuthorisationServers::default(), &Choices::default());
    assert_eq!(planned, Plan::NotNotifiable(Rule::OtherEcosystem));
}

#[test]
fn a_registration_is_of_its_ecosystem_and_says_so_unless_it_is_open_finance() {
    let made = registration(&json!({ "webhook_uris": [BASE] }));
    assert_eq!((made.settings.ecosystem, made.settings.webhook_version), (OPIN, WebhookVersion::V2_0_0));
    let row = serde_json::to_value(&made).unwrap();
    assert_eq!((&row["ecosystem"], &row["webhook_version"]), (&json!("open-insurance"), &json!("2.0.0")));
    assert_eq!(serde_json::from_value::<Registration>(row).unwrap(), made);
    let asked = RegistrationRequest::from_json(&json!({ "webhook_uris": [BASE] }), "").unwrap();
    let decided = target(StatementUris::NotPresented, asked.webhook_uris.as_deref(), AddressPolicy::Public);
    let of_finance = Registration::new(made.client_id.clone(), asked, decided.unwrap(), Some(&made), now());
    assert_eq!(of_finance.settings.webhook_version, WebhookVersion::V1_3_0, "settings do not cross over");
    assert!(serde_json::to_value(&of_finance).unwrap().get("ecosystem").is_none());
}

#[test]
fn a_base_uri_has_255_characters_at_most_and_no_pattern() {
    let decided = |uri: &str| {
        target_in(OPIN, StatementUris::NotPresented, Some(&[uri.to_owned()]), AddressPolicy::Public)
    };
    let base = |uri: &str| match decided(uri).unwrap().0 {
        Target::Enabled(base) => base.to_string(),
        Target::Disabled => panic!("it is a base URI"),
    };
    assert_eq!(base("https://corretora.example/"), "https://corretora.example");
    assert_eq!(base("https://corretora.example/a/"), "https://corretora.example/a");
    let longest = format!("https://corretora.example/{}", "a".repeat(229));
    assert_eq!(base(&longest), longest);
    let code = |uri: &str| match &decided(uri).unwrap_err()[0] {
        Refusal::Uri(_, error) => error.code(),
        Refusal::DiffersFromStatement => "differs",
    };
    assert_eq!(code(&format!("{longest}/")), "too_long");
    for uri in
        ["http://corretora.example", "https://corretora.example//a", "https://corretora.example/?a", ""]
    {
        assert_eq!(code(uri), "not_base", "{uri}");
    }
    assert_eq!(code("https://127.0.0.1/"), "address_not_public");
}

#[test]
fn a_registration_warns_of_what_open_insurance_has_and_of_nothing_else() {
    for contract in CONTRACTS {
        let metadata = json!({ "webhook_uris": [BASE], "webhook_version": contract.version });
        assert_eq!(registration(&metadata).all_warnings().count(), 0, "{}", contract.version);
    }
    let twice = |path: &str| {
        let base = format!("https://corretora.example{path}/v1");
        registration(&json!({ "webhook_uris": [base] })).all_warnings().collect::<Vec<_>>()
    };
    assert_eq!(twice("/open-insurance/webhook"), [Warning::BaseContainsWebhookPath]);
    assert_eq!(twice("/open-banking/webhook"), []);
}

#[test]
fn a_statement_that_differs_is_refused_as_in_open_finance() {
    let (claim, uris) = ([BASE.to_owned()], ["https://corretora.example/y".to_owned()]);
    let decided = target_in(OPIN, StatementUris::Presented(Some(&claim)), Some(&uris), AddressPolicy::Public);
    assert_eq!(decided.unwrap_err(), [Refusal::DiffersFromStatement]);
}

#[test]
fn a_message_of_the_queue_is_read_back_the_same_and_holds_nothing_of_open_finance() {
    for &path in OF_1 {
        let message = AttemptMessage::first(read(&posted(path)).unwrap(), now()).unwrap();
        assert_eq!(AttemptMessage::from_json(&message.to_json()).unwrap(), message);
        let mut odd: Value = serde_json::from_str(&message.to_json()).unwrap();
        odd["change"]["actor"] = json!("DETENTORA");
        assert!(AttemptMessage::from_json(&odd.to_string()).is_err());
    }
}

#[test]
fn its_directory_is_not_that_of_open_finance_and_no_issuer_is_guessed() {
    for environment in [Environment::insurance_production(), Environment::insurance_sandbox()] {
        assert_eq!((environment.ecosystem, environment.issuers.len()), (OPIN, 0));
        assert!(environment.jwks_url.ends_with("directory.opinbrasil.com.br/openinsurance.jwks"));
        assert_eq!(environment.jwks_url.contains(".sandbox."), environment.name == "sandbox");
    }
    let named = Environment::insurance_sandbox().with_issuers("An issuer".parse().unwrap());
    assert_eq!(named.issuers, ["An issuer"]);
}
