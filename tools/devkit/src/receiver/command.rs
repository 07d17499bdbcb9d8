use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{ArgGroup, Args};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

use super::answer::{AnswerFor, Answers, SYNTAX, Sequence};
use super::contract::WebhookVersion;
use super::event::Received;
use super::mock_receiver::MockReceiver;
use super::prefix::Prefix;
use super::settings::{Settings, wall_clock};
use crate::pem;
use crate::pki::{Identity, PkiFiles};

const EXAMPLES: &str = "\
Examples:
  arauto receiver --pki pki
      makes test certificates in the folder pki, and answers 202
  arauto receiver --pki pki --answer 503,202 --json
      fails the first attempt at each resource and accepts the second; prints JSON lines
  arauto receiver --certificate server.pem --key server-key.pem --client-ca ca.pem --listen 0.0.0.0:8443
      uses your own certificates and can be reached from other machines
  arauto receiver --pki pki --answer-for /enrollments/=hang --admin 127.0.0.1:8081
      never answers enrollments, and lists received requests at http://127.0.0.1:8081/received
";

/// Receive notifications over mutual TLS, as a payment initiator does
///
/// Prints each request with its violations of the published contract, and answers 202 or what --answer says. Stops on
/// Ctrl-C.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
#[command(group(ArgGroup::new("server").required(true).args(["pki", "certificate"])))]
#[command(group(ArgGroup::new("clients").args(["client_ca", "no_client_auth"])))]
pub struct ReceiverArgs {
    /// Where to listen; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Folder with test certificates for both sides, made there if it has none
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["key", "client_ca"])]
    pki: Option<PathBuf>,

    /// Server certificate, followed by its intermediates, PEM
    #[arg(long, value_name = "FILE", requires = "key", requires = "clients")]
    certificate: Option<PathBuf>,

    /// Private key of the server certificate, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,

    /// Authority whose client certificates are let in, PEM
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,

    /// Ask for no client certificate
    #[arg(long)]
    no_client_auth: bool,

    /// Path of the base URI, such as /kong3
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    prefix: Prefix,

    /// Contract to judge requests by: 1.0.0 to 1.3.0, or open-insurance-1.1.0, -1.2.0 or -2.0.0
    #[arg(long, value_name = "VERSION", default_value_t)]
    webhook_version: WebhookVersion,

    /// How to answer, such as 503,202
    #[arg(long, value_name = "ANSWERS", default_value_t, long_help = format!("How to answer.\n\n{SYNTAX}"))]
    answer: Sequence,

    /// Other answers for paths that contain a text; may be repeated, the first that matches holds
    #[arg(long, value_name = "TEXT=ANSWERS")]
    answer_for: Vec<AnswerFor>,

    /// Serve what was received on plain HTTP at this loopback address
    ///
    /// GET /received[?path=TEXT], DELETE /received, PUT /answer[?path=TEXT], GET /health.
    #[arg(long, value_name = "ADDRESS", value_parser = loopback)]
    admin: Option<SocketAddr>,

    /// Close connections that bring no request for so many milliseconds
    #[arg(long, value_name = "MILLISECONDS")]
    idle: Option<u64>,

    /// Print each request as one line of JSON
    #[arg(long)]
    json: bool,
}

/// What the caller of a mock needs to know of the files it was started with.
struct Files {
    settings: Settings,
    pki: Option<PkiFiles>,
}

/// Runs a mock until Ctrl-C or SIGTERM: requests to standard output, everything else to standard error.
pub async fn run(args: ReceiverArgs) -> Result<()> {
    let json = args.json;
    let Files { settings, pki } = read_files(args)?;
    // Before the port opens, so that a signal that comes at once is not lost.
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let (told, version) = (introduction(&settings, pki.as_ref()), settings.webhook_version);
    let mock = MockReceiver::start(settings).await?;
    let example = pki.map_or_else(String::new, |pki| example(&mock, version, &pki));
    let (mut events, mut refusals) = (mock.subscribe(), mock.subscribe_refusals());
    complain(&format!("{}{told}{example}stop with Ctrl-C\n", whereabouts(&mock)));
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => match print(&event, json) {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                    printed => printed.context("failed to print a request")?,
                },
                Err(RecvError::Lagged(lost)) => complain(&format!("{lost} requests came too fast to be printed\n")),
                Err(RecvError::Closed) => break,
            },
            refusal = refusals.recv() => if let Ok(refusal) = refusal {
                let (peer, error) = (refusal.peer, refusal.error.escape_debug());
                complain(&format!("refused {peer} at {:.3}: {error}\n", refusal.at));
            },
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    let connections = mock.connections();
    let received = mock.count();
    mock.stop().await;
    complain(&format!(
        "stopped: {received} requests on {} connections, {} refused\n",
        connections.accepted, connections.failed
    ));
    Ok(())
}

