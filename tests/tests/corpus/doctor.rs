//! `arauto doctor receiver` at each receiver of the corpus: what it says without a notification must be what the table
//! expects, and what it says of one must be the outcome that dispatch records.

use std::fmt::Write as _;

use arauto::doctor::receiver::{Check, Finding, Report, Verdict, html, judge};
use arauto::help::Language;
use convention::directory::Settings;
use jiff::SignedDuration;
use mtls::examine::{Examiner, Facts, LIMIT, MAX_CONNECTIONS, examine as look};
use platform::rng::Rng;
use tests::aws::Functions;
use tokio::time::{Duration, Instant, sleep};

use super::network::{Log, PUBLIC, network};
use super::offer;
use super::rows::{Row, Says};
use super::{READ, ROUNDING};

/// Examines the receiver of a row without and with a notification, and says all that is wrong.
pub(crate) async fn examine(row: &Row) -> Result<(), String> {
    let mut wrong = String::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            writeln!(wrong, "{what}").unwrap();
        }
    };
    let (log, facts, findings) = examined(row, false, &mut check).await;
    let said = said(&findings);
    let holds = match row.doctor {
        Says::WillFail => said == (Verdict::WillFail, vec![row.code]),
        Says::MayFail(code) => said == (Verdict::MayFail, vec![code]),
        Says::Works => said == (Verdict::Ok, vec![]),
    };
    check(holds, format!("expected {:?} by {}, came {said:?}: {findings:#?}", row.doctor, row.code));
    let requests = log.arrived.requests();
    // Some are not read to their end.
    let is_head = |request: &&Vec<u8>| request.iter().zip(b"HEAD ").all(|(came, expected)| came == expected);
    let posts = requests.iter().filter(|request| !is_head(request)).count();
    check(posts == 0, format!("{posts} requests are not HEAD"));
    reports(&facts, findings, &mut check);

    let (_, facts, findings) = examined(row, true, &mut check).await;
    let of_notification = findings.iter().find(|finding| finding.check == Check::Notification);
    match of_notification.and_then(|finding| finding.code.as_deref()) {
        Some(code) if row.code == "delivered" => {
            let expected = row.findings.first().copied().unwrap_or("delivered");
            check(code == expected, format!("the notification: expected {expected}, came {code}"));
        }
        Some(code) => {
            check(code == row.code, format!("the notification: expected {}, came {code}", row.code));
        }
        None => check(row.doctor == Says::WillFail, format!("no notification was sent: {facts:#?}")),
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

async fn examined(
    row: &Row,
    posts: bool,
    check: &mut impl FnMut(bool, String),
) -> (Log, Facts, Vec<Finding>) {
    let (log, functions) = (Log::default(), Functions::default());
    let network = network(row.names.clone(), row.servers.clone(), &log);
    let clock = functions.test_clock.clock();
    let revocation = functions.revocation(&functions.test_clock, SignedDuration::from_hours(1));
    let examiner = Examiner {
        identity: Some(&offer::identity()),
        trust: &offer::anchors(),
        network: &network,
        revocation: Some(&revocation),
        settings: &Settings::default(),
        posts,
        clock: &clock,
        rng: &Rng::system(),
        progress: &|_| (),
    };
    let started = Instant::now();
    let facts = look(&format!("https://{}/kong3", row.host), examiner).await;
    let took = started.elapsed();
    check(took <= LIMIT + ROUNDING, format!("took {took:?}"));
    // What would come late, comes now.
    sleep(Duration::from_mins(1)).await;
    let seen = log.seen();
    check(seen.opened.len() <= MAX_CONNECTIONS, format!("{} connections", seen.opened.len()));
    check(seen.opened.len() == facts.connections, format!("it counts {} connections", facts.connections));
    check(seen.opened.iter().all(|address| *address == PUBLIC), format!("connected to {:?}", seen.opened));
    check(seen.read <= READ * seen.opened.len(), format!("read {} bytes", seen.read));
    check(seen.look_ups <= 1, format!("{} look-ups", seen.look_ups));
    drop(seen);
    let findings = judge(&facts, clock.now());
    // As it comes from dispatch.
    let travelled: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
    check(judge(&travelled, clock.now()) == findings, "the facts do not survive their way".to_owned());
    (log, facts, findings)
}

/// The worst verdict and its codes. The certificates of tests name no lists, and end soon.
fn said(findings: &[Finding]) -> (Verdict, Vec<&str>) {
    let counts = |finding: &&Finding| {
        let of_tests = [Check::Revocation, Check::Expiry].contains(&finding.check);
        matches!(finding.verdict, Verdict::WillFail | Verdict::MayFail)
            && (finding.verdict == Verdict::WillFail || !of_tests)
    };
    let worst = findings.iter().filter(counts).map(|finding| finding.verdict).min().unwrap_or(Verdict::Ok);
    let of_worst = findings.iter().filter(counts).filter(|finding| finding.verdict == worst);
    let mut codes: Vec<_> = of_worst.filter_map(|finding| finding.code.as_deref()).collect();
    codes.sort_unstable();
    codes.dedup();
    (worst, codes)
}

/// Whatever a receiver says, it stays text.
fn reports(facts: &Facts, findings: Vec<Finding>, check: &mut impl FnMut(bool, String)) {
    let report = Report { facts: facts.clone(), from: "here".to_owned(), findings };
    for language in [Language::En, Language::PtBr] {
        let text = report.text(language);
        check(!text.chars().any(|c| c.is_control() && c != '\n'), format!("controls in {text:?}"));
        let page = html(&report, language);
        check(!page.contains("http-equiv=\"refresh") && !page.contains("<script"), "a script".to_owned());
    }
}
