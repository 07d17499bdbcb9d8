//! The search for a path, as a handshake makes it, and what it costs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use mtls::revocation::{Path, verified_path};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName, SignatureVerificationAlgorithm,
    UnixTime,
};

/// A search for a path from what a receiver presents.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// What is presented, the receiver's own certificate first.
    pub presented: &'a [CertificateDer<'static>],
    /// The receiver's host.
    pub host: &'a str,
    /// Who is trusted.
    pub roots: &'a RootCertStore,
    /// The time.
    pub now: Timestamp,
}

impl Search<'_> {
    /// Finds the first path that `accepts` takes.
    ///
    /// # Errors
    /// What a handshake would end with.
    pub fn path(self, accepts: &dyn Fn(&Path) -> bool) -> Result<Path, rustls::Error> {
        self.with(default_provider().signature_verification_algorithms.all, accepts)
    }

    /// Counts the signatures that are checked where every path is refused: then the search goes on to its end.
    pub fn checks(self) -> usize {
        let count = AtomicUsize::default();
        let provider = default_provider();
        let counting = |algorithm: &&'static dyn SignatureVerificationAlgorithm| Counting {
            algorithm: *algorithm,
            count: &count,
        };
        let algorithms: Vec<_> =
            provider.signature_verification_algorithms.all.iter().map(counting).collect();
        let algorithms: Vec<_> =
            algorithms.iter().map(|one| one as &dyn SignatureVerificationAlgorithm).collect();
        // What comes of it is another question.
        self.with(&algorithms, &|_| false).ok();
        count.load(Ordering::Relaxed)
    }

    fn with(
        self,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        accepts: &dyn Fn(&Path) -> bool,
    ) -> Result<Path, rustls::Error> {
        let (Some((leaf, above)), Ok(host)) = (self.presented.split_first(), ServerName::try_from(self.host))
        else {
            return Err(rustls::Error::NoCertificatesPresented);
        };
        let seconds = u64::try_from(self.now.as_second()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        verified_path((leaf, above), &host, &self.roots.roots, algorithms, now, accepts)
    }
}

/// An algorithm whose use is counted.
#[derive(Debug)]
struct Counting<'a> {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    count: &'a AtomicUsize,
}

impl SignatureVerificationAlgorithm for Counting<'_> {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.algorithm.verify_signature(key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}
