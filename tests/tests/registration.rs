//! Registrations: what the directory function takes as a DCR or DCM call, and what it refuses, with software statements of a
//! Directory of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::aws::{DIRECTORY, Fault, RECEIVERS};
use tests::directory_fixture::{Answered, CLIENT, Fixture, JWKS, KEPT_KEYS, URI, opts_out, with, without};

/// A bench with a client that is notified, so that there is something to lose.
async fn registered() -> Fixture {
    let fixture = Fixture::new().await;
    let answered = fixture.judged(&fixture.brings(&fixture.statement())).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    fixture
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

mod calls {
    use super::*;

    #[tokio::test]
    async fn a_registration_and_a_change_are_recorded_with_what_the_statement_says() {
        let fixture = Fixture::new().await;
        for operation in ["DCR", "DCM"] {
            fixture.pass(seconds(60));
            let called_at = fixture.functions.test_clock.now() - seconds(2);
            let said = json!({ "operation": operation, "called_at": called_at.to_string() });
            let statement = fixture.statement();
            let answered = fixture.judged(&with(&fixture.brings(&statement), said)).await;
            let (claims, body) = (fixture.claims(), &answered.body);
            assert_eq!((answered.status, &body["webhook"]), (200, &json!("enabled")), "{body}");
            assert_eq!(body["operation"], operation);
            assert_eq!(body["software_id"], claims.software_id);
            assert_eq!(body["organisation_id"], claims.org_id);
            assert_eq!(body["called_at"], called_at.to_string());
            let origin = fixture.functions.registration(CLIENT).await.unwrap().origin.unwrap();
            assert_eq!(origin.statement_sha256, Some(platform::sha256_hex(statement.as_bytes())));
            assert_eq!((&body["base_uri"], &body["suspension"]), (&json!(URI), &Value::Null));
            assert_eq!(fixture.get(CLIENT).await, answered, "what is shown is what was answered");
        }
    }

    #[tokio::test]
    async fn a_call_without_uris_ends_notifications_with_a_statement_and_without_one() {
        for brings_statement in [true, false] {
            let fixture = registered().await;
            let mut body = opts_out();
            if brings_statement {
                body["software_statement"] = json!(fixture.statement());
            }
            let answered = fixture.judged(&body).await;
            assert_eq!((answered.status, &answered.body["webhook"]), (200, &json!("disabled")));
            assert_eq!(answered.body["base_uri"], Value::Null);
            // Whose client it is stays known.
            assert_eq!(answered.body["software_id"], fixture.claims().software_id);
        }
        let fixture = Fixture::new().await;
        let answered = fixture.judged(&opts_out()).await;
        assert_eq!((answered.status, &answered.body["webhook"]), (200, &json!("disabled")));
        assert_eq!(fixture.mock.count("/"), 0, "nothing was to be proved");
    }

    #[tokio::test]
    async fn without_uris_a_bad_statement_is_refused_all_the_same() {
        let fixture = registered().await;
        let body = with(&opts_out(), json!({ "software_statement": "a.b.c" }));
        assert_eq!(fixture.refused(400, &body).await.error(), "invalid_software_statement");
    }

    #[tokio::test]
    async fn a_client_that_is_to_be_notified_needs_a_statement() {
        let fixture = registered().await;
        for body in [
            without(&fixture.brings(""), "software_statement"),
            with(&fixture.brings(""), json!({ "software_statement": null })),
        ] {
            let answered = fixture.refused(400, &body).await;
            assert_eq!(
                (answered.error(), answered.codes().as_str()),
                ("invalid_software_statement", "missing")
            );
        }
    }

    #[tokio::test]
    async fn a_question_is_answered_as_the_first_call_of_a_client_is_and_leaves_no_row() {
        let fixture = Fixture::new().await;
        let body = fixture.brings(&fixture.statement()).to_string();
        let asked = fixture.ask(CLIENT, "true", &body).await;
        assert_eq!((asked.status, fixture.row(CLIENT)), (200, None));
        // The key is known now, so that a question asks nobody and writes nothing at all.
        fixture.functions.aws.forget_calls();
        assert_eq!(fixture.ask(CLIENT, "true", &body).await, asked);
        let read_only = |operation: &String| operation.starts_with("GetItem ");
        assert!(
            fixture.functions.aws.counted().iter().all(read_only),
            "{:?}",
            fixture.functions.aws.counted()
        );
        assert_eq!(fixture.ask(CLIENT, "false", &body).await, asked);
        assert!(fixture.row(CLIENT).is_some(), "false is a call");
    }

    #[tokio::test]
    async fn a_question_that_is_neither_true_nor_false_is_malformed() {
        let fixture = registered().await;
        let before = fixture.row(CLIENT);
        for value in ["maybe", "", "TRUE", "1"] {
            let answered = fixture.ask(CLIENT, value, &opts_out().to_string()).await;
            assert_eq!((answered.status, &answered.body["type"]), (400, &json!("urn:arauto:malformed")));
        }
        assert_eq!(fixture.row(CLIENT), before);
    }

    #[tokio::test]
    async fn a_body_that_says_something_twice_is_refused() {
        let fixture = registered().await;
        let statement = fixture.statement();
        for body in [
            format!(
                r#"{{"operation":"DCM","webhook_uris":["{URI}"],"webhook_uris":[],"software_statement":"{statement}"}}"#
            ),
            r#"{"operation":"DCR","operation":"DCM"}"#.to_owned(),
            r#"{"operation":"DCM","settings":[{"a":1,"a":2}]}"#.to_owned(),
        ] {
            let answered = fixture.refused_text(400, &body).await;
            assert_eq!(answered.body["type"], "urn:arauto:malformed");
            assert!(!answered.body.to_string().contains("kong3"), "{}", answered.body);
        }
    }

    #[tokio::test]
    async fn the_order_of_calls_goes_by_when_they_were_made() {
        let fixture = registered().await;
        let first = fixture.functions.test_clock.now();
        fixture.pass(seconds(120));
        let at = |offset: i64| json!({ "called_at": (first + seconds(offset)).to_string() });
        let call = |uri: &str, offset: i64| with(&fixture.with_uris(CLIENT, &[uri]), at(offset));
        let (later, earlier) = ("https://localhost:1/later", "https://localhost:1/earlier");
        // A statement that is fresh now is not one that a call before it can have brought.
        let call = |uri: &str, offset: i64| {
            let issued = first + seconds(offset) - seconds(1);
            let claims = fixture.claims().webhook_uris([uri]).issued_at(issued);
            with(&call(uri, offset), json!({ "software_statement": fixture.mock.statement(&claims) }))
        };
        let answered = fixture.judged(&call(later, 90)).await;
        assert_eq!((answered.status, &answered.body["base_uri"]), (200, &json!(later)));

        for (body, status) in [
            (call(earlier, 30), 409),
            (call(earlier, 89), 409),
            (with(&opts_out(), at(30)), 409),
            (with(&opts_out(), at(0)), 409),
        ] {
            let answered = fixture.refused(status, &body).await;
            assert_eq!(answered.body["type"], "urn:arauto:superseded");
        }
        // The same call again is the same registration.
        let again = fixture.judged(&call(later, 90)).await;
        assert_eq!((again.status, &again.body["base_uri"]), (200, &json!(later)));
        assert_eq!(fixture.get(CLIENT).await.body["called_at"], at(90)["called_at"]);
        let last = fixture.judged(&with(&opts_out(), at(91))).await;
        assert_eq!((last.status, &last.body["webhook"]), (200, &json!("disabled")));
    }

    #[tokio::test]
    async fn of_one_instant_a_dcm_wins_over_a_dcr_whichever_arrives_last() {
        let registered_uri = "https://localhost:1/registered";
        let changed_uri = "https://localhost:1/changed";
        for arrival in [["DCR", "DCM"], ["DCM", "DCR"]] {
            let fixture = Fixture::new().await;
            // As coarse as an authorization server that counts seconds says it.
            let called_at = fixture.functions.test_clock.now().to_string();
            let call = |operation: &str| {
                let uri = if operation == "DCR" { registered_uri } else { changed_uri };
                let said = json!({ "operation": operation, "called_at": called_at });
                with(&fixture.with_uris(CLIENT, &[uri]), said)
            };
            let [first, second] = arrival;
            assert_eq!(fixture.judged(&call(first)).await.status, 200);
            fixture.pass(seconds(1));
            let expected = if second == "DCM" { 200 } else { 409 };
            assert_eq!(fixture.put(CLIENT, &call(second)).await.status, expected, "{arrival:?}");
            // The registration is passed on once more, as after an answer that was lost.
            fixture.pass(seconds(1));
            assert_eq!(fixture.refused(409, &call("DCR")).await.body["type"], "urn:arauto:superseded");
            let shown = fixture.get(CLIENT).await.body;
            assert_eq!((&shown["base_uri"], &shown["operation"]), (&json!(changed_uri), &json!("DCM")));
            // Nothing tells two changes of one instant apart: the one that arrives last counts.
            let other = json!({ "operation": "DCM", "called_at": called_at });
            let other = with(&fixture.with_uris(CLIENT, &["https://localhost:1/other"]), other);
            assert_eq!(fixture.judged(&other).await.body["base_uri"], "https://localhost:1/other");
            assert_eq!(fixture.judged(&call("DCM")).await.body["base_uri"], changed_uri);
        }
    }

    #[tokio::test]
    async fn a_registration_without_a_time_is_later_than_a_change_of_a_clock_that_runs_ahead() {
        let fixture = Fixture::new().await;
        let ahead = json!({ "called_at": (fixture.functions.test_clock.now() + seconds(5)).to_string() });
        assert_eq!(fixture.judged(&with(&fixture.brings(&fixture.statement()), ahead)).await.status, 200);
        let anew = with(&fixture.brings(&fixture.statement()), json!({ "operation": "DCR" }));
        assert_eq!(fixture.judged(&anew).await.body["operation"], "DCR");
    }

    #[tokio::test]
    async fn a_call_that_is_passed_on_late_is_judged_as_it_was_made() {
        let fixture = Fixture::new().await;
        let called_at = fixture.functions.test_clock.now();
        let body = fixture.brings(&fixture.statement());
        fixture.pass(SignedDuration::from_mins(59));
        let late = with(&body, json!({ "called_at": called_at.to_string() }));
        assert_eq!(fixture.judged(&late).await.status, 200);
        let answered = fixture.refused(400, &body).await;
        assert_eq!(answered.codes(), "too_old", "without its time it is a call of now");
        fixture.pass(SignedDuration::from_secs(61));
        let answered = fixture.refused(400, &late).await;
        assert_eq!(
            (answered.body["errors"][0]["pointer"].as_str(), answered.codes().as_str()),
            (Some("/called_at"), "too_old")
        );
    }

    #[tokio::test]
    async fn a_call_from_the_future_is_refused() {
        let fixture = registered().await;
        let at = |ahead: SignedDuration| {
            let called_at = fixture.functions.test_clock.now() + ahead;
            with(&fixture.brings(&fixture.statement()), json!({ "called_at": called_at.to_string() }))
        };
        for ahead in [seconds(6), SignedDuration::from_hours(1)] {
            let answered = fixture.refused(400, &at(ahead)).await;
            assert_eq!(answered.body["errors"][0]["pointer"], "/called_at");
            assert_eq!((answered.codes().as_str(), answered.error()), ("in_future", ""));
        }
        assert_eq!(fixture.judged(&at(seconds(5))).await.status, 200, "clocks differ");
    }
}

mod statements {
    use convention::directory::Environment;
    use devkit::directory::{StatementClaims, hs256, unsigned};
    use jiff::Timestamp;
    use platform::config::Settings;

    use super::*;

    const INVALID: &str = "invalid_software_statement";
    const UNAPPROVED: &str = "unapproved_software_statement";

    /// Brings a statement that must be refused, and of which nothing may come back.
    async fn refused(fixture: &Fixture, what: &str, statement: &str) -> Answered {
        let answered = fixture.refused(400, &fixture.brings(statement)).await;
        let body = answered.body.to_string();
        for part in statement.split('.').filter(|part| part.len() > 8) {
            assert!(!body.contains(part), "{what} is quoted: {body}");
        }
        assert_eq!(answered.body["errors"][0]["pointer"], "/software_statement", "{what}: {body}");
        assert_eq!(
            answered.body["error_description"], answered.body["errors"][0]["detail"],
            "{what}: {body}"
        );
        answered
    }

    async fn check(fixture: &Fixture, what: &str, statement: &str, (error, code): (&str, &str)) {
        let answered = refused(fixture, what, statement).await;
        assert_eq!((answered.error(), answered.codes().as_str()), (error, code), "{what}");
    }

    /// Puts another letter in the middle of one of the three parts.
    fn spoilt(statement: &str, part: usize) -> String {
        let mut parts: Vec<_> = statement.split('.').map(str::to_owned).collect();
        let middle = parts[part].len() / 2;
        let letter = if parts[part].as_bytes()[middle] == b'A' { "B" } else { "A" };
        parts[part].replace_range(middle..=middle, letter);
        parts.join(".")
    }

    /// A directory function of an environment of the Directory, at a mock of it that says this issuer.
    async fn of_environment(environment: Environment, issuer: &str) -> Fixture {
        let mut fixture = Fixture::with(|settings| settings.issuer = Some(issuer.to_owned())).await;
        let Environment { jwks_url, participants_url, api_url, token_url, .. } =
            Environment::local(&fixture.mock.base_url());
        fixture.functions.environment =
            Environment { jwks_url, participants_url, api_url, token_url, ..environment };
        fixture.directory = fixture.functions.directory();
        fixture
    }

    #[tokio::test]
    async fn each_environment_takes_the_issuers_that_the_specification_has_for_it() {
        let (production, sandbox) = (Environment::production, Environment::sandbox);
        // Sources beside the constants; here once more, so that a mistake there is found.
        for (environment, issuer, status) in [
            (production as fn() -> Environment, "Open Banking Open Banking Brasil prod SSA issuer", 200),
            (production, "Open Banking Open Banking Brasil production SSA issuer", 200),
            (production, "Open Finance Open Finance Brasil prod SSA issuer", 200),
            (production, "Open Finance Open Finance Brasil production SSA issuer", 200),
            (production, "Open Banking Open Banking Brasil sandbox SSA issuer", 400),
            (production, "Open Banking Brasil prod SSA issuer", 400),
            (sandbox, "Open Banking Open Banking Brasil sandbox SSA issuer", 200),
            (sandbox, "Open Finance Open Finance Brasil sandbox SSA issuer", 200),
            (sandbox, "Open Banking Brasil sandbox SSA issuer", 400),
            (sandbox, "Open Banking Open Banking Brasil Sandbox SSA issuer", 400),
            (sandbox, "Open Banking Open Banking Brasil prod SSA issuer", 400),
        ] {
            let fixture = of_environment(environment(), issuer).await;
            let answered = fixture.put(CLIENT, &fixture.brings(&fixture.statement())).await;
            assert_eq!(answered.status, status, "{issuer}: {}", answered.body);
            let code = if status == 200 { "" } else { "other_issuer" };
            assert_eq!(answered.codes(), code, "{issuer}");
        }
    }

    #[tokio::test]
    async fn a_parameter_adds_to_the_issuers_of_an_environment() {
        let mock = "Open Banking Brasil sandbox SSA issuer";
        let settings = |name: &str| match name {
            "ARAUTO_DIRECTORY_ENVIRONMENT" => Some("sandbox".to_owned()),
            "ARAUTO_SOFTWARE_STATEMENT_ISSUERS" => Some(format!("another issuer, {mock}")),
            _ => None,
        };
        let environment = Settings::new(&settings).directory_environment().unwrap();
        for issuer in [mock, "Open Banking Open Banking Brasil sandbox SSA issuer"] {
            let fixture = of_environment(environment.clone(), issuer).await;
            assert_eq!(
                fixture.put(CLIENT, &fixture.brings(&fixture.statement())).await.status,
                200,
                "{issuer}"
            );
        }
    }

    #[tokio::test]
    async fn a_statement_whose_form_is_wrong_is_refused() {
        let fixture = registered().await;
        let (good, signer) = (fixture.statement(), fixture.mock.signer());
        let (header, payload) = (signer.header(), signer.payload(&fixture.claims()).to_string());
        let head = |members: Value| with(&header, members).to_string();
        let other = signer.statement(&fixture.claims().claim("org_name", "another"));
        let parts: Vec<_> = good.split('.').collect();
        let grafted = format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2]);
        let kid = signer.latest().kid().to_owned();
        let duplicate = format!(r#"{{"alg":"PS256","alg":"PS256","kid":"{kid}"}}"#);
        let public_key = signer.latest().public_pem().to_owned();
        let cases = [
            ("empty", String::new(), "wrong_length"),
            ("oversized", "a".repeat(64 * 1024 + 1), "wrong_length"),
            ("oversized in bytes", "é".repeat(40 * 1024), "too_large"),
            ("as large as allowed", "a".repeat(64 * 1024), "not_compact_jws"),
            ("two parts", parts[..2].join("."), "not_compact_jws"),
            ("four parts", format!("{good}.{}", parts[0]), "not_compact_jws"),
            ("padded header", format!("{}=.{}.{}", parts[0], parts[1], parts[2]), "not_compact_jws"),
            ("padded signature", format!("{good}=="), "not_compact_jws"),
            ("white space", format!("{good} "), "not_compact_jws"),
            ("no JWS", "eyJhbGciOiJub25lIn0".to_owned(), "not_compact_jws"),
            ("header that is no JSON", signer.sign_raw("header", &payload), "invalid_header"),
            (
                "header that is a list",
                signer.sign_raw(&json!(["PS256", kid, null]).to_string(), &payload),
                "invalid_header",
            ),
            ("header that says alg twice", signer.sign_raw(&duplicate, &payload), "invalid_header"),
            (
                "header that says a thing twice at depth",
                signer.sign_raw(
                    &head(json!({})).replace("\"typ\":", "\"x\":{\"a\":1,\"a\":1},\"typ\":"),
                    &payload,
                ),
                "invalid_header",
            ),
            (
                "header without alg",
                signer.sign_raw(&without(&header, "alg").to_string(), &payload),
                "invalid_header",
            ),
            (
                "header with a typ that is no text",
                signer.sign_raw(&head(json!({ "typ": 7 })), &payload),
                "invalid_header",
            ),
            ("alg none", unsigned(&head(json!({ "alg": "none" })), &payload), "algorithm_not_ps256"),
            (
                "alg none with a signature",
                signer.sign_raw(&head(json!({ "alg": "none" })), &payload),
                "algorithm_not_ps256",
            ),
            (
                "HS256",
                hs256(&head(json!({ "alg": "HS256" })), &payload, public_key.as_bytes()),
                "algorithm_not_ps256",
            ),
            (
                "HS256 that says PS256",
                hs256(&header.to_string(), &payload, public_key.as_bytes()),
                "invalid_signature",
            ),
            ("RS256", signer.sign_raw(&head(json!({ "alg": "RS256" })), &payload), "algorithm_not_ps256"),
            ("ps256", signer.sign_raw(&head(json!({ "alg": "ps256" })), &payload), "algorithm_not_ps256"),
            ("no kid", signer.sign_raw(&without(&header, "kid").to_string(), &payload), "missing_kid"),
            ("kid null", signer.sign_raw(&head(json!({ "kid": null })), &payload), "missing_kid"),
            ("unknown kid", signer.sign_raw(&head(json!({ "kid": "another" })), &payload), "unknown_kid"),
            (
                "crit",
                signer.sign_raw(&head(json!({ "crit": ["b64"], "b64": false })), &payload),
                "critical_extension",
            ),
            ("empty crit", signer.sign_raw(&head(json!({ "crit": [] })), &payload), "critical_extension"),
            ("unsigned", unsigned(&header.to_string(), &payload), "invalid_signature"),
            ("a byte of the signature", spoilt(&good, 2), "invalid_signature"),
            ("a byte of the payload", spoilt(&good, 1), "invalid_signature"),
            ("another's payload", grafted, "invalid_signature"),
            ("payload that is no JSON", signer.sign_raw(&header.to_string(), "payload"), "invalid_payload"),
            (
                "payload that is half",
                signer.sign_raw(&header.to_string(), payload.split_at(payload.len() / 2).0),
                "invalid_payload",
            ),
            ("payload that is a list", signer.sign_raw(&header.to_string(), "[]"), "invalid_payload"),
            ("payload that is empty", signer.sign_raw(&header.to_string(), ""), "invalid_payload"),
        ];
        for (what, statement, code) in cases {
            check(&fixture, what, &statement, (INVALID, code)).await;
        }
    }

    #[tokio::test]
    async fn a_payload_that_says_something_twice_is_refused_although_it_is_signed() {
        let fixture = registered().await;
        let signer = fixture.mock.signer();
        let (header, payload) = (signer.header().to_string(), signer.payload(&fixture.claims()).to_string());
        for twice in [
            format!(r#""software_api_webhook_uris":["{URI}"],"#),
            r#""software_api_webhook_uris":["https://other.example.com"],"#.to_owned(),
            r#""software_api_webhook_ur\u0069s":[],"#.to_owned(),
            r#""iss":"Arauto local SSA issuer","#.to_owned(),
            r#""deep":{"down":[{"a":1,"b":2,"a":3}]},"#.to_owned(),
        ] {
            let statement = signer.sign_raw(&header, &payload.replacen('{', &format!("{{{twice}"), 1));
            check(&fixture, &twice, &statement, (INVALID, "invalid_payload")).await;
        }
    }

    #[tokio::test]
    async fn a_statement_is_refused_wherever_it_is_cut_off() {
        let fixture = registered().await;
        // Those of the Directory are longer, in claims that nobody here reads.
        let claims = fixture.claims();
        let payload = json!({ "iss": "Arauto local SSA issuer", "iat": fixture.functions.test_clock.now().as_second(),
            "software_id": claims.software_id, "org_id": claims.org_id, "software_api_webhook_uris": [URI] });
        let short = fixture.mock.signer().sign(&payload);
        assert_eq!(fixture.judged(&fixture.brings(&short)).await.status, 200);
        for length in 0..short.len() {
            let answered = refused(&fixture, &format!("{length} letters"), short.split_at(length).0).await;
            assert_eq!(answered.error(), INVALID);
        }
        let long = fixture.statement();
        for length in (0..long.len()).step_by(97) {
            refused(&fixture, &format!("{length} letters"), long.split_at(length).0).await;
        }
    }

    #[tokio::test]
    async fn a_statement_whose_claims_are_wrong_is_refused() {
        let fixture = registered().await;
        let signer = fixture.mock.signer();
        let whole = signer.payload(&fixture.claims());
        let now = fixture.functions.test_clock.now().as_second();
        let cases = [
            ("no issuer", without(&whole, "iss"), (INVALID, "invalid_claim")),
            ("no software", without(&whole, "software_id"), (INVALID, "invalid_claim")),
            ("no organisation", without(&whole, "org_id"), (INVALID, "invalid_claim")),
            ("no time", without(&whole, "iat"), (INVALID, "invalid_claim")),
            ("issuer null", with(&whole, json!({ "iss": null })), (INVALID, "invalid_claim")),
            (
                "issuer list",
                with(&whole, json!({ "iss": ["Arauto local SSA issuer"] })),
                (INVALID, "invalid_claim"),
            ),
            ("time as text", with(&whole, json!({ "iat": now.to_string() })), (INVALID, "invalid_claim")),
            ("time without end", with(&whole, json!({ "iat": 1e300 })), (INVALID, "invalid_claim")),
            ("time before time", with(&whole, json!({ "iat": -1e300 })), (INVALID, "invalid_claim")),
            ("time in milliseconds", with(&whole, json!({ "iat": now * 1_000 })), (INVALID, "invalid_claim")),
            (
                "software with a slash",
                with(&whole, json!({ "software_id": "a/../b" })),
                (INVALID, "invalid_claim"),
            ),
            (
                "software of 65 letters",
                with(&whole, json!({ "software_id": "a".repeat(65) })),
                (INVALID, "invalid_claim"),
            ),
            ("empty organisation", with(&whole, json!({ "org_id": "" })), (INVALID, "invalid_claim")),
            ("status number", with(&whole, json!({ "org_status": 1 })), (INVALID, "invalid_claim")),
            (
                "URIs as text",
                with(&whole, json!({ "software_api_webhook_uris": URI })),
                (INVALID, "invalid_claim"),
            ),
            (
                "URIs as numbers",
                with(&whole, json!({ "software_api_webhook_uris": [1] })),
                (INVALID, "invalid_claim"),
            ),
            (
                "URIs with null",
                with(&whole, json!({ "software_api_webhook_uris": [URI, null] })),
                (INVALID, "invalid_claim"),
            ),
            (
                "URIs as object",
                with(&whole, json!({ "software_api_webhook_uris": { "0": URI } })),
                (INVALID, "invalid_claim"),
            ),
            (
                "production",
                with(&whole, json!({ "iss": "Open Banking Open Banking Brasil prod SSA issuer" })),
                (UNAPPROVED, "other_issuer"),
            ),
            (
                "sandbox",
                with(&whole, json!({ "iss": "Open Banking Brasil sandbox SSA issuer" })),
                (UNAPPROVED, "other_issuer"),
            ),
            (
                "issuer with a space",
                with(&whole, json!({ "iss": "Arauto local SSA issuer " })),
                (UNAPPROVED, "other_issuer"),
            ),
            (
                "withdrawn",
                with(&whole, json!({ "org_status": "Withdrawn" })),
                (UNAPPROVED, "organisation_not_active"),
            ),
            (
                "active in lower case",
                with(&whole, json!({ "org_status": "active" })),
                (UNAPPROVED, "organisation_not_active"),
            ),
            (
                "another software",
                with(&whole, json!({ "software_id": StatementClaims::of("itp-2").software_id })),
                (UNAPPROVED, "other_software"),
            ),
            (
                "the software of another",
                with(&whole, json!({ "org_id": StatementClaims::of("itp-2").org_id })),
                (UNAPPROVED, "other_software"),
            ),
        ];
        for (what, payload, expected) in cases {
            check(&fixture, what, &signer.sign(&payload), expected).await;
        }
    }

    #[tokio::test]
    async fn a_statement_may_be_five_minutes_old_at_its_call_and_clocks_may_differ_by_five_seconds() {
        let fixture = registered().await;
        for (age, code) in [
            (seconds(300), None),
            (seconds(301), Some("too_old")),
            (seconds(86_400), Some("too_old")),
            (seconds(-5), None),
            (seconds(-6), Some("issued_in_future")),
            (seconds(-86_400), Some("issued_in_future")),
        ] {
            // At a full second, as `iat` has no fraction.
            let now = Timestamp::from_second(fixture.functions.test_clock.now().as_second() + 60).unwrap();
            fixture.pass(now.duration_since(fixture.functions.test_clock.now()));
            let statement = fixture.mock.statement(&fixture.claims().issued_at(now - age));
            match code {
                None => assert_eq!(fixture.judged(&fixture.brings(&statement)).await.status, 200, "{age}"),
                Some(code) => check(&fixture, &age.to_string(), &statement, (INVALID, code)).await,
            }
        }
    }

    #[tokio::test]
    async fn claims_that_need_not_be_there_may_be_absent_or_null() {
        let fixture = registered().await;
        let signer = fixture.mock.signer();
        let whole = signer.payload(&fixture.claims());
        for payload in [without(&whole, "org_status"), with(&whole, json!({ "org_status": null }))] {
            assert_eq!(fixture.judged(&fixture.brings(&signer.sign(&payload))).await.status, 200);
        }
        for payload in [
            without(&whole, "software_api_webhook_uris"),
            with(&whole, json!({ "software_api_webhook_uris": null })),
            with(&whole, json!({ "software_api_webhook_uris": [] })),
        ] {
            let statement = signer.sign(&payload);
            let answered = fixture.refused(400, &fixture.brings(&statement)).await;
            assert_eq!(answered.codes(), "differs_from_statement");
            let none = with(&fixture.brings(&statement), json!({ "webhook_uris": [] }));
            assert_eq!(fixture.judged(&none).await.body["webhook"], "disabled");
            assert_eq!(fixture.judged(&fixture.brings(&fixture.statement())).await.status, 200);
        }
    }

    #[tokio::test]
    async fn a_client_that_was_removed_may_come_back_for_another_software() {
        let fixture = registered().await;
        fixture.functions.remove(CLIENT).await;
        let statement = fixture.mock.statement(&StatementClaims::of("itp-2").webhook_uris([URI]));
        assert_eq!(fixture.judged(&fixture.brings(&statement)).await.status, 200);
    }
}

mod uris {
    use convention::directory::Operation;
    use devkit::local::registration;

    use super::*;

    const A: &str = "https://localhost:1/a";
    const B: &str = "https://localhost:1/b";

    fn call(fixture: &Fixture, metadata: &[&str], claim: &[&str]) -> Value {
        let statement = fixture.mock.statement(&fixture.claims().webhook_uris(claim.iter().copied()));
        let metadata: Vec<_> = metadata.iter().map(|uri| (*uri).to_owned()).collect();
        registration(Operation::Dcm, Some(&metadata), &statement)
    }

    #[tokio::test]
    async fn order_and_repetition_do_not_matter_and_the_statement_s_first_is_notified() {
        let fixture = registered().await;
        for (metadata, claim, base_uri, warnings) in [
            (&[A][..], &[A][..], A, ""),
            (&[A, A], &[A], A, ""),
            (&[A], &[A, A], A, ""),
            (&[A, B], &[A, B], A, "multiple_webhook_uris"),
            (&[A, B], &[B, A], B, "multiple_webhook_uris"),
            (&[B, A, B], &[A, B, A], A, "multiple_webhook_uris"),
        ] {
            let answered = fixture.judged(&call(&fixture, metadata, claim)).await;
            assert_eq!((answered.status, &answered.body["base_uri"]), (200, &json!(base_uri)));
            assert_eq!(
                (answered.warnings().as_str(), &answered.body["webhook_uris"]),
                (warnings, &json!(metadata))
            );
        }
    }

    #[tokio::test]
    async fn uris_that_are_not_the_statement_s_are_refused_in_the_words_of_the_profile() {
        let fixture = registered().await;
        for (metadata, claim) in [
            (&[A][..], &[B][..]),
            (&[A, B], &[A]),
            (&[A], &[A, B]),
            (&[], &[A]),
            (&[A], &[]),
            (&["https://itp.example.com"], &["https://itp.example.com/"]),
            (&["https://itp.example.com"], &["https://ITP.example.com"]),
            (&["https://itp.example.com"], &["https://itp.example.com:443"]),
            (&["https://itp.example.com/a"], &["https://itp.example.com/%61"]),
            (&["https://itp.example.com"], &[" https://itp.example.com"]),
        ] {
            let answered = fixture.refused(400, &call(&fixture, metadata, claim)).await;
            assert_eq!(
                (answered.error(), answered.codes().as_str()),
                ("invalid_webhook_uris", "differs_from_statement")
            );
            assert_eq!(
                answered.body["error_description"],
                "The content of the webhook_uris field differs from what was registered in the software_statement observed \
                 through the JWS field's software_api_webhook_uris."
            );
            assert!(!answered.body.to_string().contains("itp.example"), "{}", answered.body);
        }
    }

    #[tokio::test]
    async fn a_uri_that_cannot_be_notified_is_refused_although_the_directory_signed_it() {
        let fixture = registered().await;
        let long = format!("https://itp.example.com/{}", "a".repeat(232));
        for (uri, code) in [
            ("https://user@itp.example.com", "userinfo"),
            ("https://user:secret@itp.example.com/x", "userinfo"),
            ("https://itp.example.com@localhost", "userinfo"),
            ("https://ítp.example.com", "not_host_name"),
            ("https://itp。example。com", "name_not_public"),
            ("https://-itp.example.com", "not_host_name"),
            ("https://itp.example.com:", "not_port"),
            ("https://itp.example.com:0", "not_port"),
            ("https://itp.example.com:65536", "not_port"),
            ("https://itp.example.com:+443", "not_port"),
            ("https://itp.example.com:443:443", "not_port"),
            ("https://itp.example.com/../x", "dot_segment"),
            ("https://itp.example.com/./x", "dot_segment"),
            ("https://itp.example.com/%2e%2e/x", "encoded_dot_segment"),
            ("https://itp.example.com/.%2E/x", "encoded_dot_segment"),
            ("https://itp.example.com/a%2", "path_character"),
            ("https://itp.example.com/a\\b", "path_character"),
            ("https://10.0.0.5", "address_not_public"),
            ("https://172.16.0.1/x", "address_not_public"),
            ("https://192.168.0.1:8443", "address_not_public"),
            ("https://169.254.169.254/latest", "address_not_public"),
            ("https://100.64.0.1", "address_not_public"),
            ("https://0.0.0.0", "address_not_public"),
            ("https://[fd00:ec2::254]", "address_not_public"),
            ("https://[fe80::1]:8443", "address_not_public"),
            ("https://[2001:db8::1]", "address_not_public"),
            ("https://[::ffff:10.0.0.1]", "address_not_public"),
            ("https://[::]", "address_not_public"),
            ("https://[fe80::1%25eth0]", "not_host_name"),
            ("https://[::1", "not_host_name"),
            ("https://0x7f000001", "ambiguous_address"),
            ("https://2130706433", "ambiguous_address"),
            ("https://127.1", "ambiguous_address"),
            ("https://intranet", "name_not_public"),
            ("https://itp.example.com.", "name_not_public"),
            ("http://itp.example.com", "not_published_pattern"),
            ("HTTPS://itp.example.com", "not_published_pattern"),
            ("https://itp.example.com/", "not_published_pattern"),
            ("https://itp.example.com//x", "not_published_pattern"),
            ("https://itp.example.com/?x", "not_published_pattern"),
            ("https://itp.example.com#x", "not_published_pattern"),
            (" https://itp.example.com", "not_published_pattern"),
            (&long, "too_long"),
        ] {
            let answered = fixture.refused(400, &call(&fixture, &[uri], &[uri])).await;
            assert_eq!(
                (answered.error(), answered.codes().as_str()),
                ("invalid_webhook_uris", code),
                "{uri}"
            );
            assert_eq!(answered.body["errors"][0]["pointer"], "/webhook_uris/0", "{uri}");
            assert!(!answered.body.to_string().contains(uri), "{uri} is quoted: {}", answered.body);
        }
        for uri in [
            "https://itp.example.com:8443/a/b",
            "https://xn--tp-iia.example.com",
            "https://8.8.8.8",
            "https://[2001:4860:4860::8888]:8443/x",
            "https://localhost:1",
            "https://itp.example.com/a%2Fb",
        ] {
            let answered = fixture.judged(&call(&fixture, &[uri], &[uri])).await;
            assert_eq!((answered.status, &answered.body["base_uri"]), (200, &json!(uri)));
        }
    }

    #[tokio::test]
    async fn a_uri_that_is_refused_is_pointed_at_where_the_call_has_it() {
        let fixture = registered().await;
        let (user, address) = ("https://user@itp.example.com", "https://10.0.0.5");
        for claim in [[A, user, address], [address, A, user]] {
            let answered = fixture.refused(400, &call(&fixture, &[user, A, address], &claim)).await;
            let pointers = [0, 1].map(|index| answered.body["errors"][index]["pointer"].clone());
            assert_eq!(pointers, ["/webhook_uris/0", "/webhook_uris/2"]);
            assert_eq!(answered.codes(), "userinfo address_not_public");
        }
    }
}

mod keys {
    use devkit::directory::{Answer, SigningKey};
    use http::header::CACHE_CONTROL;
    use http::{HeaderValue, StatusCode};

    use super::*;

    /// A statement under a header that names a key of nobody.
    fn forged(fixture: &Fixture, kid: &str) -> Value {
        let signer = fixture.mock.signer();
        let header = with(&signer.header(), json!({ "kid": kid })).to_string();
        fixture.brings(&signer.sign_raw(&header, &signer.payload(&fixture.claims()).to_string()))
    }

    fn good(fixture: &Fixture) -> Value {
        fixture.brings(&fixture.statement())
    }

    fn cached(text: &'static str) -> Answer {
        Answer::usual().header(CACHE_CONTROL, HeaderValue::from_static(text))
    }

    /// What comes where a key set should.
    fn no_key_sets(fixture: &Fixture) -> Vec<(&'static str, Answer)> {
        let json = |body: Value| Answer::json(StatusCode::OK, &body);
        let key = fixture.mock.signer().jwks()["keys"][0].clone();
        let other = key["n"].as_str().unwrap().replacen('a', "b", 1);
        let twice = json!({ "keys": [key, with(&key, json!({ "n": other }))] });
        let elliptic = json!({ "kty": "EC", "kid": "e", "use": "sig", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
        let text = fixture.mock.signer().jwks().to_string();
        let name_twice = text.replacen('{', r#"{"keys":[],"#, 1);
        vec![
            ("429", Answer::status(StatusCode::TOO_MANY_REQUESTS)),
            ("500", Answer::status(StatusCode::INTERNAL_SERVER_ERROR)),
            ("204", Answer::status(StatusCode::NO_CONTENT)),
            ("302", Answer::status(StatusCode::FOUND)),
            ("a page", Answer::html(StatusCode::OK)),
            ("50 MB", Answer::large(50 * 1024 * 1024)),
            ("no end", Answer::endless()),
            ("half of it", Answer::half()),
            (
                "half of it as a whole",
                Answer::bytes(StatusCode::OK, text.split_at(text.len() / 2).0.to_owned()),
            ),
            ("garbage", Answer::garbage()),
            ("nothing", Answer::status(StatusCode::OK)),
            ("null", json(Value::Null)),
            ("an object", json(json!({}))),
            ("keys null", json(json!({ "keys": null }))),
            ("no key", json(json!({ "keys": [] }))),
            ("a key that is null", json(json!({ "keys": [null] }))),
            (
                "a key of nulls",
                json(json!({ "keys": [{ "kty": "RSA", "kid": null, "n": null, "e": null }] })),
            ),
            ("a key without a name", json(json!({ "keys": [without(&key, "kid")] }))),
            ("a key for encryption", json(json!({ "keys": [with(&key, json!({ "use": "enc" }))] }))),
            ("a key for RS256", json(json!({ "keys": [with(&key, json!({ "alg": "RS256" }))] }))),
            ("an elliptic key", json(json!({ "keys": [elliptic] }))),
            ("two keys of one name", json(twice)),
            ("keys twice", Answer::bytes(StatusCode::OK, name_twice)),
        ]
    }

    #[tokio::test]
    async fn keys_are_fetched_by_the_first_call_and_kept_for_all_that_follow() {
        let mut fixture = Fixture::new().await;
        assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200);
        assert_eq!(fixture.mock.count("/"), 1);
        fixture.pass(SignedDuration::from_hours(24 * 365));
        assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200);
        // Another process finds them too.
        fixture.directory = fixture.functions.directory();
        assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200);
        assert_eq!(fixture.mock.count("/"), 1);
        assert!(fixture.requeued(KEPT_KEYS).unwrap()["fetched_at"]["S"].is_string());
    }

    /// What comes where a key set should: the Directory's key after one of these.
    fn beside(fixture: &Fixture, odd: &Value) -> Answer {
        let good = fixture.mock.signer().jwks()["keys"][0].clone();
        Answer::json(StatusCode::OK, &json!({ "keys": [odd, good] }))
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_used_costs_no_other_and_a_statement_by_it_is_no_fault_of_the_caller() {
        let good_key = Fixture::new().await.mock.signer().jwks()["keys"][0].clone();
        let zeros = format!("AAAA{}", good_key["n"].as_str().unwrap());
        for (what, members, status, code) in [
            ("no base64url", json!({ "n": "***" }), 503, ""),
            ("no modulus", json!({ "n": null }), 503, ""),
            ("short", json!({ "n": "gQ" }), 503, ""),
            ("even", json!({ "e": "AQAA" }), 503, ""),
            ("no kind", json!({ "kty": null }), 503, ""),
            ("for encryption", json!({ "use": "enc" }), 400, "unknown_kid"),
            ("for RS256", json!({ "alg": "RS256" }), 400, "unknown_kid"),
            ("zeros in front", json!({ "n": zeros }), 200, ""),
        ] {
            let fixture = Fixture::new().await;
            let odd = with(&with(&good_key, json!({ "kid": "odd" })), members);
            fixture.mock.answer_always(JWKS, beside(&fixture, &odd));
            assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200, "{what}");
            for _ in 0..2 {
                let answered = fixture.put(CLIENT, &forged(&fixture, "odd")).await;
                assert_eq!((answered.status, answered.codes().as_str()), (status, code), "{what}");
                fixture.pass(seconds(61));
            }
            assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200, "{what}");
        }
    }

    #[tokio::test]
    async fn a_key_that_the_directory_mends_is_found_at_once() {
        let fixture = Fixture::new().await;
        let key = fixture.mock.signer().jwks()["keys"][0].clone();
        let odd = with(&key, json!({ "n": "***" }));
        let another = Fixture::with(|settings| settings.key_pem = None).await;
        let other = another.mock.signer().jwks()["keys"][0].clone();
        fixture.mock.answer_always(JWKS, Answer::json(StatusCode::OK, &json!({ "keys": [odd, other] })));
        assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 503);
        fixture.mock.answer_as_usual();
        fixture.pass(seconds(61));
        assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200);
    }

    #[tokio::test]
    async fn a_new_key_is_found_by_the_first_statement_that_names_it() {
        let fixture = registered().await;
        fixture.pass(seconds(61));
        fixture.mock.rotate_key().unwrap();
        let old = fixture.mock.signer().latest();
        assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200);
        assert_eq!(fixture.mock.count(JWKS), 2);
        // And a key that the Directory lists no more is forgotten with the set that had it.
        fixture.pass(seconds(61));
        let withdrawn = good(&fixture);
        fixture.mock.rotate_key().unwrap();
        fixture.mock.signer().retire_old_keys();
        assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200);
        assert_ne!(fixture.mock.signer().latest().kid(), old.kid());
        assert_eq!(fixture.refused(400, &withdrawn).await.codes(), "unknown_kid");
    }

    #[tokio::test]
    async fn a_flood_of_unknown_keys_asks_the_directory_once_a_minute() {
        let fixture = registered().await;
        fixture.mock.forget_requests();
        for (minute, wait) in [(1, 60_500), (2, 60_000), (3, 61_000), (4, 60_999)] {
            fixture.pass(SignedDuration::from_millis(wait));
            for number in 0..20 {
                let answered = fixture.put(CLIENT, &forged(&fixture, &format!("none-{number}"))).await;
                assert_eq!(
                    (answered.status, answered.codes().as_str()),
                    (400, "unknown_kid"),
                    "{}",
                    answered.body
                );
                fixture.pass(seconds(1));
            }
            assert_eq!(fixture.mock.count(JWKS), minute);
            fixture.pass(seconds(-20));
        }
    }

    #[tokio::test]
    async fn without_a_key_nothing_is_accepted_and_nothing_that_comes_instead_is_kept() {
        let cases = no_key_sets(&Fixture::new().await);
        for (what, answer) in cases.into_iter().chain([("304", Answer::status(StatusCode::NOT_MODIFIED))]) {
            let fixture = Fixture::new().await;
            fixture.mock.answer_always(JWKS, answer);
            let answered = fixture.put(CLIENT, &good(&fixture)).await;
            assert_eq!((answered.status, fixture.row(CLIENT)), (503, None), "{what}: {}", answered.body);
            assert_eq!(fixture.mock.count(JWKS), 1, "{what}");
            let kept = fixture.requeued("jwks#local");
            assert_eq!(kept, None, "{what}");
            fixture.mock.answer_as_usual();
            fixture.pass(seconds(61));
            assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200, "{what}");
        }
    }

    #[tokio::test]
    async fn the_last_good_keys_stay_whatever_comes_instead_of_new_ones() {
        let fixture = Fixture::new().await;
        // Without a version there is nothing to ask by, so that half of it is not half of "the same as ever".
        let unversioned = || Answer::json(StatusCode::OK, &fixture.mock.signer().jwks());
        fixture.mock.answer_always(JWKS, unversioned());
        assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200);
        let unasked = ("304 without a question", Answer::status(StatusCode::NOT_MODIFIED));
        for (what, answer) in no_key_sets(&fixture).into_iter().chain([unasked]) {
            let kept = fixture.requeued(KEPT_KEYS);
            fixture.pass(SignedDuration::from_hours(1));
            fixture.mock.answer_always(JWKS, answer);
            fixture.review().await;
            let before = fixture.row(CLIENT);
            let answered = fixture.put(CLIENT, &forged(&fixture, "none")).await;
            assert_eq!((answered.status, fixture.row(CLIENT)), (503, before), "{what}");
            assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200, "{what}");
            assert_eq!(fixture.requeued(KEPT_KEYS), kept, "{what}");
            fixture.mock.answer_always(JWKS, unversioned());
            fixture.pass(seconds(61));
            assert_eq!(
                fixture.refused(400, &forged(&fixture, "none")).await.codes(),
                "unknown_kid",
                "{what}"
            );
        }
        let asked = fixture.mock.requests(JWKS);
        assert!(asked.iter().all(|request| request.header("if-none-match").is_none()), "{asked:?}");
    }

    #[tokio::test]
    async fn a_directory_that_fails_is_asked_once_a_minute_too() {
        let fixture = Fixture::new().await;
        fixture.mock.answer_always(JWKS, Answer::status(StatusCode::INTERNAL_SERVER_ERROR));
        let body = good(&fixture);
        // Those that come meanwhile wait a little for what comes of it.
        let (one, two, three) = tokio::join!(
            fixture.put("itp-1", &body),
            fixture.put("itp-2", &body),
            fixture.put("itp-3", &body)
        );
        let answers = [one, two, three];
        assert!(answers.iter().all(|answered| answered.status == 503), "{answers:?}");
        assert_eq!(fixture.mock.count(JWKS), 1);
    }

    #[tokio::test]
    async fn a_directory_that_is_gone_takes_no_key_away_and_brings_none() {
        let fixture = registered().await;
        let Fixture { mock, mut functions, .. } = Fixture::new().await;
        let gone = mock.base_url();
        mock.stop().await;
        functions.environment = convention::directory::Environment::local(&gone);
        let without_keys = functions.directory();
        let body = good(&fixture).to_string();
        let answer = tests::aws::call(&without_keys, http::Method::PUT, CLIENT, &body).await;
        assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &HeaderValue::from_static("5")));

        let mut fixture = fixture;
        fixture.functions.environment = convention::directory::Environment::local(&gone);
        fixture.directory = fixture.functions.directory();
        fixture.pass(SignedDuration::from_hours(24));
        assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200);
        assert_eq!(fixture.refused(503, &forged(&fixture, "none")).await.codes(), "");
    }

    #[tokio::test]
    async fn the_schedule_asks_again_when_the_keys_are_no_longer_fresh_and_by_their_version() {
        let fixture = Fixture::new().await;
        fixture.review().await;
        let (mut kept, first) = (fixture.requeued(KEPT_KEYS), fixture.mock.signer().jwks());
        for (minutes, asked, status) in [(14, 1, 200), (1, 2, 304), (14, 2, 304), (1, 3, 304)] {
            fixture.pass(SignedDuration::from_mins(minutes));
            fixture.review().await;
            let requests = fixture.mock.requests(JWKS);
            assert_eq!((requests.len(), requests.last().unwrap().status), (asked, status));
        }
        let etag = kept.take().unwrap()["etag"]["S"].as_str().unwrap().to_owned();
        let asked = fixture.mock.requests(JWKS);
        assert_eq!(asked[1].header("if-none-match"), Some(etag.as_str()));
        assert_eq!(fixture.mock.signer().jwks(), first);

        fixture.mock.rotate_key().unwrap();
        fixture.pass(SignedDuration::from_mins(15));
        fixture.review().await;
        assert_eq!(fixture.mock.requests(JWKS).last().unwrap().status, 200);
        fixture.mock.forget_requests();
        assert_eq!(fixture.put(CLIENT, &good(&fixture)).await.status, 200);
        assert_eq!(fixture.mock.count(JWKS), 0, "the schedule had found the new key");
    }

    #[tokio::test]
    async fn what_the_directory_says_of_keeping_its_keys_is_followed_within_a_day() {
        let minutes = SignedDuration::from_mins;
        for (said, fresh_for) in [
            ("no-cache", minutes(0)),
            ("no-store, max-age=900", minutes(0)),
            ("max-age=0", minutes(0)),
            ("public, MAX-AGE=3600", minutes(60)),
            ("max-age=31536000", minutes(24 * 60)),
            ("max-age=soon", minutes(5)),
            ("private", minutes(5)),
        ] {
            let fixture = Fixture::new().await;
            fixture.mock.answer_always(JWKS, cached(said));
            fixture.review().await;
            if !fresh_for.is_zero() {
                fixture.pass(fresh_for - seconds(1));
                fixture.review().await;
                assert_eq!(fixture.mock.count(JWKS), 1, "{said}");
                fixture.pass(seconds(1));
            }
            fixture.review().await;
            assert_eq!(fixture.mock.count(JWKS), 2, "{said}");
        }
    }

    #[tokio::test]
    async fn a_key_of_somebody_else_signs_nothing() {
        let fixture = registered().await;
        let stranger = devkit::directory::Signer::new(
            SigningKey::generate().unwrap(),
            fixture.functions.test_clock.clock(),
        );
        fixture.pass(seconds(61));
        let unknown = fixture.brings(&stranger.statement(&fixture.claims()));
        assert_eq!(fixture.refused(400, &unknown).await.codes(), "unknown_kid");
        let payload = stranger.payload(&fixture.claims()).to_string();
        let named = stranger.sign_raw(&fixture.mock.signer().header().to_string(), &payload);
        assert_eq!(fixture.refused(400, &fixture.brings(&named)).await.codes(), "invalid_signature");
    }
}

