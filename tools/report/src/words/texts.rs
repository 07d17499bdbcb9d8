//! The texts of a report, as each language fills them in.

use convention::codes::FailureClass;

use crate::receiver::Webhook;

/// The texts of a report. `{}` stands for what is put in.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) months: [&'static str; 12],
    pub(crate) month_of_year: &'static str,
    pub(crate) period: &'static str,
    pub(crate) made: &'static str,
    pub(crate) of_stack: &'static str,
    pub(crate) of_copy: &'static str,
    pub(crate) copy_note: &'static str,
    pub(crate) provisional: &'static str,
    pub(crate) provisional_why: &'static str,
    pub(crate) scope: &'static str,
    pub(crate) all_initiators: &'static str,
    pub(crate) only_these: &'static str,
    pub(crate) not_known: &'static str,
    pub(crate) none: &'static str,
    pub(crate) page: &'static str,

    pub(crate) rests_on: &'static str,
    pub(crate) agrees: &'static str,
    pub(crate) agrees_why: &'static str,
    pub(crate) differs: &'static str,
    pub(crate) differs_why: &'static str,
    pub(crate) unsealed: &'static str,
    pub(crate) unsealed_why: &'static str,
    pub(crate) source: &'static str,
    pub(crate) sources: [&'static str; 2],
    pub(crate) sealed_hours: &'static str,
    pub(crate) hours_from_to: &'static str,
    pub(crate) head: &'static str,
    pub(crate) read_until: &'static str,
    pub(crate) known_from: &'static str,
    pub(crate) known_from_why: &'static str,
    pub(crate) objects: &'static str,
    pub(crate) records: &'static str,
    pub(crate) not_sealed_yet: &'static str,
    pub(crate) expected_heads: &'static str,
    pub(crate) heads_present: &'static str,
    pub(crate) check_again: &'static str,
    pub(crate) differences: &'static str,
    pub(crate) difference: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) and_more: &'static str,
    pub(crate) lean: &'static str,
    pub(crate) unattributed: &'static str,
    pub(crate) unreadable_rows: &'static str,

    pub(crate) key_figures: &'static str,
    pub(crate) notifications: &'static str,
    pub(crate) of_which_replays: &'static str,
    pub(crate) delivered: &'static str,
    pub(crate) of_ended: &'static str,
    pub(crate) in_time: &'static str,
    pub(crate) in_time_of: &'static str,
    pub(crate) undelivered: &'static str,
    pub(crate) replayed: &'static str,
    pub(crate) worst_synchronisation: &'static str,
    pub(crate) synchronisation_limit: &'static str,
    pub(crate) attempts: &'static str,
    pub(crate) failed_attempts: &'static str,

    pub(crate) by_day: &'static str,
    pub(crate) by_day_described: &'static str,
    pub(crate) accepted: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) by_fault_described: &'static str,
    pub(crate) no_failure: &'static str,
    pub(crate) no_attempt: &'static str,

    pub(crate) by_initiator: &'static str,
    pub(crate) initiator: &'static str,
    pub(crate) brand: &'static str,
    pub(crate) all: &'static str,
    pub(crate) cancelled: &'static str,
    pub(crate) not_ended: &'static str,
    pub(crate) posted_late: &'static str,
    pub(crate) replays: &'static str,
    pub(crate) recovered: &'static str,
    pub(crate) rolled_back: &'static str,
    pub(crate) without_outcome: &'static str,

    pub(crate) whose_fault: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) faults: [&'static str; 5],
    pub(crate) other_fault: &'static str,
    pub(crate) nobody: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) count: &'static str,
    pub(crate) reasons: &'static str,
    pub(crate) rolled_back_why: &'static str,

    pub(crate) receivers: &'static str,
    pub(crate) receivers_when: &'static str,
    pub(crate) state: &'static str,
    pub(crate) states: [&'static str; 3],
    pub(crate) not_registered: &'static str,
    pub(crate) organisation: &'static str,
    pub(crate) software: &'static str,
    pub(crate) version: &'static str,
    pub(crate) misses: &'static str,
    pub(crate) misses_none: &'static str,
    pub(crate) profile_warnings: [(&'static str, &'static str); 2],
    pub(crate) mutual_tls: &'static str,
    pub(crate) without_mtls: &'static str,
    pub(crate) without_mtls_none: &'static str,
    pub(crate) certificate_ends: &'static str,
    pub(crate) suspensions: &'static str,
    pub(crate) suspended: &'static str,
    pub(crate) resumed: &'static str,
    pub(crate) suspension_codes: [(&'static str, &'static str); 2],
    pub(crate) registrations: &'static str,
    pub(crate) first_used: &'static str,
    pub(crate) worst: &'static str,
    pub(crate) over_limit: &'static str,

    pub(crate) own_certificates: &'static str,
    pub(crate) own_certificates_why: &'static str,
    pub(crate) authorisation_server: &'static str,
    pub(crate) days_left: &'static str,
    pub(crate) measured: &'static str,

    pub(crate) how_counted: &'static str,
    pub(crate) rules: &'static [(&'static str, &'static str)],

    pub(crate) thousands: char,
    pub(crate) decimal: char,
    pub(crate) day_format: &'static str,
    pub(crate) seconds: &'static str,
}

impl Words {
    pub(crate) fn class(&self, class: FailureClass) -> &'static str {
        self.faults[match class {
            FailureClass::Receiver => 0,
            FailureClass::Network => 1,
            FailureClass::Tls => 2,
            FailureClass::Directory => 3,
            FailureClass::Ours => 4,
        }]
    }

    pub(crate) fn webhook(&self, webhook: Option<Webhook>) -> &'static str {
        match webhook {
            Some(Webhook::Enabled) => self.states[0],
            Some(Webhook::Disabled) => self.states[1],
            Some(Webhook::Suspended) => self.states[2],
            None => self.not_registered,
        }
    }

    /// Returns the text of a code of one of these tables; the code itself if it has none.
    pub(crate) fn of<'a>(table: &[(&str, &'a str)], code: &'a str) -> &'a str {
        table.iter().find(|(known, _)| *known == code).map_or(code, |(_, text)| text)
    }
}

/// Puts a text in the place of the next `{}`.
pub(crate) fn put(text: &str, values: &[&str]) -> String {
    values.iter().fold(text.to_owned(), |text, value| text.replacen("{}", value, 1))
}
