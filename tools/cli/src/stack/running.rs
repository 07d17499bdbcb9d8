//! A stack that runs: where it is, what it has, and how to call it.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context as _, Result, bail, ensure};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use http::Method;
use tokio::task::spawn_blocking;

use super::ministack::{Ministack, is_ready};
use super::package;
use super::process::MARK;
use super::state::State;
use super::state_dir::StateDir;
use super::template::Template;
use super::{Checkout, Code, Options, deploy, logs, venv};
use crate::aws_http::{ApiAnswer, Caller, http_client};

/// The region of everything in a local stack.
pub const REGION: &str = "us-east-1";

/// The account that MiniStack gives to whoever does not name one.
pub const ACCOUNT: &str = "000000000000";

/// Access key and secret alike: MiniStack checks neither.
pub const CREDENTIAL: &str = "test";

/// A deployed stack on loopback; it ends with the value, unless it is kept.
#[derive(Debug)]
pub struct Stack {
    state_dir: StateDir,
    port: u16,
    outputs: BTreeMap<String, String>,
    /// None for a stack that was found running.
    owned: Option<Owned>,
}

/// A lock on the state folder, and the process in it.
#[derive(Debug)]
struct Owned {
    ministack: Ministack,
    _lock: File,
}

impl Stack {
    /// Makes all that is needed, builds, deploys; on failure nothing is left running.
    pub async fn start(options: &Options) -> Result<Self> {
        let state_dir = StateDir::open(&options.state_dir)?;
        let lock = lock(&state_dir)?;
        if let Some(stack) = Self::find_in(&state_dir).await? {
            bail!(
                "a local stack is up already at {} (its state is in {}): stop it first, with `arauto down`",
                stack.endpoint(),
                state_dir.path().display()
            );
        }
        state_dir.clear(None).await?;
        State::remove(state_dir.path())?;

        let checkout = Checkout::find()?;
        let progress = &options.progress;
        let template_path = options.template.clone().unwrap_or_else(|| checkout.template());
        let template = read_template(&template_path, &options.parameters)?;
        let python = venv::ready(&checkout, progress).await?;
        let packages = packages(&checkout, options, &template, &state_dir).await?;
        let log = state_dir.log();
        let starting = Ministack::start(&python, &state_dir);
        let ministack = progress.step("MiniStack started", Some(&log), starting).await?;
        let port = ministack.port();
        let endpoint = endpoint(port);
        let folder = template_path.parent().unwrap_or_else(|| Path::new(""));
        let deploying = deploy::deploy(&endpoint, &template, folder, &packages, &options.parameters);
        let step = format!("{} deployed", template_path.file_name().unwrap_or_default().display());
        let outputs = progress.step(&step, Some(&log), deploying).await?;
        Ok(Self { state_dir, port, outputs, owned: Some(Owned { ministack, _lock: lock }) })
    }

    /// The stack that an earlier command kept in this folder, if it still runs.
    pub async fn find(state_dir: &Path) -> Result<Option<Self>> {
        Self::find_in(&StateDir::open(state_dir)?).await
    }

    /// Stops it, with the functions' processes; one that was only found goes on.
    pub async fn stop(self) -> Result<()> {
        match self.owned {
            Some(owned) => owned.ministack.stop().await,
            None => Ok(()),
        }
    }

    /// Lets it outlive this process; `arauto down` stops it.
    pub fn keep(mut self) -> Result<Self> {
        if let Some(owned) = self.owned.take() {
            let ministack = owned.ministack.process().clone();
            let state = State { ministack, port: self.port, outputs: self.outputs.clone() };
            state.write(self.state_dir.path())?;
            owned.ministack.release()?;
        }
        Ok(self)
    }

    /// Starts a process that ends with the stack.
    ///
    /// It joins MiniStack's process group and carries the stack's mark, so whatever ends the one ends the other.
    pub fn spawn_beside(&self, command: &mut Command) -> Result<Child> {
        let owned = self.owned.as_ref().context("only who started a stack starts something beside it")?;
        let program = command.get_program().display().to_string();
        command
            .env(MARK, self.state_dir.path())
            .process_group(owned.ministack.process().group())
            .spawn()
            .with_context(|| format!("cannot start {program}"))
    }

    /// Where every AWS service of it answers: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    /// What MiniStack wrote.
    pub fn log(&self) -> PathBuf {
        self.state_dir.log()
    }

