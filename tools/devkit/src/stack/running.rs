//! A stack that runs: where it is, what it has, and how to call it.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::ops::Deref;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use account::Checkout;
use account::StackState;
use account::local_stack::LocalStack;
use anyhow::{Context as _, Result, bail, ensure};
use tokio::task::spawn_blocking;

use super::ministack::Ministack;
use super::options::{Code, Options};
use super::processes::MARK;
use super::state_dir::StateDir;
use super::template::Template;
use super::{deploy, package, venv};

/// A stack that was started here; it ends with the value, unless it is kept.
#[derive(Debug)]
pub struct Stack {
    state_dir: StateDir,
    local: LocalStack,
    ministack: Ministack,
    /// Nobody else has a stack in the state folder meanwhile.
    _lock: File,
}

impl Stack {
    /// Makes all that is needed, builds, deploys; on failure nothing is left running.
    pub async fn start(options: &Options) -> Result<Self> {
        let state_dir = StateDir::open(&options.state_dir)?;
        let lock = lock(&state_dir)?;
        if let Some(stack) = LocalStack::find(state_dir.path()).await? {
            bail!(
                "a local stack is up already at {} (its state is in {}): stop it first, with `arauto down`",
                stack.endpoint(),
                state_dir.path().display()
            );
        }
        state_dir.clear(None).await?;
        StackState::remove(state_dir.path())?;

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
        let started = LocalStack::new(port, BTreeMap::new());
        let folder = template_path.parent().unwrap_or_else(|| Path::new(""));
        // Boxed, as the calls of the SDK take many kilobytes.
        let deploying = Box::pin(deploy::deploy(&started, &template, folder, &packages, &options.parameters));
        let step = format!("{} deployed", template_path.file_name().unwrap_or_default().display());
        let outputs = progress.step(&step, Some(&log), deploying).await?;
        Ok(Self { state_dir, local: LocalStack::new(port, outputs), ministack, _lock: lock })
    }

    /// Stops it, with the functions' processes.
    pub async fn stop(self) -> Result<()> {
        self.ministack.stop().await
    }

    /// Lets it outlive this process; `arauto down` stops it.
    pub fn keep(self) -> Result<LocalStack> {
        let state = StackState {
            ministack: self.ministack.process().clone(),
            port: self.local.port(),
            outputs: self.local.outputs().clone(),
        };
        state.write(self.state_dir.path())?;
        self.ministack.release()?;
        Ok(self.local)
    }

    /// Starts a process that ends with the stack.
    ///
    /// It joins MiniStack's process group and carries the stack's mark, so whatever ends the one ends the other.
    pub fn spawn_beside(&self, command: &mut Command) -> Result<Child> {
        let program = command.get_program().display().to_string();
        command
            .env(MARK, self.state_dir.path())
            .process_group(self.ministack.process().group())
            .spawn()
            .with_context(|| format!("cannot start {program}"))
    }

    /// What MiniStack wrote.
    pub fn log(&self) -> PathBuf {
        self.state_dir.log()
    }
}

/// What runs is a local stack like one that was found.
impl Deref for Stack {
    type Target = LocalStack;

    fn deref(&self) -> &LocalStack {
        &self.local
    }
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
