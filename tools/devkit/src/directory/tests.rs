use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use account::aws_http::{ApiAnswer, http_client, read_answer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use platform::clock::Clock;
use platform::rng::Rng;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::*;

const NOW: &str = "2026-11-23T12:00:00Z";
const URI: &str = "https://itp.example/kong3";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn settings() -> Settings {
    Settings::new(Clock::from_fn(now), Rng::from_fn(|| 7))
}

async fn mock() -> MockDirectory {
    MockDirectory::start(settings()).await.unwrap()
}

fn claims() -> StatementClaims {
    StatementClaims::of("itp-1").webhook_uris([URI])
}

/// Sends a request; `headers` in pairs.
async fn call(
    mock: &MockDirectory,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> anyhow::Result<ApiAnswer> {
    let url = format!("{}{path}", mock.base_url());
    let mut request = http_client(None)?.request(method, &url).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read_answer(request, &url).await
}

async fn get(mock: &MockDirectory, path: &str) -> ApiAnswer {
    call(mock, Method::GET, path, &[], "").await.unwrap()
}

async fn put(mock: &MockDirectory, path: &str, body: &str) -> ApiAnswer {
    call(mock, Method::PUT, path, &[], body).await.unwrap()
}

fn json_of(answer: &ApiAnswer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.text()))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap().to_str().unwrap()
}

/// Verifies as a bank does: by the key that the header names, of those that the Directory lists.
fn verify(jwks: &Value, statement: &str) -> Result<Value, String> {
    let set: JwkSet = serde_json::from_value(jwks.clone()).unwrap();
    let header = jsonwebtoken::decode_header(statement).map_err(|error| error.to_string())?;
    let jwk = set.find(&header.kid.ok_or("no kid")?).ok_or("no such key")?;
    let mut validation = Validation::new(Algorithm::PS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(jwk).unwrap();
    jsonwebtoken::decode::<Value>(statement, &key, &validation)
        .map(|decoded| decoded.claims)
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_statement_is_signed_by_a_key_that_is_listed() {
    let mock = mock().await;
    let statement = mock.statement(&claims());
    let answer = get(&mock, "/openbanking.jwks").await;
    assert_eq!(answer.status, 200);
    let said = verify(&json_of(&answer), &statement).unwrap();
    assert_eq!(said["iss"], "Arauto local SSA issuer");
    assert_eq!(said["iat"], now().as_second());
    assert_eq!(said["software_api_webhook_uris"], json!([URI]));
    assert_eq!(said["software_id"], claims().software_id);
    assert_eq!(said["software_roles"], json!(["PAGTO"]));
    assert_eq!(
        said["software_statement_roles"],
        json!([{ "role": "PAGTO", "authorisation_domain": "Open Banking", "status": "Active" }])
    );
    let header = statement.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header, json!({ "alg": "PS256", "typ": "JWT", "kid": mock.signer().latest().kid() }));
}

#[tokio::test]
async fn a_statement_can_say_anything() {
    let mock =
        MockDirectory::start(Settings { issuer: Some("another".to_owned()), ..settings() }).await.unwrap();
    let early = now() - SignedDuration::from_hours(1);
    let odd = claims().issued_at(early).claim("software_roles", json!("PAGTO")).software_id("other");
    let said = verify(&mock.signer().jwks(), &mock.statement(&odd)).unwrap();
    assert_eq!(said["iss"], "another");
    assert_eq!(said["iat"], early.as_second());
    assert_eq!((&said["software_roles"], &said["software_id"]), (&json!("PAGTO"), &json!("other")));
}

#[tokio::test]
async fn bad_statements_can_be_made_and_are_bad() {
    let mock = mock().await;
    let (signer, jwks) = (mock.signer(), mock.signer().jwks());
    let (header, payload) = (signer.header(), signer.payload(&claims()));
    let with = |name: &str, value: &str| {
        let mut header = header.clone();
        header[name] = json!(value);
        header.to_string()
    };
    let text = payload.to_string();
    verify(&jwks, &signer.sign_raw(&header.to_string(), &text)).unwrap();
    verify(&jwks, &unsigned(&with("alg", "none"), &text)).unwrap_err();
    verify(&jwks, &unsigned(&header.to_string(), &text)).unwrap_err();
    let key = signer.latest();
    let confused = hs256(&with("alg", "HS256"), &text, key.public_pem().as_bytes());
    verify(&jwks, &confused).unwrap_err();
    assert_eq!(verify(&jwks, &signer.sign_raw(&with("kid", "other"), &text)).unwrap_err(), "no such key");
    // Nothing is written anew: what the caller repeats is repeated.
    let twice = r#"{"iss":"a","iss":"b"}"#;
    let repeated = signer.sign_raw(&header.to_string(), twice);
    let part = repeated.split('.').nth(1).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(part).unwrap(), twice.as_bytes());
    // It is what it claims to be, so that only its algorithm can be held against it.
    let hmac = DecodingKey::from_secret(key.public_pem().as_bytes()).unwrap();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    jsonwebtoken::decode::<Value>(&confused, &hmac, &validation).unwrap();
}

