//! Servers that nobody here wrote, with a fault each: nginx, Apache, `HAProxy` and OpenSSL.

use std::fs::{File, write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tests::aws::PKI;
use tests::judges::{find_program, free_port};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// A server program; it ends with the value.
pub(super) struct Server {
    child: Child,
    _folder: TempDir,
    port: u16,
}

/// Which program, and how it is told what to serve.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Program {
    Nginx,
    Apache,
    HaProxy,
    OpenSsl,
}

impl Program {
    pub(super) fn find(self) -> Option<PathBuf> {
        find_program(match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2",
            Self::HaProxy => "haproxy",
            Self::OpenSsl => "openssl",
        })
    }

    pub(super) fn install(self) -> &'static str {
        match self {
            Self::Nginx => "apt-get install --no-install-recommends nginx-light",
            Self::Apache => "apt-get install --no-install-recommends apache2-bin",
            Self::HaProxy => "apt-get install --no-install-recommends haproxy",
            Self::OpenSsl => "apt-get install --no-install-recommends openssl",
        }
    }

    /// Starts it with what a case says: directives, or arguments of OpenSSL.
    pub(super) async fn start(self, program: &Path, case: &str) -> Server {
        let folder = tempfile::tempdir().unwrap();
        PKI.write_to(folder.path()).unwrap();
        let port = free_port().unwrap();
        let path = folder.path();
        let mut command = Command::new(program);
        command.current_dir(path);
        match self {
            Self::Nginx => {
                write(path.join("nginx.conf"), nginx(path, port, case)).unwrap();
                command.args(["-e", "stderr", "-p"]).arg(path).arg("-c").arg(path.join("nginx.conf"));
            }
            Self::Apache => {
                write(path.join("apache.conf"), apache(path, port, case)).unwrap();
                command.args(["-X", "-f"]).arg(path.join("apache.conf"));
            }
            Self::HaProxy => {
                let both = [PKI.receiver.chain_pem.as_str(), PKI.receiver.key_pem.as_str()].concat();
                write(path.join("receiver.pem"), both).unwrap();
                write(path.join("haproxy.cfg"), haproxy(path, port, case)).unwrap();
                command.args(["-db", "-f"]).arg(path.join("haproxy.cfg"));
            }
            Self::OpenSsl => {
                command.args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-www"]);
                command.args(["-key", "receiver-key.pem", "-cert", "receiver-chain.pem"]);
                command.args(case.split_whitespace());
            }
        }
        let log = path.join("log");
        let file = || File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(file()).stderr(file()).spawn().unwrap();
        let deadline = Instant::now() + STARTS_WITHIN;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        while TcpStream::connect(address).await.is_err() {
            let told = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(child.try_wait().unwrap().is_none() && Instant::now() < deadline, "{case}: {}", told());
            sleep(Duration::from_millis(50)).await;
        }
        Server { child, _folder: folder, port }
    }
}

impl Server {
    pub(super) fn base_uri(&self) -> String {
        format!("https://localhost:{}/kong3", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

fn nginx(folder: &Path, port: u16, case: &str) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "daemon off; master_process off; pid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\
         server {{\nlisten 127.0.0.1:{port} ssl;\n\
         ssl_certificate receiver-chain.pem; ssl_certificate_key receiver-key.pem;\n{case}\n}}\n}}\n"
    )
}

fn apache(folder: &Path, port: u16, case: &str) -> String {
    let folder = folder.display();
    let modules: String = ["mpm_event", "authz_core", "socache_shmcb", "ssl", "alias", "headers"]
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .concat();
    format!(
        "ServerRoot {folder}\nPidFile {folder}/apache.pid\nDefaultRuntimeDir {folder}\nMutex file:{folder}\n{modules}\
         User nobody\nGroup nogroup\nServerName localhost\nErrorLog {folder}/error.log\nListen 127.0.0.1:{port}\n\
         SSLEngine on\nSSLCertificateFile {folder}/receiver-chain.pem\nSSLCertificateKeyFile {folder}/receiver-key.pem\n\
         SSLCACertificateFile {folder}/sender-root.pem\nSSLVerifyDepth 3\n{case}\n"
    )
}

fn haproxy(folder: &Path, port: u16, case: &str) -> String {
    let folder = folder.display();
    format!(
        "defaults\n mode http\n timeout client 10s\n timeout server 10s\n timeout connect 5s\n\
         frontend receiver\n bind 127.0.0.1:{port} ssl crt {folder}/receiver.pem ca-file {folder}/sender-root.pem {case}\n \
         http-request return status 202\n"
    )
}