fn read_files(args: ReceiverArgs) -> Result<Files> {
    let pki = args.pki.map(|folder| PkiFiles::open_or_create(&folder, wall_clock())).transpose()?;
    let (certificate, key, client_ca) = match &pki {
        Some(pki) => (&pki.receiver_chain, &pki.receiver_key, Some(&pki.sender_root)),
        None => (
            args.certificate.as_ref().context("--certificate is missing")?,
            args.key.as_ref().context("--key is missing")?,
            args.client_ca.as_ref(),
        ),
    };
    let identity = Identity { chain_pem: certificates(certificate)?, key_pem: private_key_of(key)? };
    let client_ca_pem =
        client_ca.filter(|_| !args.no_client_auth).map(|path| certificates(path)).transpose()?;
    let settings = Settings {
        listen: args.listen,
        admin: args.admin,
        client_ca_pem,
        idle: args.idle.map(Duration::from_millis),
        prefix: args.prefix,
        webhook_version: args.webhook_version,
        answers: Answers { default: args.answer, exceptions: args.answer_for },
        ..Settings::new(identity, "")
    };
    Ok(Files { settings, pki })
}

fn certificates(path: &Path) -> Result<String> {
    let read = read(path)?;
    pem::certificates(&read).with_context(|| format!("{} cannot be used", path.display()))?;
    Ok(read)
}

fn private_key_of(path: &Path) -> Result<String> {
    let read = read(path)?;
    pem::private_key(&read).with_context(|| format!("{} cannot be used", path.display()))?;
    Ok(read)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}

fn whereabouts(mock: &MockReceiver) -> String {
    let admin = mock.admin_address().map_or_else(String::new, |admin| {
        format!("  received requests   http://{admin}/received (also DELETE; PUT /answer; GET /health)\n")
    });
    format!("listening on {}\n  base URI to register  {}\n{admin}", mock.address(), mock.base_uri())
}

fn introduction(settings: &Settings, pki: Option<&PkiFiles>) -> String {
    let mut lines = vec![
        format!("  contract              {}", settings.webhook_version),
        format!("  answer                {}", settings.answers.default),
    ];
    for exception in &settings.answers.exceptions {
        lines.push(format!("  answer for {:<11}{}", exception.substring, exception.answers));
    }
    if let Some(pki) = pki {
        let (chain, key) = (pki.sender_chain.display(), pki.sender_key.display());
        lines.push(format!("  the sender trusts     {}", pki.receiver_root.display()));
        lines.push(format!("  the sender presents   {chain} with {key}"));
    }
    if settings.client_ca_pem.is_none() {
        lines.push("  client certificate    not asked for".to_owned());
    }
    lines.join("\n") + "\n"
}

/// A notification to try the mock with, as a shell command.
fn example(mock: &MockReceiver, version: WebhookVersion, pki: &PkiFiles) -> String {
    let (root, chain, key) =
        (pki.receiver_root.display(), pki.sender_chain.display(), pki.sender_key.display());
    format!(
        "try it\n  curl --cacert {root} --cert {chain} --key {key} \\\n    \
         -H 'content-type: application/json' -H \"x-webhook-interaction-id: $(uuidgen)\" \\\n    \
         -d '{{\"data\":{{\"timestamp\":\"{:.0}\"}}}}' \\\n    \
         {}/{}\n",
        wall_clock(),
        mock.base_uri(),
        version.example_path()
    )
}

/// Fails when standard output is closed, as by `| head`.
fn print(event: &Received, json: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut stdout, event)?;
        writeln!(stdout)?;
    } else {
        writeln!(stdout, "{event}")?;
    }
    stdout.flush()
}

/// Nobody can be told when standard error is gone.
fn complain(text: &str) {
    io::stderr().lock().write_all(text.as_bytes()).ok();
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "expected an address and port, such as 127.0.0.1:8081".to_owned())?;
    if !address.ip().is_loopback() {
        return Err(
            "expected a loopback address, such as 127.0.0.1: it is neither encrypted nor guarded".to_owned()
        );
    }
    Ok(address)
}
