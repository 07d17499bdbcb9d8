//! Simulated logs whose truth is known, in the order of time and not, in one file and in many.

use std::io::Write as _;
use std::path::PathBuf;

use crate::bank::{Bank, Line, START, Seed, Truth, bank, found, report, write};
use flate2::Compression;
use flate2::write::GzEncoder;
use polling::{Preset, Report};

const CLIENTS: [&str; 4] = ["uses", "polls", "ignores", "unnotified"];

fn text(lines: &[Line], with_etag: bool) -> String {
    lines.iter().map(|line| line.json(with_etag) + "\n").collect()
}

fn assert_truth(bank: &Bank, report: &Report) {
    for client in CLIENTS {
        assert_eq!(found(report, client), bank.truth[client], "{client}");
    }
    let edge = |figure: fn(&Truth) -> u64| bank.truth.values().map(figure).sum::<u64>();
    let all = report.all.figures;
    assert_eq!((all.gets, all.no_change()), (edge(|truth| truth.gets) + 2, edge(|truth| truth.no_change)));
    let by_day: u64 = report.days.iter().map(|day| day.no_change).sum();
    assert_eq!(by_day, all.no_change());
    assert_eq!(
        report.all.price.of(by_day).to_string(),
        format!("0.{by_day:06}"),
        "a millionth of a dollar each"
    );
    assert!(report.is_complete());
}

#[test]
fn the_figures_are_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..=5 {
        let bank = bank(seed, 800);
        let told = write(folder.path(), "told.jsonl", &bank.notifications);
        let log = write(folder.path(), "log.jsonl", text(&bank.lines, true));
        assert_truth(&bank, &report(Preset::NginxJson, &[log], Some(&told)));
    }
}

#[test]
fn lines_out_of_order_in_packed_files_that_overlap_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let bank = bank(6, 800);
    let told = write(folder.path(), "told.jsonl", &bank.notifications);
    let mut seed = Seed(7);
    // Three nodes, a file for each of them and every hour, lines up to five minutes late.
    let mut files: std::collections::BTreeMap<(i64, i64), Vec<(i64, &Line)>> =
        std::collections::BTreeMap::default();
    for line in &bank.lines {
        let key = (line.at / 3_600_000, seed.below(3));
        files.entry(key).or_default().push((line.at + seed.below(300_000), line));
    }
    let mut paths: Vec<PathBuf> = Vec::new();
    for ((hour, node), mut lines) in files {
        lines.sort_by_key(|(written, _)| *written);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        for (_, line) in lines {
            packed.write_all((line.json(true) + "\n").as_bytes()).unwrap();
        }
        paths.insert(0, write(folder.path(), &format!("{hour}-{node}.gz"), packed.finish().unwrap()));
    }
    assert!(paths.len() > 50, "{}", paths.len());
    let report = report(Preset::NginxJson, &paths, Some(&told));
    assert_truth(&bank, &report);
    assert_eq!(report.late, 0);
}

#[test]
fn a_log_that_says_neither_the_state_nor_the_client_is_read_by_the_notifications() {
    let folder = tempfile::tempdir().unwrap();
    let bank = bank(8, 800);
    let told = write(folder.path(), "told.jsonl", &bank.notifications);
    let lines: String = bank.lines.iter().map(|line| line.alb() + "\n").collect();
    let log = write(folder.path(), "alb.log", lines);
    let report = report(Preset::Alb, &[log], Some(&told));
    for client in ["uses", "polls", "ignores"] {
        assert_eq!(found(&report, client), bank.truth[client], "{client}");
    }
    let polls = report.initiators.iter().find(|one| one.client_id == "polls").unwrap();
    assert_eq!(polls.figures.figures.no_change_logged, 0);
    // Nobody can tell what those saw that are never notified, nor who they are.
    let unknown = found(&report, "(unknown)");
    assert_eq!((unknown.gets, unknown.no_change), (bank.truth["unnotified"].gets + 2, 0));
}

