//! What the report says in each of its forms, of figures that are known.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use report::{
    AttemptFact, Basis, Certificate, Chain, Check, Counter, Difference, End, Fact, Gathered, InitiatorKey,
    Language, Month, Receiver, Report, Selection, Source, Suspended, Synchronisation, Webhook, csv, html,
    text,
};
use roxmltree::Document;

const FORMULA: &str = "=cmd|'/c-calc'!A1";
const SCRIPT: &str = "<script>alert(1)</script>";
const HEAD: &str = "6f0d8d2a5c1b4e3f6f0d8d2a5c1b4e3f6f0d8d2a5c1b4e3f6f0d8d2a5c1b4e3f";
const SERVER: &str = "11111111-aaaa-4000-8000-000000000001";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn key(client: &str) -> InitiatorKey {
    InitiatorKey::new(None, client)
}

/// One attempt of a notification of this client, with this outcome.
fn take(counter: &mut Counter, id: u128, key: &InitiatorKey, outcome: &str) {
    let started = at("2026-11-10T15:00:00.2Z");
    let is_delivered = outcome == "delivered";
    counter.take(&Fact {
        notification: id,
        initiator: Some(key),
        at: started,
        event: Some(started - SignedDuration::from_millis(200)),
        accepted: Some(started - SignedDuration::from_millis(100)),
        replay_of: None,
        end: is_delivered.then_some(End::Delivered),
        reason: None,
        attempt: Some(AttemptFact {
            number: 1,
            interaction_id: &id.to_string(),
            started,
            outcome: Some(outcome),
        }),
    });
}

fn basis(check: Check) -> Basis {
    let chain = Chain {
        first_hour: "2026-10-30T03".to_owned(),
        last_hour: "2026-12-03T02".to_owned(),
        hours: 816,
        head: HEAD.to_owned(),
        is_complete: true,
        unsealed_objects: Some(0),
        objects: Some(1_234),
        records: Some(5_678),
        expected_heads: vec![],
    };
    Basis {
        source: if check == Check::Unsealed { Source::Ledger } else { Source::Evidence },
        check,
        is_copy: false,
        known_from: None,
        read_until: at("2026-12-03T03:00:00Z"),
        chain: (check != Check::Unsealed).then_some(chain),
        lean: Some(false),
        unattributed_records: 0,
        unreadable_rows: 0,
        differences: match check {
            Check::Differs => vec![Difference {
                code: "object_changed".to_owned(),
                subject: "attempts/2026/11/10/15/a&b".to_owned(),
                en: "the object differs from the sealed one".to_owned(),
                pt_br: "o objeto difere do que foi selado".to_owned(),
            }],
            Check::Agrees | Check::Unsealed => vec![],
        },
    }
}

fn receivers() -> BTreeMap<InitiatorKey, Receiver> {
    let known = Receiver {
        webhook: Some(Webhook::Enabled),
        organisation_id: Some("org-1".to_owned()),
        software_id: Some("ss-1".to_owned()),
        webhook_version: Some("1.3.0".to_owned()),
        profile_warnings: vec![],
        certificate_ends: Some(at("2026-12-20T12:00:00Z")),
        without_mtls: Some(0),
        suspensions: Some(vec![]),
        synchronisation: Some(Synchronisation::default()),
    };
    let worse = Receiver {
        webhook: Some(Webhook::Suspended),
        webhook_version: Some("1.0.0".to_owned()),
        profile_warnings: vec!["profile_without_enrollments", "profile_without_automatic_payments"],
        without_mtls: Some(3),
        suspensions: Some(vec![
            Suspended { at: at("2026-11-05T12:00:00Z"), code: Some("software_not_active".to_owned()) },
            Suspended { at: at("2026-11-06T12:00:00Z"), code: None },
        ]),
        synchronisation: Some(Synchronisation {
            registrations: 2,
            over_ten_minutes: 1,
            worst_seconds: Some(740),
        }),
        ..known.clone()
    };
    [
        (key("itp-1"), known),
        (key(FORMULA), worse),
        (InitiatorKey::new(Some(SERVER), "itp-1"), Receiver::default()),
    ]
    .into()
}

