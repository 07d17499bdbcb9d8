//! `arauto up` and `arauto down`: the same stack as the demo's, kept until it is stopped.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, sleep};
use webhook::edge::Clock;

use super::bank::{AUTHORISATION_SERVER_ID, Bank, options};
use crate::pki::PkiFiles;
use crate::signed::http_client;
use crate::stack::{Checkout, Down, Progress, Stack, down};

/// Start the local stack with a receiver, and keep both until `arauto down`
///
/// Prints where everything is and what to call. When it is up already, prints the same again.
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
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
}

const CLIENT: &str = "itp-local";
/// A receiver is up in milliseconds; the rest is for a machine that is busy.
const RECEIVER_WITHIN: Duration = Duration::from_secs(20);

/// Runs `arauto up`.
pub async fn run_up(args: UpArgs) -> Result<()> {
    // Asked before anything is built, as the build may put another file in this one's place.
    let program = std::env::current_exe().context("this command has no file")?;
    let state_dir = Checkout::find()?.scratch();
    let file = state_dir.join("up.json");
    if let Some(stack) = Stack::find(&state_dir).await? {
        let text = std::fs::read_to_string(&file).context("a stack is up, but not one of `arauto up`")?;
        return Ok(print(&args, &stack, &serde_json::from_str(&text)?)?);
    }
    let progress = Progress::stderr();
    // Whatever fails from here on, the stack is dropped, and its receiver with it.
    let stack = Stack::start(&options(&state_dir)).await?;
    let folder = state_dir.join("pki");
    let pki = progress
        .step("certificates at hand", None, async {
            PkiFiles::open_or_create(&folder, Clock::system().now())
        })
        .await?;
    let whereabouts = progress
        .step("receiver started", None, start_receiver(&stack, &program, &state_dir, &folder))
        .await?;
    let bank = Bank(&stack);
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
    };
    bank.put_identity(&read(&pki.sender_chain)?, &read(&pki.sender_key)?, &read(&pki.receiver_root)?).await?;
    bank.register(CLIENT, &json!({ "webhook_uris": [whereabouts.base_uri] })).await?;
    std::fs::write(&file, serde_json::to_string_pretty(&whereabouts)?)
        .with_context(|| format!("failed to write {}", file.display()))?;
    let stack = stack.keep()?;
    Ok(print(&args, &stack, &whereabouts)?)
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

async fn start_receiver(stack: &Stack, program: &Path, state_dir: &Path, pki: &Path) -> Result<Whereabouts> {
    let (listen, admin) = (free_address()?, free_address()?);
    let log = state_dir.join("receiver.log");
    let output = File::create(&log).with_context(|| format!("failed to write {}", log.display()))?;
    let mut command = Command::new(program);
    command
        .args(["receiver", "--json", "--prefix", "/kong3", "--listen", &listen.to_string()])
        .args(["--admin", &admin.to_string(), "--pki"])
        .arg(pki)
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output);
    let mut child = stack.spawn_beside(&mut command)?;
    let health = format!("http://{admin}/health");
    let http = http_client(None)?;
    let deadline = Instant::now() + RECEIVER_WITHIN;
    while !http.get(&health).send().await.is_ok_and(|answer| answer.status().is_success()) {
        if child.try_wait()?.is_some() || Instant::now() > deadline {
            bail!(
                "the receiver did not start; it wrote:\n{}",
                std::fs::read_to_string(&log).unwrap_or_default()
            );
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(Whereabouts {
        client_id: CLIENT.to_owned(),
        base_uri: format!("https://localhost:{}/kong3", listen.port()),
        received: format!("http://{admin}/received"),
        log: log.display().to_string(),
        pki: pki.display().to_string(),
    })
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}

fn print(args: &UpArgs, stack: &Stack, at: &Whereabouts) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if args.json {
        let document = json!({
            "aws_endpoint": stack.endpoint(), "outputs": stack.outputs(), "receiver": at,
            "authorisation_server_id": AUTHORISATION_SERVER_ID,
        });
        return writeln!(out, "{document}");
    }
    let Whereabouts { client_id, base_uri, received, log, pki } = at;
    writeln!(
        out,
        "The local stack is up.\n\n  \
         AWS              {} (access key and secret: test, region: us-east-1)\n  \
         receiver         {base_uri}, registered as {client_id}\n  \
         what it got      {received}, and as JSON lines in {log}\n  \
         certificates     {pki}\n\n\
         Send it a notification:\n\n\
         echo '{{\"client_id\":\"{client_id}\",\"api\":\"payments\",\"resource\":\"pix_payment\",\"resource_id\":\"p-1\",\"api_version\":\"v4\",\
         \"from\":\"RCVD\",\"to\":\"ACSC\",\"event_instant\":\"'$(date -u +%FT%TZ)'\"}}' | target/debug/arauto call POST /v1/state-changes -\n\
         curl -s {received}\n\n\
         Stop it:  make down",
        stack.endpoint()
    )
}
