//! The commands as an operator runs them: with a profile, a region and the name of a stack, against a server that speaks as AWS
//! does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "aws/polling.rs"]
mod polling;
#[path = "aws/report.rs"]
mod report;
#[path = "aws/server.rs"]
mod server;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use platform::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use server::{ACCOUNT, PORTAL_TOKEN, STACK, Server};

/// SHA-1 of the session's name, `bank`, by which the AWS CLI names the file of its token.
const TOKEN_FILE: &str = "bdd240c8fe7174e6ac1cfdd5282de76eb7ad6815.json";

const CONFIG: &str = "\
[profile process]
region = sa-east-1
credential_process = sh PROCESS

[profile portal]
region = sa-east-1
sso_session = bank
sso_account_id = 123456789012
sso_role_name = Operator

[sso-session bank]
sso_region = us-east-1
sso_start_url = https://bank.awsapps.com/start
";

const PROCESS: &str = r#"echo ran >> "$HOME/runs"
echo '{"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "secret"}'
"#;

/// A person's machine: a home with profiles, and AWS.
struct Machine {
    home: TempDir,
    aws: Server,
}

impl Machine {
    fn new() -> Self {
        Self::with_logs(vec![])
    }

    fn with_logs(logs: Vec<Value>) -> Self {
        let machine = Self { home: tempfile::tempdir().unwrap(), aws: Server::start(logs) };
        machine.write(".aws/process.sh", PROCESS);
        let process = machine.home.path().join(".aws/process.sh");
        machine.write(".aws/config", &CONFIG.replace("PROCESS", process.to_str().unwrap()));
        machine
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Caches a token of the portal that expires in this year.
    fn signed_in(&self, token: &str, year: u16) {
        let token = json!({
            "startUrl": "https://bank.awsapps.com/start", "region": "us-east-1", "accessToken": token,
            "expiresAt": format!("{year}-01-01T00:00:00Z"),
        });
        self.write(&format!(".aws/sso/cache/{TOKEN_FILE}"), &token.to_string());
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command(arguments, variables).output().unwrap()
    }

    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_arauto"));
        command.args(arguments).current_dir(self.home.path()).env_clear();
        command.env("HOME", self.home.path()).env("PATH", std::env::var_os("PATH").unwrap());
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSO"] {
            command.env(name, &self.aws.url);
        }
        // Nobody asks a machine's own role.
        command.envs([("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_MAX_ATTEMPTS", "1")]);
        command.envs(variables.iter().copied());
        command
    }

    /// The actions asked with the credentials of this key.
    fn asked_with(&self, key: &str) -> Vec<String> {
        let by = |asked: &server::Asked| asked.authorization.contains(&format!("Credential={key}/"));
        self.aws.asked().into_iter().filter(by).map(|asked| asked.what).collect()
    }
}

