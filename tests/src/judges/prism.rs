//! Prism, which serves the published webhook OAS and refuses what does not match it.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::free_port;
use crate::contract::file;

/// The command that installs Prism where [`find`] looks for it.
pub const INSTALL: &str = "npm install --no-package-lock --prefix .arauto/node @stoplight/prism-cli@5.14.2";

/// Finds Prism in the checkout.
pub fn find() -> Option<PathBuf> {
    file(".arauto/node/node_modules/.bin/prism").ok().filter(|file| file.is_file())
}

/// A running Prism; it ends with the value.
pub struct Prism {
    child: Child,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl Prism {
    /// Starts Prism on a webhook OAS.
    pub async fn start(program: &Path, contract: &str) -> Result<Self> {
        let port = free_port()?;
        let mut child = Command::new(program)
            .args(["mock", "--errors", "-h", "127.0.0.1", "-p", &port.to_string()])
            .arg(file(contract)?)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start Prism")?;
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            if child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("Prism did not start: run `{} mock` by hand to see why", program.display());
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(Self { child, port })
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}
