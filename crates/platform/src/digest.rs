//! SHA-256 digests as text.

use aws_lc_rs::digest::{SHA256, digest};

/// Returns the SHA-256 of bytes, in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
