//! Initiators by number.

use std::collections::HashMap;

use convention::notification::ClientId;

/// Maximum number of initiators that are told apart. Brazil has some hundred; a wrong mapping finds millions.
const MAX_CLIENTS: usize = 10_000;

/// An initiator.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Client(u32);

impl Client {
    /// The log does not say which.
    pub(crate) const UNKNOWN: Self = Self(0);
    /// Any beyond [`MAX_CLIENTS`].
    pub(crate) const OTHER: Self = Self(1);
}

/// The initiators of logs and notifications.
#[derive(Clone, Debug)]
pub struct Clients {
    numbers: HashMap<String, Client>,
    names: Vec<String>,
    /// What a log writes for a client, and its id.
    aliases: HashMap<String, String>,
}

impl Clients {
    /// No initiators yet; `aliases` are client ids by what a log writes for them.
    pub(crate) fn new(aliases: HashMap<String, String>) -> Self {
        let names = vec!["(unknown)".to_owned(), "(others)".to_owned()];
        Self { numbers: HashMap::new(), names, aliases }
    }

    /// The initiator of this name.
    pub(crate) fn number(&mut self, name: &str) -> Client {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        let end = name.char_indices().nth(ClientId::LOGGED_LENGTH).map_or(name.len(), |(at, _)| at);
        let key = name.get(..end).unwrap_or(name);
        if let Some(client) = self.numbers.get(key) {
            return *client;
        }
        if self.names.len() >= MAX_CLIENTS {
            return Client::OTHER;
        }
        let client = u32::try_from(self.names.len()).map_or(Client::OTHER, Client);
        self.numbers.insert(key.to_owned(), client);
        self.names.push(without_cpf(name));
        client
    }

    /// The name to show.
    pub(crate) fn name(&self, client: Client) -> &str {
        self.names.get(client.0 as usize).map_or("(others)", String::as_str)
    }
}

/// Hides what may be a CPF (guarantee G8): eleven digits, with or without its signs. A wrong mapping may name people.
fn without_cpf(name: &str) -> String {
    let mut shown = String::new();
    let mut run = String::new();
    let flush = |run: &mut String, shown: &mut String| {
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        shown.push_str(if digits == 11 { "(hidden)" } else { run });
        run.clear();
    };
    for c in name.chars() {
        let is_sign = matches!(c, '.' | '-') && !run.is_empty();
        // A UUID is written with hyphens, too, but has letters or groups of other lengths.
        if c.is_ascii_digit() || (is_sign && run.len() % 4 == 3 && run.len() < 12) {
            run.push(c);
        } else {
            flush(&mut run, &mut shown);
            shown.push(c);
        }
    }
    flush(&mut run, &mut shown);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_one_by_its_alias_and_by_the_beginning_of_a_long_id() {
        let mut clients = Clients::new(HashMap::from([("consumer-1".to_owned(), "itp-1".to_owned())]));
        assert_eq!(clients.number("consumer-1"), clients.number("itp-1"));
        let long = "x".repeat(60);
        assert_eq!(clients.number(&long), clients.number(&"x".repeat(43)));
        assert_ne!(clients.number("a"), clients.number("b"));
        for number in 0..2 * MAX_CLIENTS {
            clients.number(&number.to_string());
        }
        assert_eq!((clients.number("one more"), clients.names.len()), (Client::OTHER, MAX_CLIENTS));
    }

    #[test]
    fn a_cpf_is_not_shown() {
        for (name, shown) in [
            ("12345678909", "(hidden)"),
            ("CN=Maria:123.456.789-09,O=x", "CN=Maria:(hidden),O=x"),
            ("12345678000195", "12345678000195"),
            ("6f1ed002-ab5b-4e2b-9a2d-123456789012", "6f1ed002-ab5b-4e2b-9a2d-123456789012"),
            ("itp-1", "itp-1"),
            ("", ""),
        ] {
            assert_eq!(without_cpf(name), shown);
        }
    }
}
