//! The Python environment that MiniStack runs in: exact pins, made once, made again when the pins change.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use account::Checkout;
use anyhow::{Context as _, Result, bail};
use tokio::task::spawn_blocking;

use super::command;
use super::folder::make_folder;
use super::progress::Progress;

/// The oldest Python that MiniStack and its dependencies declare.
const MIN_VERSION: (u32, u32) = (3, 10);

/// Where to look, best first: an old `python3` may have a newer one beside it.
const NAMES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// Makes the environment unless it is there, and returns its interpreter.
pub(super) async fn ready(checkout: &Checkout, progress: &Progress) -> Result<PathBuf> {
    let venv = Venv::of(checkout)?;
    if venv.is_current() {
        return Ok(venv.python());
    }
    progress.step("python environment", Some(&venv.log), venv.make()).await?;
    Ok(venv.python())
}

struct Venv {
    folder: PathBuf,
    lock: PathBuf,
    log: PathBuf,
    requirements: PathBuf,
    /// The text of the requirements: what the environment must have been made from.
    pins: String,
}

impl Venv {
    fn of(checkout: &Checkout) -> Result<Self> {
        let scratch = checkout.scratch();
        make_folder(&scratch)?;
        let requirements = checkout.root().join("infra/local/requirements.txt");
        let pins = fs::read_to_string(&requirements)
            .with_context(|| format!("cannot read {}: restore it from git", requirements.display()))?;
        Ok(Self {
            folder: scratch.join("venv"),
            lock: scratch.join("venv.lock"),
            log: scratch.join("venv.log"),
            requirements,
            pins,
        })
    }

    fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// Written last, so an environment whose making was interrupted has none.
    fn stamp(&self) -> PathBuf {
        self.folder.join("made-from.txt")
    }

    fn is_current(&self) -> bool {
        let made_from = fs::read_to_string(self.stamp());
        made_from.is_ok_and(|text| text == self.pins) && self.python().exists()
    }

    async fn make(&self) -> Result<()> {
        // Two test binaries may get here at once; the second one finds the work done.
        let _held = lock(self.lock.clone()).await?;
        if self.is_current() {
            return Ok(());
        }
        let base = find_python()?;
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)
                .with_context(|| format!("cannot remove the old {}", self.folder.display()))?;
        }
        command::run(
            python_command(&base).args(["-m", "venv"]).arg(&self.folder),
            &self.log,
            &format!("make a virtual environment in {} with {}", self.folder.display(), base.display()),
            "on Debian and Ubuntu its parts are packages of their own: apt-get install python3-venv",
        )
        .await?;
        command::run(
            python_command(&self.python())
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--disable-pip-version-check",
                    "--no-input",
                    "--progress-bar",
                    "off",
                ])
                // The pins are complete and have hashes, and no package's setup script is run; Python compiles what is imported, a
                // small part, when it is.
                .args(["--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile", "-r"])
                .arg(&self.requirements),
            &self.log,
            &format!("install {} with pip", self.requirements.display()),
            "check that pip reaches a package index (its ordinary configuration is honoured)",
        )
        .await?;
        fs::write(self.stamp(), &self.pins)
            .with_context(|| format!("cannot write {}", self.stamp().display()))
    }
}

/// Python with the caller's environment, pip settings included, but nobody else's libraries.
fn python_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_remove("PYTHONHOME").env_remove("PYTHONPATH");
    command
}

fn find_python() -> Result<PathBuf> {
    let mut found = Vec::new();
    for name in NAMES {
        let Some(version) = version(name) else { continue };
        if version >= MIN_VERSION {
            return Ok(PathBuf::from(name));
        }
        found.push(format!("{name} is {}.{}", version.0, version.1));
    }
    let (major, minor) = MIN_VERSION;
    let seen = if found.is_empty() { "there is no python3 on the PATH".to_owned() } else { found.join(", ") };
    bail!(
        "the local stack needs Python {major}.{minor} or newer, but {seen}: install it, with its venv module \
         (Debian and Ubuntu: apt-get install python3 python3-venv; macOS: brew install python)"
    )
}

fn version(name: &str) -> Option<(u32, u32)> {
    let script = "import sys; print('%d %d' % sys.version_info[:2])";
    let output = python_command(Path::new(name)).args(["-c", script]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Takes a lock that the kernel gives back when this process ends, however it ends.
pub(super) async fn lock(path: PathBuf) -> Result<File> {
    let taken = spawn_blocking(move || {
        let file = File::create(&path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    });
    taken.await?.context("cannot take a lock in the scratch folder (.arauto): is it on a local disk?")
}
