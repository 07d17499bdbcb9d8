//! The dearest chains that are admitted: as many certificates and bytes as may be, each kind in its own way.

use jiff::Timestamp;
use mtls::revocation::{MAX_PRESENTED, MAX_PRESENTED_BYTES};
use rustls_pki_types::CertificateDer;

use super::der::extension;
use super::{Draft, Key, Party};

/// The name of the authority that signs receivers' certificates.
const ISSUER: &str = "I";
/// The name of the anchor.
const ROOT: &str = "R";
/// An identifier that nobody knows, but for its last byte.
const UNKNOWN: [u8; 2] = [0x2a, 0x03];

/// What such chains are made of.
#[derive(Debug)]
pub struct Makings {
    /// The host that they are for.
    pub host: &'static str,
    /// The key of the anchor.
    pub root: Key,
    /// Keys that the receiver has, of whatever kind.
    pub own: Vec<Key>,
    /// The time.
    pub now: Timestamp,
}

/// A chain and what it is called.
#[derive(Debug)]
pub struct Kind {
    /// What is dear about it.
    pub name: &'static str,
    /// What is presented.
    pub presented: Vec<CertificateDer<'static>>,
}

impl Makings {
    /// The anchor that all of them lead to, or pretend to.
    pub fn anchor(&self) -> CertificateDer<'static> {
        let root = self.root();
        Draft::authority(self.now).sign(root, root)
    }

    /// A chain of three as it should be.
    pub fn honest(&self) -> Kind {
        let sub = Party::new("S", &self.own[1]);
        let presented = vec![
            self.leaf().sign(self.receiver(), sub),
            self.authority().sign(sub, self.issuer()),
            self.authority().sign(self.issuer(), self.root()),
        ];
        Kind { name: "honest, three certificates", presented }
    }

    /// Every kind.
    pub fn worst(&self) -> Vec<Kind> {
        vec![
            self.padded("one name, padded", |draft, bytes| draft.with(&UNKNOWN, false, &vec![0; bytes])),
            self.padded("one name, of small extensions", |mut draft, bytes| {
                for number in 0..bytes / extension(&[0x2a, 0, 0, 0], false, &[]).len() {
                    let [.., high, low] = number.to_be_bytes();
                    draft = draft.with(&[0x2a, 3 + (high << 1 | low >> 7), low & 0x7f], false, &[]);
                }
                draft
            }),
            self.padded("one name, permitting many names", |draft, bytes| {
                let domains: Vec<_> = (0..bytes / 12).map(|number| format!("{number:05}.br")).collect();
                draft.permits(&domains.iter().map(String::as_str).collect::<Vec<_>>())
            }),
            self.roots(),
            self.genuine(),
            self.layered(),
            self.names(),
        ]
    }

    fn root(&self) -> Party<'_> {
        Party::new(ROOT, &self.root)
    }

    fn issuer(&self) -> Party<'_> {
        Party::new(ISSUER, &self.own[0])
    }

    fn receiver(&self) -> Party<'_> {
        Party::new("L", &self.own[2])
    }

    fn leaf(&self) -> Draft {
        Draft::receiver(&[self.host], self.now).lists(&["http://ca.example/leaf.crl"])
    }

    fn authority(&self) -> Draft {
        Draft::authority(self.now).lists(&["http://ca.example/issuer.crl"])
    }

    /// Another key of the receiver's under this name.
    fn own<'a>(&'a self, name: &'a str, number: usize) -> Party<'a> {
        Party::new(name, &self.own[number % self.own.len()])
    }

    /// Certificates of one name by that name, which may follow each other in any order, below nobody.
    fn padded(&self, name: &'static str, pad: impl Fn(Draft, usize) -> Draft) -> Kind {
        let leaf = self.leaf().sign(self.receiver(), self.issuer());
        let plain = Draft::authority(self.now).sign(self.own(ISSUER, 0), self.own(ISSUER, 0));
        let count = MAX_PRESENTED - 1;
        let mut bytes = (MAX_PRESENTED_BYTES - leaf.len()) / count - plain.len() - 16;
        loop {
            let above = (0..count).map(|number| {
                let party = self.own(ISSUER, number);
                pad(Draft::authority(self.now), bytes).sign(party, party)
            });
            let presented: Vec<_> = std::iter::once(leaf.clone()).chain(above).collect();
            if presented.iter().map(|der| der.len()).sum::<usize>() <= MAX_PRESENTED_BYTES {
                return Kind { name, presented };
            }
            bytes -= 16;
        }
    }

    /// Certificates under the anchor's name, each of which the anchor might have signed: a signature is checked for each way.
    fn roots(&self) -> Kind {
        let leaf = self.leaf().sign(self.receiver(), self.issuer());
        let first = Draft::authority(self.now).sign(self.issuer(), self.own(ROOT, 3));
        let above = (1..MAX_PRESENTED - 1).map(|number| {
            let party = self.own(ROOT, number);
            Draft::authority(self.now).sign(party, party)
        });
        Kind {
            name: "the anchor's name, a signature a way",
            presented: [leaf, first].into_iter().chain(above).collect(),
        }
    }

    /// An authority that cross-signed itself: every way holds, and each is refused.
    fn genuine(&self) -> Kind {
        let leaf = self.leaf().sign(self.receiver(), self.issuer());
        let above = (1..MAX_PRESENTED).map(|number| match number {
            1 => self.authority().sign(self.issuer(), self.root()),
            2 => self.authority().sign(self.issuer(), self.own("S", 1)),
            3 => self.authority().sign(self.own("S", 1), self.root()),
            4 => self.authority().sign(self.own("S", 1), self.own("T", 3)),
            _ => self.authority().sign(self.own("T", 3), self.root()),
        });
        Kind {
            name: "a hostile authority, every way holds",
            presented: std::iter::once(leaf).chain(above).collect(),
        }
    }

    /// As many authorities below each other as may be, each genuine.
    fn layered(&self) -> Kind {
        const NAMES: [&str; 6] = ["L", ISSUER, "B", "C", "D", "E"];
        let party = |number: usize| match number {
            MAX_PRESENTED => self.root(),
            number => self.own(NAMES[number % NAMES.len()], number),
        };
        let presented = (0..MAX_PRESENTED).map(|number| {
            let draft = if number == 0 { self.leaf() } else { self.authority() };
            draft.sign(party(number), party(number + 1))
        });
        Kind { name: "layered, each genuine", presented: presented.collect() }
    }

    /// A receiver of many names below an authority that may give many.
    fn names(&self) -> Kind {
        let of = |count: usize, shape: &dyn Fn(usize) -> String| (0..count).map(shape).collect::<Vec<_>>();
        let hosts = of(330, &|number| format!("{number:05}.a.example"));
        let domains = of(330, &|number| format!("{number:05}.a.exampl"));
        let mut hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
        let mut domains: Vec<_> = domains.iter().map(String::as_str).collect();
        hosts.push(self.host);
        domains.push("example");
        let presented = vec![
            Draft::receiver(&hosts, self.now).sign(self.receiver(), self.issuer()),
            Draft::authority(self.now).permits(&domains).sign(self.issuer(), self.root()),
        ];
        Kind { name: "330 names below an authority that permits 330", presented }
    }
}
