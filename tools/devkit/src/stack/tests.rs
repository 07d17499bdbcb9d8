//! The local stack with functions of a few lines: what it deploys, calls and triggers, and what it leaves behind.
//!
//! They need Python and, the first time, a package index; `make test` provides both.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use account::StackState;
use account::local_stack::LocalStack;
use account::process::Process;
use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::processes::members;
use super::{Code, Down, Options, Progress, Stack, Up, down, up};

const TEMPLATE: &str = include_str!("fixtures/template.yaml");
const CHILD: &str = include_str!("fixtures/child.yaml");

/// A folder with the functions and the template in it, changed as a test wants it.
fn folder(change: impl Fn(&str) -> String) -> (TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let code = folder.path().join("code");
    fs::create_dir(&code).unwrap();
    for name in ["intake", "dispatch"] {
        let path = code.join(name);
        fs::write(&path, include_str!("fixtures/bootstrap.py")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let template = folder.path().join("template.yaml");
    fs::write(&template, change(TEMPLATE)).unwrap();
    fs::create_dir(folder.path().join("nested")).unwrap();
    fs::write(folder.path().join("nested/child.yaml"), change(CHILD)).unwrap();
    let mut options = Options::new(folder.path().join("state")).parameter("Greeting", "olá & até já");
    options.template = Some(template);
    options.code = Code::Folder(code);
    options.progress = Progress::quiet();
    (folder, options)
}

fn left(options: &Options) -> Vec<i32> {
    members(None, &options.state_dir.canonicalize().unwrap())
}

async fn post(stack: &LocalStack) -> Value {
    let path = "/v1/state-changes?brand=a%20b";
    let answer = stack.call_api(Method::POST, path, "application/json", b"{}".to_vec()).await.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn a_template_is_deployed_called_triggered_and_nothing_survives_it() {
    let (_folder, options) = folder(str::to_owned);
    let stack = Stack::start(&options).await.unwrap();

    let environment = post(&stack).await;
    assert_eq!(environment["GREETING"], "olá & até já");
    assert_eq!(environment["CLOSE_TIMEOUT"], "olá & até já e adeus", "what the nested template put out");
    assert_eq!(environment["AWS_ENDPOINT_URL"], stack.endpoint());
    assert_eq!(environment["CARGO_PKG_NAME"], Value::Null, "the caller's environment reached a function");

    let stranger = stack
        .call_api_unsigned(Method::POST, "/v1/state-changes", "application/json", b"{}".to_vec())
        .await
        .unwrap();
    assert_eq!(stranger.status, 403);

    let sdk = stack.sdk_config();
    let queue = stack.output("NotificationsQueueUrl").unwrap();
    let sqs = aws_sdk_sqs::Client::new(&sdk);
    sqs.send_message().queue_url(queue).message_body("hello").send().await.unwrap();
    let table = stack.output("LedgerTableName").unwrap();
    let ledger = aws_sdk_dynamodb::Client::new(&sdk);
    let written = async {
        let key = AttributeValue::S("hello".to_owned());
        let row = || ledger.get_item().table_name(table).key("pk", key.clone()).send();
        while row().await.unwrap().item.is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), written).await.expect("the message reaches its function");

    let logged = async {
        while !stack.function_logs().await.unwrap().contains(" got hello\n") {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), logged).await.expect("the function's output reaches the log");

    // MiniStack, two functions, and what one of them started in a session of its own.
    assert!(left(&options).len() >= 4);
    stack.stop().await.unwrap();
    assert_eq!(left(&options), Vec::<i32>::new());
}

#[tokio::test]
async fn a_stack_that_is_dropped_leaves_nothing_running() {
    let (_folder, options) = folder(str::to_owned);
    let stack = Stack::start(&options).await.unwrap();
    post(&stack).await;
    let second = Stack::start(&options).await.unwrap_err().to_string();
    assert!(second.contains("another arauto command has a stack in"), "{second}");
    drop(stack);
    assert_eq!(left(&options), Vec::<i32>::new());
}

#[tokio::test]
async fn a_template_that_fails_says_which_resource_and_why_and_leaves_nothing_running() {
    let (_folder, options) = folder(|text| text.replace("VisibilityTimeout: 60", "VisibilityTimeout: 99999"));
    let error = Stack::start(&options).await.unwrap_err().to_string();
    assert!(error.contains("NotificationsQueue (AWS::SQS::Queue): Invalid value"), "{error}");
    assert_eq!(left(&options), Vec::<i32>::new());
}

#[tokio::test]
async fn a_nested_template_that_fails_says_which_of_its_resources_and_why() {
    let (_folder, options) = folder(|text| text.replace("VisibilityTimeout: 30", "VisibilityTimeout: 99999"));
    let error = Stack::start(&options).await.unwrap_err().to_string();
    assert!(error.contains("Child (AWS::CloudFormation::Stack): Invalid value"), "{error}");
}

#[tokio::test]
async fn a_nested_template_whose_condition_does_not_hold_is_not_deployed() {
    let (_folder, options) = folder(|text| text.replace("VisibilityTimeout: 30", "VisibilityTimeout: 99999"));
    let stack = Stack::start(&options.parameter("Nested", "false")).await.unwrap();
    assert_eq!(post(&stack).await["CLOSE_TIMEOUT"], "none");
}

#[tokio::test]
async fn a_parameter_that_the_template_does_not_know_is_refused() {
    let (_folder, options) = folder(str::to_owned);
    let error = Stack::start(&options.parameter("Greting", "oi")).await.unwrap_err().to_string();
    assert!(error.ends_with("declares no parameter Greting"), "{error}");
}

#[tokio::test]
async fn a_kept_stack_is_found_again_and_stopped_by_another_command() {
    let (_folder, options) = folder(str::to_owned);
    let Up::Started(first) = up(&options).await.unwrap() else { panic!("nothing was up") };
    let Up::Already(second) = up(&options).await.unwrap() else { panic!("it was up") };
    assert_eq!(first.endpoint(), second.endpoint());
    assert_eq!(first.outputs(), second.outputs());
    drop((first, second));
    post(&LocalStack::find(&options.state_dir).await.unwrap().unwrap()).await;

    assert_eq!(down(&options.state_dir).await.unwrap(), Down::Stopped);
    assert_eq!(left(&options), Vec::<i32>::new());
    assert_eq!(down(&options.state_dir).await.unwrap(), Down::Nothing);
}

#[tokio::test]
async fn what_outlives_a_killed_ministack_is_found_by_its_mark() {
    let (_folder, options) = folder(str::to_owned);
    let Up::Started(stack) = up(&options).await.unwrap() else { panic!("nothing was up") };
    post(&stack).await;
    let ministack = StackState::read(&options.state_dir).unwrap().unwrap().ministack;
    let pid = serde_json::to_value(&ministack).unwrap()["pid"].as_i64().unwrap();
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    while ministack.is_alive() {
        sleep(Duration::from_millis(5)).await;
    }
    assert_ne!(left(&options), Vec::<i32>::new());
    assert!(LocalStack::find(&options.state_dir).await.unwrap().is_none());
    assert_eq!(down(&options.state_dir).await.unwrap(), Down::Cleaned);
    assert_eq!(left(&options), Vec::<i32>::new());
}

#[tokio::test]
async fn a_stranger_with_the_number_of_a_dead_ministack_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut stranger = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let now = serde_json::to_value(Process::find(stranger.id()).unwrap()).unwrap();
    let mut before = now.clone();
    before["started"] = "1@another boot".into();
    write_state(folder.path(), &before);
    assert_eq!(down(folder.path()).await.unwrap(), Down::Cleaned);
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

fn write_state(state_dir: &Path, ministack: &Value) {
    let state = serde_json::json!({ "ministack": ministack, "port": 9, "outputs": {} });
    fs::write(state_dir.join("stack.json"), state.to_string()).unwrap();
}
