//! The check of a receiver, at servers that nobody here wrote: what is learnt in a handshake without a certificate and without
//! a request, and how often.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use convention::address::AddressPolicy;
use convention::delivery::Failure;
use convention::directory::BaseUri;
use jiff::SignedDuration;
use mtls::{Network, Preflight, Sight, Transport, TrustAnchors, Unseen, check_host, preflight};
use platform::clock::Clock;
use serde_json::Value;
use tempfile::TempDir;
use tests::aws::{Functions, PKI, review};
use tests::directory_fixture::{CLIENT, Fixture};
use tests::judges::{INSTALL_NGINX, Nginx, find_nginx};
use tests::skip;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const POLICY: AddressPolicy = AddressPolicy::PublicAndLoopback;
const WITHIN: Duration = Duration::from_secs(5);
const REQUESTS_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the schedule comes.
const EVERY: SignedDuration = SignedDuration::from_mins(5);
// Linux, include/uapi/asm-generic/errno-base.h and errno.h.
const EMFILE: i32 = 24;
const ENETUNREACH: i32 = 101;
const ECONNREFUSED: i32 = 111;

/// `openssl s_server`, which serves one connection after the other; it ends with the value.
struct OpenSsl {
    _child: Child,
    _folder: TempDir,
    port: u16,
}

impl OpenSsl {
    async fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        PKI.write_to(folder.path()).unwrap();
        let mut child = Command::new("openssl")
            .current_dir(folder.path())
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-key", "receiver-key.pem"])
            .args(["-cert", "receiver-chain.pem", "-cert_chain", "receiver-chain.pem"])
            .args(["-CAfile", "sender-root.pem"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it says where it listens");
                if let Some((_, port)) = line.strip_prefix("ACCEPT ").and_then(|at| at.rsplit_once(':')) {
                    return port.parse().unwrap();
                }
            }
        };
        let port = timeout(REQUESTS_TIMEOUT, listening).await.unwrap();
        // What it says later must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _child: child, _folder: folder, port }
    }

    fn base_uri(&self) -> String {
        format!("https://localhost:{}/kong3", self.port)
    }
}

/// A network on which every name is this machine, and which notes whom it connected to.
#[derive(Clone, Default)]
struct Visits(Arc<Mutex<Vec<SocketAddr>>>);

impl Visits {
    fn network(&self) -> Network {
        let visits = self.clone();
        Network::new(
            POLICY,
            |_, port| async move { Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]) },
            move |address| {
                visits.0.lock().unwrap().push(address);
                async move { Ok(Box::new(TcpStream::connect(address).await?) as Box<dyn Transport>) }
            },
        )
    }

    /// The ports that were connected to since this was asked last.
    fn take(&self) -> Vec<u16> {
        let mut ports: Vec<_> = self.0.lock().unwrap().drain(..).map(|address| address.port()).collect();
        ports.sort_unstable();
        ports
    }
}

async fn look(base_uri: &str, network: &Network) -> Preflight {
    let base = BaseUri::parse(base_uri, POLICY).unwrap();
    let anchors = TrustAnchors::from_pem(PKI.receiver_authority.root_pem()).unwrap();
    preflight(&base, &anchors, network, &Clock::system(), WITHIN).await
}

/// What the one address showed.
async fn sight(base_uri: &str) -> Sight {
    let preflight = look(base_uri, &Visits::default().network()).await;
    assert_eq!(preflight.failures().collect::<Vec<_>>(), [], "{base_uri}");
    let mut sights = preflight.sights();
    let sight = sights.next().expect("a sight").clone();
    assert_eq!((sights.next(), preflight.addresses.len()), (None, 1));
    sight
}

/// The certificate that the receiver was given, as DER.
fn leaf() -> Vec<u8> {
    use rustls_pki_types::pem::PemObject as _;
    let pem = PKI.receiver.chain_pem.as_bytes();
    rustls_pki_types::CertificateDer::from_pem_slice(pem).unwrap().to_vec()
}

