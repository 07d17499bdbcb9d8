//! The tables, and what protects them: a table that was restored by hand has lost it.

use account::DeployedStack;

use crate::doctor::answer::Answer;
use crate::doctor::finding::{Area, Finding};
use crate::doctor::setup::Setup;

/// One of the tables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Table {
    /// Which it is.
    pub(crate) role: Role,
    /// What DynamoDB says; `None` if it does not exist.
    pub(crate) state: Answer<Option<State>>,
}

/// The tables of a stack, by what is in them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// Notifications and their attempts.
    Ledger,
    /// Registrations.
    Receivers,
    /// What was fetched; it can be fetched anew.
    Directory,
}

/// A table as it is now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct State {
    /// `ACTIVE`, or what is going on.
    pub(crate) status: String,
    /// Whether it cannot be deleted.
    pub(crate) is_protected: bool,
    /// The key that encrypts it, by ARN, if it is not AWS's own.
    pub(crate) key: Option<String>,
    /// Whether its changes are streamed.
    pub(crate) has_stream: bool,
    /// Whether DynamoDB keeps 35 days of backups.
    pub(crate) has_backups: Answer<bool>,
    /// The attribute by which rows expire, if they do.
    pub(crate) expires_by: Answer<Option<String>>,
}

impl Role {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Ledger, Self::Receivers, Self::Directory];

    /// Returns the logical id.
    pub(crate) fn logical_id(self) -> &'static str {
        match self {
            Self::Ledger => "LedgerTable",
            Self::Receivers => "ReceiversTable",
            Self::Directory => "DirectoryTable",
        }
    }
}

/// The attribute by which rows expire, as in `template.yaml`.
const EXPIRES_BY: &str = "expires_at";

/// Checks each table against what the template asks for.
pub(crate) fn check(tables: &[Table], stack: &DeployedStack, setup: Setup) -> Vec<Finding> {
    let mut found: Vec<Finding> = tables.iter().flat_map(|table| of_table(table, stack, setup)).collect();
    if setup.is_production && stack.parameter("TablesDeletionProtection") != "true" {
        let what = "TablesDeletionProtection is false, in production: anybody who may delete tables can";
        found.push(
            Finding::warn(Area::Tables, what, "set TablesDeletionProtection to true and deploy")
                .runbook("change-settings"),
        );
    }
    found
}

fn of_table(table: &Table, stack: &DeployedStack, setup: Setup) -> Vec<Finding> {
    let name = table.role.logical_id();
    let state = match &table.state {
        Ok(Some(state)) => state,
        Ok(None) => {
            let what = format!("{name} does not exist: what needs it is requeued");
            return vec![Finding::error(Area::Tables, what, "restore it").runbook("a-table")];
        }
        Err(unread) => return vec![unread.finding(Area::Tables, name)],
    };
    // MiniStack keeps no backups, and forgets how a table is encrypted and when its rows expire.
    if setup.is_local {
        return vec![Finding::not_here(
            Area::Tables,
            format!("{name} is there; how it is protected is not known on the local stack"),
        )];
    }
    let (flaws, unread) = flaws(table.role, state, stack, setup);
    let mut found: Vec<Finding> = flaws
        .into_iter()
        .map(|(flaw, what_to_do)| {
            Finding::warn(Area::Tables, format!("{name} {flaw}"), what_to_do).runbook("a-table")
        })
        .chain(unread)
        .collect();
    if state.status != "ACTIVE" {
        let what = format!("{name} is {}", state.status);
        found.push(Finding::error(Area::Tables, what, "wait for it, or restore it").runbook("a-table"));
    }
    if found.is_empty() {
        found.push(Finding::ok(Area::Tables, format!("{name} is as the template has it")));
    }
    found
}