#[tokio::test]
async fn a_new_key_signs_and_the_old_one_stays_until_it_is_retired() {
    let mock = mock().await;
    let old = mock.statement(&claims());
    let kid = mock.rotate_key().unwrap();
    let new = mock.statement(&claims());
    assert_eq!(mock.signer().latest().kid(), kid);
    let both = json_of(&get(&mock, "/openbanking.jwks").await);
    assert_eq!(both["keys"].as_array().unwrap().len(), 2);
    verify(&both, &old).unwrap();
    verify(&both, &new).unwrap();
    mock.signer().retire_old_keys();
    let one = json_of(&get(&mock, "/openbanking.jwks").await);
    assert_eq!(verify(&one, &old).unwrap_err(), "no such key");
    verify(&one, &new).unwrap();
}

#[tokio::test]
async fn the_same_key_has_the_same_name_everywhere() {
    let pem = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let pem = pem.serialize_pem();
    let mock = MockDirectory::start(Settings { key_pem: Some(pem.clone()), ..settings() }).await.unwrap();
    let apart = Signer::new(SigningKey::from_pem(&pem).unwrap(), Clock::from_fn(now));
    verify(&mock.signer().jwks(), &apart.statement(&claims())).unwrap();
}

#[tokio::test]
async fn documents_are_sent_again_only_when_they_changed() {
    let mock = mock().await;
    mock.statement(&claims());
    for (path, max_age) in [("/openbanking.jwks", "max-age=900"), ("/participants", "max-age=900")] {
        let first = get(&mock, path).await;
        assert_eq!((first.status, text(&first.headers, "cache-control")), (200, max_age), "{path}");
        let etag = text(&first.headers, "etag");
        let tags = format!("\"other\", W/{etag}");
        for known in [etag, &tags, "*"] {
            let again = call(&mock, Method::GET, path, &[("if-none-match", known)], "").await.unwrap();
            assert_eq!((again.status, again.body.len()), (304, 0), "{path} {known}");
            assert_eq!(text(&again.headers, "etag"), etag);
        }
        assert_eq!(mock.requests(path)[1].header("if-none-match"), Some(etag));
    }
    let etag = text(&get(&mock, "/participants").await.headers, "etag").to_owned();
    mock.set_organisation_status(&claims().org_id, "Withdrawn").unwrap();
    let changed = call(&mock, Method::GET, "/participants", &[("if-none-match", &etag)], "").await.unwrap();
    assert_eq!((changed.status, &json_of(&changed)[0]["Status"]), (200, &json!("Withdrawn")));
}

