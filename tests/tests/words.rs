//! Words that were retired stay so: in code, templates and pages one thing has one name, and it is that of the field
//! (the glossary of docs/architecture.md).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

/// Each as it was written, and what is said instead.
const RETIRED: &[(&str, &str)] = &[
    ("Crowd", "ConcurrencyLimiter"),
    ("crowded", "concurrency_limited"),
    ("SlowMark", "SlowReceiver"),
    ("IMPATIENT", "REDUCED_TIMEOUT"),
    ("receiver_hangs", "receiver_times_out"),
    ("Tally", "BatchMetrics"),
    ("bury", "dead_letter"),
    ("laid down", "dead-lettered"),
    ("lay_down", "dead_letter_and_list"),
    ("UndeliveredQueue", "DeadLetterQueue"),
    ("message is kept:", "message returns to the queue:"),
    ("returns_after", "redelivery_backoff"),
    ("FIRST_RETURN", "BACKOFF_BASE"),
    ("not_hidden", "visibility_not_changed"),
    ("go_on(", "schedule_next("),
    ("BeforeItsRequest", "LedgerMode::WriteAhead"),
    ("AfterItsRequest", "LedgerMode::WriteBehind"),
    ("taken_back", "rolled back"),
    ("writing_directly", "with_fast_path"),
    ("webhook::edge", "platform::clock and platform::rng"),
    ("Reception", "ReceiveMetadata"),
    ("FAREWELL", "CLOSE_TIMEOUT"),
    ("SenderError", "IdentityStoreError"),
    ("promise_broken", "onboarding_slo_missed"),
    ("promise_at_risk", "onboarding_slo_at_risk"),
    ("FirstUse", "FirstDelivery"),
    ("NotificationShown", "NotificationView"),
    ("AttemptShown", "AttemptView"),
    ("SoftwareShown", "SoftwareView"),
    ("MostSuspendedPercent", "MaxSuspendedPercent"),
    ("twin", "mock receiver, mock Directory"),
    ("Seam", "SdkTransport"),
    ("webhook::peer", "mtls"),
    ("AsItCame", "the typed event of the runtime"),
    ("decisions.md", "docs/adr/"),
];

/// Folders that are not ours to word, or are made.
const PASSED_OVER: &[&str] =
    &[".git", ".arauto", "dist", "target", "trust", "openapi", "corpus", "found", "node_modules"];
const KINDS: &[&str] = &["rs", "md", "yaml", "yml", "toml", "json", "guard", "sh", "svg"];
/// What keeps old words: the list itself, what changed, and examples of others.
const KEEPS: &[&str] = &["tests/tests/words.rs", "CHANGELOG.md", "tests/vectors.json"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !PASSED_OVER.contains(&name.as_str()) {
                files(&path, found);
            }
        } else if path.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known))
            || name == "Makefile"
        {
            found.push(path);
        }
    }
}

/// Says whether a text has a word by itself, not as part of a longer one.
fn has(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = text;
    let mut before = None;
    while let Some((head, tail)) = rest.split_once(word) {
        let begins = !word.starts_with(is_part) || !head.chars().next_back().or(before).is_some_and(is_part);
        let ends = !word.ends_with(is_part) || !tail.starts_with(is_part);
        if begins && ends {
            return true;
        }
        (rest, before) = (tail, word.chars().next_back());
    }
    false
}

#[test]
fn no_retired_word_is_used() {
    let (workspace, mut all) = (workspace(), Vec::new());
    files(&workspace, &mut all);
    assert!(all.len() > 400, "only {} files were found", all.len());
    let mut used = Vec::new();
    for path in all {
        let name = path.strip_prefix(&workspace).unwrap().to_string_lossy().into_owned();
        if KEEPS.contains(&name.as_str()) {
            continue;
        }
        // A file that is not text has no words.
        let Ok(text) = read_to_string(&path) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            for (word, instead) in RETIRED.iter().filter(|(word, _)| has(line, word)) {
                used.push(format!("{name}:{number}: {word:?}; say {instead}"));
            }
        }
    }
    assert!(used.is_empty(), "{}", used.join("\n"));
}

#[test]
fn a_word_is_found_by_itself_alone() {
    assert!(has("the Crowd is", "Crowd") && has("Crowd", "Crowd") && has("a::Crowd,", "Crowd"));
    assert!(!has("ACrowd", "Crowd") && !has("Crowds", "Crowd") && !has("Crowd_", "Crowd"));
    assert!(has("self.go_on(message", "go_on(") && !has("let_go_on(", "go_on("));
}
