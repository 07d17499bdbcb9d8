//! Whatever the bytes are, reading them ends in a list or a refusal.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new("Authority"));

fn scope() -> Vec<u8> {
    let name = value(0xa0, &[&value(0xa0, &[&value(0x86, &[b"http://a/b"])])]);
    value(SEQUENCE, &[&name, &value(0x81, &[&[0xff]])])
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        prop_assert!(read(&bytes, &SIGNER.authority(), None).is_err());
    }

    /// Signed as they are, so that the reader goes to their end.
    #[test]
    fn any_bytes_that_the_authority_signed(
        entries in prop::collection::vec(any::<u8>(), 0..64),
        extensions in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let parts = Parts { entries: vec![entries], extensions: vec![extensions], ..Parts::default() };
        let read = read(&parts.list(&SIGNER), &SIGNER.authority(), None);
        prop_assert!(!matches!(read, Err(CrlRefusal::Signature | CrlRefusal::OtherIssuer)));
    }

    #[test]
    fn any_change_of_what_follows_the_issuer(at in 0_usize..200, byte in any::<u8>()) {
        let parts = Parts {
            entries: vec![entry(&[5], &[reason(&[6])]), entry(&[6], &[])],
            extensions: vec![extension(SCOPE, true, &scope()), extension(&[0x55, 0x1d, 20], false, &[2, 1, 1])],
            ..Parts::default()
        };
        let mut message = parts.message(&SIGNER);
        let at = at % message.len();
        message[at] = byte;
        let list = value(SEQUENCE, &[&SIGNER.sign(&message)]);
        if let Ok(list) = read(&list, &SIGNER.authority(), None) {
            prop_assert!(list.revoked.is_sorted() && list.held.is_sorted());
        }
    }

    #[test]
    fn every_serial_is_found(serials in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..24), 0..40)) {
        let entries = serials.iter().map(|serial| entry(serial, &[])).collect();
        let parts = Parts { entries, ..Parts::default() };
        let list = read(&parts.list(&SIGNER), &SIGNER.authority(), None).unwrap();
        prop_assert!(list.revoked.is_sorted_by(|before, after| before < after));
        for serial in &serials {
            prop_assert!(list.revoked.binary_search(&serial_hash(serial)).is_ok());
        }
    }
}
