//! Forms that answers have, valid and not.

use proptest::prelude::*;

use super::*;

fn status(read: Result<Answer, OcspRefusal>) -> Result<Status, OcspRefusal> {
    read.map(|answer| answer.status)
}

#[test]
fn statuses_are_told_apart() {
    let scene = Scene::new();
    for (stated, expected) in [
        (good(), Ok(Status::Good)),
        (revoked(&[]), Ok(Status::Revoked)),
        (revoked(&reason(1)), Ok(Status::Revoked)),
        (revoked(&reason(7)), Ok(Status::Revoked)),
        (revoked(&reason(6)), Ok(Status::Held)),
        (revoked(&value(constructed(0), &[])), Ok(Status::Revoked)),
        (unknown(), Err(OcspRefusal::UnknownCertificate)),
        (value(constructed(5), &[]), Err(OcspRefusal::Unsupported)),
    ] {
        assert_eq!(status(scene.read(&parts_of(&[scene.single(&stated)]))), expected, "{stated:x?}");
    }
    let answer = scene.read(&parts_of(&[scene.single(&good())])).unwrap();
    let hour = SignedDuration::from_hours(1);
    assert_eq!((answer.this_update, answer.next_update), (now() - hour, Some(now() + hour)));
}

#[test]
fn revoked_counts_before_all_then_the_newest_status_and_of_two_the_worse() {
    let scene = Scene::new();
    let at = |stated: &[u8], time: i64| single(&scene.id(), stated, &hours(time));
    let other = single(&scene.id_by(SHA1, &SHA1_FOR_LEGACY_USE_ONLY, &[1]), &revoked(&[]), &hours(0));
    for (statuses, expected) in [
        (vec![at(&good(), -1), at(&revoked(&[]), -2), other.clone()], Ok(Status::Revoked)),
        (vec![at(&revoked(&[]), -2), at(&good(), -1)], Ok(Status::Revoked)),
        (vec![at(&revoked(&reason(6)), -2), at(&good(), -1)], Ok(Status::Good)),
        (vec![at(&revoked(&[]), -1), at(&good(), -1)], Ok(Status::Revoked)),
        (vec![at(&good(), -1), at(&revoked(&reason(6)), -1)], Ok(Status::Held)),
        (vec![at(&unknown(), -1), at(&good(), -1)], Ok(Status::Good)),
        (vec![other], Err(OcspRefusal::OtherCertificate)),
        (vec![], Err(OcspRefusal::OtherCertificate)),
    ] {
        assert_eq!(status(scene.read(&parts_of(&statuses))), expected);
    }
}

#[test]
fn odd_forms_are_read() {
    let scene = Scene::new();
    let read = |parts: &Parts| status(scene.read(parts));
    let statuses = || scene.single(&good());
    let explicit = Parts {
        version: value(constructed(0), &[&value(INTEGER, &[&[0]])]),
        statuses: statuses(),
        ..Parts::default()
    };
    let by_name = Parts {
        responder: value(constructed(1), &[&scene.signer.authority().subject_der()]),
        statuses: statuses(),
        ..Parts::default()
    };
    let fraction = value(GENERALIZED_TIME, &[b"20261129115959.123Z"]);
    let fractional = Parts {
        produced: fraction.clone(),
        statuses: single(&scene.id(), &good(), &fraction),
        ..Parts::default()
    };
    let padded = scene.id_by(SHA1, &SHA1_FOR_LEGACY_USE_ONLY, &[&[0, 0], SERIAL].concat());
    let padded = parts_of(&[single(&padded, &good(), &hours(-1))]);
    let sha256 = parts_of(&[single(&scene.id_by(SHA256_ID, &SHA256, SERIAL), &good(), &hours(-1))]);
    for odd in [&explicit, &by_name, &fractional, &padded, &sha256] {
        assert_eq!(read(odd), Ok(Status::Good));
    }
    let version = value(constructed(0), &[&value(INTEGER, &[&[1]])]);
    assert_eq!(
        read(&Parts { version, statuses: statuses(), ..Parts::default() }),
        Err(OcspRefusal::Unsupported)
    );
    let strange = scene.id_by(&[0x2a, 3], &SHA256, SERIAL);
    let strange = single(&strange, &good(), &hours(-1));
    assert_eq!(read(&parts_of(std::slice::from_ref(&strange))), Err(OcspRefusal::Unsupported));
    assert_eq!(read(&parts_of(&[strange, statuses()])), Ok(Status::Good));
}

#[test]
fn an_answer_is_about_the_certificate_of_the_authority() {
    let (scene, namesake) = (Scene::new(), Scene::new());
    let answer = parts_of(&[namesake.single(&good())]);
    assert_eq!(scene.read(&answer), Err(OcspRefusal::OtherCertificate));
}

#[test]
fn a_nonce_that_comes_back_is_the_one_that_was_sent() {
    let scene = Scene::new();
    let with = |content: &[u8]| {
        let parts = parts_of(&[scene.single(&good())]).extended(&[extension(NONCE, false, content)]);
        let answer = successful(&scene.signer.sign(&parts.message()));
        let silent = Question::new(&scene.leaf, &scene.signer.authority(), None).unwrap();
        (status(scene.question().read(&answer, now())), status(silent.read(&answer, now())))
    };
    assert_eq!(with(&value(OCTET_STRING, &[&ASKED])), (Ok(Status::Good), Ok(Status::Good)));
    assert_eq!(with(&ASKED), (Ok(Status::Good), Ok(Status::Good)));
    assert_eq!(with(&value(OCTET_STRING, &[&[8; 16]])), (Err(OcspRefusal::Nonce), Ok(Status::Good)));
    assert_eq!(with(&[]), (Err(OcspRefusal::Nonce), Ok(Status::Good)));
}

