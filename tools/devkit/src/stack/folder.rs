//! Folders of the local stack.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Makes a folder and those above it.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| {
        format!("cannot make the folder {}: check its permissions and the free space", path.display())
    })
}
