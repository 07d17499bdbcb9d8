//! `arauto doctor receiver` at servers that nobody here wrote, one verdict each; and the same facts from dispatch.
//!
//! The corpus of attacks is examined in `corpus`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod addresses;
mod servers;

use std::net::SocketAddr;

use arauto::doctor::receiver::{Check, Finding, Report, Verdict, html, judge};
use arauto::help::Language;
use convention::address::AddressPolicy;
use convention::directory::Settings;
use devkit::receiver::{MockReceiver, Prefix, Received, Settings as ReceiverSettings};
use futures_util::{StreamExt as _, stream};
use jiff::SignedDuration;
use mtls::examine::{Examiner, Facts, examine};
use mtls::{Identity, KeyExchange, Network, Transport, TrustAnchors};
use platform::clock::Clock;
use platform::rng::Rng;
use serde_json::{Value, json};
use tests::aws::{Functions, PKI};
use tests::skip;
use tokio::net::TcpStream;

use self::servers::Program;

/// How many servers are looked at at a time.
const AT_ONCE: usize = 6;
const POLICY: AddressPolicy = AddressPolicy::PublicAndLoopback;

/// A network on which every name has these addresses.
fn network(policy: AddressPolicy, addresses: &'static [&'static str]) -> Network {
    Network::new(
        policy,
        move |_, port| async move {
            Ok(addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), port)).collect())
        },
        |address| async move { Ok(Box::new(TcpStream::connect(address).await?) as Box<dyn Transport>) },
    )
}

fn here() -> Network {
    network(POLICY, &["127.0.0.1"])
}

/// What was notified; what the doctor asks besides is HEAD.
fn notified(mock: &MockReceiver) -> Vec<Received> {
    mock.received().into_iter().filter(|request| request.method != "HEAD").collect()
}

async fn look(base_uri: &str, network: &Network, posts: bool, with_identity: bool) -> Facts {
    let identity = Identity::from_pem(&PKI.sender.chain_pem, &PKI.sender.key_pem).unwrap();
    let examiner = Examiner {
        identity: with_identity.then_some(&identity),
        trust: &TrustAnchors::from_pem(PKI.receiver_authority.root_pem()).unwrap(),
        network,
        revocation: None,
        settings: &Settings::default(),
        posts,
        clock: &Clock::system(),
        rng: &Rng::system(),
        progress: &|_| (),
    };
    examine(base_uri, examiner).await
}

/// What is wrong: each verdict with its code and check. The certificates of tests name no lists, and end soon.
fn wrong(findings: &[Finding]) -> Vec<(Verdict, &str, Check)> {
    let of_tests = |check| [Check::Revocation, Check::Expiry].contains(&check);
    let is_wrong =
        |one: &&Finding| matches!(one.verdict, Verdict::WillFail | Verdict::MayFail) && !of_tests(one.check);
    let wrong = findings.iter().filter(is_wrong);
    wrong.map(|one| (one.verdict, one.code.as_deref().unwrap_or_default(), one.check)).collect()
}

fn verdict_on(findings: &[Finding], check: Check) -> Option<Verdict> {
    findings.iter().find(|one| one.check == check).map(|one| one.verdict)
}

/// A server with one fault, what is wrong with it, and the verdict on its visit by somebody without a certificate.
#[derive(Clone)]
struct Case {
    name: &'static str,
    program: Program,
    config: &'static str,
    wrong: &'static [(Verdict, &'static str, Check)],
    without: Option<Verdict>,
}

const ON: &str = "ssl_client_certificate sender-root.pem; ssl_verify_client on; ssl_verify_depth 3;";
const WITHOUT_MTLS: &str = "receiver_without_mtls";

/// Describes a server with one fault.
fn case(
    name: &'static str,
    program: Program,
    config: &'static str,
    wrong: &'static [(Verdict, &'static str, Check)],
    without: Option<Verdict>,
) -> Case {
    Case { name, program, config, wrong, without }
}

