//! Arrows point down: what each crate may depend on, and what the rules of the convention may use (docs/architecture.md).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "structure/imports.rs"]
mod imports;
#[path = "structure/source.rs"]
mod source;

use imports::{circles, that_name};

/// Each member of the workspace, its folder, and the members that it may depend on.
const MEMBERS: &[(&str, &str, &[&str])] = &[
    ("convention", "crates/convention", &[]),
    ("http1", "crates/http1", &[]),
    ("ledger-writer", "crates/ledger-writer", &[]),
    ("platform", "crates/platform", &["convention", "http1", "ledger-writer"]),
    ("mtls", "crates/mtls", &["convention", "http1", "platform"]),
    ("intake", "functions/intake", &["convention", "platform"]),
    ("dispatch", "functions/dispatch", &["convention", "mtls", "platform"]),
    ("directory", "functions/directory", &["convention", "mtls", "platform"]),
    ("evidence", "functions/evidence", &["convention", "platform"]),
    ("outcomes", "functions/outcomes", &["convention", "platform"]),
    ("account", "tools/account", &["mtls", "platform", "terminal"]),
    ("certificates", "tools/certificates", &[]),
    ("bars", "tools/bars", &[]),
    ("terminal", "tools/terminal", &[]),
    ("capacity", "tools/capacity", &["convention", "platform", "terminal"]),
    ("pages", "tools/pages", &["bars", "convention", "terminal"]),
    ("polling", "tools/polling", &["convention", "terminal"]),
    ("report", "tools/report", &["bars", "convention", "terminal"]),
    ("devkit", "tools/devkit", &["account", "certificates", "convention", "platform", "terminal"]),
    (
        "arauto",
        "tools/cli",
        &[
            "account",
            "capacity",
            "certificates",
            "convention",
            "devkit",
            "directory",
            "evidence",
            "mtls",
            "pages",
            "platform",
            "polling",
            "report",
            "terminal",
        ],
    ),
    ("floor", "tools/bench/floor", &["ledger-writer"]),
    ("bench", "tools/bench", &["convention", "devkit", "platform", "terminal", "tests"]),
    (
        "tests",
        "tests",
        &[
            "account",
            "arauto",
            "capacity",
            "convention",
            "devkit",
            "directory",
            "dispatch",
            "evidence",
            "intake",
            "mtls",
            "outcomes",
            "platform",
            "report",
        ],
    ),
];

/// What the rules of the convention may be made of: values, texts, hashes and signatures. Nothing that talks to somebody, waits,
/// or asks for the time.
const OF_RULES: &[&str] =
    &["aws-lc-rs", "base64", "http", "jiff", "jsonwebtoken", "serde", "serde_json", "thiserror", "uuid"];

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

