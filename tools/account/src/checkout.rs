//! Finds the checkout, and the folder in it for the local stack's files.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The project's folder on this machine.
#[derive(Clone, Debug)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// Looks for `template.yaml` from the current folder upwards, then in the folder where this command was compiled.
    pub fn find() -> Result<Self> {
        let here = env::current_dir().context("cannot tell the current folder")?;
        if let Some(root) = here.ancestors().find(|folder| is_root(folder)) {
            return Ok(Self { root: root.to_owned() });
        }
        Self::compiled_from().with_context(|| {
            format!(
                "no template.yaml beside a Cargo.toml in {} or above it: run this command inside the checkout",
                here.display()
            )
        })
    }

    /// Returns the absolute path of the root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder for generated files, which git ignores.
    pub fn scratch(&self) -> PathBuf {
        self.root.join(".arauto")
    }

    /// Returns the template that is deployed to AWS.
    pub fn template(&self) -> PathBuf {
        self.root.join("template.yaml")
    }

    fn compiled_from() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
        root.join("Cargo.toml").is_file().then(|| Self { root: root.to_owned() })
    }
}

fn is_root(folder: &Path) -> bool {
    folder.join("template.yaml").is_file() && folder.join("Cargo.toml").is_file()
}
