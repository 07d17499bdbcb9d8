//! The bucket of evidence.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use jiff::Timestamp;
use platform::aws::cause;
use thiserror::Error;

use crate::seal::Hasher;

/// The bucket of evidence. All versions are read, never only the latest: overwritten ones still exist.
#[derive(Clone, Debug)]
pub struct Archive {
    client: Client,
    bucket: String,
}

/// A version of an object.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    /// The object's key.
    pub key: String,
    /// When it was put, by the clock of S3.
    pub put_at: Timestamp,
    /// Which version.
    pub version_id: String,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it is a delete marker.
    pub is_delete_marker: bool,
}

/// The result of a conditional put.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Put {
    /// The object was created.
    Done,
    /// It existed already.
    Existed,
}

impl Archive {
    /// Uses this bucket with this configuration. A custom endpoint, such as the local stack's, has no host names for
    /// buckets.
    pub fn of(sdk: &SdkConfig, bucket: String) -> Self {
        let mut config = aws_sdk_s3::config::Builder::from(sdk);
        config.set_force_path_style(Some(sdk.endpoint_url().is_some()));
        Self { client: Client::from_conf(config.build()), bucket }
    }

    /// Lists all versions and delete markers of objects whose key begins with `prefix` and comes after `after`, by
    /// key and oldest first; `until` is a key at which listing may stop.
    pub async fn versions(
        &self,
        prefix: &str,
        after: &str,
        until: Option<&str>,
    ) -> Result<Vec<Version>, ArchiveError> {
        let (mut found, mut marked) = (Vec::new(), Vec::new());
        let (mut key_marker, mut version_marker) =
            (Some(after.to_owned()).filter(|key| !key.is_empty()), None);
        loop {
            let page = self
                .client
                .list_object_versions()
                .bucket(&self.bucket)
                .prefix(prefix)
                .set_key_marker(key_marker.take())
                .set_version_id_marker(version_marker.take())
                .send()
                .await
                .map_err(|error| self.failed("list", prefix, cause(error)))?;
            let (versions, markers) =
                (page.versions.unwrap_or_default(), page.delete_markers.unwrap_or_default());
            found.extend(versions.into_iter().filter_map(|version| {
                Some(Version {
                    key: version.key?,
                    put_at: instant(version.last_modified.as_ref()),
                    version_id: version.version_id.unwrap_or_default(),
                    size: version.size.and_then(|size| size.try_into().ok()).unwrap_or_default(),
                    is_delete_marker: false,
                })
            }));
            marked.extend(markers.into_iter().filter_map(|marker| {
                Some(Version {
                    key: marker.key?,
                    put_at: instant(marker.last_modified.as_ref()),
                    version_id: marker.version_id.unwrap_or_default(),
                    size: 0,
                    is_delete_marker: true,
                })
            }));
            let next = page.next_key_marker.filter(|_| page.is_truncated == Some(true));
            match next {
                Some(next) if until.is_none_or(|until| next.as_str() <= until) => key_marker = Some(next),
                Some(_) | None => break,
            }
            version_marker = page.next_version_id_marker;
        }
        Ok(oldest_first(found, marked, until))
    }

    /// Reads a version in pieces.
    pub async fn read(
        &self,
        key: &str,
        version_id: &str,
        mut piece: impl FnMut(&Bytes),
    ) -> Result<(), ArchiveError> {
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .set_version_id(Some(version_id).filter(|id| !id.is_empty()).map(str::to_owned))
            .send()
            .await
            .map_err(|error| self.failed("read", key, cause(error)))?;
        let mut body = answer.body;
        while let Some(bytes) = body.next().await {
            piece(&bytes.map_err(|error| self.failed("read", key, error.into()))?);
        }
        Ok(())
    }

    /// Reads a small version whole.
    pub async fn read_all(&self, key: &str, version_id: &str) -> Result<Vec<u8>, ArchiveError> {
        let mut all = Vec::new();
        self.read(key, version_id, |piece| all.extend_from_slice(piece)).await?;
        Ok(all)
    }

    /// Computes the digest of a version with one piece in memory at a time.
    pub async fn digest(&self, version: &Version) -> Result<(u64, crate::seal::Digest), ArchiveError> {
        let mut hasher = Hasher::default();
        self.read(&version.key, &version.version_id, |piece| hasher.update(piece)).await?;
        Ok(hasher.finish())
    }

    /// Puts an object unless its key exists ("Conditional writes", Amazon S3 User Guide).
    pub async fn put_new(&self, key: &str, content: Vec<u8>) -> Result<Put, ArchiveError> {
        let sent = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .if_none_match("*")
            .content_type("application/json")
            .body(ByteStream::from(content))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Put::Done),
            Err(error) if exists(&error) => Ok(Put::Existed),
            Err(error) => Err(self.failed("write", key, cause(error))),
        }
    }

    fn failed(&self, doing: &'static str, key: &str, source: BoxError) -> ArchiveError {
        ArchiveError { doing, key: key.to_owned(), bucket: self.bucket.clone(), source }
    }
}

/// Sorts the versions of a listing. S3 lists a key's versions newest first (`ListObjectVersions`, Amazon S3 API
/// Reference), and nothing else tells their order: times are whole seconds, and ids are random. Markers come after
/// the version they mark.
fn oldest_first(found: Vec<Version>, marked: Vec<Version>, until: Option<&str>) -> Vec<Version> {
    let mut all: Vec<_> = found.into_iter().rev().chain(marked.into_iter().rev()).collect();
    all.retain(|version| until.is_none_or(|until| version.key.as_str() <= until));
    all.sort_by(|one, other| one.key.cmp(&other.key));
    all
}

/// Says whether the object exists, or is being put concurrently.
fn exists(error: &SdkError<PutObjectError>) -> bool {
    matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict"))
}

fn instant(at: Option<&aws_smithy_types::DateTime>) -> Timestamp {
    at.and_then(|at| Timestamp::from_second(at.secs()).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Why the bucket cannot be used.
#[derive(Debug, Error)]
#[error("failed to {doing} {key} in the bucket of evidence {bucket}")]
pub struct ArchiveError {
    doing: &'static str,
    key: String,
    bucket: String,
    source: BoxError,
}