/// SAM names a binary but no package, so cargo selects the default members, and unifies the features of their dependencies.
#[test]
fn no_function_holds_what_people_sign_in_with() {
    let root = read_to_string(workspace().join("Cargo.toml")).unwrap();
    let selected = root.lines().find_map(|line| line.strip_prefix("default-members = "));
    let functions = ["directory", "dispatch", "evidence", "intake", "outcomes"];
    let functions: Vec<_> = functions.map(|name| format!("\"functions/{name}\"")).to_vec();
    assert_eq!(selected, Some(format!("[{}]", functions.join(", ")).as_str()));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--edges=normal", "--prefix=none", "--format={p} [{f}]"]);
    let output = cargo.current_dir(workspace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let config: BTreeSet<_> = tree.lines().filter(|line| line.starts_with("aws-config ")).collect();
    assert!(!config.is_empty(), "{tree}");
    assert!(!config.iter().any(|line| line.contains("sso") || line.contains("process")), "{config:?}");
    for name in ["aws-sdk-sso ", "aws-sdk-ssooidc ", "aws-sdk-cloudformation ", "clap "] {
        assert!(!tree.lines().any(|line| line.starts_with(name)), "{name}is in a function");
    }
}

/// Compiled for size it leaves out the assembly for AVX-512 and large tables, and a handshake costs a third more.
#[test]
fn what_makes_handshakes_is_compiled_for_speed() {
    let root = read_to_string(workspace().join("Cargo.toml")).unwrap();
    assert!(root.lines().any(|line| line == "aws-lc-sys.opt-level = 3"), "state it for release builds");
    let named = section(&root, "profile.release.package");
    assert!(named.contains("aws-lc-sys"));
    for package in ["aws-lc-rs", "hyper", "rustls", "rustls-webpki", "tokio", "tokio-rustls"] {
        assert!(!named.contains(package), "{package}");
    }
}

/// AWS-LC would gather entropy for 30 ms of processor time in each process that starts (docs/adr/0051-entropy-without-jitter.md).
#[test]
fn no_start_waits_for_the_jitter_of_the_processor() {
    let settings = read_to_string(workspace().join(".cargo/config.toml")).unwrap();
    assert!(section(&settings, "env").contains("AWS_LC_SYS_NO_JITTER_ENTROPY"));
    assert!(settings.lines().any(|line| line == "AWS_LC_SYS_NO_JITTER_ENTROPY = \"1\""));
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let mut found = Vec::new();
    for (name, folder, _) in MEMBERS {
        let circles = circles(&workspace().join(folder));
        found.extend(circles.iter().map(|files| format!("{name}: {}", files.join(", "))));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_command_of_operators_uses_a_test_tool() {
    let naming = that_name(&workspace().join("tools/cli"), "devkit");
    assert_eq!(naming.iter().collect::<Vec<_>>(), ["commands.rs"], "the list of commands alone names devkit");
}

#[test]
fn the_mocks_share_no_rules_with_what_they_test() {
    let devkit = workspace().join("tools/devkit");
    let is_of_mock = |file: &String| {
        let folders = ["receiver/", "directory/", "pki/"];
        folders.iter().any(|folder| file.starts_with(folder))
            || ["accept.rs", "pem.rs"].contains(&file.as_str())
    };
    for of_crate in ["convention", "mtls"] {
        let naming: Vec<_> = that_name(&devkit, of_crate).into_iter().filter(is_of_mock).collect();
        assert_eq!(
            naming,
            Vec::<String>::new(),
            "a mock that repeats the mistakes of {of_crate} would find none"
        );
    }
    // Of the platform they have the time and randomness that they are given.
    for module in ["answer", "aws", "config", "telemetry"] {
        let naming = that_name(&devkit, "platform").into_iter().filter(is_of_mock);
        let both = naming.filter(|file| {
            let source = read_to_string(devkit.join("src").join(file)).unwrap();
            source.contains(&format!("platform::{module}"))
        });
        assert_eq!(both.collect::<Vec<_>>(), Vec::<String>::new(), "platform::{module}");
    }
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

#[test]
fn the_rules_of_the_convention_talk_to_nobody() {
    let (root, manifest) = (
        read_to_string(workspace().join("Cargo.toml")).unwrap(),
        read_to_string(workspace().join("crates/convention/Cargo.toml")).unwrap(),
    );
    assert_eq!(section(&manifest, "dependencies"), OF_RULES.iter().copied().collect());
    // Without its feature `std`, jiff cannot ask for the time.
    let jiff = root.lines().find(|line| line.starts_with("jiff = ")).unwrap();
    assert!(jiff.contains("default-features = false") && !jiff.contains("\"std\""), "{jiff}");
    assert!(manifest.contains("jiff.workspace = true"), "the rules take no more features of jiff");
}

/// The features of all dependencies, as cargo compiles them for targets of these kinds.
fn features(kinds: &str) -> BTreeMap<String, String> {
    let mut cargo = Command::new(env!("CARGO"));
    let options = ["tree", "--workspace", "--locked", "--prefix", "none", "--format", "{p}\t{f}\t"];
    let told = cargo.current_dir(workspace()).args(options).args(["--edges", kinds]).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told = String::from_utf8(told.stdout).unwrap();
    let row = |line: &str| {
        let mut parts = line.split('\t');
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    };
    told.lines().filter_map(row).collect()
}

/// Else the SDK of AWS, and all that depends on tokio, is compiled once for the demo and once more for the tests.
#[test]
fn what_the_demo_compiles_serves_the_tests_too() {
    let (demo, tests) = (features("normal,build"), features("normal,build,dev"));
    assert!(demo.len() > 300, "{}", demo.len());
    for (name, of) in &demo {
        assert_eq!(
            Some(of),
            tests.get(name),
            "{name}: ask for the feature in tests/Cargo.toml, which both compile"
        );
    }
}

#[test]
fn each_package_has_the_version_of_the_workspace() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (file, before, after) in [
        ("infra/cdk/package.json", "\"version\": \"", "\""),
        ("infra/cdk/package-lock.json", "\"version\": \"", "\""),
        ("infra/clients/typescript/package.json", "\"version\": \"", "\""),
        ("infra/clients/typescript/package-lock.json", "\"version\": \"", "\""),
        ("infra/clients/java/pom.xml", "<artifactId>arauto-client</artifactId>\n  <version>", "<"),
    ] {
        let text = read_to_string(root.join(file)).unwrap();
        let (_, text) = text.split_once(before).unwrap_or_else(|| panic!("{file} has no version"));
        assert_eq!(text.split_once(after).unwrap().0, env!("CARGO_PKG_VERSION"), "{file}");
    }
}