fn made(check: Check, selection: Selection) -> Report {
    let month: Month = "2026-11".parse().unwrap();
    let mut counter = Counter::new(month, selection.clone(), check != Check::Unsealed);
    for (id, (client, outcome)) in [
        (key("itp-1"), "delivered"),
        (key("itp-1"), "timeout"),
        (key(FORMULA), "client_certificate_refused"),
        (key(SCRIPT), "server_error"),
        (InitiatorKey::new(Some(SERVER), "itp-1"), "delivered"),
    ]
    .into_iter()
    .enumerate()
    {
        take(&mut counter, id as u128, &client, outcome);
    }
    Report::new(Gathered {
        month,
        selection,
        made_at: at("2026-12-04T12:00:00Z"),
        made_by: "arauto 0.1.0".to_owned(),
        stack: Some("arauto-production (sa-east-1)".to_owned()),
        basis: basis(check),
        counts: counter.finish(),
        receivers: Some(receivers()),
        own_certificates: Some(vec![Certificate {
            owner: SERVER.to_owned(),
            days_left: 12,
            measured_at: at("2026-12-04T11:30:00Z"),
        }]),
    })
}

fn of_all(check: Check) -> Report {
    made(check, Selection::All)
}

/// The cells of each table of a page, with their headings.
fn tables(page: &Document<'_>) -> Vec<Vec<Vec<String>>> {
    let text = |node: roxmltree::Node<'_, '_>| {
        node.descendants()
            .filter(roxmltree::Node::is_text)
            .filter_map(|node| node.text())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let cells = |row: roxmltree::Node<'_, '_>| {
        row.children().filter(roxmltree::Node::is_element).map(text).collect::<Vec<_>>()
    };
    let tables = page.descendants().filter(|node| node.has_tag_name("table"));
    tables
        .map(|table| table.descendants().filter(|node| node.has_tag_name("tr")).map(cells).collect())
        .collect()
}

fn parse(page: &str) -> Document<'_> {
    let xml = page.strip_prefix("<!DOCTYPE html>").unwrap();
    Document::parse(xml).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_page_is_one_file_that_asks_nobody_and_runs_nothing_and_its_figures_are_the_known_ones() {
    for language in [Language::En, Language::PtBr] {
        let page = html(&of_all(Check::Agrees), language);
        let document = parse(&page);
        for node in document.descendants() {
            let name = node.tag_name().name();
            assert!(!["script", "link", "img", "iframe", "object", "a"].contains(&name), "{name}");
            for attribute in node.attributes() {
                let is_name = attribute.name().starts_with("xmlns");
                assert!(is_name || !attribute.value().contains("//"), "{attribute:?}");
                assert!(!attribute.name().starts_with("on"), "{attribute:?}");
            }
        }
        assert!(!page.contains("url(") && !page.contains("@import"));
        assert!(page.contains("&lt;script&gt;") || page.contains("&#60;script&#62;"), "the id is escaped");
        assert!(!page.contains("<script"));
        let all = &tables(&document)[1][1];
        let of_all = ["5", "2", "0", "0", "3", "5", "3"];
        for (cell, expected) in all[1..].iter().zip(of_all) {
            assert_eq!(cell.split_whitespace().next(), Some(expected), "{all:?}");
        }
        assert!(page.contains("@page") && page.contains("size: A4") && page.contains("counter(page)"));
        assert!(page.contains(HEAD) && page.contains(&format!("--expect-head {HEAD}")));
        let svg = document.descendants().filter(|node| node.has_tag_name("svg"));
        let titled = svg.map(|svg| {
            (svg.attribute("role") == Some("img"), svg.children().any(|node| node.has_tag_name("title")))
        });
        assert_eq!(titled.collect::<Vec<_>>(), [(true, true), (true, true)]);
        assert_eq!(document.root_element().attribute("lang"), Some(language.tag()));
    }
}

#[test]
fn a_page_in_portuguese_has_no_heading_in_english() {
    let headings = |language| {
        let page = html(&of_all(Check::Differs), language);
        let document = parse(&page);
        let is_heading = |node: &roxmltree::Node<'_, '_>| {
            ["title", "h1", "h2", "h3", "th", "dt"].contains(&node.tag_name().name())
        };
        let found: BTreeSet<String> = document
            .descendants()
            .filter(is_heading)
            .filter_map(|node| node.text())
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .collect();
        found
    };
    let (english, portuguese) = (headings(Language::En), headings(Language::PtBr));
    assert!(english.len() > 40, "{english:?}");
    let same: Vec<_> = english.intersection(&portuguese).collect();
    // Ids of clients alone.
    assert_eq!(same, [SCRIPT, FORMULA, "itp-1"]);
    let text = text(&of_all(Check::Differs), Language::PtBr);
    for word in ["Notifications", "initiator", "Delivered", "receiver", "Checked", "known"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[test]
fn each_check_is_said() {
    for (check, en, pt_br) in [
        (Check::Agrees, "Checked.", "Conferido."),
        (Check::Differs, "The check found differences.", "A conferência encontrou divergências."),
        (Check::Unsealed, "Nothing seals these figures.", "Nada sela estes números."),
    ] {
        let report = of_all(check);
        assert_eq!(report.agrees(), check != Check::Differs);
        for (language, sentence) in [(Language::En, en), (Language::PtBr, pt_br)] {
            assert!(html(&report, language).contains(sentence), "{sentence}");
            assert!(text(&report, language).contains(sentence), "{sentence}");
        }
        let differs = html(&report, Language::PtBr).contains("o objeto difere do que foi selado");
        assert_eq!(differs, check == Check::Differs);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["basis"]["check"], check.as_str());
    }
}

#[test]
fn a_figure_that_is_not_known_is_said_to_be_and_is_not_zero() {
    let report = of_all(Check::Unsealed);
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["all"]["attempts_rolled_back"].is_null() && json["rolled_back"].is_null());
    // Of one initiator nothing is known, so that nothing is known of all.
    assert!(json["synchronisation"].is_null());
    let unknown = Report::new(Gathered {
        month: report.month,
        selection: Selection::All,
        made_at: report.made_at,
        made_by: String::new(),
        stack: None,
        basis: basis(Check::Agrees),
        counts: Counter::new(report.month, Selection::All, true).finish(),
        receivers: None,
        own_certificates: None,
    });
    for (language, not_known) in [(Language::En, "not known"), (Language::PtBr, "desconhecido")] {
        let page = html(&unknown, language);
        // The tile, all of synchronisation, receivers, certificates, and what that means.
        assert!(page.to_lowercase().matches(not_known).count() >= 6, "{page}");
    }
    let csv = csv(&report);
    for name in ["attempts_rolled_back", "worst_synchronisation_s", "head"] {
        assert_eq!(cell(&csv, name, 1), "", "{name}");
    }
}

/// The cell of a column in a line, of which the first after the names is 1.
fn cell(csv: &str, name: &str, line: usize) -> String {
    let lines: Vec<_> = csv.lines().collect();
    let at = lines[0].split(',').position(|column| column == name).unwrap();
    lines[line].split(',').nth(at).unwrap().to_owned()
}

#[test]
fn cells_of_the_csv_are_no_formulas_and_each_row_has_every_column() {
    let report = of_all(Check::Agrees);
    let csv = csv(&report);
    let lines: Vec<_> = csv.split("\r\n").filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 2 + report.initiators.len());
    let columns = lines[0].split(',').count();
    assert!(csv.contains(&format!("'{FORMULA}")) && !csv.contains(&format!(",{FORMULA}")), "{csv}");
    // No cell here has a comma of its own.
    assert!(lines.iter().all(|line| line.split(',').count() == columns), "{csv}");
    let of = |name: &str, line: usize| cell(&csv, name, line);
    assert_eq!(
        (of("row", 1).as_str(), of("notifications", 1).as_str(), of("failed_tls", 1).as_str()),
        ("all", "5", "1")
    );
    assert_eq!((of("head", 1).as_str(), of("check", 1).as_str()), (HEAD, "agrees"));
}

