//! The Directory's public list of participants, reduced to what notifications need.
//!
//! Source: OpenBanking-Brasil/specs-directory, `swagger_participants.yaml` 1.0.0 and `openapi.yaml` 1.3.7.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Upper limit of organisations in the list, far above the some 1,000 that are listed.
const MAX_ORGANISATIONS: usize = 20_000;
/// The only status of a participating organisation; the others are `Pending` and `Withdrawn`.
const ACTIVE: &str = "Active";

/// The status of an organisation in the list.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganisationStatus {
    /// It is active.
    Active,
    /// It is listed with another status.
    NotActive,
    /// It is listed without a status, or twice with different ones.
    Unclear,
}

/// The reduced list.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Participants {
    organisations: BTreeMap<String, OrganisationStatus>,
    authorisation_servers: BTreeSet<String>,
    /// Ambiguous entries: an organisation that is listed twice, or has no id.
    pub odd_entries: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    organisation_id: Option<String>,
    status: Option<String>,
    authorisation_servers: Option<Vec<Option<Server>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Server {
    authorisation_server_id: Option<String>,
}

impl Participants {
    /// Reads the list as the Directory publishes it. Null counts as absent.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ParticipantsError> {
        let entries: Vec<Option<Entry>> =
            serde_json::from_slice(bytes).map_err(|_| ParticipantsError::NotList)?;
        if entries.len() > MAX_ORGANISATIONS {
            return Err(ParticipantsError::TooMany);
        }
        let mut list = Self::default();
        for entry in entries {
            match entry {
                Some(entry) => list.add(entry),
                None => list.odd_entries += 1,
            }
        }
        // An empty list is an error of the Directory, not a sign that every participant left.
        if list.organisations.is_empty() { Err(ParticipantsError::Empty) } else { Ok(list) }
    }

    fn add(&mut self, entry: Entry) {
        let servers = entry.authorisation_servers.unwrap_or_default().into_iter().flatten();
        let ids = servers.filter_map(|server| server.authorisation_server_id);
        self.authorisation_servers.extend(ids.map(|id| id.to_ascii_lowercase()));
        let Some(id) = entry.organisation_id else {
            self.odd_entries += 1;
            return;
        };
        let status = match entry.status.as_deref() {
            Some(ACTIVE) => OrganisationStatus::Active,
            Some(_) => OrganisationStatus::NotActive,
            None => OrganisationStatus::Unclear,
        };
        if let Some(other) = self.organisations.insert(id.clone(), status) {
            self.odd_entries += 1;
            if other != status {
                self.organisations.insert(id, OrganisationStatus::Unclear);
            }
        }
    }

    /// Returns the status of an organisation; `None` if it is not listed.
    pub fn organisation(&self, id: &str) -> Option<OrganisationStatus> {
        self.organisations.get(id).copied()
    }

    /// Says whether an authorisation server is listed.
    pub fn lists_authorisation_server(&self, id: &str) -> bool {
        self.authorisation_servers.contains(&id.to_ascii_lowercase())
    }

    /// Returns how many organisations are listed.
    pub fn organisations(&self) -> usize {
        self.organisations.len()
    }
}

/// A list that cannot be used.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ParticipantsError {
    /// It does not have the published format.
    #[error("the answer is no JSON list of organisations")]
    NotList,
    /// It is empty.
    #[error("the list names no organisation")]
    Empty,
    /// It has more organisations than the limit.
    #[error("the list names more than {MAX_ORGANISATIONS} organisations")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Participants, ParticipantsError> {
        Participants::from_json(text.as_bytes())
    }

    #[test]
    fn a_status_is_taken_where_it_is_clear() {
        let list = list(
            r#"[{"OrganisationId":"a","Status":"Active","AuthorisationServers":[{"AuthorisationServerId":"AS-1"},null],"X":1},
                {"OrganisationId":"b","Status":"Withdrawn","AuthorisationServers":null},
                {"OrganisationId":"c","Status":null},
                {"OrganisationId":null,"Status":"Active"},
                null]"#,
        )
        .unwrap();
        assert_eq!(list.organisation("a"), Some(OrganisationStatus::Active));
        assert_eq!(list.organisation("b"), Some(OrganisationStatus::NotActive));
        assert_eq!(list.organisation("c"), Some(OrganisationStatus::Unclear));
        assert_eq!(list.organisation("d"), None);
        assert!(list.lists_authorisation_server("as-1") && !list.lists_authorisation_server("as-2"));
        assert_eq!(list.odd_entries, 2);
    }

    #[test]
    fn an_organisation_that_is_listed_twice_is_clear_only_if_both_agree() {
        let twice = |status: &str| {
            let text = format!(
                r#"[{{"OrganisationId":"a","Status":"Active"}},{{"OrganisationId":"a","Status":"{status}"}}]"#
            );
            list(&text).unwrap()
        };
        assert_eq!(twice("Active").organisation("a"), Some(OrganisationStatus::Active));
        assert_eq!(twice("Withdrawn").organisation("a"), Some(OrganisationStatus::Unclear));
        assert_eq!(twice("Active").odd_entries, 1);
    }

    #[test]
    fn an_invalid_list_is_refused_whole() {
        for text in [
            "",
            "<html></html>",
            "{}",
            r#"[{"OrganisationId":"a","Status":"Active"},{"#,
            r#"[{"OrganisationId":7}]"#,
            "null",
        ] {
            assert_eq!(list(text), Err(ParticipantsError::NotList), "{text}");
        }
        for text in ["[]", "[null]", r#"[{"Status":"Active"}]"#] {
            assert_eq!(list(text), Err(ParticipantsError::Empty), "{text}");
        }
        let many = format!("[{}null]", "null,".repeat(MAX_ORGANISATIONS));
        assert_eq!(list(&many), Err(ParticipantsError::TooMany));
    }
}
