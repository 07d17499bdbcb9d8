//! `arauto up` and `arauto down`: the same stack as the demo's, kept until it is stopped.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use account::Checkout;
use account::aws_http::http_client;
use account::local_stack::LocalStack;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use platform::clock::Clock;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::bank::{AUTHORISATION_SERVER_ID, Bank, options};
use crate::directory::{StatementRequest, ask_for_statement};
use crate::pki::PkiFiles;
use crate::stack::{Down, Progress, Stack, down};

/// Start the local stack with a Directory and a receiver, and keep all of it until `arauto down`
///
/// Prints where everything is and what to call. When it is up already, prints the same again.
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// Keep evidence of every attempt, for `arauto verify`: the template's Evidence, off here by default
    #[arg(long)]
    evidence: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Stop what `arauto up` keeps
#[derive(Args, Clone, Debug)]
pub struct DownArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is up, and where.
#[derive(Debug, Deserialize, Serialize)]
struct Whereabouts {
    client_id: String,
    base_uri: String,
    received: String,
    log: String,
    pki: String,
    directory: String,
    directory_log: String,
}

/// The client whose receiver `arauto up` keeps.
pub(super) const CLIENT: &str = "itp-local";
const STATE: &str = "up.json";
/// Both are up in milliseconds; the rest is for a machine that is busy.
const UP_WITHIN: Duration = Duration::from_secs(20);

/// Runs `arauto up`.
pub async fn run_up(args: UpArgs) -> Result<()> {
    // Asked before anything is built, as the build may put another file in this one's place.
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let state_dir = Checkout::find()?.scratch();
    if let Some(stack) = LocalStack::find(&state_dir).await? {
        return Ok(print(&args, &stack, &Whereabouts::read(&state_dir)?)?);
    }
    let progress = Progress::stderr();
    let folder = state_dir.join("pki");
    // The stack is told where the Directory will be; until it is there, nobody else gets the port.
    let reserved = free_port()?;
    let directory = Beside {
        name: "directory",
        program: &program,
        log: state_dir.join("directory.log"),
        listen: reserved.local_addr()?,
        pki: &folder,
    };
    // Whatever fails from here on, the stack is dropped, and with it what was started beside it.
    let options = options(&state_dir, &directory.url()).parameter("Evidence", args.evidence.to_string());
    let stack = Stack::start(&options).await?;
    let pki = progress
        .step("certificates at hand", None, async {
            PkiFiles::open_or_create(&folder, Clock::system().now())
        })
        .await?;
    drop(reserved);
    let health = format!("{}/mock/requests", directory.url());
    progress.step("Directory started", None, directory.start(&stack, &[], &health)).await?;
    let receiver = Beside {
        name: "receiver",
        program: &program,
        log: state_dir.join("receiver.log"),
        listen: free_port()?.local_addr()?,
        pki: &folder,
    };
    let admin = free_port()?.local_addr()?.to_string();
    let arguments = ["--prefix", "/kong3", "--admin", &admin];
    let health = format!("http://{admin}/health");
    progress.step("receiver started", None, receiver.start(&stack, &arguments, &health)).await?;
    let whereabouts = Whereabouts {
        client_id: CLIENT.to_owned(),
        base_uri: format!("https://localhost:{}/kong3", receiver.listen.port()),
        received: format!("http://{admin}/received"),
        log: receiver.log.display().to_string(),
        pki: folder.display().to_string(),
        directory: directory.url(),
        directory_log: directory.log.display().to_string(),
    };
    let bank = Bank(&stack);
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
    };
    bank.put_identity(&read(&pki.sender_chain)?, &read(&pki.sender_key)?, &read(&pki.receiver_root)?).await?;
    let uris = vec![whereabouts.base_uri.clone()];
    let request = StatementRequest {
        client: CLIENT.to_owned(),
        webhook_uris: Some(uris.clone()),
        ..StatementRequest::default()
    };
    let statement = ask_for_statement(&whereabouts.directory, &request).await?;
    bank.register(CLIENT, &uris, &statement).await?;
    whereabouts.write(&state_dir)?;
    let stack = stack.keep()?;
    Ok(print(&args, &stack, &whereabouts)?)
}