#[tokio::test]
async fn participants_have_the_directorys_shape() {
    let mock = mock().await;
    assert_eq!(json_of(&get(&mock, "/participants").await), json!([]));
    mock.statement(&claims());
    let bank = Organisation {
        authorisation_servers: vec![AuthorisationServer {
            id: "as-1".to_owned(),
            name: "Banco X".to_owned(),
        }],
        roles: vec!["CONTA".to_owned()],
        ..Organisation::of(&StatementClaims::of("bank"))
    };
    mock.put_organisation(bank.clone());
    let list = json_of(&get(&mock, "/participants").await);
    assert_eq!(list.as_array().unwrap().len(), 2);
    let find = |id: &str| {
        list.as_array().unwrap().iter().find(|organisation| organisation["OrganisationId"] == *id).unwrap()
    };
    let itp = find(&claims().org_id);
    assert_eq!(itp["OrganisationName"], "itp-1 Ltda");
    assert_eq!(itp["RegistrationNumber"], claims().org_number);
    assert_eq!(itp["Status"], "Active");
    assert_eq!(itp["AuthorisationServers"], json!([]));
    assert_eq!(itp["OrgDomainRoleClaims"][0]["Role"], "PAGTO");
    let server = &find(&bank.id)["AuthorisationServers"][0];
    assert_eq!(server["AuthorisationServerId"], "as-1");
    assert_eq!(server["CustomerFriendlyName"], "Banco X");
    mock.remove_organisation(&bank.id);
    assert_eq!(json_of(&get(&mock, "/participants").await).as_array().unwrap().len(), 1);
}

const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];

async fn token(mock: &MockDirectory) -> String {
    let form = "grant_type=client_credentials&scope=directory%3Asoftware&client_id=us";
    let answer = call(mock, Method::POST, "/token", FORM, form).await.unwrap();
    assert_eq!((answer.status, text(&answer.headers, "cache-control")), (200, "no-store"));
    let answer = json_of(&answer);
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(600)));
    answer["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_is_given_for_client_credentials_and_the_right_scope_only() {
    let mock = mock().await;
    token(&mock).await;
    for (form, error) in [
        ("scope=directory:software", "invalid_request"),
        ("grant_type=password&scope=directory:software", "unsupported_grant_type"),
        ("grant_type=client_credentials", "invalid_scope"),
        ("grant_type=client_credentials&scope=openid", "invalid_scope"),
    ] {
        let answer = call(&mock, Method::POST, "/token", FORM, form).await.unwrap();
        assert_eq!((answer.status, &json_of(&answer)["error"]), (400, &json!(error)), "{form}");
    }
    let form = "grant_type=client_credentials&scope=directory:software";
    let answer = call(&mock, Method::POST, "/token", &[("content-type", "text/plain")], form).await.unwrap();
    assert_eq!((answer.status, &json_of(&answer)["error"]), (400, &json!("invalid_request")));
}

#[tokio::test]
async fn software_is_shown_to_who_may_see_it() {
    let mock = mock().await;
    mock.statement(&claims());
    let path = format!("/organisations/{}/softwarestatements/{}", claims().org_id, claims().software_id);
    let bearer = format!("Bearer {}", token(&mock).await);
    let ask = |path: String| {
        let (mock, bearer) = (&mock, &bearer);
        async move { call(mock, Method::GET, &path, &[("authorization", bearer)], "").await.unwrap() }
    };
    let shown = json_of(&ask(path.clone()).await);
    assert_eq!((&shown["Status"], &shown["ApiWebhookUri"]), (&json!("Active"), &json!([URI])));

    mock.set_software_status(&claims().software_id, "Inactive").unwrap();
    mock.set_webhook_uris(&claims().software_id, &[]).unwrap();
    let shown = json_of(&ask(path.clone()).await);
    assert_eq!((&shown["Status"], &shown["ApiWebhookUri"]), (&json!("Inactive"), &json!([])));
    // Another statement changes what the software says, not whether it counts.
    mock.statement(&claims());
    let shown = json_of(&ask(path.clone()).await);
    assert_eq!((&shown["Status"], &shown["ApiWebhookUri"]), (&json!("Inactive"), &json!([URI])));

    assert_eq!(ask(format!("{path}x")).await.status, 404);
    assert_eq!(ask(path.replace(&claims().org_id, "other")).await.status, 404);
    mock.only_show_software_of(Some("us"));
    assert_eq!(ask(path.clone()).await.status, 403);
    mock.only_show_software_of(None);
    mock.revoke_tokens();
    let refused = ask(path.clone()).await;
    assert_eq!(refused.status, 401);
    assert!(text(&refused.headers, "www-authenticate").contains("invalid_token"));
    assert_eq!(get(&mock, &path).await.status, 401);
    mock.set_software_status("other", "Inactive").unwrap_err();
}

