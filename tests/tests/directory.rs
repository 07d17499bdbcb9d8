//! The directory function against the Directory of participants: its published contract served by Prism behind nginx, which
//! demands our certificate.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use convention::directory::{Environment, Software, Suspension};
use devkit::pki::{ClientSubject, TestPki};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::aws::{DIRECTORY_IDENTITY_SECRET, Functions, PKI, review};
use tests::judges::{INSTALL_NGINX, INSTALL_PRISM, Nginx, Prism, Upstream, find_nginx, find_prism};
use tests::skip;

/// The participant and the software of the contract's examples.
const ORGANISATION: &str = "74e929d9-33b6-4d85-8ba7-c146c867a817";
const SOFTWARE: &str = "39c82433-0f57-4653-b513-01b03997ff0f";
/// On this machine, as no other name can be looked up everywhere the tests run.
const WEBHOOK_URI: &str = "https://localhost:8443/brandname";
const REQUESTS_TIMEOUT: Duration = Duration::from_secs(20);

/// The Directory of the contract, and our account before it.
struct Published {
    functions: Functions,
    nginx: Nginx,
    _prism: Prism,
}

impl Published {
    /// Starts both; nothing where they are not installed.
    async fn start(example: &str) -> Option<Self> {
        let test = "the Directory's published contract";
        let nginx = skip::unless(test, find_nginx(), INSTALL_NGINX).unwrap()?;
        let prism = skip::unless(test, find_prism(), INSTALL_PRISM).unwrap()?;
        let prism = Prism::start(&prism, "tests/openapi/directory.yml").await.unwrap();
        let upstream = Upstream::new("/", prism.port).example("/organisations/", example);
        let nginx = Nginx::start(&nginx, &PKI, Some(upstream)).await.unwrap();
        let mut functions = Functions::default();
        let participants_url = format!("http://127.0.0.1:{}/participants", prism.port);
        functions.environment = Environment { participants_url, ..Environment::local(&nginx.base_uri("")) };
        Some(Self { functions, nginx, _prism: prism })
    }

    fn put_identity(&self, pki: &TestPki) {
        // As files are joined that have no end of line at their end.
        let glued = pki.sender.chain_pem.replace('\r', "").replace("-----\n-----", "----------");
        let document = json!({
            "certificate_chain": glued,
            "private_key": pki.sender.key_pem,
            "client_id": SOFTWARE,
            "trust_anchors": PKI.receiver_authority.root_pem(),
        });
        self.functions.aws.put_secret(DIRECTORY_IDENTITY_SECRET, &document.to_string());
    }

    async fn register(&self) {
        let software =
            Software { software_id: SOFTWARE.to_owned(), organisation_id: ORGANISATION.to_owned() };
        self.functions.register_software("itp-1", WEBHOOK_URI, software).await;
    }

    async fn suspension(&self) -> Option<Suspension> {
        self.functions.registration("itp-1").await.unwrap().suspension
    }
}

#[tokio::test]
async fn the_directory_is_asked_over_mutual_tls_as_it_publishes_and_at_most_as_often_as_it_says() {
    let Some(published) = Published::start("active").await else { return };
    published.put_identity(&PKI);
    published.register().await;
    let directory = published.functions.directory();
    review(&directory).await;
    assert_eq!(published.suspension().await, None);
    // Prism answers 401 without a token, 422 to a request that is not as published; nginx 400 without a certificate.
    let requests = published.nginx.requests(2, REQUESTS_TIMEOUT).await.unwrap();
    let asked: Vec<_> = requests.iter().map(|request| (&request["method"], &request["status"])).collect();
    let (post, get, ok) = (json!("POST"), json!("GET"), json!("200"));
    // The local environment keeps its keys at the same place, where this contract has nothing.
    let asked: Vec<_> = asked.into_iter().filter(|(_, status)| **status != json!("404")).collect();
    assert_eq!(asked, [(&post, &ok), (&get, &ok)], "{requests:?}");
    for request in &requests {
        let subject = request["subject"].as_str().unwrap_or_default();
        assert!(subject.contains("OFBBR-") || request["status"] == "404", "{request}");
    }
    // What was said is fresh: nobody is asked again.
    let seen = published.nginx.requests(0, REQUESTS_TIMEOUT).await.unwrap().len();
    review(&directory).await;
    let software =
        |request: &Value| request["uri"].as_str().is_some_and(|uri| uri.contains("softwarestatements"));
    let requests = published.nginx.requests(seen, REQUESTS_TIMEOUT).await.unwrap();
    assert_eq!(requests.iter().filter(|request| software(request)).count(), 1, "{requests:?}");
}

#[tokio::test]
async fn a_suspended_software_is_followed_only_within_the_share() {
    let Some(mut published) = Published::start("suspended").await else { return };
    published.put_identity(&PKI);
    published.register().await;
    let metrics = published.functions.metrics.clone();

    // A share of nothing suspends nobody; else one client can be, even where it is the only one.
    published.functions.max_suspended_percent = 0;
    review(&published.functions.directory()).await;
    assert_eq!(published.suspension().await, None);
    assert_eq!(metrics.values("SuspensionsRefused"), [1.0]);

    published.functions.max_suspended_percent = 20;
    review(&published.functions.directory()).await;
    assert_eq!(published.suspension().await, Some(Suspension::SoftwareNotActive));
    assert_eq!(metrics.values("SuspensionsRefused"), [1.0]);
    let receiver = published.functions.registration("itp-1").await.unwrap();
    assert_eq!(receiver.webhook(), "suspended");
}

#[tokio::test]
async fn without_an_identity_for_it_or_with_another_s_the_api_tells_nothing_and_nothing_changes() {
    let Some(published) = Published::start("suspended").await else { return };
    published.register().await;
    let directory = published.functions.directory();
    review(&directory).await;
    assert_eq!(published.suspension().await, None);

    let stranger = TestPki::new(&ClientSubject::default(), published.functions.test_clock.now()).unwrap();
    published.put_identity(&stranger);
    published.functions.test_clock.advance(SignedDuration::from_mins(10));
    review(&directory).await;
    assert_eq!(published.suspension().await, None);
    let requests = published.nginx.requests(1, REQUESTS_TIMEOUT).await.unwrap();
    assert!(requests.iter().all(|request| request["upstream"] == ""), "{requests:?}");
}
