//! Errors of PEM files.

use thiserror::Error;

/// What is wrong with a file. Quotes nothing of it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum PemError {
    /// It has no block of the wanted kind.
    #[error("there is no -----BEGIN {wanted}----- in it")]
    Nothing {
        /// The wanted label.
        wanted: &'static str,
    },
    /// It is DER.
    #[error(
        "it is DER (or PKCS #12), not PEM: convert it with openssl x509 -inform DER, openssl pkey -inform DER, or openssl pkcs12 \
         -nodes"
    )]
    Der,
    /// A line looks like a block's beginning or end but is neither.
    #[error("line {line} looks like the beginning or the end of a block but is neither")]
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
    /// A block ends with another label than it begins with.
    #[error("the block that begins in line {line} ends as something else in line {end}")]
    OtherEnd {
        /// The line on which it begins, counted from 1.
        line: usize,
        /// The line on which it ends.
        end: usize,
    },
    /// A block's end has no beginning.
    #[error("line {line} ends a block that did not begin")]
    NotBegun {
        /// The line, counted from 1.
        line: usize,
    },
    /// A line inside a block is not base64.
    #[error("line {line} is not base64")]
    NotBase64 {
        /// The line, counted from 1.
        line: usize,
    },
    /// A block's content does not match its label.
    #[error("the block that begins in line {line} does not hold what its label says, or is cut off")]
    Unreadable {
        /// The line, counted from 1.
        line: usize,
    },
    /// The file marks an authority as not trusted.
    #[error(
        "the authority in line {line} is marked as not trusted for TLS servers: leave it out, or write it without the marks with \
         openssl x509 -clrtrust -clrreject"
    )]
    Distrusted {
        /// The line, counted from 1.
        line: usize,
    },
    /// Another kind of block stands among certificates.
    #[error("line {line} begins {what} where certificates are expected")]
    NotCertificate {
        /// The line, counted from 1.
        line: usize,
        /// What it is.
        what: &'static str,
    },
    /// The format of the private key is not supported.
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
        "the private key in line {line} is encrypted, and there is no prompt for its password: decrypt it with openssl pkcs8 -in \
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