mod tables {
    use super::*;

    fn of_directory(input: &Value) -> bool {
        input["TableName"] == DIRECTORY
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_table_of_keys_nothing_with_a_statement_is_accepted() {
        for fault in [Fault::DENIED, Fault::Unreachable, Fault::THROTTLED] {
            for operation in ["GetItem", "UpdateItem", "PutItem"] {
                let fixture = Fixture::new().await;
                fixture.functions.aws.fails_where(operation, of_directory, fault);
                // Here the Directory is asked: time that jumps would end the connection to it.
                if operation == "PutItem" {
                    tokio::time::resume();
                }
                let answered = fixture.put(CLIENT, &fixture.brings(&fixture.statement())).await;
                if operation == "PutItem" {
                    tokio::time::pause();
                }
                assert_eq!((answered.status, fixture.row(CLIENT)), (503, None), "{operation} {fault:?}");
                assert_eq!(fixture.requeued(KEPT_KEYS), None, "{operation} {fault:?}");
                // What needs no proof needs no table.
                assert_eq!(fixture.put(CLIENT, &opts_out()).await.status, 200, "{operation} {fault:?}");
            }
        }
    }

    #[tokio::test]
    async fn keys_that_cannot_be_read_prove_nothing_although_they_are_kept() {
        let fixture = registered().await;
        fixture.functions.aws.fails_where("GetItem", of_directory, Fault::DENIED);
        assert_eq!(fixture.refused(503, &fixture.brings(&fixture.statement())).await.codes(), "");
        assert_eq!(fixture.mock.count("/"), 1, "the Directory is not asked in their place");
        fixture.functions.aws.recovers();
        assert_eq!(fixture.judged(&fixture.brings(&fixture.statement())).await.status, 200);
    }

    #[tokio::test]
    async fn a_client_that_is_written_meanwhile_is_decided_anew() {
        let fixture = registered().await;
        fixture.pass(seconds(60));
        let (slow, quick) = ("https://localhost:1/slow", "https://localhost:1/quick");
        for (slow_at, quick_at, status, base_uri) in
            [(0, -1, 200, slow), (0, 0, 200, slow), (-1, 0, 409, quick)]
        {
            fixture.pass(seconds(60));
            let now = fixture.functions.test_clock.now();
            let call = |uri, at: i64| {
                with(
                    &fixture.with_uris(CLIENT, &[uri]),
                    json!({ "called_at": (now + seconds(at)).to_string() }),
                )
            };
            let held = fixture.functions.aws.holds_back("UpdateItem", RECEIVERS);
            let (slow, quick) = (call(slow, slow_at), call(quick, quick_at));
            let (answered, ()) = tokio::join!(fixture.put(CLIENT, &slow), async {
                held.arrived().await;
                assert_eq!(fixture.put(CLIENT, &quick).await.status, 200);
                held.release();
            });
            assert_eq!(answered.status, status, "{}", answered.body);
            assert_eq!(fixture.get(CLIENT).await.body["base_uri"], base_uri);
        }
    }

    #[tokio::test]
    async fn of_two_first_registrations_both_are_decided() {
        let fixture = Fixture::new().await;
        let body = fixture.brings(&fixture.statement());
        let held = fixture.functions.aws.holds_back("UpdateItem", RECEIVERS);
        let (answered, ()) = tokio::join!(fixture.put(CLIENT, &body), async {
            held.arrived().await;
            let other = fixture.brings(&fixture.mock.statement(&fixture.claims().software_id("another")));
            assert_eq!(fixture.put(CLIENT, &other).await.status, 200);
            held.release();
        });
        assert_eq!((answered.status, answered.codes().as_str()), (400, "other_software"));
    }

    #[tokio::test]
    async fn a_client_that_is_written_each_time_is_given_up() {
        let fixture = registered().await;
        let before = fixture.row(CLIENT);
        fixture.functions.aws.forget_calls();
        let is_client = |input: &Value| input["TableName"] == RECEIVERS;
        let refused = Fault::Refused(400, "ConditionalCheckFailedException");
        fixture.functions.aws.fails_where("UpdateItem", is_client, refused);
        let answered = fixture.put(CLIENT, &fixture.brings(&fixture.statement())).await;
        assert_eq!((answered.status, fixture.row(CLIENT)), (503, before));
        assert_eq!(fixture.functions.aws.writes(RECEIVERS).len(), 3);
    }
}

/// Removals: in order with the other calls, whichever arrives first.
mod removals {
    use http::Method;
    use jiff::Timestamp;
    use tests::aws::{call, call_with_query};