#[tokio::test]
async fn of_openssl_the_path_is_learnt_and_whether_it_asks_in_both_versions_of_tls() {
    for version in ["-tls1_2", "-tls1_3"] {
        // "-Verify" demands a certificate and breaks the handshake off without one, "-verify" only asks.
        for (asks, arguments) in [
            (true, &[version, "-Verify", "1", "-verify_return_error"][..]),
            (true, &[version, "-verify", "1"]),
            (false, &[version]),
        ] {
            let server = OpenSsl::start(arguments).await;
            let sight = sight(&server.base_uri()).await;
            assert_eq!(sight.certificate_requested, asks, "{arguments:?}");
            assert_eq!(sight.path.leaf(), leaf(), "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn of_nginx_the_path_is_learnt_and_it_sees_no_request() {
    let test = "of_nginx_the_path_is_learnt_and_it_sees_no_request";
    let Some(program) = skip::unless(test, find_nginx(), INSTALL_NGINX).unwrap() else { return };
    for version in ["TLSv1.2", "TLSv1.3"] {
        let nginx = Nginx::speaking(version, &program, &PKI, None).await.unwrap();
        let sight = sight(&nginx.base_uri("/kong3")).await;
        assert!(sight.certificate_requested, "{version}");
        assert_eq!(sight.path.leaf(), leaf(), "{version}");
        sleep(Duration::from_millis(300)).await;
        assert_eq!(nginx.requests(0, REQUESTS_TIMEOUT).await.unwrap(), [] as [Value; 0], "{version}");
    }
}

#[tokio::test]
async fn what_our_network_lacks_is_not_told_as_the_receivers() {
    let failing = |addresses: Vec<SocketAddr>, code: i32| {
        Network::new(
            POLICY,
            move |_, _| std::future::ready(Ok(addresses.clone())),
            move |_| std::future::ready(Err(io::Error::from_raw_os_error(code))),
        )
    };
    let v4: SocketAddr = "1.1.1.1:443".parse().unwrap();
    let v6: SocketAddr = "[2606:4700::1111]:443".parse().unwrap();
    let refused = Unseen::Receiver(Failure::ConnectionRefused);
    for (addresses, code, expected) in [
        (vec![v4], EMFILE, Unseen::Ours),
        (vec![v4], ENETUNREACH, Unseen::Ours),
        (vec![v6], ENETUNREACH, Unseen::Ours),
        (vec![v4], ECONNREFUSED, refused),
    ] {
        let seen = look("https://itp.example.com", &failing(addresses, code)).await;
        assert_eq!(seen.failures().collect::<Vec<_>>(), [expected], "{code}");
    }
    // Beside an address of IPv4, one that this machine has no way to is nothing to tell of.
    let mixed = Network::new(
        POLICY,
        move |_, _| std::future::ready(Ok(vec![v6, v4])),
        |address: SocketAddr| {
            let code = if address.is_ipv6() { ENETUNREACH } else { ECONNREFUSED };
            std::future::ready(Err(io::Error::from_raw_os_error(code)))
        },
    );
    let seen = look("https://itp.example.com", &mixed).await;
    assert_eq!(seen.failures().collect::<Vec<_>>(), [refused]);
    // A resolver that does not resolve a name of ours either.
    let unresolved = Network::new(
        POLICY,
        |_, _| std::future::ready(Err(io::Error::other("Temporary failure in name resolution"))),
        |_| std::future::ready(Err(io::Error::from_raw_os_error(ECONNREFUSED))),
    );
    let seen = look("https://itp.example.com", &unresolved).await;
    assert_eq!(seen.failures().collect::<Vec<_>>(), [Unseen::Receiver(Failure::DnsError)]);
    let ours = unresolved.with_own_name(Some(("dynamodb.sa-east-1.amazonaws.com".to_owned(), 443)));
    let seen = look("https://itp.example.com", &ours).await;
    assert_eq!(seen.failures().collect::<Vec<_>>(), [Unseen::Ours]);
    // So it is where the schedule looks names up.
    let base = BaseUri::parse("https://itp.example.com", POLICY).unwrap();
    assert_eq!(check_host(&base, &ours).await, Err(Unseen::Ours));
    assert_eq!(Unseen::Ours.code(), "network_unavailable");
}

/// The codes of what is to be looked at.
fn warnings(receiver_check: &Value) -> Vec<&str> {
    let warnings = receiver_check["warnings"].as_array().unwrap();
    warnings.iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_registration_is_answered_what_the_receiver_showed_and_so_is_a_move() {
    let (asks, plain) = (OpenSsl::start(&["-Verify", "1"]).await, OpenSsl::start(&[]).await);
    let visits = Visits::default();
    let mut fixture = Fixture::new().await;
    fixture.functions.put_trust(PKI.receiver_authority.root_pem());
    fixture.functions.network = visits.network();
    fixture.directory = fixture.functions.directory();

    let called = fixture.with_uris(CLIENT, &[&asks.base_uri()]);
    let registered = fixture.put(CLIENT, &called).await;
    let seen = registered.receiver_check.expect("it was looked at");
    assert_eq!((registered.status, &seen["addresses"], &seen["accepted"]), (200, &1.into(), &1.into()));
    assert_eq!(seen["client_certificate_requested"], true);
    assert!(seen["chain"].as_array().is_some_and(|chain| !chain.is_empty()), "{seen}");
    assert!(!warnings(&seen).contains(&"receiver_without_mtls"), "{seen}");
    assert_eq!(visits.take(), [asks.port]);

    fixture.pass(SignedDuration::from_secs(1));
    let called = fixture.with_uris(CLIENT, &[&plain.base_uri()]);
    let seen = fixture.put(CLIENT, &called).await.receiver_check.expect("it moved, and was looked at");
    assert_eq!(seen["client_certificate_requested"], false);
    assert!(warnings(&seen).contains(&"receiver_without_mtls"), "{seen}");
    assert_eq!(visits.take(), [plain.port]);

    // What our network lacks is told as ours.
    fixture.functions.network = Network::new(
        POLICY,
        |_, port| async move { Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]) },
        |_| std::future::ready(Err(io::Error::from_raw_os_error(EMFILE))),
    );
    fixture.directory = fixture.functions.directory();
    fixture.pass(SignedDuration::from_secs(1));
    let called = fixture.with_uris(CLIENT, &[&asks.base_uri()]);
    let seen = fixture.put(CLIENT, &called).await.receiver_check.expect("it moved, and was looked at");
    assert_eq!(
        (warnings(&seen), &seen["client_certificate_requested"]),
        (vec!["network_unavailable"], &Value::Null)
    );
}

#[tokio::test]
async fn the_schedule_looks_at_each_receiver_once_a_day() {
    let servers = [OpenSsl::start(&["-Verify", "1"]).await, OpenSsl::start(&[]).await];
    let visits = Visits::default();
    let functions = Functions { network: visits.network(), ..Functions::default() };
    functions.put_trust(PKI.receiver_authority.root_pem());
    for (number, server) in servers.iter().enumerate() {
        functions.register(&format!("itp-{number}"), &server.base_uri()).await;
    }
    let directory = functions.directory();
    let hour = async || {
        for _ in 0..12 {
            review(&directory).await;
            functions.test_clock.advance(EVERY);
        }
        visits.take()
    };
    let mut each = servers.each_ref().map(|server| server.port);
    each.sort_unstable();
    assert_eq!(hour().await, each, "each has its turn within an hour");
    assert_eq!(hour().await, [] as [u16; 0]);
    functions.test_clock.advance(SignedDuration::from_hours(20));
    assert_eq!(hour().await, [] as [u16; 0], "not within the day");
    functions.test_clock.advance(SignedDuration::from_hours(1));
    assert_eq!(hour().await, each, "and again on the next");
    let paths = functions.revocation_store().paths().await.unwrap().0;
    assert_eq!(paths.len(), 1, "both showed the same certificate, which is kept");
}