fn of_nginx() -> Vec<Case> {
    use Check as C;
    use Program::Nginx;
    use Verdict::{MayFail, NotChecked, Ok, WillFail};
    vec![
        case("nginx", Nginx, concat_on("return 202;"), &[], Some(Ok)),
        case("nginx of TLS 1.2", Nginx, concat_on("ssl_protocols TLSv1.2; return 202;"), &[], Some(Ok)),
        case("nginx of TLS 1.3", Nginx, concat_on("ssl_protocols TLSv1.3; return 202;"), &[], Some(Ok)),
        case(
            "nginx that asks for no certificate",
            Nginx,
            "return 202;",
            &[(MayFail, WITHOUT_MTLS, C::ClientCertificate), (MayFail, WITHOUT_MTLS, C::WithoutCertificate)],
            Some(MayFail),
        ),
        case(
            "nginx that asks for no certificate and closes on each request",
            Nginx,
            "return 444;",
            &[(MayFail, WITHOUT_MTLS, C::ClientCertificate), (MayFail, "connection_reset", C::Answer)],
            Some(NotChecked),
        ),
        case(
            "nginx that asks for no certificate and refuses each request",
            Nginx,
            "return 403;",
            &[(MayFail, WITHOUT_MTLS, C::ClientCertificate), (MayFail, "client_error", C::Answer)],
            Some(NotChecked),
        ),
        case(
            "nginx that takes anybody",
            Nginx,
            "ssl_client_certificate sender-root.pem; ssl_verify_client optional_no_ca; return 202;",
            &[(MayFail, WITHOUT_MTLS, C::WithoutCertificate)],
            Some(MayFail),
        ),
        case(
            "nginx that trusts other authorities",
            Nginx,
            "ssl_client_certificate receiver-root.pem; ssl_verify_client on; return 202;",
            &[(MayFail, "client_error", C::Answer)],
            Some(NotChecked),
        ),
        case(
            "nginx that redirects",
            Nginx,
            concat_on("return 301 https://elsewhere.example/;"),
            &[(MayFail, "redirect", C::Answer)],
            Some(Ok),
        ),
        case(
            "nginx that closes idle connections early",
            Nginx,
            concat_on("keepalive_timeout 2s; return 202;"),
            &[(MayFail, "connection_reset", C::KeepAlive)],
            Some(Ok),
        ),
        case(
            "nginx with a suite that is not allowed",
            Nginx,
            concat_on("ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-CHACHA20-POLY1305; return 202;"),
            &[(WillFail, "no_common_suite", C::Tls)],
            Some(NotChecked),
        ),
    ]
}

fn of_others() -> Vec<Case> {
    use Check as C;
    use Program::{Apache, HaProxy, OpenSsl};
    use Verdict::{MayFail, NotChecked, Ok, WillFail};
    vec![
        case(
            "Apache",
            Apache,
            "SSLVerifyClient require\nRedirect 404 /",
            &[(MayFail, "client_error", C::Answer)],
            Some(Ok),
        ),
        case(
            "Apache of TLS 1.2",
            Apache,
            "SSLProtocol TLSv1.2\nSSLVerifyClient require\nRedirect 410 /",
            &[(MayFail, "client_error", C::Answer)],
            Some(Ok),
        ),
        case(
            "Apache that asks for the certificate of one path",
            Apache,
            "SSLProtocol TLSv1.2\n<Location /kong3>\nSSLVerifyClient require\n</Location>",
            &[
                (WillFail, "renegotiation_refused", C::Renegotiation),
                (MayFail, WITHOUT_MTLS, C::ClientCertificate),
            ],
            Some(NotChecked),
        ),
        case("HAProxy", HaProxy, "verify required alpn http/1.1", &[], Some(Ok)),
        case(
            "HAProxy that takes anybody",
            HaProxy,
            "verify optional",
            &[(MayFail, WITHOUT_MTLS, C::WithoutCertificate)],
            Some(MayFail),
        ),
        case("HAProxy of HTTP/2 alone", HaProxy, "verify required alpn h2", &[], Some(Ok)),
        case(
            "OpenSSL without the intermediate certificate",
            OpenSsl,
            "-Verify 1",
            &[(WillFail, "unknown_ca", C::Chain)],
            Some(NotChecked),
        ),
        case(
            "OpenSSL that trusts other authorities, TLS 1.3",
            OpenSsl,
            "-cert_chain receiver-chain.pem -tls1_3 -Verify 3 -verify_return_error -CAfile receiver-root.pem",
            &[(WillFail, "client_certificate_refused", C::ClientCertificate)],
            Some(Ok),
        ),
        case(
            "OpenSSL that trusts other authorities, TLS 1.2",
            OpenSsl,
            "-cert_chain receiver-chain.pem -tls1_2 -Verify 3 -verify_return_error -CAfile receiver-root.pem",
            &[(WillFail, "client_certificate_refused", C::ClientCertificate)],
            Some(NotChecked),
        ),
        case(
            "OpenSSL with a suite that is not allowed",
            OpenSsl,
            "-cert_chain receiver-chain.pem -tls1_2 -cipher ECDHE-RSA-AES128-SHA256",
            &[(WillFail, "no_common_suite", C::Tls)],
            Some(NotChecked),
        ),
    ]
}