    use super::*;

    fn at(instant: Timestamp) -> Value {
        json!({ "called_at": instant.to_string() })
    }

    async fn delete_at(fixture: &Fixture, instant: Timestamp) -> u16 {
        let (directory, instant) = (fixture.functions.directory(), instant.to_string());
        call_with_query(&directory, Method::DELETE, CLIENT, ("called_at", &instant), "").await.status
    }

    async fn delete(fixture: &Fixture) -> u16 {
        call(&fixture.functions.directory(), Method::DELETE, CLIENT, "").await.status
    }

    fn is_registered(fixture: &Fixture) -> bool {
        fixture.row(CLIENT).is_some_and(|row| row.get("registration").is_some())
    }

    fn revision(fixture: &Fixture) -> u64 {
        fixture.row(CLIENT).map_or(0, |row| row["revision"]["N"].as_str().unwrap().parse().unwrap())
    }

    #[tokio::test]
    async fn a_call_from_before_a_removal_does_not_bring_the_client_back() {
        let fixture = registered().await;
        let early = with(&fixture.brings(&fixture.statement()), at(fixture.functions.test_clock.now()));
        let opts_out_early = with(&opts_out(), at(fixture.functions.test_clock.now()));
        fixture.pass(seconds(10));
        assert_eq!(delete(&fixture).await, 204);
        fixture.pass(seconds(10));
        for late in [&early, &opts_out_early] {
            assert_eq!(fixture.refused(409, late).await.body["type"], "urn:arauto:superseded");
        }
        // Neither an hour later nor ever: what is left of the row does not expire, and by then the call is too old by itself.
        fixture.pass(SignedDuration::from_mins(59));
        assert_eq!(fixture.refused(409, &early).await.status, 409);
        let row = fixture.row(CLIENT).unwrap();
        assert!(row.get("registration").is_none() && row.get("expires_at").is_none(), "{row}");
        assert_eq!(fixture.get(CLIENT).await.status, 404);
        let late = with(&fixture.brings(&fixture.statement()), at(fixture.functions.test_clock.now()));
        assert_eq!(fixture.put(CLIENT, &late).await.status, 200);
    }

