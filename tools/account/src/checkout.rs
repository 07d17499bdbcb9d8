//! Where the checkout is, and the folder in it that the local stack keeps its things in.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The project's folder on this machine.
#[derive(Clone, Debug)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// Looks upward from the current folder for `template.yaml`, then where this command was compiled.
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

    /// The root, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder for everything made here that is not source; git ignores it.
    pub fn scratch(&self) -> PathBuf {
        self.root.join(".arauto")
    }

    /// The template that goes to AWS.
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