    /// What the functions wrote, a line each after the name of the log group; for whoever looks into a failure.
    pub async fn function_logs(&self) -> Result<String> {
        logs::read(&self.endpoint()).await
    }

    /// The outputs of the template.
    pub fn outputs(&self) -> &BTreeMap<String, String> {
        &self.outputs
    }

    /// One output of the template.
    pub fn output(&self, name: &str) -> Result<&str> {
        self.outputs.get(name).map(String::as_str).with_context(|| {
            let known: Vec<&str> = self.outputs.keys().map(String::as_str).collect();
            format!("the template has no output {name}, only {}", known.join(", "))
        })
    }

    /// Settings for the clients of the AWS SDK.
    pub fn sdk_config(&self) -> SdkConfig {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build_https();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials()))
            .endpoint_url(self.endpoint())
            .http_client(http)
            .build()
    }

    /// Calls the API with a signature, as a system of the bank does.
    pub async fn call_api(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<ApiAnswer> {
        let api = self.api()?;
        api.caller.call(method, &format!("{}{path}", api.url), content_type, body).await
    }

    /// Calls the API without a signature, as a stranger does.
    pub async fn call_api_unsigned(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<ApiAnswer> {
        let api = self.api()?;
        api.caller.call_unsigned(method, &format!("{}{path}", api.url), content_type, body).await
    }

    pub(super) async fn find_in(state_dir: &StateDir) -> Result<Option<Self>> {
        let Some(state) = State::read(state_dir.path())? else { return Ok(None) };
        if !state.ministack.is_alive() || !is_ready(state.port).await {
            return Ok(None);
        }
        let State { port, outputs, .. } = state;
        Ok(Some(Self { state_dir: state_dir.clone(), port, outputs, owned: None }))
    }

    /// MiniStack tells one API from another by the `Host`, a name that is never looked up here.
    fn api(&self) -> Result<Api> {
        let host = format!("{}.execute-api.localhost", self.output("ApiId")?);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let http = http_client(Some((&host, address)))?;
        let caller = Caller::new(http, credentials(), REGION, "execute-api");
        Ok(Api { caller, url: format!("http://{host}:{}", self.port) })
    }
}

struct Api {
    caller: Caller,
    url: String,
}

/// What every call to a local stack is signed with.
pub(super) fn credentials() -> Credentials {
    Credentials::new(CREDENTIAL, CREDENTIAL, None, None, "the local stack")
}

/// One process per state folder; the kernel gives the lock back when that process ends, however it ends.
pub(super) fn lock(state_dir: &StateDir) -> Result<File> {
    let path = state_dir.path().join("stack.lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another arauto command has a stack in {}: wait for its end, or end it",
            state_dir.path().display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

fn endpoint(port: u16) -> String {
    format!("http://{}:{port}", Ipv4Addr::LOCALHOST)
}

fn read_template(path: &Path, parameters: &BTreeMap<String, String>) -> Result<Template> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let template = Template::parse(&text).with_context(|| format!("cannot deploy {}", path.display()))?;
    // CloudFormation refuses a parameter it does not know, MiniStack takes it in silence.
    for name in parameters.keys() {
        ensure!(template.declares(name), "{} declares no parameter {name}", path.display());
    }
    Ok(template)
}

/// Builds and packs; returns each package by the name of its binary.
async fn packages(
    checkout: &Checkout,
    options: &Options,
    template: &Template,
    state_dir: &StateDir,
) -> Result<BTreeMap<String, PathBuf>> {
    let binaries = template.binaries();
    let log = state_dir.path().join("build.log");
    let (from, into) = match &options.code {
        Code::Build(profile) => {
            let building = package::build(checkout, *profile, &binaries, &log);
            let from = options.progress.step("functions built", Some(&log), building).await?;
            (from, checkout.scratch().join("packages").join(profile.folder()))
        }
        Code::Folder(folder) => (folder.clone(), state_dir.path().join("packages")),
    };
    let names: Vec<String> = binaries.into_iter().map(str::to_owned).collect();
    let packing = spawn_blocking(move || {
        let pack = |name: String| {
            let package = package::pack(&from.join(&name), &into)?;
            Ok((name, package))
        };
        names.into_iter().map(pack).collect::<Result<_>>()
    });
    options.progress.step("functions packed", None, async { packing.await? }).await
}