    #[tokio::test]
    async fn a_removal_that_is_older_than_the_registration_in_force_changes_nothing_and_says_so() {
        let fixture = Fixture::new().await;
        let first = fixture.functions.test_clock.now();
        fixture.pass(seconds(60));
        assert_eq!(fixture.put(CLIENT, &fixture.brings(&fixture.statement())).await.status, 200);
        let row = fixture.row(CLIENT);
        assert_eq!(delete_at(&fixture, first).await, 409);
        assert_eq!(fixture.row(CLIENT), row);
        // Of one instant, the removal is the later.
        assert_eq!(delete_at(&fixture, fixture.functions.test_clock.now()).await, 204);
        assert!(!is_registered(&fixture));
        // Once more, and an older one: the client is gone as it was to be.
        for instant in [fixture.functions.test_clock.now(), first] {
            assert_eq!(delete_at(&fixture, instant).await, 204);
        }
    }

    #[tokio::test]
    async fn a_removal_without_a_time_removes_whatever_the_clocks_say() {
        let fixture = Fixture::new().await;
        // The clock of the authorization server runs ahead of ours by as much as it may.
        let ahead = fixture.functions.test_clock.now() + seconds(5);
        let body = with(&fixture.brings(&fixture.statement()), at(ahead));
        assert_eq!(fixture.put(CLIENT, &body).await.status, 200);
        assert_eq!(delete(&fixture).await, 204);
        assert!(!is_registered(&fixture));
        assert_eq!(
            fixture.put(CLIENT, &fixture.brings(&fixture.statement())).await.status,
            200,
            "it came after"
        );
    }

