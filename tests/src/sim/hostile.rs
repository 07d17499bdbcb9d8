//! Certificates that nobody asked for, as a hostile receiver appends them to its chain.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, CustomExtension, DistinguishedName, DnType,
    DnValue, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use serde_json::json;
use tokio::time::sleep;

use super::world::World;
use crate::aws::DIRECTORY;

/// Where the lists of these certificates are said to be: inside, where nothing may be asked (guarantees G7 and G10).
pub(super) const INSIDE: &str = "http://169.254.169.254/latest/list.crl";
/// A text that is longer than anything useful.
const HUGE: usize = 6 * 1024;

/// Puts rows that cannot be read among those of the receivers, as a path or chain that was noted under a hostile one's name would
/// be: one that is no certificate, one that lacks what each row has.
pub(super) async fn spoils_rows(world: World, at: Duration) {
    sleep(at.saturating_sub(world.now())).await;
    for prefix in ["path#", "chain#"] {
        let instant = World::instant(world.now()).to_string();
        let junk = json!({
            "name": { "S": format!("{prefix}junk") }, "bytes": { "B": "IQ==" },
            "fetched_at": { "S": instant }, "fresh_until": { "S": instant }, "expires_at": { "N": "9999999999" },
        });
        world.aws().put_row(DIRECTORY, junk);
        let dateless = json!({ "name": { "S": format!("{prefix}dateless") }, "bytes": { "B": "IQ==" } });
        world.aws().put_row(DIRECTORY, dateless);
    }
    world.facts().is_hostile_row_there = true;
}

/// Makes them: an expired one under the name of an authority that is trusted, one whose addresses lead inside, one with a huge
/// text.
pub(super) fn certificates() -> Vec<CertificateDer<'static>> {
    let expired = {
        let mut params = authority("");
        params.distinguished_name = issuer_name();
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        params
    };
    let inside = {
        let mut params = authority("Nobody");
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![INSIDE.to_owned()] }];
        params
    };
    let huge = {
        let mut params = authority("Huge");
        // A private arc, so that nobody understands it.
        let text = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![b'x'; HUGE]);
        params.custom_extensions.push(text);
        params
    };
    [expired, inside, huge].map(|params| made(&params)).into()
}

/// The name of the authority that issued the receivers' certificates, as `TestPki` writes it.
fn issuer_name() -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, DnValue::PrintableString("BR".try_into().expect("letters")));
    name.push(DnType::OrganizationName, "Arauto test authority, not ICP-Brasil");
    name.push(DnType::CommonName, "Receiver Issuing CA");
    name
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2036, 1, 1));
    params
}

fn made(params: &CertificateParams) -> CertificateDer<'static> {
    let key = KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").der().clone()
}
