//! Tests that need what is not installed here: they say so, and fail where nothing may be skipped.

use std::fs::{OpenOptions, create_dir_all};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::contract::{file, nothing_may_be_skipped};

/// Notes a line for `make test` to show last; fails where nothing may be skipped.
pub fn note(line: &str) -> Result<()> {
    ensure!(!nothing_may_be_skipped(), "{line}");
    let folder = file(".arauto")?;
    create_dir_all(&folder)?;
    let mut notes = OpenOptions::new().create(true).append(true).open(folder.join("skipped.txt"))?;
    Ok(writeln!(notes, "{line}")?)
}

/// Returns a program that a test needs, or notes that the test is skipped for want of it.
pub fn unless(test: &str, program: Option<PathBuf>, install: &str) -> Result<Option<PathBuf>> {
    if program.is_none() {
        note(&format!("skipped: {test} needs what is not installed here\n  {install}"))?;
    }
    Ok(program)
}