/// Where the Directory is that `arauto up` keeps.
pub(crate) async fn find_directory() -> Result<String> {
    let state_dir = Checkout::find()?.scratch();
    if LocalStack::find(&state_dir).await?.is_none() {
        bail!("no local stack is up: start one with `make up`");
    }
    Ok(Whereabouts::read(&state_dir)?.directory)
}

impl Whereabouts {
    fn read(state_dir: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(state_dir.join(STATE))
            .context("a stack is up, but not one of `arauto up`: stop it with `arauto down`")?;
        serde_json::from_str(&text).context("a stack of another version is up: stop it with `arauto down`")
    }

    fn write(&self, state_dir: &Path) -> Result<()> {
        let file = state_dir.join(STATE);
        std::fs::write(&file, serde_json::to_string_pretty(self)?)
            .with_context(|| format!("failed to write {}", file.display()))
    }
}

/// Runs `arauto down`.
pub async fn run_down(args: DownArgs) -> Result<()> {
    let state_dir = Checkout::find()?.scratch();
    let (code, sentence) = match down(&state_dir).await? {
        Down::Stopped => ("stopped", "The local stack is stopped."),
        Down::Cleaned => ("cleaned", "The local stack had died; what it left is cleaned up."),
        Down::Nothing => ("nothing", "No local stack was up."),
    };
    let text = if args.json { json!({ "down": code }).to_string() } else { sentence.to_owned() };
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// A command of ours that runs beside the stack, and ends with it.
struct Beside<'a> {
    name: &'static str,
    program: &'a Path,
    log: PathBuf,
    listen: SocketAddr,
    pki: &'a Path,
}

impl Beside<'_> {
    /// Where it is, if it speaks plain HTTP.
    fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Starts it, and waits until it answers at `health`.
    async fn start(&self, stack: &Stack, arguments: &[&str], health: &str) -> Result<()> {
        let Self { name, program, log, listen, pki } = self;
        let output = File::create(log).with_context(|| format!("failed to write {}", log.display()))?;
        let mut command = Command::new(program);
        command
            .args([*name, "--json", "--listen", &listen.to_string(), "--pki"])
            .arg(pki)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output);
        let mut child = stack.spawn_beside(&mut command)?;
        let http = http_client(None)?;
        let deadline = Instant::now() + UP_WITHIN;
        while !http.get(health).send().await.is_ok_and(|answer| answer.status().is_success()) {
            if child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!(
                    "the {name} did not start; it wrote:\n{}",
                    std::fs::read_to_string(log).unwrap_or_default()
                );
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// A port that is taken as long as the listener lives.
fn free_port() -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free on 127.0.0.1")
}

fn print(args: &UpArgs, stack: &LocalStack, at: &Whereabouts) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if args.json {
        let document = json!({
            "aws_endpoint": stack.endpoint(), "outputs": stack.outputs(), "receiver": at, "directory": at.directory,
            "authorisation_server_id": AUTHORISATION_SERVER_ID,
        });
        return writeln!(out, "{document}");
    }
    let Whereabouts { client_id, base_uri, received, log, pki, directory, directory_log } = at;
    writeln!(
        out,
        "The local stack is up.\n\n  \
         AWS              {} (access key and secret: test, region: us-east-1)\n  \
         receiver         {base_uri}, registered as {client_id}\n  \
         what it got      {received}, and as JSON lines in {log}\n  \
         Directory        {directory}, what it was asked in {directory_log}\n  \
         certificates     {pki}\n\n\
         Send it a notification:\n\n\
         echo '{{\"client_id\":\"{client_id}\",\"api\":\"payments\",\"resource\":\"pix_payment\",\"resource_id\":\"p-1\",\"api_version\":\"v5\",\
         \"from\":\"RCVD\",\"to\":\"ACSC\",\"event_instant\":\"'$(date -u +%FT%TZ)'\"}}' | target/debug/arauto call POST /v1/state-changes -\n\
         curl -s {received}\n\n\
         Register another client, with a software statement that the Directory signs:\n\n\
         target/debug/arauto register itp-2 --webhook-uri {base_uri}\n\n\
         Only sign a statement:  target/debug/arauto statement --client itp-2 --webhook-uri {base_uri}\n\
         Stop it:                make down",
        stack.endpoint()
    )
}