#[test]
fn one_who_polls_although_notified_is_told_so_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let bank = bank(9, 400);
    let told = write(folder.path(), "told.jsonl", &bank.notifications);
    let log = write(folder.path(), "log.jsonl", text(&bank.lines, true));
    let report = report(Preset::NginxJson, &[log], Some(&told));
    let with: Vec<_> = report.initiators.iter().filter(|one| one.message.is_some()).collect();
    assert_eq!(with.iter().map(|one| one.client_id.as_str()).collect::<Vec<_>>(), ["polls"]);
    let message = with[0].message.clone().unwrap();
    assert!(
        message.en.contains("changes of 100 resources, and you still asked for these resources 6,000 times"),
        "{}",
        message.en
    );
    assert!(
        message.pt_br.contains("Entre 20/11/2026 e 25/11/2026") && message.pt_br.contains("6.000 vezes"),
        "{}",
        message.pt_br
    );
    // Whoever was notified of some resources and not of others has saved what the difference says.
    assert_eq!(with[0].figures.saved, None);
    let text = polling::text(&report, polling::Language::PtBr);
    assert!(text.contains("To polls:") && text.contains("Entre 20/11/2026"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    let initiators = json["initiators"].as_array().unwrap();
    let polls = initiators.iter().find(|one| one["client_id"] == "polls").unwrap();
    assert_eq!((initiators.len(), &polls["message"]["pt-BR"]), (5, &message.pt_br.as_str().into()));
    let rows = polling::csv(&report);
    let sum = |column: usize| {
        rows.lines()
            .skip(1)
            .map(|row| row.split(',').nth(column).unwrap().parse::<u64>().unwrap())
            .sum::<u64>()
    };
    assert_eq!((sum(2), sum(5)), (report.all.figures.gets, report.all.figures.no_change()));
    let svg = polling::picture(&report);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<_> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
    for day in &report.days {
        assert!(texts.contains(&day.day.to_string().as_str()), "{svg}");
    }
    for name in ["first after a notification", "other", "no change seen"] {
        assert!(texts.contains(&name), "{name}: {svg}");
    }
}

#[test]
fn what_notifications_saved_is_told_by_resources_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let line = |seconds: i64, id: &str| {
        let path = format!("/open-banking/payments/v5/pix/payments/{id}");
        let (client, etag) = ("itp-1".to_owned(), seconds.to_string());
        Line { at: START + seconds * 1_000, client, path, status: 200, etag }
    };
    let mut lines = vec![line(5, "told"), line(5, "told-2"), line(300, "end")];
    lines.extend((0..9).map(|at| line(10 * at, "polled")));
    let told = ["told", "told-2"].map(|id| {
        format!(r#"{{"client_id":"itp-1","resource":"pix_payment","resource_id":"{id}","delivered_at":"2026-11-20T00:00:01Z"}}"#)
    });
    let told = write(folder.path(), "told.jsonl", told.join("\n"));
    let log = write(folder.path(), "log.jsonl", text(&lines, true));
    let report = report(Preset::NginxJson, &[log], Some(&told));
    // Others were asked for five times each on average; two notified ones, once each.
    assert_eq!(report.all.saved, Some(8));
}

/// `cargo test --release -p polling --test logs -- --ignored --nocapture`: a million lines in less than five seconds.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures, and says what")]
fn a_million_lines() {
    let folder = tempfile::tempdir().unwrap();
    let bank = bank(10, 32_000);
    let told = write(folder.path(), "told.jsonl", &bank.notifications);
    let plain = text(&bank.lines, true);
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(plain.as_bytes()).unwrap();
    let alb: String = bank.lines.iter().map(|line| line.alb() + "\n").collect();
    for (name, preset, bytes) in [
        ("JSON", Preset::NginxJson, plain.as_bytes()),
        ("JSON, gzip", Preset::NginxJson, &packed.finish().unwrap()),
        ("ALB", Preset::Alb, alb.as_bytes()),
    ] {
        let log = write(folder.path(), "log", bytes);
        let begin = std::time::Instant::now();
        let report = report(preset, &[log], Some(&told));
        let took = begin.elapsed();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
        println!("{name}: {} lines in {took:.2?}; {peak}", report.log.lines);
        assert_eq!(found(&report, "polls"), bank.truth["polls"]);
    }
}
