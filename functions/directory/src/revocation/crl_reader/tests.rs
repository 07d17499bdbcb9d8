mod forms;
mod properties;
mod strangers;

use mtls::revocation::serial_hash;

use super::super::kit::{ECDSA_SHA256, Signer, extension, hours, now};
use mtls::der::{BOOLEAN, ENUMERATED, INTEGER, SEQUENCE, constructed, value};

use super::*;

/// What a list is made of.
struct Parts {
    version: Vec<u8>,
    algorithm: Vec<u8>,
    this_update: Vec<u8>,
    next_update: Vec<u8>,
    entries: Vec<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            version: value(INTEGER, &[&[1]]),
            algorithm: ECDSA_SHA256.to_vec(),
            this_update: hours(-1),
            next_update: hours(1),
            entries: Vec::new(),
            extensions: Vec::new(),
        }
    }
}

impl Parts {
    fn message(&self, signer: &Signer) -> Vec<u8> {
        let entries = match &self.entries[..] {
            [] => Vec::new(),
            entries => value(SEQUENCE, &[&entries.concat()]),
        };
        let extensions = match &self.extensions[..] {
            [] => Vec::new(),
            extensions => value(constructed(0), &[&value(SEQUENCE, &[&extensions.concat()])]),
        };
        let (algorithm, issuer) = (value(SEQUENCE, &[&self.algorithm]), signer.authority().subject_der());
        let (this, next) = (&self.this_update, &self.next_update);
        value(SEQUENCE, &[&self.version, &algorithm, &issuer, this, next, &entries, &extensions])
    }

    fn list(&self, signer: &Signer) -> Vec<u8> {
        value(SEQUENCE, &[&signer.sign(&self.message(signer))])
    }

    fn read(&self) -> Result<Crl, CrlRefusal> {
        let signer = Signer::new("Authority");
        read(&self.list(&signer), &signer.authority(), None)
    }
}

fn entry(serial: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = match extensions {
        [] => Vec::new(),
        extensions => value(SEQUENCE, &[&extensions.concat()]),
    };
    value(SEQUENCE, &[&value(INTEGER, &[serial]), &hours(-2), &extensions])
}

fn reason(code: &[u8]) -> Vec<u8> {
    extension(&[0x55, 0x1d, 21], false, &value(ENUMERATED, &[code]))
}

fn sorted(serials: &[&[u8]]) -> Vec<u64> {
    let mut hashes: Vec<_> = serials.iter().copied().map(serial_hash).collect();
    hashes.sort_unstable();
    hashes
}
