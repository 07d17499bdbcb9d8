//! Receivers that speak what rustls does not: `openssl s_server`, where it is installed.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::pki::receiver;

/// How long it may take to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// Says whether there is an `openssl` to start.
pub(in crate::vectors) fn is_installed() -> bool {
    std::process::Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success())
}

/// A running `openssl s_server`; stopped when dropped.
pub(in crate::vectors) struct OpenSsl {
    pub(in crate::vectors) address: SocketAddr,
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
    _files: [NamedTempFile; 2],
}

impl OpenSsl {
    /// Starts a server with these options that asks for a client certificate.
    pub(in crate::vectors) async fn start(options: &[&str]) -> Result<Self, String> {
        Self::run(&[&["-www", "-verify", "3"], options].concat()).await
    }

    /// Starts a server of TLS 1.2 that shows what it is sent and asks for no client certificate yet.
    pub(in crate::vectors) async fn renegotiating() -> Result<Self, String> {
        Self::run(&["-tls1_2", "-client_renegotiation"]).await
    }

    /// Has the server ask for a second handshake, with a client certificate, once a request has come.
    pub(in crate::vectors) async fn asks_again(mut self) -> Result<(), String> {
        let asks = async {
            while let Some(line) = self.output.next_line().await? {
                if line.starts_with("POST ") {
                    // The command of s_server for it: "renegotiate and ask for a certificate".
                    let mut input = self.process.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
                    input.write_all(b"R\n").await?;
                    input.flush().await?;
                    // Closing the input would stop the server.
                    while self.output.next_line().await?.is_some() {}
                    return Ok(());
                }
            }
            Err(io::Error::from(io::ErrorKind::UnexpectedEof))
        };
        timeout(STARTS_WITHIN, asks)
            .await
            .map_err(|_| "openssl does not end the connection".to_owned())?
            .map_err(|error| format!("openssl does not ask again: {error}"))
    }

    async fn run(options: &[&str]) -> Result<Self, String> {
        let identity = receiver().identity;
        let files = [file(&identity.chain_pem)?, file(&identity.key_pem)?];
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1"])
            .arg("-cert")
            .arg(files[0].path())
            .arg("-cert_chain")
            .arg(files[0].path())
            .arg("-key")
            .arg(files[1].path())
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("openssl does not start: {error}"))?;
        let output = process.stdout.take().ok_or("openssl has no output")?;
        let mut output = BufReader::new(output).lines();
        let address = timeout(STARTS_WITHIN, address(&mut output))
            .await
            .map_err(|_| "openssl does not listen".to_owned())??;
        Ok(Self { address, process, output, _files: files })
    }
}

/// Reads where it listens: `ACCEPT 127.0.0.1:4433`.
async fn address(output: &mut Lines<BufReader<ChildStdout>>) -> Result<SocketAddr, String> {
    while let Some(line) = output.next_line().await.map_err(|error| error.to_string())? {
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
    write().map_err(|error: io::Error| error.to_string())
}