#[tokio::test]
async fn it_fails_as_it_is_told_to() {
    let mock = mock().await;
    let jwks = "/openbanking.jwks";
    let whole = get(&mock, jwks).await.body;

    let busy = Answer::status(StatusCode::TOO_MANY_REQUESTS);
    mock.answer_next(jwks, busy.header("retry-after".parse().unwrap(), HeaderValue::from_static("30")));
    mock.answer_next(jwks, Answer::status(StatusCode::NOT_MODIFIED));
    let answer = get(&mock, jwks).await;
    assert_eq!((answer.status, text(&answer.headers, "retry-after")), (429, "30"));
    assert_eq!(get(&mock, jwks).await.status, 304);
    assert_eq!(get(&mock, jwks).await.body, whole);

    mock.answer_next(jwks, Answer::html(StatusCode::OK));
    let page = get(&mock, jwks).await;
    assert!(text(&page.headers, "content-type").starts_with("text/html") && page.text().contains("<h1>"));
    mock.answer_next(jwks, Answer::garbage());
    assert!(String::from_utf8(get(&mock, jwks).await.body).is_err());

    mock.answer_next(jwks, Answer::half());
    let error = call(&mock, Method::GET, jwks, &[], "").await.unwrap_err();
    assert!(error.to_string().contains("broke off"), "{error:#}");

    mock.answer_next(jwks, Answer::large(100_000));
    assert_eq!(get(&mock, jwks).await.body.len(), 100_000);
    mock.answer_next(jwks, Answer::endless());
    let error = call(&mock, Method::GET, jwks, &[], "").await.unwrap_err();
    assert!(error.to_string().contains("longer than"), "{error:#}");

    #[expect(clippy::disallowed_methods, reason = "the delay is real")]
    let started = Instant::now();
    mock.answer_next(jwks, Answer::usual().after(Duration::from_millis(300)));
    assert_eq!(get(&mock, jwks).await.body, whole);
    assert!(started.elapsed() >= Duration::from_millis(300));

    mock.answer_always("/organisations", Answer::status(StatusCode::BAD_GATEWAY));
    assert_eq!(get(&mock, "/organisations/a/softwarestatements/b").await.status, 502);
    assert_eq!(get(&mock, "/organisationsx").await.status, 404);
    mock.answer_as_usual();
    assert_eq!(get(&mock, "/organisations/a/softwarestatements/b").await.status, 401);
    let statuses: Vec<_> = mock.requests(jwks).iter().map(|request| request.status).collect();
    assert_eq!(statuses, [200, 429, 304, 200, 200, 200, 200, 200, 200, 200]);
    mock.forget_requests();
    assert_eq!(mock.count("/"), 0);
}

