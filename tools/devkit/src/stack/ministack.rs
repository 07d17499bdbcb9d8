//! The MiniStack process: started on a free port of loopback, in a process group of its own, on a leash.

use std::env;
use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use account::local_stack::{CREDENTIAL, REGION, is_ready};
use account::process::Process;
use anyhow::{Context as _, Result, bail};
use tokio::time::{Instant, sleep};

use super::processes::MARK;
use super::progress::tail;
use super::state_dir::StateDir;

/// It needs less than half a second on an idle machine, several on one that compiles.
const START_WITHIN: Duration = Duration::from_mins(1);

/// Between two looks at a process that starts or ends.
const POLL: Duration = Duration::from_millis(25);

/// A port that was free can be taken by somebody else before MiniStack binds it.
const PORTS_TRIED: usize = 3;

/// What is shown of the log of a MiniStack that failed.
const TAIL_LINES: usize = 20;

/// Runs MiniStack in a process that ends, with its whole group, when the pipe at its standard input closes: the
/// kernel closes it even for a parent that was killed. One byte in the pipe lets go of the leash.
const LAUNCHER: &str = "
import os, signal, sys, threading
def leash():
    if not os.read(0, 1):
        os.killpg(0, signal.SIGKILL)
threading.Thread(target=leash, daemon=True).start()
sys.argv = ['ministack']
from ministack.app import main
main()
";

/// A MiniStack of our own; dropping it ends it and all it started.
#[derive(Debug)]
pub(super) struct Ministack {
    state_dir: StateDir,
    process: Process,
    port: u16,
    /// None once it has been let go.
    held: Option<Held>,
}

/// What only the process that started MiniStack has.
#[derive(Debug)]
struct Held {
    child: Child,
    leash: ChildStdin,
}

impl Ministack {
    /// Starts it and waits until it is ready.
    pub(super) async fn start(python: &Path, state_dir: &StateDir) -> Result<Self> {
        for _ in 0..PORTS_TRIED {
            let mut started = Self::spawn(python, state_dir, free_port()?)?;
            if started.ready().await? {
                return Ok(started);
            }
        }
        bail!("cannot start MiniStack: {PORTS_TRIED} free ports were taken before it bound them; try again")
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    /// Lets it live on after this process.
    pub(super) fn release(mut self) -> Result<()> {
        if let Some(Held { child, mut leash }) = self.held.take() {
            leash.write_all(b".").context("cannot let go of MiniStack: it has just ended")?;
            drop(child);
        }
        Ok(())
    }

    /// Ends it and all it started, asking first.
    pub(super) async fn stop(mut self) -> Result<()> {
        let Some(held) = self.held.take() else { return Ok(()) };
        let reaped = tokio::task::spawn_blocking(move || {
            let Held { mut child, leash } = held;
            let outcome = child.wait();
            drop(leash);
            outcome
        });
        let cleared = self.state_dir.clear(Some(&self.process)).await;
        reaped.await?.context("cannot learn how MiniStack ended")?;
        cleared
    }

    fn spawn(python: &Path, state_dir: &StateDir, port: u16) -> Result<Self> {
        let log = state_dir.log();
        state_dir.make_temporary()?;
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = output.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = Command::new(python)
            .args(["-c", LAUNCHER])
            .current_dir(state_dir.path())
            .env_clear()
            .envs(environment(state_dir, port))
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start MiniStack by {}", python.display()))?;
        let leash = child.stdin.take().context("MiniStack has no standard input")?;
        let Some(process) = Process::find(child.id()) else {
            bail!("MiniStack ended at once; its log is {}", log.display());
        };
        Ok(Self { state_dir: state_dir.clone(), process, port, held: Some(Held { child, leash }) })
    }

    /// False when somebody else has the port.
    async fn ready(&mut self) -> Result<bool> {
        let deadline = Instant::now() + START_WITHIN;
        let log = self.state_dir.log();
        loop {
            // Asked in this order: whoever answers while our process lives holds the port that it was given.
            let answers = is_ready(self.port).await;
            let ended = match &mut self.held {
                Some(held) => held.child.try_wait().context("cannot watch MiniStack")?,
                None => None,
            };
            let words = || tail(&log, TAIL_LINES).unwrap_or_else(|| "(it wrote nothing)".to_owned());
            match ended {
                Some(_) if words().contains("is already in use") => return Ok(false),
                Some(status) => {
                    bail!(
                        "MiniStack ended while starting ({status}). The end of {}:\n{}",
                        log.display(),
                        words()
                    )
                }
                None if answers => return Ok(true),
                None if Instant::now() > deadline => bail!(
                    "MiniStack was not ready on port {} within {} s. The end of {}:\n{}",
                    self.port,
                    START_WITHIN.as_secs(),
                    log.display(),
                    words()
                ),
                None => sleep(POLL).await,
            }
        }
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        if let Some(mut held) = self.held.take() {
            self.state_dir.clear_now(Some(&self.process));
            // It has been killed, so this returns; it fails only if somebody else has waited for it.
            held.child.wait().map(drop).unwrap_or_default();
            // Whoever MiniStack started in its last moment.
            self.state_dir.clear_now(None);
        }
    }
}

/// All that MiniStack is given, and through it the functions: nothing of the caller's shell but where programs are
/// and how text is encoded. The home folder is ours too, or an SDK would find the developer's AWS profile there.
fn environment(state_dir: &StateDir, port: u16) -> Vec<(&'static str, std::ffi::OsString)> {
    let mut variables = vec![
        ("HOME", state_dir.temporary().into()),
        ("TMPDIR", state_dir.temporary().into()),
        (MARK, state_dir.path().into()),
        ("PYTHONUNBUFFERED", "1".into()),
        ("GATEWAY_PORT", port.to_string().into()),
        ("BIND_HOST", Ipv4Addr::LOCALHOST.to_string().into()),
        // Else it listens on 0.0.0.0:8883 too.
        ("IOT_MTLS_ENABLED", "0".into()),
        ("LOG_LEVEL", "WARNING".into()),
        // Without it the SDK in the functions asks the real AWS.
        ("AWS_ENDPOINT_URL", format!("http://{}:{port}", Ipv4Addr::LOCALHOST).into()),
        ("AWS_ACCESS_KEY_ID", CREDENTIAL.into()),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL.into()),
        ("AWS_REGION", REGION.into()),
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
    ];
    for name in ["PATH", "LANG", "LC_ALL"] {
        variables.extend(env::var_os(name).map(|value| (name, value)));
    }
    variables
}

fn free_port() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}
