//! A receiver of the examples as a process, and the nginx configuration beside it.

use std::fs::{File, read_to_string};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tests::contract::file;
use tests::judges::free_port;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::{BASE_PATH, FOLDER, RECEIVER_TIMEOUT};

/// A receiver of the examples; it ends with the value.
pub(super) struct Receiver {
    child: Child,
    folder: TempDir,
    pub(super) port: u16,
}

impl Receiver {
    pub(super) async fn start(folder: TempDir, mut command: Command) -> Self {
        let (port, log) = (free_port().unwrap(), File::create(folder.path().join("log")).unwrap());
        command.env("PORT", port.to_string()).env("BASE_PATH", BASE_PATH).stdin(Stdio::null());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut receiver = Self { child, folder, port };
        let deadline = Instant::now() + RECEIVER_TIMEOUT;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let is_over = receiver.child.try_wait().unwrap().is_some() || Instant::now() > deadline;
            assert!(!is_over, "it did not start: {}", receiver.log());
            sleep(Duration::from_millis(50)).await;
        }
        receiver
    }

    fn log(&self) -> String {
        read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// What it logged of a resource, once there are so many lines.
    pub(super) async fn lines(&self, resource: &str, count: usize) -> Vec<String> {
        let deadline = Instant::now() + RECEIVER_TIMEOUT;
        loop {
            let log = self.log();
            let starts =
                |line: &&str| ["accepted ", "known ", "fetch "].iter().any(|word| line.starts_with(word));
            let lines = log.lines().filter(starts).filter(|line| line.contains(resource));
            let lines: Vec<_> = lines.map(str::to_owned).collect();
            if lines.len() >= count {
                return lines;
            }
            assert!(Instant::now() < deadline, "{count} lines of {resource}: {log}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

/// The configuration of the example, with ports of this machine.
pub(super) fn site(port: u16, receiver: u16) -> String {
    let mut text = read_to_string(file(FOLDER).unwrap().join("nginx.conf")).unwrap();
    for (shown, here) in [
        ("listen 443 ssl;", format!("listen 127.0.0.1:{port} ssl;")),
        ("http://127.0.0.1:8080;", format!("http://127.0.0.1:{receiver};")),
    ] {
        assert_eq!(text.matches(shown).count(), 1, "{shown}");
        text = text.replace(shown, &here);
    }
    text
}
