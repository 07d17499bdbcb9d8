//! How soon a function is there, and what is deployed of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use tests::lambda::Process;
use tokio::time::Instant;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::report::{Size, Start};
use crate::statistics::median;
use crate::usage::{Cpu, resident_mb};

/// Starts each of these binaries so many times, in turn.
pub(crate) async fn measure(
    binaries: &[(&str, &Path)],
    variables: &BTreeMap<String, String>,
    times: usize,
) -> Result<Vec<Start>> {
    let mut samples: Vec<Vec<[f64; 3]>> = vec![Vec::new(); binaries.len()];
    for _ in 0..times {
        for ((_, binary), samples) in binaries.iter().zip(&mut samples) {
            let began = Instant::now();
            let process = Process::start(binary, variables).await?;
            let took = began.elapsed().as_secs_f64() * 1e3;
            let id = process.id().context("it has ended")?;
            samples.push([took, Cpu::of(id)?.us() / 1e3, resident_mb(id)?.0]);
        }
    }
    let starts = binaries.iter().zip(samples).map(|((name, _), samples)| {
        let of = |index: usize| samples.iter().map(|sample| sample[index]).collect::<Vec<_>>();
        Start {
            name: (*name).to_owned(),
            median_ms: median(&of(0)),
            least_ms: of(0).into_iter().fold(f64::INFINITY, f64::min),
            cpu_ms: median(&of(1)),
            resident_mb: median(&of(2)),
            starts: times,
        }
    });
    Ok(starts.collect())
}

/// Packs a binary as a deployment does, and returns how large it is.
pub(crate) fn size(name: &str, binary: &Path) -> Result<Size> {
    let bytes = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755))?;
    zip.write_all(&bytes)?;
    let zipped = zip.finish()?.into_inner();
    #[expect(clippy::cast_precision_loss, reason = "some million bytes")]
    let mb = |bytes: &[u8]| bytes.len() as f64 / 1e6;
    Ok(Size { name: name.to_owned(), binary_mb: mb(&bytes), zip_mb: mb(&zipped) })
}
