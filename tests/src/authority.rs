//! A certificate authority that nobody here wrote: `openssl ca` for certificates and lists, `openssl ocsp` for statuses,
//! behind a socket that can also answer badly.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use devkit::pki::Identity;
use http::{Request, Response};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use mtls::revocation::{Authority as Issuer, Path};
use platform::clock::Clock;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// What an authority answers at one of its addresses.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What openssl makes.
    Openssl,
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing but a status.
    Status(u16),
    /// A status whose last byte, of the responder's certificate, is another.
    Forged,
    /// None, for ever.
    Never,
    /// None: the connection is closed.
    Close,
    /// The status of another certificate, by its name.
    StatusOf(&'static str),
}

/// An authority, its files and its socket.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
    /// Where lists and statuses are asked for.
    pub address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
}

#[derive(Debug)]
struct Answers {
    list: Answer,
    status: Answer,
    asked: Vec<String>,
    /// How long the name of a list's version is at least.
    version_length: usize,
}

/// Says whether there is an `openssl` to start.
pub fn is_installed() -> bool {
    Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success())
}

impl Authority {
    /// Makes a root and starts to answer for it.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let answers =
            Answers { list: Answer::Openssl, status: Answer::Openssl, asked: Vec::new(), version_length: 0 };
        let this = Self { folder, address, answers: Arc::new(Mutex::new(answers)) };
        fs::write(this.file("index.txt"), "")?;
        fs::write(this.file("serial"), "1000")?;
        fs::write(this.file("crlnumber"), "01")?;
        fs::write(this.file("ca.cnf"), config(address))?;
        this.openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -config ca.cnf -extensions root",
        )?;
        this.issue("responder", "responder")?;
        let (folder, answers) = (this.folder.path().to_owned(), Arc::clone(&this.answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (folder, answers) = (folder.clone(), Arc::clone(&answers));
                let answer = service_fn(move |request| answer(folder.clone(), Arc::clone(&answers), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Ok(this)
    }

    /// Issues a receiver's certificate for 127.0.0.1.
    pub fn receiver(&self, name: &str) -> Result<Identity> {
        self.issue(name, "receiver")?;
        Ok(Identity {
            chain_pem: self.text(&format!("{name}.pem"))?,
            key_pem: self.text(&format!("{name}.key"))?,
        })
    }

    /// Revokes a certificate by its name.
    pub fn revoke(&self, name: &str) -> Result<()> {
        self.openssl(&format!("ca -config ca.cnf -batch -revoke {name}.pem"))
    }

    /// Makes a revocation list, valid for so many seconds.
    pub fn list(&self, seconds: i64) -> Result<Vec<u8>> {
        self.openssl(&format!("ca -config ca.cnf -gencrl -crlsec {seconds} -out list.pem"))?;
        self.openssl("crl -in list.pem -outform DER -out list.crl")?;
        Ok(fs::read(self.file("list.crl"))?)
    }

    /// The root, in PEM.
    pub fn root_pem(&self) -> Result<String> {
        self.text("ca.pem")
    }

    /// The path of a certificate by its name, as dispatch notes it.
    pub fn path(&self, name: &str) -> Result<Path> {
        let leaf = CertificateDer::from_pem_slice(self.text(&format!("{name}.pem"))?.as_bytes())?;
        Ok(Path::new(vec![leaf], self.issuer()?))
    }

    /// The authority itself: its name and its key.
    pub fn issuer(&self) -> Result<Issuer> {
        let root = CertificateDer::from_pem_slice(self.root_pem()?.as_bytes())?;
        Issuer::from_certificate(&root).context("the root is a certificate")
    }

    /// Forgets what it revoked: its next list and statuses call every certificate good.
    pub fn forget_revocations(&self) -> Result<()> {
        let index = self.text("index.txt")?;
        let good = index.lines().map(|line| {
            let mut fields: Vec<_> = line.split('\t').collect();
            if let [state, _, revoked, ..] = fields.as_mut_slice() {
                (*state, *revoked) = ("V", "");
            }
            fields.join("\t") + "\n"
        });
        fs::write(self.file("index.txt"), good.collect::<String>())?;
        Ok(())
    }

    /// Names versions of lists by texts of at least so many bytes, from now on.
    pub fn names_versions_by(&self, bytes: usize) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).version_length = bytes;
    }

    /// Answers so, from now on.
    pub fn answers(&self, list: Answer, status: Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        (answers.list, answers.status) = (list, status);
    }

    /// The paths that were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }

    fn issue(&self, name: &str, kind: &str) -> Result<()> {
        self.openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name} -config ca.cnf"
        ))?;
        // Valid since before the test began: its clock stands still at that moment, and TLS goes by it.
        let since = (Clock::system().now() - SignedDuration::from_hours(1)).strftime("%y%m%d%H%M%SZ");
        self.openssl(&format!(
            "ca -config ca.cnf -batch -notext -startdate {since} -days 20 -extensions {kind} -in {name}.csr -out {name}.pem"
        ))
    }

    fn openssl(&self, arguments: &str) -> Result<()> {
        openssl(self.folder.path(), arguments.split(' '))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.file(name)).with_context(|| format!("{name} is not there"))
    }
}