type Flaws = (Vec<(String, &'static str)>, Vec<Finding>);

fn flaws(role: Role, state: &State, stack: &DeployedStack, setup: Setup) -> Flaws {
    let (mut flaws, mut unread) = (Vec::new(), Vec::new());
    let name = role.logical_id();
    let lasts = role != Role::Directory;
    match &state.has_backups {
        Ok(false) if lasts => {
            flaws
                .push(("has no point-in-time recovery".to_owned(), "aws dynamodb update-continuous-backups"));
        }
        Ok(_) => {}
        Err(reason) => unread.push(reason.finding(Area::Tables, &format!("the backups of {name}"))),
    }
    let wanted = (role != Role::Receivers).then_some(EXPIRES_BY);
    match &state.expires_by {
        Ok(by) if by.as_deref() != wanted => flaws.push((
            format!(
                "expires rows by {}, not by {}",
                by.as_deref().unwrap_or("nothing"),
                wanted.unwrap_or("nothing")
            ),
            "aws dynamodb update-time-to-live",
        )),
        Ok(_) => {}
        Err(reason) => unread.push(reason.finding(Area::Tables, &format!("the expiry of {name}"))),
    }
    if lasts && stack.parameter("TablesDeletionProtection") == "true" && !state.is_protected {
        flaws.push(("can be deleted".to_owned(), "aws dynamodb update-table --deletion-protection-enabled"));
    }
    if role == Role::Ledger && setup.has_evidence && !state.has_stream {
        flaws.push((
            "has no stream: nothing reaches the evidence".to_owned(),
            "enable it with NEW_AND_OLD_IMAGES, and map it to the evidence function",
        ));
    }
    let key = stack.outputs.get("DataKeyArn").map(String::as_str);
    if state.key.as_deref() != key {
        let other = state.key.as_deref().unwrap_or("a key of AWS");
        flaws.push((
            format!("is encrypted with {other}, not with DataKeyArn"),
            "restore it with --sse-specification-override",
        ));
    }
    (flaws, unread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::{one, production, right_stack};

    fn right(role: Role) -> State {
        State {
            status: "ACTIVE".to_owned(),
            is_protected: role != Role::Directory,
            key: right_stack().outputs.get("DataKeyArn").cloned(),
            has_stream: role == Role::Ledger,
            has_backups: Ok(role != Role::Directory),
            expires_by: Ok((role != Role::Receivers).then(|| EXPIRES_BY.to_owned())),
        }
    }

    fn found(role: Role, change: impl FnOnce(&mut State)) -> Finding {
        let mut state = right(role);
        change(&mut state);
        one(&check(&[Table { role, state: Ok(Some(state)) }], &right_stack(), production()))
    }

    #[test]
    fn tables_as_the_template_makes_them_are_right() {
        for role in Role::ALL {
            assert_eq!(found(role, |_| ()).severity, Severity::Ok, "{role:?}");
        }
    }

    #[test]
    fn what_a_table_lost_when_it_was_restored_is_told() {
        type Change = fn(&mut State);
        let cases: [(Role, Change, &str); 8] = [
            (Role::Ledger, |state| state.has_backups = Ok(false), "has no point-in-time recovery"),
            (Role::Receivers, |state| state.has_backups = Ok(false), "has no point-in-time recovery"),
            (Role::Ledger, |state| state.expires_by = Ok(None), "expires rows by nothing, not by expires_at"),
            (
                Role::Receivers,
                |state| state.expires_by = Ok(Some("at".to_owned())),
                "expires rows by at, not by nothing",
            ),
            (Role::Ledger, |state| state.is_protected = false, "can be deleted"),
            (Role::Ledger, |state| state.has_stream = false, "has no stream"),
            (Role::Directory, |state| state.key = None, "is encrypted with a key of AWS"),
            (
                Role::Receivers,
                |state| state.key = Some("arn:other".to_owned()),
                "is encrypted with arn:other",
            ),
        ];
        for (role, change, text) in cases {
            let found = found(role, change);
            assert!(found.severity == Severity::Warn && found.what.contains(text), "{text}: {found:?}");
        }
        assert_eq!(
            found(Role::Ledger, |state| "RESTORING".clone_into(&mut state.status)).severity,
            Severity::Error
        );
    }

    #[test]
    fn a_table_that_is_gone_or_cannot_be_read_is_told() {
        let of = |state| {
            one(&check(&[Table { role: Role::Ledger, state }], &right_stack(), production())).severity
        };
        assert_eq!(of(Ok(None)), Severity::Error);
        let denied = || Unread::Failed("AccessDenied on dynamodb:DescribeTable".to_owned());
        assert_eq!(of(Err(denied())), Severity::Unknown);
        assert_eq!(
            found(Role::Ledger, |state| state.has_backups = Err(denied())).severity,
            Severity::Unknown
        );
        assert_eq!(found(Role::Ledger, |state| state.expires_by = Err(denied())).severity, Severity::Unknown);
    }

    #[test]
    fn the_local_stack_protects_nothing() {
        let bare = State { key: None, expires_by: Ok(None), has_backups: Ok(false), ..right(Role::Ledger) };
        let local = Setup { is_local: true, is_production: false, has_evidence: false };
        let table = Table { role: Role::Ledger, state: Ok(Some(bare)) };
        assert_eq!(one(&check(&[table], &right_stack(), local)).severity, Severity::NotHere);
    }

    #[test]
    fn production_protects_its_tables() {
        let mut stack = right_stack();
        stack.parameters.insert("TablesDeletionProtection".to_owned(), "false".to_owned());
        assert_eq!(one(&check(&[], &stack, production())).severity, Severity::Warn);
        assert_eq!(check(&[], &stack, Setup { is_production: false, ..production() }), []);
    }
}
