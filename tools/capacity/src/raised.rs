//! A quota that AWS has raised for the account.

use std::str::FromStr;

use super::load::Granted;

/// The quota and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raised {
    which: fn(&mut Granted) -> &mut f64,
    value: f64,
}

impl Raised {
    /// Applies it to the quotas.
    pub(super) fn raise(&self, quotas: &mut Granted) {
        *(self.which)(quotas) = self.value;
    }
}

impl FromStr for Raised {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let which: fn(&mut Granted) -> &mut f64 = match name {
            "in-flight" => |quotas| &mut quotas.in_flight,
            "table-writes" => |quotas| &mut quotas.table_writes,
            "table-reads" => |quotas| &mut quotas.table_reads,
            "kms-signs" => |quotas| &mut quotas.kms_signs,
            "api-requests" => |quotas| &mut quotas.api_requests,
            "firehose-mib" => |quotas| &mut quotas.firehose,
            _ => {
                return Err(format!(
                    "no quota is called {name:?}; there are in-flight, table-writes, table-reads, kms-signs, api-requests and \
                     firehose-mib"
                ));
            }
        };
        match value.parse() {
            Ok(value) if value > 0.0 && value < 1e12 => Ok(Self { which, value }),
            _ => Err(format!("{value:?} is no number above 0: write {name}=VALUE")),
        }
    }
}