    #[tokio::test]
    async fn a_removal_from_the_future_or_of_no_instant_is_refused() {
        let fixture = registered().await;
        let row = fixture.row(CLIENT);
        let now = fixture.functions.test_clock.now();
        assert_eq!(delete_at(&fixture, now + seconds(6)).await, 400);
        for text in ["", "yesterday", "2026-11-22 13:15:30Z", "1764439200"] {
            let directory = fixture.functions.directory();
            let answer = call_with_query(&directory, Method::DELETE, CLIENT, ("called_at", text), "").await;
            assert_eq!(answer.status, 400, "{text}");
        }
        assert_eq!(fixture.row(CLIENT), row);
        // A "+" that was not percent-encoded.
        let text = now.to_string().replace('Z', " 00:00");
        let directory = fixture.functions.directory();
        let answer = call_with_query(&directory, Method::DELETE, CLIENT, ("called_at", &text), "").await;
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    #[tokio::test]
    async fn a_removal_is_taken_however_late_it_comes_and_undoes_no_later_registration() {
        let fixture = registered().await;
        fixture.pass(seconds(60));
        let removed_at = fixture.functions.test_clock.now();
        fixture.pass(SignedDuration::from_hours(25));
        assert_eq!(delete_at(&fixture, removed_at).await, 204);
        assert!(!is_registered(&fixture));
        assert_eq!(fixture.put(CLIENT, &fixture.brings(&fixture.statement())).await.status, 200);
        fixture.pass(SignedDuration::from_hours(30 * 24));
        assert_eq!(delete_at(&fixture, removed_at).await, 409);
        assert!(is_registered(&fixture));
    }

    #[tokio::test]
    async fn a_removal_of_a_client_that_nobody_registered_is_before_the_call_that_would() {
        let fixture = Fixture::new().await;
        let called_at = fixture.functions.test_clock.now();
        let early = with(&fixture.brings(&fixture.statement()), at(called_at));
        fixture.pass(seconds(1));
        assert_eq!(delete(&fixture).await, 204);
        fixture.pass(seconds(1));
        assert_eq!(fixture.put(CLIENT, &early).await.status, 409);
    }

    #[tokio::test]
    async fn the_revision_grows_over_removals_and_registrations_alike() {
        let fixture = registered().await;
        let mut before = revision(&fixture);
        for _ in 0..3 {
            for removes in [true, false] {
                fixture.pass(seconds(1));
                if removes {
                    assert_eq!(delete(&fixture).await, 204);
                } else {
                    assert_eq!(fixture.put(CLIENT, &fixture.brings(&fixture.statement())).await.status, 200);
                }
                assert!(revision(&fixture) > before);
                before = revision(&fixture);
            }
        }
    }

    #[tokio::test]
    async fn the_mark_of_a_slow_receiver_ends_with_its_registration() {
        let fixture = registered().await;
        let mut row = fixture.row(CLIENT).unwrap();
        row["slow_base_uri"] = json!({ "S": URI });
        row["slow_hangs"] = json!({ "N": "2" });
        fixture.functions.aws.put_row(RECEIVERS, row);
        fixture.pass(seconds(1));
        assert_eq!(delete(&fixture).await, 204);
        assert!(fixture.row(CLIENT).unwrap().get("slow_base_uri").is_none());
    }

    /// One of the calls that are played beside each other.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Played {
        Put(i64),
        Delete(i64),
    }

