//! The page for initiators, in both languages.

use std::fs::read_to_string;

use convention::address::AddressPolicy;
use convention::delivery::{
    AFTER_FIRST_FAILURE, AFTER_SECOND_FAILURE, BODY_LIMIT, EXCHANGE_DEADLINE, REDUCED_TIMEOUT,
};
use convention::directory::{BaseUri, Registration, RegistrationRequest, StatementUris, target};
use convention::notification::{Choices, Endpoint, InteractionId, Partition, Plan, StateChange, plan};
use devkit::local::{AUTHORISATION_SERVER_ID, change};
use serde_json::json;
use tests::aws::PKI;
use tests::contract::file;
use tests::judges::Nginx;

use super::request::{BODY, PATH, ask, post};
use super::{CLIENT, RECEIVER_TIMEOUT, nginx};

/// The fenced blocks of a page, of one kind each.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```").skip(1).step_by(2).collect()
}

fn pages() -> [String; 2] {
    ["docs/receivers.md", "docs/receivers.pt-BR.md"].map(|page| read_to_string(file(page).unwrap()).unwrap())
}

#[test]
fn the_page_for_initiators_shows_a_notification_as_it_is_sent() {
    let now = "2026-11-22T13:15:30.250Z".parse().unwrap();
    let mut posted = change(Endpoint::Enrollment, CLIENT, "urn:bancoex:5d10", now);
    posted["event_instant"] = json!("2026-11-22T10:15:30.250-03:00");
    let change = StateChange::posted(&posted, "", now).unwrap();
    let request = json!({ "webhook_uris": ["https://itp.example.com/kong3"] });
    let request = RegistrationRequest::from_json(&request, "").unwrap();
    let policy = AddressPolicy::Public;
    let decided = target(StatementUris::NotPresented, request.webhook_uris.as_deref(), policy).unwrap();
    let registration = Registration::new(change.client_id.clone(), request, decided, None, now);
    let servers = AUTHORISATION_SERVER_ID.parse().unwrap();
    let Plan::Notify(notification) =
        plan(&change, registration.receiver(policy).as_ref(), &servers, &Choices::default())
    else {
        panic!("it is notified")
    };
    for page in pages() {
        let (head, body) = blocks(&page)[0].strip_prefix("http\n").unwrap().split_once("\n\n").unwrap();
        let (line, headers) = head.split_once('\n').unwrap();
        let path = notification.url.strip_prefix("https://itp.example.com").unwrap();
        assert_eq!(line, format!("POST {path} HTTP/1.1"));
        let shown: Vec<_> = headers.lines().map(|header| header.split_once(": ").unwrap()).collect();
        let (_, id) = shown.iter().find(|(name, _)| *name == "x-webhook-interaction-id").unwrap();
        let id: InteractionId = id.parse().unwrap();
        let mut sent = vec![("host".to_owned(), "itp.example.com".to_owned())];
        let of_attempt = notification.headers_of_attempt(id);
        sent.extend(of_attempt.map(|(name, value)| (name.to_string(), value.into_owned())));
        sent.push(("content-length".to_owned(), notification.body.len().to_string()));
        assert_eq!(shown, sent.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>());
        // An id begins with what leads to the resource's rows.
        assert_eq!(id.partition(), Partition::of(&notification.resource));
        assert_eq!(body.trim_end(), notification.body);
    }
}

#[test]
fn the_page_for_initiators_has_the_limits_of_the_code_and_the_same_examples_in_both_languages() {
    let [english, portuguese] = pages();
    // Of commands, what follows the # is said in each language.
    let examples = |page: &str| -> Vec<String> {
        let lines = blocks(page).into_iter().flat_map(str::lines);
        lines.map(|line| line.split(" #").next().unwrap().trim_end().to_owned()).collect()
    };
    assert_eq!(examples(&english), examples(&portuguese));
    for page in [english, portuguese] {
        for limit in [
            format!("{} s", EXCHANGE_DEADLINE.as_secs()),
            format!("{} s", REDUCED_TIMEOUT.as_secs()),
            format!("{} s", AFTER_FIRST_FAILURE.as_secs()),
            format!("{} s", AFTER_SECOND_FAILURE.as_secs()),
            format!("{} KiB", BODY_LIMIT / 1024),
            BaseUri::MAX_LENGTH.to_string(),
        ] {
            assert!(page.contains(&limit), "{limit}");
        }
    }
}

#[tokio::test]
async fn the_page_for_initiators_shows_our_certificate_as_nginx_writes_it() {
    let test = "the_page_for_initiators_shows_our_certificate_as_nginx_writes_it";
    let Some(program) = nginx(test) else { return };
    let nginx = Nginx::start(&program, &PKI, None).await.unwrap();
    assert_eq!(ask(&nginx.base_uri(""), Some(&PKI.sender), &post(PATH, "a-1", BODY)).await.0, 202);
    let requests = nginx.requests(1, RECEIVER_TIMEOUT).await.unwrap();
    for page in pages() {
        let shown = blocks(&page)[1].strip_prefix("text\n").unwrap().trim_end();
        assert_eq!(requests[0]["subject"], shown);
    }
}
