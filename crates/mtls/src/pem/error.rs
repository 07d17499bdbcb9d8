//! What is wrong with a PEM file.

use thiserror::Error;

/// What is wrong with a file. Quotes nothing of it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum PemError {
    /// It holds nothing of what is wanted.
    #[error("there is no -----BEGIN {wanted}----- in it")]
    Nothing {
        /// The label that is wanted.
        wanted: &'static str,
    },
    /// It is DER.
    #[error(
        "it is DER (or PKCS #12), not PEM: convert it with openssl x509 -inform DER, openssl pkey -inform DER, or openssl pkcs12 \
         -nodes"
    )]
    Der,
    /// Something looks like the beginning or the end of a block, and is none.
    #[error("line {line} is neither the beginning nor the end of a block, and looks like one")]
    Marker {
        /// The line, counted from 1.
        line: usize,
    },
    /// A block does not end.
    #[error("the block that begins in line {line} does not end")]
    Endless {
        /// The line, counted from 1.
        line: usize,
    },
    /// A block ends as another kind than it begins.
    #[error("the block that begins in line {line} ends as something else in line {end}")]
    OtherEnd {
        /// The line on which it begins, counted from 1.
        line: usize,
        /// The line on which it ends.
        end: usize,
    },
    /// Something ends that did not begin.
    #[error("line {line} ends a block that did not begin")]
    NotBegun {
        /// The line, counted from 1.
        line: usize,
    },
    /// A line inside a block is no base64.
    #[error("line {line} is not base64")]
    NotBase64 {
        /// The line, counted from 1.
        line: usize,
    },
    /// A block does not hold what its label says.
    #[error("the block that begins in line {line} does not hold what its label says, or only half of it")]
    Unreadable {
        /// The line, counted from 1.
        line: usize,
    },
    /// An authority is there that its file does not trust.
    #[error(
        "the authority in line {line} is marked as not trusted for TLS servers: leave it out, or write it without the marks with \
         openssl x509 -clrtrust -clrreject"
    )]
    Distrusted {
        /// The line, counted from 1.
        line: usize,
    },
    /// Something else stands where certificates should.
    #[error("line {line} begins {what} where certificates are expected")]
    NotCertificate {
        /// The line, counted from 1.
        line: usize,
        /// What it is.
        what: &'static str,
    },
    /// A private key of a kind that is not read.
    #[error(
        "line {line} begins {what}, which is not read as a private key: convert it with openssl pkcs8 -topk8 -nocrypt"
    )]
    NotKey {
        /// The line, counted from 1.
        line: usize,
        /// What it is.
        what: &'static str,
    },
    /// The private key is encrypted.
    #[error(
        "the private key in line {line} is encrypted, and nobody is asked for its password: decrypt it with openssl pkcs8 -in \
         KEY -out DECRYPTED (or openssl rsa where the file says Proc-Type)"
    )]
    Encrypted {
        /// The line, counted from 1.
        line: usize,
    },
    /// There are several private keys.
    #[error("there are two private keys, in lines {first} and {line}: leave one")]
    TwoKeys {
        /// The line of the first, counted from 1.
        first: usize,
        /// The line of the other.
        line: usize,
    },
}