    impl Played {
        async fn play(self, fixture: &Fixture, first: Timestamp) -> u16 {
            match self {
                Self::Put(second) => {
                    let uri = format!("https://localhost:1/{second}");
                    let body = with(&fixture.with_uris(CLIENT, &[&uri]), at(first + seconds(second)));
                    fixture.put(CLIENT, &body).await.status
                }
                Self::Delete(second) => delete_at(fixture, first + seconds(second)).await,
            }
        }

        /// When it was made; of two at one instant a removal is the later.
        fn order(self) -> (i64, bool) {
            match self {
                Self::Put(second) => (second, false),
                Self::Delete(second) => (second, true),
            }
        }
    }

    /// The last call by its time counts, wherever each of three is interrupted between what it reads and what it writes.
    #[tokio::test]
    async fn of_calls_beside_each_other_the_last_one_made_counts_however_they_are_interleaved() {
        use Played::{Delete, Put};

        let fixture = Fixture::new().await;
        for calls in [
            [Put(1), Put(2), Delete(3)],
            [Put(1), Delete(2), Put(3)],
            [Delete(1), Put(2), Put(3)],
            [Put(1), Put(2), Delete(2)],
        ] {
            for arrival in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                // How many of the three are held back between their read and their write.
                for held in 0..3 {
                    // None is there, one is, or one was removed: it is another condition each time.
                    for before in
                        [&[][..], &[Put(0)], &[Put(0), Delete(0)]].into_iter().take(1 + 2 * held.min(1))
                    {
                        fixture.functions.aws.forget_rows(RECEIVERS);
                        fixture.functions.aws.recovers();
                        fixture.pass(SignedDuration::from_mins(5));
                        for call in before {
                            call.play(&fixture, fixture.functions.test_clock.now()).await;
                        }
                        let first = fixture.functions.test_clock.now();
                        fixture.pass(seconds(4));
                        let [one, two, three] = arrival.map(|index| calls[index]);
                        interleave(&fixture, first, held, [one, two, three]).await;
                        let last = calls.into_iter().max_by_key(|call| call.order()).unwrap();
                        let what = format!("{calls:?} as {arrival:?}, {held} held back");
                        match last {
                            Delete(_) => assert!(!is_registered(&fixture), "{what}"),
                            Put(second) => {
                                let base_uri = &fixture.get(CLIENT).await.body["base_uri"];
                                assert_eq!(
                                    base_uri,
                                    &json!(format!("https://localhost:1/{second}")),
                                    "{what}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }

    /// Plays the first `held` calls until they want to write, the others whole, and then lets those write.
    async fn interleave(fixture: &Fixture, first: Timestamp, held_back: usize, calls: [Played; 3]) {
        let aws = &fixture.functions.aws;
        let [one, two, three] = calls;
        match held_back {
            0 => {
                for call in calls {
                    call.play(fixture, first).await;
                }
            }
            1 => {
                let hold = aws.holds_back("UpdateItem", RECEIVERS);
                tokio::join!(one.play(fixture, first), async {
                    tokio::time::timeout(std::time::Duration::from_millis(20), hold.arrived()).await.ok();
                    two.play(fixture, first).await;
                    three.play(fixture, first).await;
                    hold.release();
                });
            }
            _ => {
                let holds =
                    [aws.holds_back("UpdateItem", RECEIVERS), aws.holds_back("UpdateItem", RECEIVERS)];
                tokio::join!(one.play(fixture, first), two.play(fixture, first), async {
                    for hold in &holds {
                        tokio::time::timeout(std::time::Duration::from_millis(20), hold.arrived()).await.ok();
                    }
                    three.play(fixture, first).await;
                    holds.iter().for_each(tests::aws::Held::release);
                });
            }
        }
    }
}

/// Settings: of whoever operates the stack, beside the registration of the authorization server.
mod settings {
    use tests::aws::call_settings;

    use super::*;

    async fn change(fixture: &Fixture, settings: Value) -> Answered {
        let answer = call_settings(&fixture.directory, CLIENT, &settings.to_string()).await;
        fixture.checked_on("patch", "/v1/clients/{clientId}/settings", &answer)
    }

    fn settings_of(answered: &Answered) -> Value {
        let body = &answered.body;
        json!([
            body["webhook_version"],
            body["success_statuses"],
            body["notify_optional"],
            body["also_send_x_authorisation_server_id"]
        ])
    }

    #[tokio::test]
    async fn a_dcm_keeps_the_operator_s_settings_unless_it_brings_them() {
        let fixture = registered().await;
        fixture.pass(seconds(1));
        let asked = json!({
            "webhook_version": "1.2.0", "success_statuses": [200, 202], "notify_optional": true,
            "also_send_x_authorisation_server_id": true
        });
        let changed = change(&fixture, asked).await;
        let operators = json!(["1.2.0", [200, 202], true, true]);
        assert_eq!((changed.status, settings_of(&changed)), (200, operators.clone()));
        assert_eq!(fixture.get(CLIENT).await, changed, "what is shown is what was answered");

        fixture.pass(seconds(1));
        let dcm = fixture.brings(&fixture.statement());
        assert_eq!(settings_of(&fixture.judged(&dcm).await), operators);
        // Null counts as absent, here as everywhere.
        let nulls = json!({ "webhook_version": null, "success_statuses": null, "notify_optional": null });
        assert_eq!(settings_of(&fixture.judged(&with(&dcm, nulls)).await), operators);
        // A client that gives notifications up and wants them again is the same client.
        assert_eq!(settings_of(&fixture.judged(&opts_out()).await), operators);
        fixture.pass(seconds(1));
        let brought = fixture.judged(&with(&dcm, json!({ "webhook_version": "1.3.0" }))).await;
        assert_eq!(settings_of(&brought), json!(["1.3.0", [200, 202], true, true]));
    }

    #[tokio::test]
    async fn a_change_of_settings_changes_those_it_brings_and_nothing_else() {
        let fixture = registered().await;
        let before = fixture.get(CLIENT).await.body;
        fixture.pass(seconds(1));
        let after = change(&fixture, json!({ "notify_optional": true })).await;
        assert_eq!(after.body, with(&before, json!({ "notify_optional": true })));
        let row = fixture.row(CLIENT);
        for unchanged in [json!({}), json!({ "notify_optional": null }), json!({ "webhook_version": null })] {
            assert_eq!(change(&fixture, unchanged).await, after);
        }
        assert_eq!(fixture.row(CLIENT), row);
    }

    #[tokio::test]
    async fn a_call_that_is_passed_on_again_does_not_change_the_settings_back() {
        let fixture = registered().await;
        let called_at = json!({ "called_at": fixture.functions.test_clock.now().to_string(), "webhook_version": "1.2.0" });
        let dcm = with(&fixture.brings(&fixture.statement()), called_at);
        assert_eq!(fixture.judged(&dcm).await.body["webhook_version"], "1.2.0");
        fixture.pass(seconds(5));
        assert_eq!(change(&fixture, json!({ "webhook_version": "1.3.0" })).await.status, 200);
        fixture.pass(seconds(5));
        assert_eq!(fixture.judged(&dcm).await.body["webhook_version"], "1.3.0");
    }

    #[tokio::test]
    async fn settings_end_with_the_client() {
        let fixture = registered().await;
        fixture.pass(seconds(1));
        assert_eq!(change(&fixture, json!({ "webhook_version": "1.1.0" })).await.status, 200);
        fixture.pass(seconds(1));
        fixture.functions.remove(CLIENT).await;
        assert_eq!(change(&fixture, json!({ "webhook_version": "1.1.0" })).await.status, 404);
        fixture.pass(seconds(1));
        let answered = fixture.judged(&fixture.brings(&fixture.statement())).await;
        assert_eq!(answered.body["webhook_version"], "1.3.0");
    }

    #[tokio::test]
    async fn an_unknown_setting_is_refused() {
        let fixture = registered().await;
        let row = fixture.row(CLIENT);
        for (body, code) in [
            (json!({ "webhook_uris": [URI] }), "unknown_field"),
            (json!({ "webhook_version": "1.4.0" }), "invalid"),
            (json!({ "success_statuses": [] }), "invalid"),
            (json!({ "notify_optional": "yes" }), "wrong_type"),
            (json!([]), "wrong_type"),
        ] {
            let answered = change(&fixture, body).await;
            assert_eq!((answered.status, answered.codes().as_str()), (400, code));
        }
        assert_eq!(fixture.row(CLIENT), row);
    }

    #[tokio::test]
    async fn a_change_of_settings_beside_a_call_loses_neither() {
        let fixture = registered().await;
        fixture.pass(seconds(1));
        let uri = "https://localhost:1/other";
        let dcm = fixture.with_uris(CLIENT, &[uri]);
        let held = fixture.functions.aws.holds_back("UpdateItem", RECEIVERS);
        let (answered, ()) = tokio::join!(change(&fixture, json!({ "notify_optional": true })), async {
            held.arrived().await;
            assert_eq!(fixture.put(CLIENT, &dcm).await.status, 200);
            held.release();
        });
        assert_eq!(answered.status, 200);
        let shown = fixture.get(CLIENT).await.body;
        assert_eq!((&shown["base_uri"], &shown["notify_optional"]), (&json!(uri), &json!(true)));
    }

    #[tokio::test]
    async fn a_profile_older_than_an_api_is_a_warning_and_is_counted() {
        let fixture = registered().await;
        let (enrollments, payments) = ("profile_without_enrollments", "profile_without_automatic_payments");
        for (version, warnings) in [
            ("1.0.0", format!("{enrollments} {payments}")),
            ("1.1.0", payments.to_owned()),
            ("1.2.0", String::new()),
            ("1.3.0", String::new()),
        ] {
            fixture.pass(seconds(1));
            let version = json!({ "webhook_version": version });
            let brought = fixture.judged(&with(&fixture.brings(&fixture.statement()), version.clone())).await;
            assert_eq!((brought.status, brought.warnings()), (200, warnings.clone()), "{version}");
            fixture.pass(seconds(1));
            assert_eq!(change(&fixture, version.clone()).await.warnings(), warnings, "{version}");
            assert_eq!(fixture.get(CLIENT).await.warnings(), warnings, "{version}");
            let before: f64 = fixture.functions.metrics.values("ReceiverWarnings").iter().sum();
            fixture.review().await;
            let counted: f64 =
                fixture.functions.metrics.values("ReceiverWarnings").iter().sum::<f64>() - before;
            #[expect(clippy::cast_precision_loss, reason = "two at most")]
            let expected = warnings.split_whitespace().count() as f64;
            assert!((counted - expected).abs() < 0.1, "{version}");
        }
        // Who is not notified misses nothing.
        assert_eq!(
            fixture.judged(&with(&opts_out(), json!({ "webhook_version": "1.0.0" }))).await.warnings(),
            ""
        );
    }

    #[tokio::test]
    async fn a_first_registration_is_notified_of_what_happens_from_its_call_on() {
        let fixture = Fixture::new().await;
        let called_at = fixture.functions.test_clock.now();
        let body = with(&fixture.brings(&fixture.statement()), json!({ "called_at": called_at.to_string() }));
        fixture.pass(SignedDuration::from_mins(7));
        let answered = fixture.judged(&body).await;
        let told_at = fixture.functions.test_clock.now().to_string();
        assert_eq!(answered.body["notifies_since"], called_at.to_string());
        assert_eq!(answered.body["registered_at"], told_at);
        // What it was notified of goes on, whenever a later call is made.
        fixture.pass(SignedDuration::from_mins(7));
        let again = fixture.judged(&fixture.brings(&fixture.statement())).await;
        assert_eq!(again.body["notifies_since"], called_at.to_string());
        // The clock of who calls may run ahead of ours: nothing of before is missed.
        fixture.functions.remove(CLIENT).await;
        fixture.pass(seconds(1));
        let ahead = json!({ "called_at": (fixture.functions.test_clock.now() + seconds(5)).to_string() });
        let answered = fixture.judged(&with(&fixture.brings(&fixture.statement()), ahead)).await;
        assert_eq!(answered.body["notifies_since"], fixture.functions.test_clock.now().to_string());
    }
}

/// Client ids in the path, as API Gateway passes them on.
mod client_ids {
    use convention::notification::ClientId;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    use super::*;

    /// The event of an HTTP API (payload format 2.0), which decodes the path once.
    async fn through_the_gateway(fixture: &Fixture, method: &str, segment: &str, body: &str) -> (u16, Value) {
        let decoded = percent_decode_str(segment).decode_utf8().unwrap();
        let (route, path) = ("/v1/clients/{clientId}", format!("/v1/clients/{decoded}"));
        let event = json!({
            "version": "2.0", "routeKey": format!("{method} {route}"), "rawPath": path, "rawQueryString": "",
            "headers": { "content-type": "application/json", "host": "api.example.com" },
            "requestContext": {
                "accountId": "123456789012", "apiId": "api", "domainName": "api.example.com", "requestId": "1",
                "routeKey": format!("{method} {route}"), "stage": "$default", "timeEpoch": 1,
                "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "t" }
            },
            "pathParameters": { "clientId": decoded }, "body": body, "isBase64Encoded": false
        });
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let response = Box::pin(fixture.directory.handle(request)).await.unwrap();
        (response.status().as_u16(), serde_json::from_str(response.body()).unwrap_or_default())
    }

    /// Registers, shows and removes a client whose id is written so in the path.
    async fn registers_and_removes(fixture: &Fixture, client_id: &str, segment: &str) {
        let body = opts_out().to_string();
        let (status, answered) = through_the_gateway(fixture, "PUT", segment, &body).await;
        assert_eq!((status, &answered["client_id"]), (200, &json!(client_id)), "{segment}: {answered}");
        assert!(fixture.row(client_id).unwrap().get("registration").is_some(), "{client_id}");
        assert_eq!(through_the_gateway(fixture, "GET", segment, "").await, (200, answered), "{segment}");
        assert_eq!(through_the_gateway(fixture, "DELETE", segment, "").await.0, 204, "{segment}");
        assert_eq!(through_the_gateway(fixture, "GET", segment, "").await.0, 404, "{segment}");
    }

    #[tokio::test]
    async fn a_client_id_of_any_visible_ascii_leads_to_its_client() {
        let fixture = Fixture::new().await;
        let mut runner = TestRunner::new(Config { cases: 200, ..Config::default() });
        let ids = "[!-~]{1,255}".prop_map(|text| text.parse::<ClientId>().ok());
        for _ in 0..200 {
            let id = proptest::strategy::ValueTree::current(&ids.new_tree(&mut runner).unwrap());
            if let Some(id) = id {
                registers_and_removes(&fixture, id.as_str(), &id.to_path_segment()).await;
            }
        }
    }

    #[tokio::test]
    async fn ids_that_are_known_to_be_given_out_work_as_clients_write_them() {
        let fixture = Fixture::new().await;
        for (id, segments) in [
            ("a/b", &["a%252Fb", "a%252fb"][..]),
            ("c2VjcmV0+/==", &["c2VjcmV0%252B%252F%253D%253D", "c2VjcmV0%2B%252F%3D%3D", "c2VjcmV0+%252F=="]),
            ("a+b=", &["a+b=", "a%2Bb%3D", "a%252Bb%253D"]),
            ("a:b@c~d", &["a:b@c~d", "a%3Ab%40c~d", "a%253Ab%2540c~d"]),
            ("100%", &["100%25", "100%2525"]),
            ("a%2Fb", &["a%25252Fb"]),
            ("a?b#c", &["a%253Fb%2523c"]),
        ] {
            for segment in segments {
                registers_and_removes(&fixture, id, segment).await;
            }
        }
    }

    #[tokio::test]
    async fn without_a_gateway_the_path_is_decoded_once() {
        let fixture = Fixture::new().await;
        for (segment, id) in [("a%2Fb", "a/b"), ("a%2Bb%3D", "a+b="), ("a+b=", "a+b="), ("a%252Fb", "a%2Fb")]
        {
            let answered = fixture.put(segment, &opts_out()).await;
            assert_eq!((answered.status, &answered.body["client_id"]), (200, &json!(id)));
        }
    }

    #[tokio::test]
    async fn an_invalid_client_id_is_refused() {
        let fixture = Fixture::new().await;
        for segment in ["a%20b", "%C3%A9", "%FF", "%00", "%2E%2E", &"a".repeat(256)] {
            assert_eq!(fixture.get(segment).await.status, 400, "{segment}");
        }
    }
}