#[test]
fn critical_extensions_that_are_unknown_are_not_supported() {
    let scene = Scene::new();
    let unknown = |critical| extension(&[0x2a, 3], critical, &[]);
    let parts = || parts_of(&[scene.single(&good())]);
    assert_eq!(scene.read(&parts().extended(&[unknown(true)])), Err(OcspRefusal::Unsupported));
    assert!(scene.read(&parts().extended(&[unknown(false)])).is_ok());
    let extended = |critical| {
        let extensions = value(constructed(1), &[&value(SEQUENCE, &[&unknown(critical)])]);
        parts_of(&[value(SEQUENCE, &[&scene.id(), &good(), &hours(0), &extensions])])
    };
    assert_eq!(scene.read(&extended(true)), Err(OcspRefusal::Unsupported));
    assert!(scene.read(&extended(false)).is_ok());
}

#[test]
fn a_status_counts_while_it_is_current() {
    let scene = Scene::new();
    let endless = |this| value(SEQUENCE, &[&scene.id(), &good(), &hours(this)]);
    let until =
        |next| value(SEQUENCE, &[&scene.id(), &good(), &hours(-3), &value(constructed(0), &[&hours(next)])]);
    for (single, expected) in [
        (endless(0), Ok(Status::Good)),
        (endless(-1), Err(OcspRefusal::Expired)),
        (endless(1), Err(OcspRefusal::NotYetValid)),
        (until(1), Ok(Status::Good)),
        (until(0), Err(OcspRefusal::Expired)),
    ] {
        assert_eq!(status(scene.read(&parts_of(&[single]))), expected);
    }
}

#[test]
fn only_whom_the_authority_named_answers_for_it() {
    let (scene, namesake) = (Scene::new(), Scene::new());
    let parts = parts_of(&[scene.single(&good())]);
    let read = |answer: &[u8]| status(scene.question().read(answer, now()));
    let (responder, key) = scene.signer.issue(&[7], ExtendedKeyUsagePurpose::OcspSigning);
    let (server, server_key) = scene.signer.issue(&[8], ExtendedKeyUsagePurpose::ServerAuth);
    let (stranger, stranger_key) = namesake.signer.issue(&[7], ExtendedKeyUsagePurpose::OcspSigning);
    let signed = signed_by(&key, &parts);
    assert_eq!(read(&with_certificates(&signed, std::slice::from_ref(&responder))), Ok(Status::Good));
    let beside = vec![server.clone(), b"\x30\x00".to_vec(), stranger.clone(), responder.clone()];
    assert_eq!(read(&with_certificates(&signed, &beside)), Ok(Status::Good));
    for refused in [
        successful(&signed),
        with_certificates(&signed, std::slice::from_ref(&server)),
        with_certificates(&signed_by(&server_key, &parts), &[server]),
        with_certificates(&signed_by(&stranger_key, &parts), &[stranger]),
        with_certificates(&signed, &[vec![vec![0x30, 0]; 8], vec![responder]].concat()),
        successful(&namesake.signer.sign(&parts.message())),
    ] {
        assert_eq!(read(&refused), Err(OcspRefusal::Signature));
    }
}

#[test]
fn bytes_that_are_no_ocsp_answer_are_refused_as_such() {
    let scene = Scene::new();
    let read = |answer: &[u8]| scene.question().read(answer, now());
    let good = successful(&scene.signer.sign(&parts_of(&[scene.single(&good())]).message()));
    assert!(read(&good).is_ok());
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_err(), "{length}");
    }
    for byte in 0..good.len() {
        let mut changed = good.clone();
        changed[byte] ^= 1;
        assert!(read(&changed).is_err(), "{byte}");
    }
    assert_eq!(read(&[&good[..], &[0]].concat()), Err(OcspRefusal::NotOcsp));
    assert_eq!(read(b"<html>maintenance</html>"), Err(OcspRefusal::NotOcsp));
    // The status tryLater, then a successful one with nothing in it.
    assert_eq!(read(&[0x30, 3, 0x0a, 1, 3]), Err(OcspRefusal::Refused));
    assert_eq!(read(&[0x30, 3, 0x0a, 1, 0]), Err(OcspRefusal::NotOcsp));
}

proptest! {
    #[test]
    fn any_bytes_that_the_authority_signed(bytes in prop::collection::vec(any::<u8>(), 0..96), whole in any::<bool>()) {
        let scene = Scene::new();
        let parts = if whole {
            Parts { statuses: bytes, ..Parts::default() }
        } else {
            Parts { extensions: bytes, ..parts_of(&[scene.single(&good())]) }
        };
        let read = scene.read(&parts);
        prop_assert!(!matches!(read, Err(OcspRefusal::Signature | OcspRefusal::Refused)));
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let scene = Scene::new();
        prop_assert!(scene.question().read(&bytes, now()).is_err());
    }
}
