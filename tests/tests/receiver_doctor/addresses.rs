//! Names with several addresses, some of which this machine cannot reach, and the time that they take.

use std::future::pending;
use std::io::{Error, ErrorKind};
use std::time::Duration;

use arauto::doctor::receiver::Outcome;
use mtls::examine::LIMIT;
use tokio::io::duplex;
use tokio::time::Instant;

use super::*;

const V6: &str = "2606:4700:4700::1111";
const OTHER_V6: &str = "2606:4700:4700::1001";

/// A network without IPv6.
fn without_ipv6(addresses: &'static [&'static str]) -> Network {
    Network::new(
        POLICY,
        move |_, port| async move {
            Ok(addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), port)).collect())
        },
        |address| async move {
            if address.is_ipv6() {
                return Err(Error::from(ErrorKind::NetworkUnreachable));
            }
            Ok(Box::new(TcpStream::connect(address).await?) as Box<dyn Transport>)
        },
    )
}

async fn report(network: &Network) -> Report {
    let mock = MockReceiver::start(receiver()).await.unwrap();
    let facts = look(&mock.base_uri(), network, false, true).await;
    let findings = judge(&facts, Clock::system().now());
    Report { facts, from: "here".to_owned(), findings }
}

#[tokio::test]
async fn a_receiver_of_both_families_works_on_a_machine_without_ipv6_and_one_of_ipv6_alone_does_not() {
    for addresses in [&[V6, "127.0.0.1"], &["127.0.0.1", V6]] {
        let report = report(&without_ipv6(addresses)).await;
        assert_eq!(report.outcome(), Outcome::Works, "{addresses:?}: {:#?}", report.findings);
    }
    let report = report(&without_ipv6(&[V6, OTHER_V6])).await;
    assert_eq!(report.outcome(), Outcome::Fails);
    assert_eq!(wrong(&report.findings), [(Verdict::WillFail, "connect_timeout", Check::Connection); 2]);
}

#[tokio::test(start_paused = true)]
async fn a_notification_is_given_the_time_of_an_exchange_or_is_not_sent() {
    // Each that hangs takes 4 s, and the one that says nothing in the handshake 15 s.
    for (hanging, posts) in [(0_u8, true), (1, true), (2, false), (4, false)] {
        let addresses: Vec<_> = (0..=hanging).map(|last| SocketAddr::from(([8, 8, 8, last], 443))).collect();
        let silent = *addresses.last().unwrap();
        let network = Network::new(
            AddressPolicy::Public,
            move |_, _| std::future::ready(Ok(addresses.clone())),
            move |address| async move {
                if address != silent {
                    pending::<()>().await;
                }
                let (near, far) = duplex(1 << 16);
                // It stays open.
                std::mem::forget(far);
                Ok(Box::new(near) as Box<dyn Transport>)
            },
        );
        let started = Instant::now();
        let facts = look("https://itp.example/base", &network, true, true).await;
        assert!(started.elapsed() <= LIMIT + Duration::from_millis(10), "{hanging}: {:?}", started.elapsed());
        assert!(facts.posts && !facts.is_notified(), "{hanging}");
        let failed = facts.posted.as_ref().map(|visit| visit.failed.as_ref().unwrap().code.as_str());
        assert_eq!(failed, posts.then_some("timeout"), "{hanging}");
        let notification = verdict_on(&judge(&facts, Clock::system().now()), Check::Notification);
        let expected = if posts { Verdict::WillFail } else { Verdict::NotChecked };
        assert_eq!(notification, Some(expected), "{hanging}");
    }
}