fn openssl(folder: &std::path::Path, arguments: impl Iterator<Item = impl AsRef<OsStr>>) -> Result<()> {
    let output = Command::new("openssl").current_dir(folder).args(arguments).output()?;
    ensure!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn answer(
    folder: PathBuf,
    answers: Arc<Mutex<Answers>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let list = request.uri().path() == "/list.crl";
    let (answer, version_length) = {
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.asked.push(request.uri().path().to_owned());
        (if list { answers.list.clone() } else { answers.status.clone() }, answers.version_length)
    };
    let etag = request.headers().get("if-none-match").cloned();
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    let made = match answer {
        Answer::Bytes(bytes) => Ok(bytes),
        Answer::Never => std::future::pending().await,
        // hyper closes the connection without an answer.
        Answer::Close => return Err(std::io::ErrorKind::ConnectionAborted.into()),
        Answer::Status(status) => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = status.try_into().unwrap_or_default();
            return Ok(response);
        }
        Answer::Openssl if list => fs::read(folder.join("list.crl")).map_err(Into::into),
        Answer::Openssl => status(&folder, &body, None),
        Answer::Forged => status(&folder, &body, None).map(|mut bytes| {
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            bytes
        }),
        Answer::StatusOf(name) => status(&folder, &body, Some(name)),
    };
    let mut response = Response::new(Full::default());
    match made {
        Ok(bytes) => {
            let version = platform::sha256_hex(&bytes);
            let version = format!("\"{}{version}\"", "x".repeat(version_length));
            if list && etag.is_some_and(|etag| etag == version.as_str()) {
                *response.status_mut() = http::StatusCode::NOT_MODIFIED;
                return Ok(response);
            }
            if let Ok(version) = version.parse() {
                response.headers_mut().insert("etag", version);
            }
            *response.body_mut() = Full::from(bytes);
        }
        Err(_) => *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR,
    }
    Ok(response)
}

/// Has openssl answer a request for a status, or one for another certificate.
fn status(folder: &std::path::Path, request: &[u8], other: Option<&str>) -> Result<Vec<u8>> {
    fs::write(folder.join("status.req"), request)?;
    let signer = "-index index.txt -CA ca.pem -rsigner responder.pem -rkey responder.key -ndays 1";
    let question = match other {
        Some(name) => format!("-issuer ca.pem -cert {name}.pem -no_nonce -respout status.der"),
        None => "-reqin status.req -respout status.der".to_owned(),
    };
    let arguments = format!("ocsp {signer} {question}");
    openssl(folder, arguments.split(' '))?;
    Ok(fs::read(folder.join("status.der"))?)
}

fn config(address: SocketAddr) -> String {
    format!(
        "[req]
distinguished_name = name
prompt = no
[name]
CN = Authority of openssl
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
serial = serial
crlnumber = crlnumber
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_crl_days = 7
policy = any
crl_extensions = list
unique_subject = no
[any]
commonName = supplied
[list]
authorityKeyIdentifier = keyid
[receiver]
basicConstraints = CA:false
subjectAltName = DNS:localhost, IP:127.0.0.1
extendedKeyUsage = serverAuth
crlDistributionPoints = URI:http://{address}/list.crl
authorityInfoAccess = OCSP;URI:http://{address}/ocsp
[responder]
basicConstraints = CA:false
extendedKeyUsage = OCSPSigning
noCheck = ignored
"
    )
}