fn concat_on(rest: &str) -> &'static str {
    Box::leak(format!("{ON} {rest}").into_boxed_str())
}

#[tokio::test]
async fn each_server_of_others_gets_its_verdict() {
    // Each idles for some seconds.
    let tried = stream::iter([of_nginx(), of_others()].concat()).map(verdict_of).buffer_unordered(AT_ONCE);
    let tried = tried.filter(|is_tried| std::future::ready(*is_tried)).count().await;
    assert!(tried > 0 || !tests::contract::nothing_may_be_skipped());
}

/// Says whether the program of a case is installed, and its verdict is the right one.
async fn verdict_of(case: Case) -> bool {
    let Case { name, program, config, wrong: expected, without } = case;
    let test = format!("each_server_of_others_gets_its_verdict: {name}");
    let Some(path) = skip::unless(&test, program.find(), program.install()).unwrap() else { return false };
    let server = program.start(&path, config).await;
    let facts = look(&server.base_uri(), &here(), false, true).await;
    let findings = judge(&facts, Clock::system().now());
    let mut found = wrong(&findings);
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "{name}: {findings:#?}");
    assert_eq!(verdict_on(&findings, Check::WithoutCertificate), without, "{name}: {findings:#?}");
    true
}

#[tokio::test]
async fn without_a_certificate_of_ours_that_is_left_unchecked_and_a_refusal_is_as_it_should_be() {
    let mock = MockReceiver::start(receiver()).await.unwrap();
    let facts = look(&mock.base_uri(), &here(), false, false).await;
    let findings = judge(&facts, Clock::system().now());
    assert_eq!(wrong(&findings), [], "{findings:#?}");
    assert_eq!(verdict_on(&findings, Check::WithoutCertificate), Some(Verdict::Ok), "{findings:#?}");
    let own = findings.iter().filter(|one| one.check == Check::ClientCertificate);
    let verdicts: Vec<_> = own.map(|one| one.verdict).collect();
    assert_eq!(verdicts, [Verdict::NotChecked, Verdict::Ok], "{findings:#?}");
    assert_eq!(notified(&mock), [] as [Received; 0]);
}