fn said(output: &Output) -> String {
    format!(
        "exit {:?}\n{}{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn a_credential_process_is_run_once_and_goes_before_keys_of_the_environment() {
    let machine = Machine::new();
    let keys = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let arguments = ["call", "GET", "/v1/clients/itp-1", "--profile", "process", "--stack-name", STACK];
    let output = machine.run(&arguments, &keys);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(machine.asked_with("AKIDPROCESS"), ["DescribeStacks", "GET /v1/clients/itp-1"]);
    let signed = machine.aws.asked().iter().all(|asked| asked.authorization.contains("/sa-east-1/"));
    assert!(signed, "the region is that of the profile: {:?}", machine.aws.asked());
    assert_eq!(fs::read_to_string(machine.home.path().join("runs")).unwrap(), "ran\n");
}

#[test]
fn the_environment_names_profile_region_and_stack_as_the_options_do() {
    let machine = Machine::new();
    let variables = [("AWS_PROFILE", "process"), ("AWS_REGION", "us-east-1"), ("ARAUTO_STACK_NAME", STACK)];
    let output = machine.run(&["clients", "list"], &variables);
    assert!(
        said(&output).contains("No client is registered with the stack bank in us-east-1"),
        "{}",
        said(&output)
    );
    assert_eq!(machine.asked_with("AKIDPROCESS"), ["DescribeStacks", "Scan"]);
    // An option goes before its variable.
    let output = machine.run(&["clients", "list", "--region", "eu-west-1"], &variables);
    assert!(said(&output).contains("in eu-west-1"), "{}", said(&output));
    let output = machine.run(&["clients", "list", "--stack-name", "nothing"], &variables);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

#[test]
fn a_session_of_identity_center_is_used_and_where_it_is_over_the_command_that_opens_it_is_named() {
    let machine = Machine::new();
    let arguments = ["show", "--resource", "p-1", "--profile", "portal", "--stack-name", STACK];
    let over = |machine: &Machine| {
        let output = machine.run(&arguments, &[]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("run `aws sso login --profile portal`"), "{}", said(&output));
        assert!(!said(&output).contains(PORTAL_TOKEN), "{}", said(&output));
    };
    // No token, one that has expired, and one that the portal does not know any more.
    over(&machine);
    machine.signed_in(PORTAL_TOKEN, 2026);
    over(&machine);
    machine.signed_in("another", 2099);
    over(&machine);
    machine.signed_in(PORTAL_TOKEN, 2099);
    let output = machine.run(&arguments, &[]);
    assert_eq!(output.status.code(), Some(3), "it is not found: {}", said(&output));
    let asked = machine.asked_with("AKIDPORTAL");
    assert_eq!(asked.first().map(String::as_str), Some("DescribeStacks"), "{asked:?}");
    assert!(asked.contains(&"Query".to_owned()), "{asked:?}");
}

#[test]
fn a_stack_that_is_not_there_is_told_with_region_and_account() {
    let machine = Machine::new();
    for command in [&["undelivered"][..], &["identity", "list"], &["verify"], &["attempts"], &["replay"]] {
        let arguments = [command, &["--profile", "process", "--stack-name", "nothing"]].concat();
        let output = machine.run(&arguments, &[]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        let sentence = format!("there is no stack nothing in region sa-east-1 of account {ACCOUNT}");
        assert!(said(&output).contains(&sentence), "{}", said(&output));
    }
    let output = machine.run(&["verify", "--profile", "process", "--stack-name", STACK], &[]);
    assert!(said(&output).contains("it has some with Evidence=true"), "{}", said(&output));
    let output = machine.run(&["clients", "list", "--stack-name", STACK], &[]);
    assert!(said(&output).contains("no AWS region is set"), "{}", said(&output));
    let output = machine.run(&["clients", "list", "--stack-name", STACK, "--region", "sa-east-1"], &[]);
    assert!(said(&output).contains("there are no AWS credentials"), "{}", said(&output));
    let output = machine
        .run(&["clients", "list", "--stack-name", STACK, "--region", "sa-east-1", "--profile", "none"], &[]);
    assert!(said(&output).contains("the profile none gives no AWS credentials"), "{}", said(&output));
}

#[test]
fn parts_of_two_stacks_are_wrong_usage_and_nothing_is_asked() {
    let machine = Machine::new();
    for (arguments, variables, expected) in [
        (
            &["show", "--resource", "p", "--ledger-table", "l", "--stack-name", STACK][..],
            &[][..],
            "cannot be used with",
        ),
        (
            &["undelivered", "--ledger-table", "l", "--profile", "process"],
            &[],
            "--notifications-queue, --dead-letter-queue",
        ),
        (&["undelivered"], &[("ARAUTO_LEDGER_TABLE", "l")], "--notifications-queue, --dead-letter-queue"),
        (&["undelivered", "--profile", "process"], &[], "give --stack-name"),
        (
            &["trigger", "--client", "itp-1", "--profile", "process", "--stack-name", ""],
            &[],
            "a value is required",
        ),
        (&["call", "GET", "v1", "--url", "http://127.0.0.1:1"], &[], "is not a path"),
        (&["undelivered", "--last", "31d"], &[], "kept 30 days"),
        (&["verify", "--from", "2026-11-02", "--to", "2026-11-01"], &[], "--from is after --to"),
        (&["capacity", "--receivers", "0"], &[], "--receivers is 1 to 1000"),
    ] {
        let output = machine.run(arguments, variables);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(expected), "{arguments:?}: {}", said(&output));
    }
    assert!(machine.aws.asked().is_empty(), "{:?}", machine.aws.asked());
}

#[test]
fn a_stack_goes_before_parts_that_the_environment_names_and_a_part_that_an_option_names_before_it() {
    let machine = Machine::new();
    let variables =
        [("AWS_PROFILE", "process"), ("ARAUTO_STACK_NAME", STACK), ("ARAUTO_LEDGER_TABLE", "another")];
    let tables = |arguments: &[&str], variables: &[(&str, &str)]| {
        let before = machine.aws.asked().len();
        machine.run(&[&["show", "--resource", "p-1", "--endpoint", "E2"], arguments].concat(), variables);
        let queries = machine.aws.asked().split_off(before).into_iter().filter(|asked| asked.what == "Query");
        let table =
            |asked: server::Asked| serde_json::from_str::<Value>(&asked.body).unwrap()["TableName"].clone();
        queries.map(table).collect::<Vec<_>>()
    };
    assert_eq!(tables(&[], &variables), [json!("bank-ledger")]);
    assert_eq!(tables(&["--ledger-table", "then"], &variables), [json!("then")]);
    assert_eq!(tables(&[], &[variables[0], variables[2]]), [json!("another")]);
}

#[test]
fn a_made_up_change_is_posted_to_aws_only_with_consent() {
    let machine = Machine::new();
    let arguments =
        ["trigger", "pix-payment", "--client", "itp-1", "--profile", "process", "--stack-name", STACK];
    let output = machine.run(&arguments, &[]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("nothing was posted, --yes does it"), "{}", said(&output));
    assert!(!machine.aws.asked().iter().any(|asked| asked.what.starts_with("POST /v1")));
    machine.run(&[&arguments[..], &["--yes"]].concat(), &[]);
    let posted =
        machine.aws.asked().into_iter().find(|asked| asked.what == "POST /v1/state-changes").unwrap();
    let body: Value = serde_json::from_str(&posted.body).unwrap();
    assert_eq!(
        (body["changes"].as_array().unwrap().len(), &body["changes"][0]["client_id"]),
        (1, &json!("itp-1"))
    );
}

#[test]
fn a_token_is_sent_instead_of_a_signature_and_never_shown() {
    let machine = Machine::new();
    machine.write("token", "eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl\n");
    let call = ["call", "GET", "/v1/notifications/1"];
    let url = machine.aws.url.clone();
    for (arguments, variables) in [
        (&["--url", &url, "--token-file", "token"][..], &[][..]),
        (&["--url", &url], &[("ARAUTO_TOKEN", "eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl")]),
        (&["--stack-name", STACK, "--profile", "process", "--token-file", "token"], &[]),
    ] {
        let output = machine.run(&[&call[..], arguments].concat(), variables);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(!said(&output).contains("eyJ"), "{}", said(&output));
        let last = machine.aws.asked().pop().unwrap();
        assert_eq!(last.authorization, "Bearer eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl");
    }
    let output = machine.run(&[&call[..], &["--url", &url, "--token-file", "none"]].concat(), &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

#[test]
fn the_notifications_of_a_client_are_asked_page_after_page_and_day_after_day() {
    let machine = Machine::new();
    let stack = ["--profile", "process", "--stack-name", STACK];
    let window = ["--from", "2026-11-22T10:00:00-03:00", "--to", "2026-11-23T14:00:00Z"];
    let arguments = [&["notifications", "--client", "itp:1"][..], &window, &stack].concat();
    let output = machine.run(&arguments, &[]);
    // One is in no ledger any more: something remains.
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let rows = String::from_utf8(output.stdout.clone()).unwrap();
    let rows: Vec<_> = rows.lines().collect();
    assert_eq!(rows.len(), 2, "each once: {}", said(&output));
    assert!(
        rows[0].starts_with("2026-11-22T13:15:30Z") && rows[0].ends_with("delivered    delivered"),
        "{}",
        rows[0]
    );
    let asked = machine.asked_with("AKIDPROCESS");
    let asked: Vec<_> = asked.iter().filter_map(|what| what.strip_prefix("GET /v1/notifications?")).collect();
    assert_eq!(asked.len(), 4, "two pages of two windows: {asked:?}");
    assert!(asked.iter().all(|query| query.starts_with("client_id=itp%3A1&from=")), "{asked:?}");
    let meets = "2026%2D11%2D23T13%3A00%3A00Z";
    assert!(
        asked[0].ends_with(&format!("&to={meets}")) && asked[2].contains(&format!("&from={meets}&")),
        "{asked:?}"
    );
    let json = machine.run(&[&arguments[..], &["--json"]].concat(), &[]);
    let first: Value =
        serde_json::from_str(String::from_utf8(json.stdout).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!(first["notification_id"], "a1");

    let unknown = machine.run(&[&["notifications", "--client", "nobody"][..], &stack].concat(), &[]);
    assert_eq!(unknown.status.code(), Some(3), "{}", said(&unknown));
    assert!(said(&unknown).contains("No client nobody was ever registered"), "{}", said(&unknown));
    let backwards = [
        "notifications",
        "--client",
        "itp-1",
        "--from",
        "2026-11-23T00:00:00Z",
        "--to",
        "2026-11-22T00:00:00Z",
    ];
    assert_eq!(machine.run(&[&backwards[..], &stack].concat(), &[]).status.code(), Some(2));
}

fn event(at: i64, client: &str, outcome: &str) -> Value {
    let line = json!({
        "level": "INFO", "message": "An attempt ended.", "notification_id": "339c89c7469c6be05b1f0d2a97c3e481",
        "client_id": client, "endpoint": "E2", "attempt": 1, "outcome": outcome, "duration_ms": 41,
    });
    json!({ "timestamp": at, "message": format!("{line}\n"), "eventId": format!("{at}-{client}") })
}

/// Runs `arauto attempts` over the last fifty years.
fn attempts(machine: &Machine, more: &[&str], variables: &[(&str, &str)]) -> String {
    let arguments = ["attempts", "--last", "18250d", "--profile", "process", "--stack-name", STACK];
    let output = machine.run(&[&arguments[..], more].concat(), variables);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn attempts_are_read_page_by_page_and_selected_again() {
    let one = 1_790_000_000_000;
    let machine = Machine::with_logs(vec![
        json!([event(one, "itp-1", "delivered"), event(one + 1, "itp-10", "delivered")]),
        json!([]),
        json!([event(one + 2, "itp-1", "timeout"), { "timestamp": one, "message": "START", "eventId": "s" }]),
    ]);
    let lines = attempts(&machine, &["--client", "itp-1", "--json"], &[]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["delivered", "timeout"]);
    assert_eq!(lines[0]["at"], "2026-09-21T14:13:20Z");
    let asked = machine.aws.asked().into_iter().find(|asked| asked.what == "FilterLogEvents").unwrap();
    let asked: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(asked["filterPattern"], "\"An attempt ended.\" \"itp-1\"");
    assert_eq!(attempts(&machine, &["--failed"], &[]).lines().count(), 1);
}

#[test]
fn attempts_beyond_an_answer_that_was_cut_are_not_lost() {
    let events: Vec<_> =
        (0..10_003).map(|at| event(1_790_000_000_000 + at / 4, &format!("itp-{at}"), "delivered")).collect();
    let machine = Machine::with_logs(vec![json!(events)]);
    assert_eq!(attempts(&machine, &["--json"], &[]).lines().count(), 10_003);
}

#[test]
fn attempts_are_followed_until_ctrl_c_and_none_is_told_twice() {
    let now = Clock::system().now().as_millisecond();
    let machine = Machine::with_logs(vec![json!([event(now - 5_000, "itp-1", "delivered")])]);
    let arguments = ["attempts", "--follow", "--json", "--profile", "process", "--stack-name", STACK];
    let mut child = machine.command(&arguments, &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut client =
        || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["client_id"].clone();
    assert_eq!(client(), "itp-1");
    machine.aws.log(json!([event(now - 4_000, "itp-2", "timeout")]));
    assert_eq!(client(), "itp-2");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(lines.count(), 0);
}

#[test]
fn colours_are_for_terminals_alone() {
    let machine = Machine::with_logs(vec![json!([event(1_790_000_000_000, "itp-1", "timeout")])]);
    let colour = "\u{1b}[31m";
    assert!(!attempts(&machine, &[], &[]).contains(colour));
    assert!(attempts(&machine, &[], &[("CLICOLOR_FORCE", "1")]).contains(colour));
    assert!(!attempts(&machine, &[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains(colour));
    let help = |variables| String::from_utf8(machine.run(&["--help"], variables).stdout).unwrap();
    assert!(!help(&[]).contains('\u{1b}') && help(&[("CLICOLOR_FORCE", "1")]).contains('\u{1b}'));
    assert!(
        help(&[("LC_ALL", "pt_BR.UTF-8")]).contains("\nUso: arauto"),
        "{}",
        help(&[("LC_ALL", "pt_BR.UTF-8")])
    );
}

#[test]
fn completions_and_man_pages_have_every_command() {
    let machine = Machine::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = machine.run(&["completions", shell], &[]);
        assert!(said(&output).contains("undelivered"), "{shell}: {}", said(&output));
    }
    let output = machine.run(&["man", "pages"], &[("LANG", "pt_BR.UTF-8")]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let page =
        |name: &str| fs::read_to_string(Path::new(machine.home.path()).join("pages").join(name)).unwrap();
    assert!(page("arauto.1").contains("undelivered") && page("arauto.1").contains("Exit codes"));
    assert!(page("arauto-identity-put.1").contains("trust"), "{}", page("arauto-identity-put.1"));
}

#[test]
fn state_changes_are_explained_in_whatever_form_they_come_and_each_end_has_its_code() {
    let machine = Machine::new();
    let change = json!({
        "client_id": "itp-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1", "api_version": "v5",
        "from": "RCVD", "to": "ACSC", "event_instant": "2026-03-10T12:00:00-03:00",
    });
    let receiver = json!({ "webhook_uris": ["https://itp.example/kong3"] });
    let pretty = serde_json::to_string_pretty(&change).unwrap();
    machine.write("receiver.json", &receiver.to_string());
    for (text, notify) in [
        (change.to_string(), 1),
        (pretty.clone(), 1),
        (format!("{change}\n\n{pretty}\n{change}"), 3),
        (json!([change, change]).to_string(), 2),
        (serde_json::to_string_pretty(&json!({ "changes": [change, change] })).unwrap(), 2),
    ] {
        machine.write("changes.json", &text);
        let output = machine.run(
            &[
                "explain",
                "changes.json",
                "--receiver",
                "receiver.json",
                "--json",
                "--authorisation-servers",
                "123e4567-e89b-12d3-a456-426614174000",
            ],
            &[],
        );
        assert_eq!(output.status.code(), Some(0), "{text}: {}", said(&output));
        assert_eq!(
            said(&output).matches("\"decision\":\"notify\"").count(),
            notify,
            "{text}: {}",
            said(&output)
        );
    }
    machine.write("changes.json", "{\"from\":\"RCVD\"}");
    assert_eq!(machine.run(&["explain", "changes.json"], &[]).status.code(), Some(3));
    assert_eq!(machine.run(&["explain", "none.json"], &[]).status.code(), Some(1));
    assert_eq!(machine.run(&["explain", "--nonsense"], &[]).status.code(), Some(2));
    assert_eq!(machine.run(&["outcomes", "nonsense"], &[]).status.code(), Some(3));
    assert_eq!(machine.run(&["outcomes", "timeout"], &[]).status.code(), Some(0));
}
