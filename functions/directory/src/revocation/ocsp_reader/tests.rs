mod forms;
mod strangers;

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rcgen::{ExtendedKeyUsagePurpose, KeyPair};

use super::super::kit::{Signer, extension, hours, now, sign};
use super::question::NONCE;
use super::*;
use mtls::der::{
    ENUMERATED, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, constructed, primitive, value,
};

const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const SHA256_ID: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];
const SERIAL: &[u8] = &[0x5a, 1, 2, 3];
const ASKED: [u8; 16] = [9; 16];

/// An authority and the certificate that is asked about.
struct Scene {
    signer: Signer,
    leaf: Vec<u8>,
}

impl Scene {
    fn new() -> Self {
        let signer = Signer::new("Authority");
        let (leaf, _) = signer.issue(SERIAL, ExtendedKeyUsagePurpose::ServerAuth);
        Self { signer, leaf }
    }

    fn question(&self) -> Question {
        Question::new(&self.leaf, &self.signer.authority(), Some(ASKED)).unwrap()
    }

    fn id(&self) -> Vec<u8> {
        self.id_by(SHA1, &SHA1_FOR_LEGACY_USE_ONLY, SERIAL)
    }

    fn id_by(&self, oid: &[u8], hash: &'static Algorithm, serial: &[u8]) -> Vec<u8> {
        let authority = self.signer.authority();
        let mut spki = Reader::new(&authority.spki);
        spki.sequence().unwrap();
        let key = spki.read(0x03).unwrap()[1..].to_vec();
        let hashed = |bytes: &[u8]| value(OCTET_STRING, &[digest(hash, bytes).as_ref()]);
        let (name, key) = (hashed(&authority.subject_der()), hashed(&key));
        let algorithm = value(SEQUENCE, &[&value(OID, &[oid])]);
        value(SEQUENCE, &[&algorithm, &name, &key, &value(INTEGER, &[serial])])
    }

    fn read(&self, parts: &Parts) -> Result<Answer, OcspRefusal> {
        self.question().read(&successful(&self.signer.sign(&parts.message())), now())
    }

    fn single(&self, status: &[u8]) -> Vec<u8> {
        single(&self.id(), status, &hours(-1))
    }
}

fn parts_of(statuses: &[Vec<u8>]) -> Parts {
    Parts { statuses: statuses.concat(), ..Parts::default() }
}

fn single(id: &[u8], status: &[u8], this_update: &[u8]) -> Vec<u8> {
    value(SEQUENCE, &[id, status, this_update, &value(constructed(0), &[&hours(1)])])
}

fn good() -> Vec<u8> {
    value(primitive(0), &[])
}

fn unknown() -> Vec<u8> {
    value(primitive(2), &[])
}

fn revoked(reason: &[u8]) -> Vec<u8> {
    value(constructed(1), &[&hours(-2), reason])
}

fn reason(code: u8) -> Vec<u8> {
    value(constructed(0), &[&value(ENUMERATED, &[&[code]])])
}

/// What a `ResponseData` is made of.
struct Parts {
    version: Vec<u8>,
    responder: Vec<u8>,
    produced: Vec<u8>,
    statuses: Vec<u8>,
    extensions: Vec<u8>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            version: Vec::new(),
            responder: value(constructed(2), &[&value(OCTET_STRING, &[&[7; 20]])]),
            produced: hours(0),
            statuses: Vec::new(),
            extensions: Vec::new(),
        }
    }
}

impl Parts {
    fn extended(mut self, extensions: &[Vec<u8>]) -> Self {
        self.extensions = value(constructed(1), &[&value(SEQUENCE, &[&extensions.concat()])]);
        self
    }

    fn message(&self) -> Vec<u8> {
        let statuses = value(SEQUENCE, &[&self.statuses]);
        value(SEQUENCE, &[&self.version, &self.responder, &self.produced, &statuses, &self.extensions])
    }
}

/// Wraps what is signed, and certificates, if any.
fn successful(basic: &[u8]) -> Vec<u8> {
    let basic = value(SEQUENCE, &[basic]);
    let response = value(SEQUENCE, &[&value(OID, &[BASIC]), &value(OCTET_STRING, &[&basic])]);
    value(SEQUENCE, &[&value(ENUMERATED, &[&[0]]), &value(constructed(0), &[&response])])
}

fn with_certificates(signed: &[u8], certificates: &[Vec<u8>]) -> Vec<u8> {
    let certificates = value(constructed(0), &[&value(SEQUENCE, &[&certificates.concat()])]);
    successful(&[signed, &certificates].concat())
}

fn signed_by(key: &KeyPair, parts: &Parts) -> Vec<u8> {
    sign(key, &parts.message())
}
