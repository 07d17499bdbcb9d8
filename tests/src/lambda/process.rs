//! One environment: the function's binary as a process, with the variables that the stack gives it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use account::aws_http::{Caller, http_client};
use account::local_stack::{CREDENTIAL, REGION};
use anyhow::{Context as _, Result, ensure};
use aws_credential_types::Credentials;
use devkit::stack::Stack;
use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{sleep, timeout};

use super::runtime_api::RuntimeApi;

/// How long a start may take, on a machine that compiles meanwhile.
const START: Duration = Duration::from_secs(30);
/// Between two looks at a process that is about to wait.
const POLL: Duration = Duration::from_millis(1);
/// How much of what a process wrote is shown after a failure, in bytes.
const SHOWN: usize = 4_000;

/// A running function; ends with the value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    runtime_api: RuntimeApi,
    log: NamedTempFile,
}

/// A process that waits to become a function; ends with the value.
#[derive(Debug)]
pub struct Held {
    process: Process,
    go: ChildStdin,
    binary: PathBuf,
}

impl Held {
    /// Its number, which is the function's, too; none if it has ended.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Lets it start, and waits until it asks for something to do.
    pub async fn go(mut self) -> Result<Process> {
        self.go.write_all(b"go\n").await.context("the held process has ended")?;
        self.process.asks(&self.binary).await?;
        Ok(self.process)
    }
}

/// The process ended while it was at an invocation.
#[derive(Clone, Copy, Debug)]
pub struct Died;

impl Process {
    /// Starts a binary with these variables and nothing else from outside, and waits until it asks for something to do.
    pub async fn start(binary: &Path, variables: &BTreeMap<String, String>) -> Result<Self> {
        let process = Self::spawn(Command::new(binary), variables, Stdio::null()).await?;
        process.asks(binary).await?;
        Ok(process)
    }

    /// Starts a process that waits to become this binary, so that it can be put under a limit before its first instruction.
    pub async fn hold(binary: &Path, variables: &BTreeMap<String, String>) -> Result<Held> {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg("echo held; read -r go && exec \"$0\" </dev/null").arg(binary);
        let mut process = Self::spawn(shell, variables, Stdio::piped()).await?;
        let go = process.child.stdin.take().context("the held process has no input")?;
        let held = async {
            while process.log_bytes() == 0 {
                sleep(POLL).await;
            }
            // From its word to its wait is one system call.
            sleep(POLL).await;
        };
        timeout(START, held).await.context("the held process does not wait")?;
        Ok(Held { process, go, binary: binary.to_owned() })
    }

    async fn spawn(mut command: Command, variables: &BTreeMap<String, String>, input: Stdio) -> Result<Self> {
        let runtime_api = RuntimeApi::start().await?;
        let log = NamedTempFile::new().context("no file for what the process writes")?;
        let write = || Ok::<_, anyhow::Error>(Stdio::from(log.reopen()?));
        command
            .env_clear()
            .envs(variables)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.address().to_string())
            .stdin(input)
            .stdout(write()?)
            .stderr(write()?)
            .kill_on_drop(true);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.as_std().get_program().to_string_lossy()))?;
        Ok(Self { child, runtime_api, log })
    }

    /// Waits until it asks for something to do.
    async fn asks(&self, binary: &Path) -> Result<()> {
        let asked = timeout(START, self.runtime_api.asked()).await;
        asked.with_context(|| format!("{} does not start: {}", binary.display(), self.log()))
    }

    /// Hands it an event and returns what it answered, unless it ends before.
    pub async fn invoke(&mut self, event: Value) -> Result<Result<Value, Died>> {
        tokio::select! {
            answer = self.runtime_api.invoke(event) => Ok(Ok(answer?)),
            ended = self.child.wait() => {
                ended.context("the process cannot be waited for")?;
                Ok(Err(Died))
            }
        }
    }

    /// Stops it as `kill -9` does, and waits until it is gone.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("the process cannot be killed")
    }

    /// Stops it for a while, as Lambda freezes an environment between two invocations: none of its clocks but its own view of
    /// time stands still.
    pub async fn freeze(&self, lasts: Duration) -> Result<()> {
        self.signal(Signal::STOP)?;
        sleep(lasts).await;
        self.signal(Signal::CONT)
    }

    /// Its number, by which the operating system tells what it uses; none once it has ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// How many bytes it wrote.
    pub fn log_bytes(&self) -> u64 {
        self.log.as_file().metadata().map_or(0, |file| file.len())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(id.context("the process has ended")?, signal).context("the process gets no signals")
    }

    /// Returns the end of what it wrote.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.log.path()).unwrap_or_default();
        let from = text.len().saturating_sub(SHOWN);
        let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.split_at(from).1.to_owned()
    }
}

/// Where cargo put a function's binary: beside the folder of the tests' own.
pub fn binary(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe().context("the test does not know where it is")?;
    let folder = test.parent().and_then(Path::parent).context("the test is in no target folder")?;
    let binary = folder.join(name);
    ensure!(binary.is_file(), "{} is not there: run cargo build --workspace --bins", binary.display());
    Ok(binary)
}

/// Returns the variables that a deployed function of the stack is given, and those that Lambda adds, with AWS at `endpoint`.
pub(super) async fn variables(
    stack: &Stack,
    function: &str,
    endpoint: &str,
) -> Result<BTreeMap<String, String>> {
    let credentials = Credentials::new(CREDENTIAL, CREDENTIAL, None, None, "tests");
    let caller = Caller::new(http_client(None)?, credentials, REGION, "lambda");
    let url = format!("{}/2015-03-31/functions/{function}/configuration", stack.endpoint());
    let answer = caller.call(Method::GET, &url, "application/json", Vec::new()).await?;
    let configuration: Value =
        serde_json::from_slice(&answer.body).context("the configuration is no JSON")?;
    let given = configuration["Environment"]["Variables"].as_object();
    let given = given.with_context(|| format!("{function} has no variables: {}", answer.text()))?;
    let mut variables: BTreeMap<_, _> = given
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", CREDENTIAL),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL),
        ("AWS_REGION", REGION),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "tests"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "tests"),
    ] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    Ok(variables)
}
