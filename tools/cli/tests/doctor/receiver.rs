//! `arauto doctor receiver` without a stack: exit codes, languages and the page.

use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the command outside a checkout, where no local stack is found.
fn doctor(options: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_arauto"));
    command.args(["doctor", "receiver"]).args(options).current_dir(folder.path());
    command.env_clear().envs(variables.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    for options in [
        &[][..],
        &["http://itp.example/base"],
        &["itp.example"],
        &["https://itp.example", "--client", "itp-1"],
        &["https://itp.example", "--certificate", "chain.pem"],
        &["https://itp.example", "--from", "dispatch", "--trust-anchors", "roots.pem"],
        &["https://itp.example", "--from", "there"],
        &["https://itp.example", "--profile", "bank"],
    ] {
        let output = doctor(options, &[]);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn what_may_not_be_registered_will_fail_and_nobody_is_asked() {
    for (base_uri, code) in [
        ("https://10.0.0.1/base", "blocked_address"),
        ("https://[::1]/base/", "blocked_address"),
        ("https://localhost:1/base", "blocked_address"),
        ("https://itp.example:0/base", "invalid_url"),
        ("https://itp.example/base?x=1", "invalid_url"),
        ("https://itaú.example/base", "invalid_url"),
        ("https://itp.example/\u{1b}[2J", "invalid_url"),
    ] {
        let output = doctor(&[base_uri, "--json"], &[]);
        assert_eq!(output.status.code(), Some(3), "{base_uri}: {}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&report["findings"][0]["code"], &report["works"]),
            (&code.into(), &false.into()),
            "{report}"
        );
        assert_eq!(report["facts"]["connections"], 0);
        let output = doctor(&[base_uri], &[]);
        assert!(!text(&output.stdout).contains('\u{1b}'), "{base_uri}");
    }
}

#[test]
fn the_report_is_in_the_language_of_the_locale_or_of_the_option_and_the_page_in_both() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let page_option = page.to_str().unwrap();
    let url = "https://10.0.0.1/base";
    let english = text(&doctor(&[url], &[]).stdout);
    let portuguese = text(&doctor(&[url, "--html", page_option], &[("LANG", "pt_BR.UTF-8")]).stdout);
    assert!(
        english.contains("will fail") && english.contains("-> Publish only public addresses"),
        "{english}"
    );
    assert!(portuguese.contains("vai falhar") && portuguese.contains("-> Publique somente"), "{portuguese}");
    assert_eq!(
        text(&doctor(&[url, "--lang", "en"], &[("LANG", "pt_BR.UTF-8")]).stdout).lines().last(),
        english.lines().last()
    );
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("<html lang=\"pt-BR\">") && page.contains("Publish only public addresses"),
        "{page}"
    );
}

#[test]
fn a_page_that_cannot_be_written_or_a_key_that_cannot_be_read_is_told_without_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("key.pem");
    std::fs::write(&secret, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n").unwrap();
    let file = secret.to_str().unwrap();
    let output = doctor(&["https://itp.example", "--certificate", file, "--key", file], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stderr).contains("c2VjcmV0"), "{}", text(&output.stderr));
    let output = doctor(&["https://10.0.0.1/base", "--html", "/nowhere/report.html"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("failed to write /nowhere/report.html"));
}

#[test]
fn a_name_that_does_not_exist_will_fail_and_a_machine_without_names_has_looked_at_nothing() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = doctor(&[&format!("https://receiver.invalid:{port}/base"), "--json"], &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let code = report["findings"][0]["code"].as_str().unwrap();
    let told = (output.status.code(), code);
    assert!([(Some(3), "dns_error"), (Some(1), "resolver_unavailable")].contains(&told), "{report}");
}
