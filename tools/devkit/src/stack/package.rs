//! Builds the functions and packs each as Lambda takes it: a zip with an executable called `bootstrap`.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use account::Checkout;
use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::command;
use super::folder::make_folder;
use super::options::Profile;

/// Builds the binaries, each the one of the package of its name, and returns the folder they are in.
pub(super) async fn build(
    checkout: &Checkout,
    profile: Profile,
    binaries: &[&str],
    log: &Path,
) -> Result<PathBuf> {
    let mut cargo = Command::new(cargo());
    cargo.current_dir(checkout.root()).args(["build", "--locked"]);
    match profile {
        // With all the workspace, so that the dependencies are compiled once for the functions, for this command and
        // for the tests: cargo compiles them anew for every selection that asks for other features of them.
        Profile::Dev => {
            cargo.args(["--workspace", "--bins"]);
        }
        Profile::Release => {
            cargo.arg("--release").args(binaries.iter().flat_map(|binary| ["-p", binary]));
        }
    }
    let names = binaries.join(", ");
    command::run(
        &mut cargo,
        log,
        &format!("build {names} with cargo"),
        "mend what the compiler reports and try again",
    )
    .await?;
    Ok(target_folder(checkout)?.join(profile.folder()))
}

/// Packs one binary into `folder`, unless the package there is of the same file, and returns the package.
pub(super) fn pack(binary: &Path, folder: &Path) -> Result<PathBuf> {
    let name = binary.file_name().unwrap_or_default().display();
    let package = folder.join(format!("{name}.zip"));
    let stamp = folder.join(format!("{name}.made-from"));
    let mark = mark(binary)?;
    if package.is_file() && fs::read_to_string(&stamp).is_ok_and(|text| text == mark) {
        return Ok(package);
    }
    make_folder(folder)?;
    // Renamed into place, so that whoever reads the package meanwhile has the whole old one or the whole new one.
    let partial = folder.join(format!("{name}.{}.partial", std::process::id()));
    write_zip(binary, &partial)
        .and_then(|()| fs::rename(&partial, &package).map_err(Into::into))
        .and_then(|()| fs::write(&stamp, mark).map_err(Into::into))
        .with_context(|| format!("cannot pack {} as {}", binary.display(), package.display()))?;
    Ok(package)
}

/// Stored, not deflated: it travels over loopback only, and an unoptimised deflate takes longer than the copy.
fn write_zip(binary: &Path, package: &Path) -> Result<()> {
    let mut zip = ZipWriter::new(File::create(package)?);
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    io::copy(&mut File::open(binary)?, &mut zip)?;
    zip.finish()?;
    Ok(())
}

/// Tells one build of a binary from another without reading it.
fn mark(binary: &Path) -> Result<String> {
    let facts = fs::metadata(binary)
        .with_context(|| format!("the binary {} is not there: was it built?", binary.display()))?;
    let changed = facts.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{} {} bytes, modified {} ns\n", binary.display(), facts.len(), changed.as_nanos()))
}

fn target_folder(checkout: &Checkout) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let output = Command::new(cargo())
        .current_dir(checkout.root())
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot run cargo metadata: is cargo on the PATH?")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata failed in {}: {words}", checkout.root().display());
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cannot read the answer of cargo metadata")?;
    Ok(metadata.target_directory)
}

/// The cargo that runs us, so that a toolchain chosen on the command line stays chosen.
fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_package_holds_an_executable_bootstrap_and_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("intake");
        fs::write(&binary, b"#!/bin/sh\n").unwrap();
        let package = pack(&binary, &folder.path().join("packages")).unwrap();
        let made = fs::metadata(&package).unwrap().modified().unwrap();

        let mut zip = zip::ZipArchive::new(File::open(&package).unwrap()).unwrap();
        let mut entry = zip.by_name("bootstrap").unwrap();
        assert_eq!(entry.unix_mode().unwrap() & 0o777, 0o755);
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert_eq!(text, "#!/bin/sh\n");

        pack(&binary, &folder.path().join("packages")).unwrap();
        assert_eq!(fs::metadata(&package).unwrap().modified().unwrap(), made);
        fs::write(&binary, b"#!/bin/sh\n# changed\n").unwrap();
        pack(&binary, &folder.path().join("packages")).unwrap();
        assert!(fs::metadata(&package).unwrap().len() > 10);
    }

    #[test]
    fn a_missing_binary_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = pack(&folder.path().join("intake"), folder.path()).unwrap_err().to_string();
        assert!(error.contains("intake is not there"), "{error}");
    }
}
