//! Finds the row of an endpoint among those of both ecosystems.

use std::fmt;

use super::ecosystem::Ecosystem;
use super::endpoint::{APIS_WITHOUT_WEBHOOK, ENDPOINTS, Endpoint, EndpointRow};
use super::open_insurance::OPEN_INSURANCE_ENDPOINTS;

fn rows() -> impl Iterator<Item = &'static EndpointRow> {
    ENDPOINTS.iter().chain(OPEN_INSURANCE_ENDPOINTS)
}

impl Endpoint {
    /// Returns the endpoint's row.
    pub fn row(self) -> &'static EndpointRow {
        rows().find(|row| row.endpoint == self).expect("every endpoint has its row")
    }

    /// Finds the endpoint by its code, `E1` to `E5` or `I1` to `I5`.
    pub fn from_code(code: &str) -> Option<Self> {
        rows().find(|row| row.code == code).map(|row| row.endpoint)
    }

    /// Finds the endpoint that notifies a resource of an API, in any ecosystem: no two share an API.
    pub fn of(api: &str, resource: &str) -> Option<Self> {
        rows().find(|row| row.api == api && row.resource == resource).map(|row| row.endpoint)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().code)
    }
}

impl Ecosystem {
    /// Lists its endpoints.
    pub fn endpoints(self) -> &'static [EndpointRow] {
        match self {
            Self::OpenFinance => ENDPOINTS,
            Self::OpenInsurance => OPEN_INSURANCE_ENDPOINTS,
        }
    }

    /// Lists its APIs without an endpoint in its convention, whose changes are no error.
    pub fn apis_without_webhook(self) -> &'static [&'static str] {
        match self {
            Self::OpenFinance => APIS_WITHOUT_WEBHOOK,
            Self::OpenInsurance => &[],
        }
    }

    /// Finds the ecosystem of an API with an endpoint; the default one for any other.
    pub(crate) fn of_api(api: &str) -> Self {
        rows().find(|row| row.api == api).map_or_else(Self::default, |row| row.ecosystem)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_endpoints_share_a_code_and_no_two_ecosystems_an_api() {
        let codes: BTreeSet<_> = rows().map(|row| row.code).collect();
        assert_eq!(codes.len(), rows().count());
        let apis = |ecosystem: Ecosystem| {
            let with = ecosystem.endpoints().iter().map(|row| row.api);
            with.chain(ecosystem.apis_without_webhook().iter().copied()).collect::<BTreeSet<_>>()
        };
        assert!(apis(Ecosystem::OpenFinance).is_disjoint(&apis(Ecosystem::OpenInsurance)));
        for ecosystem in Ecosystem::ALL {
            assert!(ecosystem.endpoints().iter().all(|row| row.ecosystem == ecosystem));
            assert!(ecosystem.endpoints().iter().all(|row| Ecosystem::of_api(row.api) == ecosystem));
            assert_eq!(ecosystem.as_str().parse(), Ok(ecosystem));
        }
    }
}
