//! Requests to AWS over TLS: the function's binary before nginx. The emulators of AWS speak HTTP, so that no other test has it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tests::aws::PKI;
use tests::judges::{INSTALL_NGINX, Nginx, find_nginx};
use tests::lambda::{Process, binary};
use tests::skip;

const REQUESTS_TIMEOUT: Duration = Duration::from_secs(20);

/// Starts dispatch with AWS at this endpoint and the system's authorities in this file, and returns what it says of its secrets.
async fn says_of_its_secrets(endpoint: &str, authorities: &Path) -> String {
    let variables = [
        ("SSL_CERT_FILE", authorities.to_str().unwrap()),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDTESTS"),
        ("AWS_SECRET_ACCESS_KEY", "of-nothing"),
        ("AWS_LAMBDA_FUNCTION_NAME", "dispatch"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("ARAUTO_LEDGER_TABLE", "ledger"),
        ("ARAUTO_RECEIVERS_TABLE", "receivers"),
        ("ARAUTO_DIRECTORY_TABLE", "directory"),
        ("ARAUTO_NOTIFICATIONS_QUEUE_URL", endpoint),
        ("ARAUTO_DEAD_LETTER_QUEUE_URL", endpoint),
        ("ARAUTO_REJECTED_QUEUE_URL", endpoint),
        ("ARAUTO_IDENTITY_SECRET", "identity"),
        ("ARAUTO_TRUST_SECRET", "trust"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let process = Process::start(&binary("dispatch").unwrap(), &BTreeMap::from(variables)).await.unwrap();
    let log = process.log();
    let line = log.lines().find(|line| line.contains("identity_unreadable"));
    line.unwrap_or_else(|| panic!("dispatch does not say that it has no identity: {log}")).to_owned()
}

#[tokio::test]
async fn aws_is_asked_over_tls_and_only_where_the_system_trusts_its_authority() {
    let Some(nginx) = skip::unless("AWS over TLS", find_nginx(), INSTALL_NGINX).unwrap() else { return };
    let nginx = Nginx::start(&nginx, &PKI, None).await.unwrap();
    let endpoint = nginx.base_uri("");
    let folder = tempfile::tempdir().unwrap();
    let authorities = folder.path().join("authorities.pem");

    std::fs::write(&authorities, PKI.sender_authority.root_pem()).unwrap();
    let said = says_of_its_secrets(&endpoint, &authorities).await;
    assert!(said.contains("invalid peer certificate: UnknownIssuer"), "{said}");
    assert_eq!(nginx.requests(0, REQUESTS_TIMEOUT).await.unwrap().len(), 0);

    // This nginx wants a client certificate, which AWS does not: its 400 shows that the request came whole, and was answered.
    std::fs::write(&authorities, PKI.receiver_authority.root_pem()).unwrap();
    let said = says_of_its_secrets(&endpoint, &authorities).await;
    assert!(!said.contains("certificate"), "{said}");
    for request in nginx.requests(2, REQUESTS_TIMEOUT).await.unwrap() {
        assert_eq!((&request["method"], &request["status"]), (&"POST".into(), &"400".into()), "{request}");
    }
}