#[tokio::test]
async fn an_address_of_a_private_range_is_refused_and_nobody_is_connected_to() {
    let name = "https://webhook.itp.example/base";
    let facts = look(name, &network(AddressPolicy::Public, &["8.8.8.8", "10.1.2.3"]), true, true).await;
    let findings = judge(&facts, Clock::system().now());
    assert_eq!(wrong(&findings), [(Verdict::WillFail, "blocked_address", Check::AddressPolicy)]);
    assert_eq!((facts.connections, facts.posted), (0, None));
    for (base_uri, code) in [
        ("https://10.1.2.3/base", "blocked_address"),
        ("https://[fd00::1]/base", "blocked_address"),
        ("https://localhost/base", "blocked_address"),
        ("https://itp.example:0/base", "invalid_url"),
        ("https://pagamentos-é.example/base", "invalid_url"),
        ("https://itp.example/<script>alert(1)</script>", "invalid_url"),
    ] {
        let facts = look(base_uri, &network(AddressPolicy::Public, &["10.1.2.3"]), false, true).await;
        let findings = judge(&facts, Clock::system().now());
        assert_eq!(wrong(&findings), [(Verdict::WillFail, code, Check::BaseUri)], "{base_uri}");
        let page = html(&Report { facts, from: "here".to_owned(), findings }, Language::PtBr);
        assert!(!page.contains("<script"), "{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_name_with_two_hundred_addresses_eight_are_tried_within_the_limits() {
    let addresses: Vec<SocketAddr> = (0..200).map(|last| SocketAddr::from(([8, 8, 8, last], 443))).collect();
    for (hangs, code) in [(true, "connect_timeout"), (false, "connection_refused")] {
        let addresses = addresses.clone();
        let network = Network::new(
            AddressPolicy::Public,
            move |_, _| std::future::ready(Ok(addresses.clone())),
            move |_| async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
            },
        );
        let started = tokio::time::Instant::now();
        let facts = look("https://itp.example/base", &network, true, true).await;
        assert!(started.elapsed() <= mtls::examine::LIMIT, "{:?}", started.elapsed());
        let findings = judge(&facts, Clock::system().now());
        assert_eq!((facts.connections, facts.addresses.len()), (8, 8));
        assert!(wrong(&findings).iter().all(|one| *one == (Verdict::WillFail, code, Check::Connection)));
        assert_eq!(facts.name.unwrap().addresses, 200);
    }
}

#[tokio::test]
async fn the_page_asks_nobody_for_anything_and_escapes_what_the_receiver_said() {
    let mock = MockReceiver::start(receiver()).await.unwrap();
    let mut facts = look(&mock.base_uri(), &here(), false, true).await;
    let visit = facts.addresses[0].visit.as_mut().unwrap();
    visit.authorities = vec!["<img src=https://evil.example/x onerror=alert(1)>\u{1b}[2J".to_owned()];
    visit.authorities_total = 1;
    visit.answer.as_mut().unwrap().status = 302;
    visit.answer.as_mut().unwrap().location = Some("javascript:'\"><script>alert(2)</script>&".to_owned());
    let findings = judge(&facts, Clock::system().now());
    let report = Report { facts, from: "here".to_owned(), findings };
    for language in [Language::En, Language::PtBr] {
        let page = html(&report, language);
        assert!(page.contains("&lt;img src=https://evil.example/x"), "{page}");
        assert!(
            page.contains("javascript:&#39;&quot;&gt;&lt;script&gt;alert(2)&lt;/script&gt;&amp;"),
            "{page}"
        );
        for forbidden in
            ["<img", "<script", "<link", "<iframe", "@import", "url(", " href=", " src=\"", "\u{1b}"]
        {
            assert!(!page.contains(forbidden), "{forbidden}: {page}");
        }
        assert!(page.contains("default-src 'none'") && page.contains("prefers-color-scheme"), "{page}");
        assert!(page.contains("lang=\"pt-BR\"") && page.contains("lang=\"en\""), "both languages are there");
        let text = report.text(language);
        assert!(!text.contains('\u{1b}') && text.contains("redirect"), "{text}");
    }
    let json = report.json();
    let redirect = json["findings"].as_array().unwrap().iter().find(|one| one["code"] == "redirect").unwrap();
    assert_eq!((&redirect["verdict"], &redirect["check"]), (&json!("may_fail"), &json!("answer")));
    assert!(redirect["what_to_do"]["pt-BR"].as_str().unwrap().starts_with("Atenda"), "{redirect}");
}

#[tokio::test]
async fn a_notification_is_sent_only_if_it_is_asked_for_and_is_of_nobodys_resource() {
    let mock = MockReceiver::start(receiver()).await.unwrap();
    let facts = look(&mock.base_uri(), &here(), true, true).await;
    let findings = judge(&facts, Clock::system().now());
    let notification = findings.iter().find(|one| one.check == Check::Notification).unwrap();
    assert_eq!((notification.verdict, notification.code.as_deref()), (Verdict::Ok, Some("delivered")));
    let received = notified(&mock);
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].resource_id.as_deref(), Some(mtls::examine::NO_PAYMENT));
    assert_eq!(received[0].findings, [], "it is as the contract wants it");
}

