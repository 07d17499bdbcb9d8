//! Words that were retired stay so: in code, templates and pages one thing has one name, and it is that of the field
//! (the glossary of docs/architecture.md).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex_lite::Regex;

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
    ("MOST_*", "MAX_…"),
    ("LONGEST_*", "MAX_…"),
    ("OLDEST_*", "MAX_…"),
    ("set_aside", "unlisted, redrive, given up"),
    ("set-aside", "redrive"),
    ("set aside", "given up"),
    ("first_sight", "receiver_check"),
    ("FirstSight", "ReceiverCheck"),
    ("slow_mark_not_kept", "slow_receiver_not_shared"),
    ("first_use_not_kept", "first_delivery_not_recorded"),
    ("undelivered-queue", "dead-letter-queue"),
    ("AsItCame", "the typed event of the runtime"),
    ("decisions.md", "docs/adr/"),
    ("fn what_is_*", "a test's name with its subject"),
];

/// Names that no item, field or parameter of the code has. As words of a sentence they are English.
const RETIRED_NAMES: &[(&str, &str)] = &[
    ("Place", "Permit, or what it is a place of"),
    ("Chance", "Rng"),
    ("Exchanges", "PooledConnection"),
    ("Hangs", "ConsecutiveTimeouts"),
    ("hangs", "timeouts"),
    ("Judged", "ChangeResult"),
    ("Kept", "Poolable"),
    ("Means", "AttemptContext"),
    ("Meter", "UsageMeter"),
    ("Promise", "OnboardingSlo"),
    ("Room", "IdleBudget"),
    ("Sender", "IdentityStore, or what it sends"),
    ("Waits", "Timeouts"),
    ("CHANCE_PART", "JITTER"),
    ("MOST", "MAX_…"),
    ("give_up", "exhaust"),
    ("gives_up", "what is no longer asked for"),
    ("go_on", "schedule_next"),
    ("hide", "change_visibility"),
    ("knows", "exists, has_…"),
    ("learn", "observe"),
    ("lives", "lifetime, idle_timeout"),
    ("look_again", "refresh"),
    ("looks_again", "refresh"),
    ("patience", "timeout"),
    ("promise", "slo"),
    ("waits", "defer_if_early, timeouts"),
];

/// Parts of names, as underscores join them, that no item has.
const RETIRED_PARTS: &[(&str, &str)] =
    &[("AGAIN", "MISS_BACKOFF, …_INTERVAL"), ("LIVES", "REFRESH_INTERVAL"), ("PATIENCE", "…_TIMEOUT")];

/// Modules that had such a name.
const RETIRED_MODULES: &[(&str, &str)] = &[
    ("bench", "directory_fixture"),
    ("edge", "clock and rng"),
    ("hands", "test_clock"),
    ("peer", "mtls"),
    ("pump", "fake_event_source"),
    ("seam", "sdk_transport"),
    ("shown", "get_notification"),
    ("stop", "shutdown"),
    ("target", "stack_ref"),
    ("twin", "mock receiver, mock Directory"),
    ("uses", "iam_usage"),
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

/// What a line of Rust declares: the kind of an item and its name, or a field or parameter, whose kind is empty.
fn declared(line: &str) -> Vec<(String, String)> {
    static ITEM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\b(fn|struct|enum|union|trait|type|mod|const|static) (?:mut )?([A-Za-z_][A-Za-z0-9_]*)")
            .unwrap()
    });
    static FIELD: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\s*(?:pub(?:\([a-z:]+\))? )?(?:mut )?([a-z_][a-z0-9_]*): [^:]*,$").unwrap()
    });
    static PARAMETER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[(,]\s*(?:mut )?([a-z_][a-z0-9_]*): ").unwrap());
    let code = line.split("//").next().unwrap();
    let items = ITEM.captures_iter(code).map(|found| (found[1].to_owned(), found[2].to_owned()));
    let unnamed = |found: regex_lite::Captures<'_>| (String::new(), found[1].to_owned());
    let field = FIELD.captures(code).map(unnamed);
    let signature = if code.contains("fn ") { code } else { "" };
    items.chain(field).chain(PARAMETER.captures_iter(signature).map(unnamed)).collect()
}

