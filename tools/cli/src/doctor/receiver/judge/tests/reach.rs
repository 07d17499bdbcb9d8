//! Several addresses: dispatch connects to the first that accepts, and what comes after that is the attempt's.

use super::*;
use Verdict::{MayFail, NotChecked, Ok, WillFail};

fn on_connection(facts: &Facts) -> Vec<(Verdict, String)> {
    let mut found = found(facts, Check::Connection);
    found.retain(|(verdict, code)| *verdict != Ok || !code.is_empty());
    found
}

fn is(verdict: Verdict, code: &str) -> (Verdict, String) {
    (verdict, code.to_owned())
}

#[test]
fn no_route_to_an_address_of_ipv6_is_no_fault_where_there_is_one_of_ipv4() {
    for visits in [[(V6, routeless()), (V4, answered(202))], [(V4, answered(202)), (V6, routeless())]] {
        let facts = facts(visits);
        assert_eq!(on_connection(&facts), [is(NotChecked, "")]);
        assert_eq!(outcome(facts), Outcome::Works);
    }
}

#[test]
fn no_route_to_any_address_is_the_receivers_choice_where_all_are_of_ipv6_and_else_our_fault() {
    let of_ipv6 = facts([(V6, routeless()), (OTHER_V6, routeless())]);
    assert_eq!(on_connection(&of_ipv6), vec![is(WillFail, "connect_timeout"); 2]);
    assert_eq!(outcome(of_ipv6), Outcome::Fails);
    let of_both = facts([(V6, routeless()), (V4, routeless())]);
    assert_eq!(on_connection(&of_both), vec![is(NotChecked, "network_unavailable"); 2]);
    assert_eq!(outcome(of_both), Outcome::Unknown);
    let mapped = facts([("[::ffff:203.0.113.1]:443", routeless())]);
    assert_eq!(outcome(mapped), Outcome::Unknown);
    // What the receiver's other address does is told of it.
    let refused = facts([(V6, routeless()), (V4, broken(Stage::Connecting, "connection_refused"))]);
    assert_eq!(on_connection(&refused), [is(WillFail, "connection_refused"), is(NotChecked, "")]);
}

#[test]
fn what_this_machine_refuses_stays_our_fault_at_an_address_of_ipv6_too() {
    let facts = facts([(V6, Visit { routeless: false, ..routeless() }), (V4, answered(202))]);
    assert_eq!(outcome(facts), Outcome::Unknown);
}

#[test]
fn an_address_that_was_left_in_the_middle_is_none_that_works() {
    let cut = |stage| Visit { stage, ..Visit::default() };
    for stage in [Stage::Connecting, Stage::Handshake] {
        let facts = facts([(V4, broken(Stage::Handshake, "tls_handshake")), (OTHER_V4, cut(stage))]);
        assert_eq!(found(&facts, Check::Tls), [is(WillFail, "tls_handshake")], "{stage:?}");
        let only = Facts { stopped: true, ..super::facts([(V4, cut(stage))]) };
        assert_eq!(outcome(only), Outcome::Unknown, "{stage:?}");
    }
    let works = facts([(V4, broken(Stage::Handshake, "tls_handshake")), (OTHER_V4, waiting())]);
    assert_eq!(found(&works, Check::Tls).first(), Some(&is(MayFail, "tls_handshake")));
}

#[test]
fn an_address_that_cannot_be_connected_to_leaves_the_attempt_to_the_next() {
    for (code, verdict) in
        [("connection_refused", Ok), ("connection_reset", Ok), ("connect_timeout", MayFail)]
    {
        let dead = || broken(Stage::Connecting, code);
        let beside = facts([(V4, dead()), (OTHER_V4, answered(202))]);
        assert_eq!(on_connection(&beside), [is(verdict, code)]);
        assert!(report(beside).findings.iter().all(|one| !one.what.en.contains("some attempts fail")));
        // The code that dispatch records is that of the address that it connects to.
        let broken = facts([(V4, dead()), (OTHER_V4, broken(Stage::Handshake, "tls_handshake"))]);
        assert_eq!(on_connection(&broken), [is(verdict, code)]);
        assert_eq!(found(&broken, Check::Tls), [is(WillFail, "tls_handshake")]);
        let alone = facts([(V4, dead()), (OTHER_V4, dead())]);
        assert_eq!(on_connection(&alone), vec![is(WillFail, code); 2]);
    }
}
