//! nginx that demands our client certificate.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use devkit::pki::TestPki;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::{find_program, free_port};

/// The command that installs nginx.
pub const INSTALL: &str = "apt-get install --no-install-recommends nginx-light";

/// Finds nginx.
pub fn find() -> Option<PathBuf> {
    find_program("nginx")
}

/// Where nginx passes requests on to, on this machine.
#[derive(Clone, Debug)]
pub struct Upstream {
    port: u16,
    /// Each with what takes its place, and the example that Prism is asked for.
    locations: Vec<(String, &'static str, String)>,
}

impl Upstream {
    /// Passes what comes below a location on to a port, without the location.
    pub fn new(location: &str, port: u16) -> Self {
        Self { port, locations: vec![(location.to_owned(), "/", String::new())] }
    }

    /// Asks Prism for the example of this name where a request comes below this location.
    #[must_use]
    pub fn example(mut self, location: &'static str, name: &str) -> Self {
        self.locations.push((location.to_owned(), location, format!("example={name}")));
        self
    }
}

/// A running nginx; it ends with the value.
pub struct Nginx {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Nginx {
    /// Starts nginx. It answers 202 with the id it got, or passes requests on to `upstream`.
    pub async fn start(program: &Path, pki: &TestPki, upstream: Option<Upstream>) -> Result<Self> {
        Self::speaking("TLSv1.2 TLSv1.3", program, pki, upstream).await
    }

    /// The same with these versions of TLS alone, as nginx writes them.
    pub async fn speaking(
        protocols: &str,
        program: &Path,
        pki: &TestPki,
        upstream: Option<Upstream>,
    ) -> Result<Self> {
        Self::serving(program, pki, |port| server(port, protocols, upstream)).await
    }

    /// Starts nginx with what `site` says for a port: directives of `http`. The PEM files of the PKI are in its folder.
    pub async fn serving(
        program: &Path,
        pki: &TestPki,
        site: impl FnOnce(u16) -> Result<String>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        pki.write_to(folder.path())?;
        let port = free_port()?;
        let config = folder.path().join("nginx.conf");
        std::fs::write(&config, configuration(folder.path(), &site(port)?)?)?;
        let mut child = Command::new(program)
            .args(["-e", "stderr", "-p"])
            .arg(folder.path())
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("error.log"))?)
            .spawn()
            .context("failed to start nginx")?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            if child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("nginx did not start: {}", std::fs::read_to_string(folder.path().join("error.log"))?);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { child, folder, port })
    }

    /// The base URI to register.
    pub fn base_uri(&self, prefix: &str) -> String {
        format!("https://localhost:{}{prefix}", self.port)
    }

    /// What nginx logged of each request that was answered, once there are `count` of them. 499 is nginx's status of
    /// one whose sender waited no longer: Prism is slow beside other tests, and the next attempt comes.
    pub async fn requests(&self, count: usize, timeout: Duration) -> Result<Vec<Value>> {
        let deadline = Instant::now() + timeout;
        loop {
            let text = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
            let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
            let answered: Vec<_> = lines.into_iter().filter(|request| request["status"] != "499").collect();
            if answered.len() >= count {
                return Ok(answered);
            }
            if Instant::now() > deadline {
                let errors = std::fs::read_to_string(self.folder.path().join("error.log"))?;
                bail!("nginx answered {} of {count} requests: {text}\n{errors}", answered.len());
            }
            sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

fn configuration(folder: &Path, site: &str) -> Result<String> {
    let folder = folder.display();
    let mut text = format!(
        "daemon off; master_process off; pid {folder}/nginx.pid;\n\
         events {{}}\n\
         http {{\n\
         log_format judge escape=json '{{\"uri\":\"$request_uri\",\"method\":\"$request_method\",\"status\":\"$status\",\
         \"verified\":\"$ssl_client_verify\",\"subject\":\"$ssl_client_s_dn\",\"tls\":\"$ssl_protocol\",\
         \"cipher\":\"$ssl_cipher\",\"resumed\":\"$ssl_session_reused\",\"id\":\"$http_x_webhook_interaction_id\",\
         \"body\":\"$request_body\",\"upstream\":\"$upstream_status\"}}';\n\
         access_log {folder}/access.log judge;\n"
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "{kind}_temp_path {folder}/{kind};")?;
    }
    Ok(format!("{text}{site}}}\n"))
}

/// A server at a port, which passes requests on or answers 202 itself.
fn server(port: u16, protocols: &str, upstream: Option<Upstream>) -> Result<String> {
    let mut text = format!(
        "server {{\n\
         listen 127.0.0.1:{port} ssl; ssl_protocols {protocols};\n\
         ssl_certificate receiver-chain.pem; ssl_certificate_key receiver-key.pem;\n\
         ssl_client_certificate sender-root.pem; ssl_verify_client on; ssl_verify_depth 3;\n"
    );
    match upstream {
        None => writeln!(
            text,
            "location / {{ add_header x-webhook-interaction-id $http_x_webhook_interaction_id; return 202; }}"
        )?,
        Some(Upstream { port, locations }) => {
            for (location, target, prefer) in locations {
                writeln!(
                    text,
                    "location {location} {{ proxy_pass http://127.0.0.1:{port}{target}; proxy_set_header Prefer \"{prefer}\"; }}"
                )?;
            }
        }
    }
    text.push_str("}\n");
    Ok(text)
}