#[test]
fn the_csv_says_that_figures_are_partial() {
    let mut report = of_all(Check::Agrees);
    let tail = |report: &Report, line: usize| {
        let csv = csv(report);
        let cells: Vec<_> = csv.lines().nth(line).unwrap().split(',').map(str::to_owned).collect();
        cells[cells.len() - 6..].to_vec()
    };
    assert_eq!(
        tail(&report, 0),
        ["provisional", "known_from", "read_until", "lean", "unattributed_records", "unreadable_rows"]
    );
    assert_eq!(tail(&report, 1), ["false", "", "2026-12-03T03:00:00Z", "false", "0", "0"]);
    report.provisional = true;
    report.basis.known_from = Some(at("2026-11-05T00:00:00Z"));
    report.basis.lean = None;
    (report.basis.unattributed_records, report.basis.unreadable_rows) = (3, 4);
    for line in 1..=2 {
        let expected = ["true", "2026-11-05T00:00:00Z", "2026-12-03T03:00:00Z", "", "3", "4"];
        assert_eq!(tail(&report, line), expected);
    }
}

#[test]
fn a_report_of_one_initiator_holds_nothing_of_others() {
    let only = Selection::Only([key("itp-1")].into());
    let report = made(Check::Agrees, only);
    for document in [
        html(&report, Language::En),
        html(&report, Language::PtBr),
        csv(&report),
        text(&report, Language::En),
        serde_json::to_string(&report).unwrap(),
    ] {
        for other in ["calc", "script&", "alert", "client_certificate_refused", "server_error"] {
            assert!(!document.contains(other), "{other}: {document}");
        }
        assert!(document.contains("itp-1"));
    }
    assert_eq!((report.all.notifications, report.initiators.len()), (2, 1));
}