/// The retired names that a line of Rust declares, and what is said instead.
fn retired_names(line: &str) -> Vec<(&'static str, &'static str)> {
    let declared = declared(line);
    let is_declared = |name: &str| declared.iter().any(|(_, one)| one == name);
    let has_part = |part: &str| declared.iter().any(|(_, one)| one.split('_').any(|of| of == part));
    let is_module = |name: &str| declared.iter().any(|(kind, one)| kind == "mod" && one == name);
    let names = RETIRED_NAMES.iter().filter(|(name, _)| is_declared(name));
    let names = names.chain(RETIRED_PARTS.iter().filter(|(part, _)| has_part(part)));
    names.chain(RETIRED_MODULES.iter().filter(|(name, _)| is_module(name))).copied().collect()
}

/// Says whether a text has a word by itself, not as part of a longer one. A star stands for the rest of a word.
fn has(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let (word, is_beginning) = word.strip_suffix('*').map_or((word, false), |word| (word, true));
    let mut rest = text;
    let mut before = None;
    while let Some((head, tail)) = rest.split_once(word) {
        let begins = !word.starts_with(is_part) || !head.chars().next_back().or(before).is_some_and(is_part);
        let ends = is_beginning || !word.ends_with(is_part) || !tail.starts_with(is_part);
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
            let is_code = path.extension().is_some_and(|kind| kind == "rs");
            let names = if is_code { retired_names(line) } else { Vec::new() };
            for (word, instead) in RETIRED.iter().copied().filter(|(word, _)| has(line, word)).chain(names) {
                used.push(format!("{name}:{number}: {word:?}; say {instead}"));
            }
        }
    }
    assert!(used.is_empty(), "{}", used.join("\n"));
}

#[test]
fn each_retired_name_is_found_where_it_is_declared_and_not_where_it_is_a_word() {
    for (name, instead) in RETIRED_NAMES {
        let found = vec![(*name, *instead)];
        let is_type = name.starts_with(char::is_uppercase);
        let declarations = if is_type {
            vec![
                format!("pub(crate) struct {name};"),
                format!("const {name}: usize = 1;"),
                format!("enum {name} {{"),
            ]
        } else {
            vec![
                format!("    pub async fn {name}(&self) {{"),
                format!("    pub(super) {name}: Option<u32>,"),
                format!("fn any(&self, mut {name}: Option<u32>) -> bool {{"),
            ]
        };
        for line in declarations {
            assert_eq!(retired_names(&line), found, "{line}");
        }
        for line in
            [format!("// It {name} now: all,"), format!("fn it_{name}()"), format!("self.{name}(message);")]
        {
            assert_eq!(retired_names(&line), [], "{line}");
        }
    }
    for (name, instead) in RETIRED_MODULES {
        assert_eq!(retired_names(&format!("pub mod {name};")), [(*name, *instead)]);
        assert_eq!(retired_names(&format!("    fn {name}() {{")), []);
    }
}

#[test]
fn a_retired_part_of_a_name_is_found_wherever_it_stands() {
    for retired @ (part, _) in RETIRED_PARTS {
        for name in
            [(*part).to_owned(), format!("{part}_AFTER"), format!("ITS_{part}"), format!("A_{part}_B")]
        {
            assert_eq!(retired_names(&format!("const {name}: u32 = 1;")), [*retired], "{name}");
            assert_eq!(retired_names(&format!("    wait({name});")), [], "{name}");
        }
        assert_eq!(retired_names(&format!("const UN{part}: u32 = 1;")), []);
    }
}

#[test]
fn a_word_is_found_by_itself_alone() {
    assert!(has("the Crowd is", "Crowd") && has("Crowd", "Crowd") && has("a::Crowd,", "Crowd"));
    assert!(!has("ACrowd", "Crowd") && !has("Crowds", "Crowd") && !has("Crowd_", "Crowd"));
    assert!(has("self.go_on(message", "go_on(") && !has("let_go_on(", "go_on("));
    assert!(has("const MOST_PATHS:", "MOST_*") && !has("ALMOST_ALL", "MOST_*"));
}
