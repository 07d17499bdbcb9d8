//! The state file of a local stack that outlives its command.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::process::Process;

/// The file's content.
#[derive(Debug, Deserialize, Serialize)]
pub struct StackState {
    /// MiniStack's process.
    pub ministack: Process,
    /// Its port on loopback.
    pub port: u16,
    /// The outputs of the template.
    pub outputs: BTreeMap<String, String>,
}

impl StackState {
    /// Reads the state of the folder's last stack; `None` if there was none or the file cannot be parsed.
    pub fn read(state_dir: &Path) -> Result<Option<Self>> {
        let path = path(state_dir);
        match fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Returns when the folder's last stack was up, which is when the file was written; `None` if that is not known.
    pub fn written_at(state_dir: &Path) -> Option<SystemTime> {
        fs::metadata(path(state_dir)).and_then(|file| file.modified()).ok()
    }

    /// Writes the file atomically.
    pub fn write(&self, state_dir: &Path) -> Result<()> {
        let path = path(state_dir);
        let partial = path.with_extension("partial");
        let text = serde_json::to_string_pretty(self).context("cannot write the state as JSON")?;
        fs::write(&partial, text + "\n")
            .and_then(|()| fs::rename(&partial, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Removes the file; no error if it does not exist.
    pub fn remove(state_dir: &Path) -> Result<()> {
        let path = path(state_dir);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("stack.json")
}