#[test]
fn a_month_whose_figures_may_change_is_provisional_and_one_without_notifications_is_a_report_too() {
    let month: Month = "2026-11".parse().unwrap();
    let gathered = |made_at: &str, last_hour: Option<&str>, source| {
        let mut basis = basis(Check::Agrees);
        basis.source = source;
        match last_hour {
            Some(last) => last.clone_into(&mut basis.chain.as_mut().unwrap().last_hour),
            None => basis.chain = None,
        }
        // Evidence that begins within the month makes no report provisional for good.
        if let Some(chain) = &mut basis.chain {
            chain.is_complete = false;
        }
        Report::new(Gathered {
            month,
            selection: Selection::All,
            made_at: at(made_at),
            made_by: "arauto".to_owned(),
            stack: None,
            basis,
            counts: Counter::new(month, Selection::All, true).finish(),
            receivers: Some(BTreeMap::new()),
            own_certificates: None,
        })
    };
    // Attempts of a month may end in the two days after it, which must be read, and of the evidence sealed.
    for (made_at, last_hour, source, provisional) in [
        ("2026-12-01T02:59:59Z", None, Source::Ledger, true),
        ("2026-12-03T02:59:59Z", None, Source::Ledger, true),
        ("2026-12-03T03:00:00Z", None, Source::Ledger, false),
        ("2026-12-03T02:59:59Z", Some("2026-12-03T02"), Source::Evidence, true),
        ("2026-12-03T03:30:00Z", Some("2026-12-03T01"), Source::Evidence, true),
        ("2026-12-03T03:30:00Z", Some("2026-12-03T02"), Source::Evidence, false),
        // A copy from the first day of the next month, whenever it is read.
        ("2027-12-03T03:30:00Z", Some("2026-12-01T02"), Source::Evidence, true),
        // No seal could be read.
        ("2027-12-03T03:30:00Z", None, Source::Evidence, true),
    ] {
        let report = gathered(made_at, last_hour, source);
        assert_eq!(report.provisional, provisional, "{made_at} {last_hour:?}");
        let page = html(&report, Language::PtBr);
        parse(&page);
        assert_eq!(page.contains("Provisório."), provisional);
        assert!(page.contains("Nenhuma tentativa começou no mês."), "{page}");
    }
}