#[tokio::test]
async fn a_running_directory_takes_instructions() {
    let mock = mock().await;
    let request = StatementRequest {
        client: "itp-1".to_owned(),
        webhook_uris: Some(vec![URI.to_owned()]),
        software_id: None,
    };
    let statement = ask_for_statement(&mock.base_url(), &request).await.unwrap();
    let said = verify(&mock.signer().jwks(), &statement).unwrap();
    assert_eq!(said["software_api_webhook_uris"], json!([URI]));
    assert_eq!(mock.organisation(&claims().org_id).unwrap().status, "Active");

    let organisation = format!("/mock/organisations/{}", claims().org_id);
    let software = format!("/mock/software/{}", claims().software_id);
    assert_eq!(put(&mock, &organisation, r#"{"status":"Withdrawn"}"#).await.status, 204);
    assert_eq!(put(&mock, &software, r#"{"status":"Inactive","webhook_uris":[]}"#).await.status, 204);
    assert_eq!(mock.organisation(&claims().org_id).unwrap().status, "Withdrawn");
    let held = mock.software(&claims().software_id).unwrap();
    assert_eq!((held.status.as_str(), held.webhook_uris.len()), ("Inactive", 0));
    assert_eq!(put(&mock, &organisation, r#"{"webhook_uris":[]}"#).await.status, 400);
    assert_eq!(put(&mock, "/mock/software/other", r#"{"status":"Active"}"#).await.status, 404);
    assert_eq!(put(&mock, &software, r#"{"state":"Active"}"#).await.status, 400);

    assert_eq!(put(&mock, "/mock/answer?path=/openbanking.jwks", "503").await.status, 204);
    assert_eq!(get(&mock, "/openbanking.jwks").await.status, 503);
    assert_eq!(call(&mock, Method::DELETE, "/mock/answer", &[], "").await.unwrap().status, 204);
    assert_eq!(get(&mock, "/openbanking.jwks").await.status, 200);
    assert_eq!(put(&mock, "/mock/answer", "503").await.status, 400);
    assert_eq!(put(&mock, "/mock/answer?path=/token", "hm").await.status, 400);

    let kid = json_of(&call(&mock, Method::POST, "/mock/key", &[], "").await.unwrap())["kid"].clone();
    assert_eq!(kid, mock.signer().latest().kid());
    let asked = json_of(&get(&mock, "/mock/requests?path=%2Fopenbanking.jwks").await);
    assert_eq!(
        (&asked[0]["status"], &asked[1]["status"], asked.as_array().unwrap().len()),
        (&json!(503), &json!(200), 2)
    );
    assert_eq!(put(&mock, "/mock/key", "").await.status, 404);
    assert_eq!(put(&mock, "/mock/answer?path=/token", &"x".repeat(70_000)).await.status, 413);
    let usage = get(&mock, "/mock/").await;
    assert!(usage.status == 404 && usage.text().contains("PUT /mock/answer"), "{}", usage.text());
}

#[tokio::test]
async fn it_listens_on_loopback_only_and_until_it_is_stopped() {
    let error = MockDirectory::start(Settings { listen: "0.0.0.0:0".parse().unwrap(), ..settings() }).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("loopback address"), "{error}");
    let mock = mock().await;
    let address = mock.base_url().replace("http://", "");
    let mut open = TcpStream::connect(&address).await.unwrap();
    mock.stop().await;
    // Also a connection that is open ends, so that nobody is answered by a Directory that is down.
    assert_eq!(open.read(&mut [0]).await.unwrap_or_default(), 0);
    TcpStream::connect(&address).await.unwrap_err();
    let request = StatementRequest { client: "itp-1".to_owned(), ..StatementRequest::default() };
    let error = ask_for_statement(&format!("http://{address}"), &request).await.unwrap_err();
    assert!(error.to_string().contains("start it with `arauto directory`"), "{error}");
}

#[test]
fn openssl_verifies_a_statement_where_it_is_installed() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let key = SigningKey::generate().unwrap();
    let pem = key.public_pem().to_owned();
    let statement = Signer::new(key, Clock::from_fn(now)).statement(&claims());
    let (input, signature) = statement.rsplit_once('.').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = ["key.pem", "signature", "input"].map(|name| folder.path().join(name));
    fs::write(&files[0], pem).unwrap();
    fs::write(&files[1], URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let verify = |input: &str| {
        fs::write(&files[2], input).unwrap();
        let [key, signature, input] = &files;
        let mut command = Command::new("openssl");
        command.args(["dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]);
        command.arg("-verify").arg(key).arg("-signature").arg(signature).arg(input).output().unwrap()
    };
    let output = verify(input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!verify(&format!("{input}x")).status.success());
}
