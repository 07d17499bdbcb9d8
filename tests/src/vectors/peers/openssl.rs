//! Receivers that speak what rustls does not: `openssl s_server`, where it is installed.

use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::pki::{Signer, pki};

/// How long it may take to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// Says whether there is an `openssl` to start.
pub(in crate::vectors) fn is_installed() -> bool {
    std::process::Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success())
}

/// A running `openssl s_server`; stopped when dropped.
pub(in crate::vectors) struct OpenSsl {
    pub(in crate::vectors) address: SocketAddr,
    _process: Child,
    _files: [NamedTempFile; 2],
}

impl OpenSsl {
    /// Starts a server with these options that asks for a client certificate.
    pub(in crate::vectors) async fn start(options: &[&str]) -> Result<Self, String> {
        let (_, certificate) = pki().server_certificate(Signer::Trusted, "127.0.0.1", false);
        let files = [file(&certificate)?, file(&pki().server_key_pem())?];
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-verify", "3", "-www"])
            .arg("-cert")
            .arg(files[0].path())
            .arg("-key")
            .arg(files[1].path())
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("openssl does not start: {error}"))?;
        let output = process.stdout.take().ok_or("openssl has no output")?;
        let address = timeout(STARTS_WITHIN, address(BufReader::new(output)))
            .await
            .map_err(|_| "openssl does not listen".to_owned())??;
        Ok(Self { address, _process: process, _files: files })
    }
}

/// Reads where it listens: `ACCEPT 127.0.0.1:4433`.
async fn address(output: BufReader<tokio::process::ChildStdout>) -> Result<SocketAddr, String> {
    let mut lines = output.lines();
    while let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? {
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            return address.parse().map_err(|_| format!("openssl says {line:?}"));
        }
    }
    Err("openssl stops before it listens".to_owned())
}

fn file(text: &str) -> Result<NamedTempFile, String> {
    let write = || {
        let mut file = NamedTempFile::new()?;
        file.write_all(text.as_bytes())?;
        Ok(file)
    };
    write().map_err(|error: std::io::Error| error.to_string())
}