#[tokio::test]
async fn the_trap_of_a_large_hello_is_told_with_the_setting_that_avoids_it() {
    let mock = MockReceiver::start(receiver()).await.unwrap();
    let hybrid = here().exchanging_keys(KeyExchange::Hybrid);
    let mut facts = look(&mock.base_uri(), &hybrid, false, true).await;
    let (usual, other) = (facts.addresses[0].visit.clone().unwrap(), facts.offers[0].clone());
    assert!(usual.hello_bytes > 1_400 && other.hello_bytes < 600, "{usual:?} {other:?}");
    // A front end that reads one packet only closes on the large one.
    let failed = mtls::examine::Failed {
        code: "handshake_closed".to_owned(),
        ours: false,
        detail: "tls handshake eof".to_owned(),
    };
    let stage = mtls::examine::Stage::Handshake;
    let hello_bytes = usual.hello_bytes;
    facts.addresses[0].visit =
        Some(mtls::examine::Visit { stage, failed: Some(failed), hello_bytes, ..Default::default() });
    let findings = judge(&facts, Clock::system().now());
    let told = findings.iter().find(|one| one.check == Check::KeyExchange).unwrap();
    assert_eq!((told.verdict, told.code.as_deref()), (Verdict::WillFail, Some("handshake_closed")));
    assert!(told.what_to_do.en.contains("HybridKeyExchange=false"), "{told:?}");
}

#[tokio::test]
async fn dispatch_finds_the_same_from_its_own_network() {
    let mock = MockReceiver::start(receiver()).await.unwrap();
    let functions = Functions { network: here(), ..Functions::default() };
    functions.put_identity(&PKI.sender);
    let dispatch = functions.dispatch(&functions.test_clock);
    let ask = async |receiver: Value| {
        let event = json!({ "task": "examine_receiver", "receiver": receiver });
        let answer = dispatch.handle(serde_json::from_value(event).unwrap()).await;
        serde_json::to_value(answer).unwrap()
    };
    let mut answer = ask(json!({ "base_uri": mock.base_uri() })).await;
    assert_eq!(answer["batchItemFailures"], json!([]));
    let facts: Facts = serde_json::from_value(answer["examined"]["facts"].take()).unwrap();
    assert_eq!(notified(&mock), [] as [Received; 0]);
    let seen = look(&mock.base_uri(), &here(), false, true).await;
    // The stack's data on revocation is what dispatch has besides.
    let findings = |facts: &Facts| {
        let all = judge(facts, functions.test_clock.now());
        let all = all.into_iter().filter(|one| one.check != Check::Revocation);
        all.map(|one| (one.check, one.verdict, one.code)).collect::<Vec<_>>()
    };
    assert_eq!(findings(&facts), findings(&seen));
    assert_eq!(facts.connections, seen.connections);
    let chain = |facts: &Facts| facts.addresses[0].visit.as_ref().unwrap().chain.clone().unwrap();
    assert_eq!(chain(&facts).verified, chain(&seen).verified);
    assert!(chain(&facts).revocation.unwrap().verdict.is_some());

    // What is no base URI is told, an identity that is missing too, and a batch has nothing of it.
    let mut answer = ask(json!({ "base_uri": "https://10.0.0.1/" })).await;
    let facts: Facts = serde_json::from_value(answer["examined"]["facts"].take()).unwrap();
    assert_eq!(facts.refused.unwrap().code, "blocked_address");
    functions.test_clock.advance(SignedDuration::from_secs(2));
    let empty = Functions { network: here(), ..Functions::default() };
    let event = json!({ "task": "examine_receiver", "receiver": { "base_uri": mock.base_uri() } });
    let answer = empty.dispatch(&empty.test_clock).handle(serde_json::from_value(event).unwrap()).await;
    let answer = serde_json::to_value(answer).unwrap();
    assert!(answer["examined"]["fault"].is_string(), "{answer}");
    let batch = dispatch.handle(serde_json::from_value(json!({ "Records": [] })).unwrap()).await;
    assert_eq!(serde_json::to_value(batch).unwrap(), json!({ "batchItemFailures": [] }));
}

/// A receiver as it should be, at /kong3.
fn receiver() -> ReceiverSettings {
    let prefix = "/kong3".parse::<Prefix>().map_err(anyhow::Error::msg).unwrap();
    let authority = PKI.sender_authority.root_pem();
    ReceiverSettings { prefix, ..ReceiverSettings::new(PKI.receiver.clone(), authority) }
}
