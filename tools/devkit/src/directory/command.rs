//! `arauto directory`: a Directory that serves until it is stopped.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use platform::clock::Clock;
use platform::rng::Rng;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

use super::mock_directory::{MockDirectory, Settings};
use super::state::Request;
use crate::pki::PkiFiles;

const EXAMPLES: &str = "\
Examples:
  arauto directory --pki pki
      makes a key in the folder pki, and serves it on a free port, which is printed
  arauto directory --pki pki --listen 127.0.0.1:8400 --json
      prints the requests as JSON lines
  arauto statement --directory http://127.0.0.1:8400 --client itp-1 --webhook-uri https://localhost:8443/kong3
      gets a software statement from it
  curl -X PUT 'http://127.0.0.1:8400/mock/answer?path=/openbanking.jwks' -d retry-after:30:429
      makes the keys unavailable; curl http://127.0.0.1:8400/mock/ lists what else can be set
";

/// Serve a Directory of participants, as Open Finance Brasil does
///
/// Its keys are at /openbanking.jwks, its organisations at /participants, and its software statements behind /token. Stops
/// on Ctrl-C. It knows whom it has signed a statement for, until it stops.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DirectoryArgs {
    /// Where to listen, a loopback address; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Folder with the Directory's key, made there if it has none
    #[arg(long, value_name = "FOLDER")]
    pki: PathBuf,

    /// Print where it is, and each request, as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs a Directory until Ctrl-C or SIGTERM: requests to standard output, everything else to standard error.
pub async fn run(args: DirectoryArgs) -> Result<()> {
    let clock = Clock::system();
    let pki = PkiFiles::open_or_create(&args.pki, clock.now())?;
    let settings = Settings {
        listen: args.listen,
        key_pem: Some(read(&pki.directory_key)?),
        ..Settings::new(clock, Rng::system())
    };
    // Before the port opens, so that a signal that comes at once is not lost.
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mock = MockDirectory::start(settings).await?;
    let mut requests = mock.subscribe();
    introduce(&mock, &pki.directory_key, args.json).context("failed to print where the Directory is")?;
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Ok(request) => match print(&request, args.json) {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                    printed => printed.context("failed to print a request")?,
                },
                Err(RecvError::Lagged(lost)) => complain(&format!("{lost} requests came too fast to be printed\n")),
                Err(RecvError::Closed) => break,
            },
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    let count = mock.count("/");
    mock.stop().await;
    complain(&format!("stopped: {count} requests\n"));
    Ok(())
}

/// Reads a file that a command was told of.
pub(super) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}

fn introduce(mock: &MockDirectory, key: &Path, as_json: bool) -> io::Result<()> {
    let base = mock.base_url();
    let kid = mock.signer().latest().kid().to_owned();
    if as_json {
        return line(&json!({ "directory": base, "kid": kid }).to_string());
    }
    complain(&format!(
        "listening on {base}\n  \
         keys                  {base}/openbanking.jwks\n  \
         participants          {base}/participants\n  \
         what can be set       {base}/mock/\n  \
         signs with            {} (kid {kid})\n\
         have a statement signed\n  \
         arauto statement --directory {base} --client itp-1 --webhook-uri https://localhost:8443/kong3\n\
         stop with Ctrl-C\n",
        key.display()
    ));
    Ok(())
}

/// Fails when standard output is closed, as by `| head`.
fn print(request: &Request, as_json: bool) -> io::Result<()> {
    if as_json {
        return line(&serde_json::to_string(request)?);
    }
    let Request { received_at, method, path, status, .. } = request;
    let condition =
        request.header("if-none-match").map_or_else(String::new, |tag| format!(" (if-none-match {tag})"));
    line(&format!("{received_at:.3} {method} {path} {status}{condition}"))
}

fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// Nobody can be told when standard error is gone.
fn complain(text: &str) {
    io::stderr().lock().write_all(text.as_bytes()).ok();
}
