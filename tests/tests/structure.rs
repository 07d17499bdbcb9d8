//! Arrows point down: what each crate may depend on, and what the rules of the convention may use (docs/architecture.md).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

#[path = "structure/imports.rs"]
mod imports;
#[path = "structure/source.rs"]
mod source;

use imports::{circles, that_name};

/// Each member of the workspace, its folder, and the members that it may depend on.
const MEMBERS: &[(&str, &str, &[&str])] = &[
    ("sigv4", "functions/sigv4", &[]),
    ("webhook", "functions/webhook", &["sigv4"]),
    ("intake", "functions/intake", &["webhook"]),
    ("dispatch", "functions/dispatch", &["webhook"]),
    ("directory", "functions/directory", &["webhook"]),
    ("evidence", "functions/evidence", &["webhook"]),
    ("account", "tools/account", &["webhook"]),
    ("certificates", "tools/certificates", &[]),
    ("capacity", "tools/capacity", &["webhook"]),
    ("devkit", "tools/devkit", &["account", "certificates", "webhook"]),
    ("arauto", "tools/cli", &["account", "capacity", "certificates", "devkit", "evidence", "webhook"]),
    ("floor", "tools/bench/floor", &["sigv4"]),
    ("bench", "tools/bench", &["devkit", "tests", "webhook"]),
    (
        "tests",
        "tests",
        &[
            "account",
            "arauto",
            "capacity",
            "devkit",
            "directory",
            "dispatch",
            "evidence",
            "intake",
            "webhook",
        ],
    ),
];

/// Where the rules of the convention are: they decide, and do no I/O.
const RULES: &[&str] = &["address.rs", "codes.rs", "delivery", "directory", "fields.rs", "notification"];
/// What they may not use: what talks to somebody, waits, or asks for the time.
const NOT_FOR_RULES: &[&str] = &[
    "crate::aws",
    "crate::mtls",
    "crate::http1",
    "crate::clock",
    "crate::config",
    "crate::revocation",
    "tokio",
    "aws_sdk",
    "reqwest",
    "hyper",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The names of a section of a manifest.
fn section<'a>(manifest: &'a str, name: &str) -> BTreeSet<&'a str> {
    let lines = manifest.lines().skip_while(|line| line.trim() != format!("[{name}]")).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let key = |line: &'a str| line.split(['=', '.']).next().map(str::trim).filter(|key| !key.is_empty());
    lines.filter(|line| !line.starts_with('#')).filter_map(key).collect()
}

#[test]
fn each_crate_depends_on_what_is_below_it_alone() {
    let (workspace, names): (_, BTreeSet<_>) =
        (workspace(), MEMBERS.iter().map(|(name, ..)| *name).collect());
    let root = read_to_string(workspace.join("Cargo.toml")).unwrap();
    let mut below = BTreeMap::new();
    for (name, folder, may) in MEMBERS {
        assert!(root.contains(&format!("    \"{folder}\",")), "{folder} is a member of the workspace");
        let manifest = read_to_string(workspace.join(folder).join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{folder} is {name}");
        let dependencies = section(&manifest, "dependencies");
        let found: BTreeSet<_> = names.iter().copied().filter(|name| dependencies.contains(name)).collect();
        assert_eq!(found, may.iter().copied().collect(), "what {name} depends on");
        below.insert(*name, found);
    }
    let listed =
        root.lines().skip_while(|line| *line != "members = [").skip(1).take_while(|line| *line != "]");
    assert_eq!(listed.count(), MEMBERS.len(), "a member of the workspace is not in this table");
    // No member is above itself.
    for name in &names {
        let mut reached = below[name].clone();
        while let Some(more) =
            reached.iter().flat_map(|one| &below[one]).find(|one| !reached.contains(*one)).copied()
        {
            reached.insert(more);
        }
        assert!(!reached.contains(name), "{name} depends on itself");
    }
}

/// Members whose files import each other in circles still.
const WITH_CIRCLES: &[&str] = &["webhook", "directory", "tests"];

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let mut found = Vec::new();
    for (name, folder, _) in MEMBERS {
        let circles = circles(&workspace().join(folder));
        if WITH_CIRCLES.contains(name) {
            assert!(!circles.is_empty(), "{name} has no circle any more: take it off the list");
        } else {
            found.extend(circles.iter().map(|files| format!("{name}: {}", files.join(", "))));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_command_of_operators_uses_a_test_tool() {
    let naming = that_name(&workspace().join("tools/cli"), "devkit");
    assert_eq!(naming.iter().collect::<Vec<_>>(), ["commands.rs"], "the list of commands alone names devkit");
}

/// The longest that a `main.rs` may be: what it starts is in a library, which tests can call.
const MAX_MAIN_LINES: usize = 50;

#[test]
fn each_main_is_short() {
    for (name, folder, _) in MEMBERS {
        let main = read_to_string(workspace().join(folder).join("src/main.rs")).unwrap_or_default();
        assert!(main.lines().count() <= MAX_MAIN_LINES, "the main of {name} is longer than a screen");
    }
}

fn files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in read_dir(path).unwrap() {
            files(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|kind| kind == "rs") {
        found.push(path.to_owned());
    }
}

#[test]
fn the_rules_of_the_convention_talk_to_nobody() {
    let source = workspace().join("functions/webhook/src");
    let mut all = Vec::new();
    for rule in RULES {
        files(&source.join(rule), &mut all);
    }
    assert!(all.len() > 30, "only {} files were found", all.len());
    let mut used = Vec::new();
    for path in all {
        let text = read_to_string(&path).unwrap();
        let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
        for (line, name) in lines.flat_map(|line| NOT_FOR_RULES.iter().map(move |name| (line, name))) {
            let imports = line.strip_prefix("use ").or_else(|| line.strip_prefix("pub use "));
            if imports.is_some_and(|imports| imports.starts_with(name)) || line.contains(&format!("{name}::"))
            {
                used.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(used.is_empty(), "{}", used.join("\n"));
}
