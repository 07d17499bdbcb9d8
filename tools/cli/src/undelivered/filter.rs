//! Selects undelivered notifications.

use anyhow::Result;
use clap::Args;
use convention::delivery::{Hour, UNDELIVERED_ROW_RETENTION, Undelivered};
use convention::notification::{ClientId, Endpoint};
use jiff::{SignedDuration, Timestamp};
use terminal::WrongUsage;

/// A selection of undelivered notifications. Several values of one option widen it, several options narrow it.
#[derive(Args, Clone, Debug, Default)]
pub struct FilterArgs {
    /// Only this client (may be repeated)
    #[arg(long = "client", value_name = "ID")]
    clients: Vec<ClientId>,
    /// Only this endpoint, E1 to E5 or I1 to I5 (may be repeated)
    #[arg(long = "endpoint", value_name = "CODE", value_parser = endpoint)]
    endpoints: Vec<Endpoint>,
    /// Only this code of the last failure, such as timeout (may be repeated)
    #[arg(long = "outcome", value_name = "CODE")]
    outcomes: Vec<String>,
    /// Given up at this instant or later, such as 2026-11-22T10:00:00-03:00
    #[arg(long, value_name = "INSTANT", conflicts_with = "last")]
    since: Option<Timestamp>,
    /// Given up at this instant or earlier; default: now
    #[arg(long, value_name = "INSTANT", conflicts_with = "last")]
    until: Option<Timestamp>,
    /// Given up within this time until now, such as 90m, 24h or 7d [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    last: Option<SignedDuration>,
}

/// The default window.
const DEFAULT_LAST: SignedDuration = SignedDuration::from_hours(24);

/// A window of time, both ends included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// Its first instant.
    pub since: Timestamp,
    /// Its last instant.
    pub until: Timestamp,
}

/// A selection of undelivered notifications.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The clients; empty means all.
    pub clients: Vec<ClientId>,
    /// The endpoints; empty means all.
    pub endpoints: Vec<Endpoint>,
    /// The outcomes; empty means all.
    pub outcomes: Vec<String>,
    /// The window in which they were given up.
    pub window: Window,
}

impl FilterArgs {
    /// Evaluates the options as of now.
    pub fn at(&self, now: Timestamp) -> Result<Filter> {
        // No row is older, so earlier hours need no query.
        let oldest = now.saturating_sub(UNDELIVERED_ROW_RETENTION).unwrap_or(Timestamp::MIN);
        let until = self.until.unwrap_or(now);
        let since = match (self.since, self.last) {
            (Some(since), _) => since,
            (None, last) => until.saturating_sub(last.unwrap_or(DEFAULT_LAST)).unwrap_or(Timestamp::MIN),
        };
        if since > until {
            return Err(WrongUsage(format!("the window ends ({until}) before it begins ({since})")).into());
        }
        if since < oldest {
            let wrong =
                format!("nothing given up before {oldest:.0} is listed any more: rows are kept 30 days");
            return Err(WrongUsage(wrong).into());
        }
        let (clients, endpoints) = (self.clients.clone(), self.endpoints.clone());
        Ok(Filter { clients, endpoints, outcomes: self.outcomes.clone(), window: Window { since, until } })
    }
}

impl Filter {
    /// Says whether a notification is selected.
    pub fn takes(&self, undelivered: &Undelivered) -> bool {
        let message = &undelivered.message;
        let one_of = |named: bool, any: bool| named || any;
        one_of(self.clients.contains(&message.change.client_id), self.clients.is_empty())
            && one_of(self.endpoints.contains(&message.resource.endpoint), self.endpoints.is_empty())
            && one_of(self.outcomes.contains(&undelivered.outcome), self.outcomes.is_empty())
            && (self.window.since..=self.window.until).contains(&undelivered.gave_up_at)
    }

    /// Lists the hours to read.
    pub fn hours(&self) -> Vec<Hour> {
        Hour::of_window(self.window.since, self.window.until).collect()
    }
}

pub(crate) fn endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::from_code(text)
        .ok_or_else(|| "expected the code of an endpoint, E1 to E5 or I1 to I5".to_owned())
}

/// Parses a number and its unit.
pub(crate) fn duration(text: &str) -> Result<SignedDuration, String> {
    const EXPECTED: &str = "expected a number of minutes, hours or days, such as 90m, 24h or 7d";
    let units = [('m', 60), ('h', 3600), ('d', 86_400)];
    let unit = units.into_iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let (number, seconds) = unit.ok_or(EXPECTED)?;
    let number: u32 = number.parse().map_err(|_| EXPECTED)?;
    Ok(SignedDuration::from_secs(i64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        filter: FilterArgs,
    }

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn window(arguments: &[&str]) -> Result<[String; 2], String> {
        let all = ["arauto"].iter().chain(arguments);
        let command = Command::try_parse_from(all).map_err(|error| error.to_string())?;
        let filter = command.filter.at(NOW.parse().unwrap()).map_err(|error| error.to_string())?;
        Ok([filter.window.since, filter.window.until].map(|at| at.to_string()))
    }

    #[test]
    fn the_window_is_the_last_day_unless_it_is_named() {
        let expect = |since: &str, until: &str| Ok([since.to_owned(), until.to_owned()]);
        assert_eq!(window(&[]), expect("2026-11-21T12:00:00Z", NOW));
        assert_eq!(window(&["--last", "90m"]), expect("2026-11-22T10:30:00Z", NOW));
        assert_eq!(window(&["--last", "7d"]), expect("2026-11-15T12:00:00Z", NOW));
        assert_eq!(window(&["--since", "2026-11-22T07:00:00-03:00"]), expect("2026-11-22T10:00:00Z", NOW));
        let until = "2026-11-20T00:00:00Z";
        assert_eq!(window(&["--until", until]), expect("2026-11-19T00:00:00Z", until));
    }

    #[test]
    fn a_window_that_cannot_be_meant_is_refused() {
        for (arguments, expected) in [
            (vec!["--last", "1w"], "90m, 24h or 7d"),
            (vec!["--last", "-1h"], "unexpected argument"),
            (vec!["--last", "31d"], "kept 30 days"),
            (vec!["--since", "2026-11-22T13:00:00Z"], "before it begins"),
            (vec!["--since", "2026-11-22T11:00:00Z", "--last", "1h"], "cannot be used with"),
            (vec!["--since", "yesterday"], "invalid value"),
            (vec!["--endpoint", "E6"], "E1 to E5"),
            (vec!["--client", "a b"], "invalid value"),
        ] {
            let refused = window(&arguments).unwrap_err();
            assert!(refused.contains(expected), "{arguments:?}: {refused}");
        }
    }
}
