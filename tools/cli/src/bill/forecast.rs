//! The price of a load: what grows with its notifications, and what stands beside them.

use std::io::{self, Write};

use serde_json::{Value, json};
use terminal::{Align, Table, grouped};

use super::gather::Bill;
use super::item::Terms;
use super::load::{Load, Seen};
use super::stack::{Setting, Stack};
use super::standing::Standing;
use super::table;
use crate::prices::{Prices, Usd};

/// The price of a month.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The load.
    pub load: Load,
    /// The parameters that differ from the defaults.
    pub settings: Vec<Setting>,
    /// What the model of capacity sees.
    pub seen: Seen,
    /// What grows with notifications.
    pub bill: Bill,
    /// What stands beside.
    pub standing: Vec<Standing>,
}

impl Forecast {
    /// Computes the price of a load.
    pub fn of(load: Load, settings: &[Setting], terms: Terms, prices: &Prices) -> Self {
        let stack = Stack::with(settings);
        Self::of_seen(load, settings, Seen::of(&load, &stack), terms, prices)
    }

    /// Computes the price of a load of which it is known what the model sees.
    pub fn of_seen(load: Load, settings: &[Setting], seen: Seen, terms: Terms, prices: &Prices) -> Self {
        let stack = Stack::with(settings);
        let counts = load.counts(&stack, &seen);
        let bill = Bill::of_counts(counts, Load::terms(terms, &stack), prices);
        let standing = Standing::of(&load, &stack, &counts, prices);
        Self { load, settings: settings.to_vec(), seen, bill, standing }
    }

    /// Returns the price of a month once what is stored is as old as it may be.
    pub fn month(&self) -> Usd {
        self.bill.total() + self.standing.iter().map(|one| one.usd).sum()
    }

    /// Returns the price of the first month.
    pub fn first_month(&self) -> Usd {
        self.bill.total() + self.standing.iter().map(|one| one.first_usd).sum()
    }

    /// Returns an amount of a month for a million notifications.
    pub fn per_million(&self, usd: Usd) -> Usd {
        self.bill.per_million(usd).unwrap_or(usd)
    }

    /// Writes it as tables.
    pub fn write(&self, out: &mut impl Write, prices: &Prices) -> io::Result<()> {
        let Load { month, rate, hours, receivers, .. } = self.load;
        let first = self.first_month();
        write!(out, "US$ {} in the first month, US$ {} ", first.rounded(2), self.month().rounded(2))?;
        writeln!(out, "once ledger and logs are as old as they may be ({})", prices.title())?;
        let by_use = self.per_million(self.bill.total());
        write!(out, "US$ {} a million all in, in the first month; ", self.per_million(first).rounded(2))?;
        writeln!(out, "US$ {} of it grows with notifications", by_use.rounded(2))?;
        writeln!(
            out,
            "\n{} notifications a month to {receivers} receivers: {} a second in {hours} hours of each day",
            grouped(month),
            short(rate)
        )?;
        let settings: Vec<_> = self.settings.iter().map(ToString::to_string).collect();
        if !settings.is_empty() {
            writeln!(out, "{}", settings.join(" "))?;
        }
        self.write_seen(out)?;
        write!(out, "\n{}", table::of_costs(&self.bill, prices))?;
        let mut table = Table::new([Align::Left, Align::Right, Align::Left, Align::Right, Align::Right]);
        table.row(["Beside notifications", "quantity", "", "US$, first month", "later"]);
        for Standing { item, quantity, rate, usd, first_usd } in &self.standing {
            let (name, unit) = item.name_and_unit();
            let mark = if prices.quote(*rate).confirmed { "" } else { " *" };
            let quantity = table::quantity(*quantity, 2);
            let (first, later) = (first_usd.rounded(4), usd.rounded(4));
            table.row([format!("{name}{mark}"), quantity, unit.to_owned(), first, later]);
        }
        writeln!(out, "\n{table}\n* the price is not confirmed   ~ follows from what was counted")
    }

    fn write_seen(&self, out: &mut impl Write) -> io::Result<()> {
        let Seen { batch, connecting, cold, billed_ms, lateness_ms: [p50, p99], is_carried, .. } = self.seen;
        writeln!(
            out,
            "By the model of capacity: {batch:.1} messages an invocation of {billed_ms:.0} ms; {:.0} % of attempts open a connection, \
             {:.1} % of\ninvocations start cold; half of the first attempts arrive within {p50} ms, 99 of 100 within {p99} ms{}",
            connecting * 100.0,
            cold * 100.0,
            if is_carried { "" } else { ". The stack does not carry it: arauto capacity" }
        )
    }

    /// Returns it for programs: amounts are decimal strings with all their digits.
    pub fn to_json(&self, prices: &Prices) -> Value {
        let Load { month, rate, hours, receivers, source, changes } = self.load;
        let Seen { batch, connecting, cold, reads, billed_ms, lateness_ms, is_carried, .. } = self.seen;
        let standing = |one: &Standing| {
            let quote = prices.quote(one.rate);
            json!({
                "item": one.item.code(),
                "count": u64::try_from(one.quantity.0).unwrap_or(u64::MAX),
                "counted_per": u64::try_from(one.quantity.1).unwrap_or(u64::MAX),
                "price": table::price(one.rate, quote),
                "usd": one.usd.exact(),
                "usd_in_the_first_month": one.first_usd.exact(),
            })
        };
        let mut whole = table::to_json(&self.bill, prices, 0);
        whole["load"] = json!({
            "month": month, "rate": rate, "hours": hours, "receivers": receivers, "source": source.as_str(),
            "changes_of_a_request": changes,
            "parameters": self.settings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        whole["model"] = json!({
            "messages_of_an_invocation": batch, "connections_of_an_attempt": connecting, "cold_starts_of_an_invocation": cold,
            "receiver_reads_of_an_attempt": reads, "billed_ms_of_an_invocation": billed_ms,
            "lateness_ms": { "p50": lateness_ms[0], "p99": lateness_ms[1] }, "carried": is_carried,
        });
        whole["standing"] = self.standing.iter().map(standing).collect();
        whole["month"] = json!({
            "usd_in_the_first_month": self.first_month().exact(), "usd": self.month().exact(),
            "usd_per_million_in_the_first_month": self.per_million(self.first_month()).exact(),
        });
        whole
    }
}

/// Formats a rate with what is worth reading of it.
fn short(rate: f64) -> String {
    if rate >= 10.0 { format!("{rate:.0}") } else { format!("{rate:.2}") }
}
