//! The location of evidence: the bucket, or a copy of it.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use evidence::{Archive, Version};
use futures_util::future::try_join_all;
use jiff::Timestamp;

/// Number of versions read concurrently, because the latency of S3 dominates for small ones.
const AT_A_TIME: usize = 8;
/// A larger version is read alone and in pieces, to bound the memory.
const READ_WHOLE: u64 = 16 * 1024 * 1024;

/// The location of evidence.
#[derive(Clone, Debug)]
pub enum Source {
    /// The bucket.
    Bucket(Archive),
    /// A local copy of the bucket, for people without access to it. It has no versions.
    Folder(PathBuf),
}

impl Source {
    /// Lists the versions below a prefix, after one key and up to another, by key and oldest first.
    pub async fn versions(&self, prefix: &str, after: &str, until: &str) -> Result<Vec<Version>> {
        match self {
            Self::Bucket(archive) => Ok(archive.versions(prefix, after, Some(until)).await?),
            Self::Folder(folder) => {
                let mut found = Vec::new();
                walk(folder, &folder.join(prefix), &mut found)?;
                found.retain(|version| version.key.as_str() > after && version.key.as_str() <= until);
                found.sort();
                Ok(found)
            }
        }
    }

    /// Reads the versions of a group concurrently and whole, in order; `None` for one that must be read in pieces.
    pub async fn read_group(&self, group: &[Version]) -> Result<Vec<Option<Vec<u8>>>> {
        let read = async |version| {
            if !is_small(version) {
                return Ok(None);
            }
            let mut whole = Vec::new();
            self.read(version, |piece| whole.extend_from_slice(piece)).await?;
            Ok(Some(whole))
        };
        try_join_all(group.iter().map(read)).await
    }

    /// Reads a version in pieces.
    pub async fn read(&self, version: &Version, mut piece: impl FnMut(&[u8])) -> Result<()> {
        match self {
            Self::Bucket(archive) => {
                Ok(archive.read(&version.key, &version.version_id, |bytes| piece(bytes)).await?)
            }
            Self::Folder(folder) => {
                let path = folder.join(&version.key);
                let failed = || format!("failed to read {}", path.display());
                let mut file = File::open(&path).with_context(failed)?;
                let mut buffer = vec![0; 64 * 1024];
                loop {
                    match file.read(&mut buffer).with_context(failed)? {
                        0 => return Ok(()),
                        read => piece(buffer.get(..read).unwrap_or_default()),
                    }
                }
            }
        }
    }

    /// Says whether versions are available.
    pub fn has_versions(&self) -> bool {
        match self {
            Self::Bucket(_) => true,
            Self::Folder(_) => false,
        }
    }
}

/// Splits versions, in order, into groups that are read concurrently.
pub(super) fn groups(versions: &[Version]) -> impl Iterator<Item = &[Version]> {
    let runs = versions.chunk_by(|before, after| is_small(before) && is_small(after));
    runs.flat_map(|run| run.chunks(AT_A_TIME))
}

fn is_small(version: &Version) -> bool {
    version.size <= READ_WHOLE
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Version>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let failed = || format!("failed to list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.is_dir() {
            walk(root, &path, found)?;
            continue;
        }
        let relative = path.strip_prefix(root).unwrap_or(&path);
        found.push(Version {
            key: relative.to_string_lossy().into_owned(),
            put_at: Timestamp::MIN,
            version_id: String::new(),
            size: fs::metadata(&path).with_context(failed)?.len(),
            is_delete_marker: false,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_are_read_at_a_time_and_a_large_one_alone() {
        let sizes = [vec![1; 9], vec![READ_WHOLE + 1], vec![READ_WHOLE; 2]].concat();
        let version = |size: &u64| Version {
            key: String::new(),
            put_at: Timestamp::MIN,
            version_id: String::new(),
            size: *size,
            is_delete_marker: false,
        };
        let versions: Vec<_> = sizes.iter().map(version).collect();
        let lengths: Vec<_> = groups(&versions).map(<[Version]>::len).collect();
        assert_eq!(lengths, [8, 1, 1, 2]);
    }
}
