//! A bill as text and as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};
use terminal::{Align, Table};

use super::gather::{Bill, Part};
use super::item::Cost;
use super::model::Model;
use crate::prices::{Prices, Quote, Rate, Usd};

/// Writes a bill as tables.
pub fn write(out: &mut impl Write, bill: &Bill, prices: &Prices) -> io::Result<()> {
    let total = bill.total();
    write!(out, "US$ {} for {} attempts", total, grouped(bill.counts.attempts.into()))?;
    writeln!(out, ", {} delivered ({})", grouped(bill.counts.delivered.into()), prices.title())?;
    if let (Some(usd), Some(counted)) = (bill.per_million(total), bill.per_million(bill.in_budget())) {
        let (usd, counted) = (usd.rounded(4), counted.rounded(4));
        writeln!(out, "US$ {usd} a million delivered; {counted} without data out and message groups")?;
    }
    write!(out, "\n{}", of_costs(bill, prices))?;
    writeln!(out, "\n* the price is not confirmed   ~ follows from what was counted")?;
    if let Some(assumed) = &bill.assumed {
        writeln!(out, "\n{assumed}")?;
    }
    for (title, parts) in [("receiver", &bill.receivers), ("endpoint", &bill.endpoints), ("day", &bill.days)]
    {
        if !parts.is_empty() {
            write_parts(out, title, parts)?;
        }
    }
    if !bill.receivers.is_empty() {
        writeln!(out, "\n{SHARED}")?;
    }
    Ok(())
}

/// Returns the items of a bill as a table.
pub(super) fn of_costs(bill: &Bill, prices: &Prices) -> Table<5> {
    let mut table = Table::new([Align::Left, Align::Right, Align::Left, Align::Right, Align::Right]);
    table.row(["", "quantity", "", "US$", "a million"]);
    for cost in costs(bill) {
        let (name, unit) = cost.item.name_and_unit();
        let marks = format!(
            "{}{}",
            if prices.quote(cost.rate).confirmed { "" } else { " *" },
            if cost.item.is_inferred() { " ~" } else { "" }
        );
        let per_million = bill.per_million(cost.usd).map_or_else(|| "-".to_owned(), |usd| usd.rounded(4));
        table.row([
            format!("{name}{marks}"),
            quantity(cost.quantity, 6),
            unit.to_owned(),
            cost.usd.to_string(),
            per_million,
        ]);
    }
    table
}

/// How cost without a single cause is allocated.
const SHARED: &str =
    "Of each day, Lambda's time is shared out by the milliseconds of the attempts, all else by their number.";

fn write_parts(out: &mut impl Write, title: &str, parts: &[Part]) -> io::Result<()> {
    let mut table = Table::new([Align::Left, Align::Right, Align::Right, Align::Right, Align::Right]);
    table.row([title, "attempts", "delivered", "US$", "a million"]);
    for Part { name, attempts, delivered, usd } in parts {
        let per_million = match u128::from(*delivered) {
            0 => "-".to_owned(),
            delivered => usd.of(1_000_000, delivered).rounded(4),
        };
        let (attempts, delivered) = (attempts.to_string(), delivered.to_string());
        table.row([name.clone(), attempts, delivered, usd.to_string(), per_million]);
    }
    write!(out, "\n{table}")
}

/// Returns the items with a non-zero quantity.
pub(super) fn costs(bill: &Bill) -> impl Iterator<Item = &Cost> {
    bill.costs.iter().filter(|cost| cost.quantity.0 > 0)
}

/// Formats a number of units of which so many have the price, with these decimals if it is not whole.
pub(super) fn quantity((count, per): (u128, u128), decimals: u32) -> String {
    if per == 1 {
        return grouped(count);
    }
    let scale = 10_u128.pow(decimals);
    let parts = (count * scale + per / 2) / per;
    let width = usize::try_from(decimals).unwrap_or_default();
    format!("{}.{:0width$}", grouped(parts / scale), parts % scale)
}

/// Writes a number with its thousands apart, where anybody has ever had so many.
fn grouped(number: u128) -> String {
    u64::try_from(number).map_or_else(|_| number.to_string(), terminal::grouped)
}

/// Returns a price for programs: what it is, where it was read and when, and how sure it is.
pub(super) fn price(rate: Rate, quote: &Quote) -> Value {
    json!({
        "name": rate.name(), "usd": quote.value.exact(), "confirmed": quote.confirmed,
        "source": quote.source, "read": quote.read.to_string(),
    })
}

/// Returns a bill for programs: amounts are decimal strings with all their digits.
pub fn to_json(bill: &Bill, prices: &Prices, unreadable: u64) -> Value {
    let cost = |cost: &Cost| {
        json!({
            "item": cost.item.code(),
            "count": u64::try_from(cost.quantity.0).unwrap_or(u64::MAX),
            "counted_per": u64::try_from(cost.quantity.1).unwrap_or(u64::MAX),
            "price": price(cost.rate, prices.quote(cost.rate)),
            "usd": cost.usd.exact(),
            "inferred": cost.item.is_inferred(),
            "in_budget": cost.item.is_in_budget(),
        })
    };
    let part = |part: &Part| {
        json!({
            "name": part.name, "attempts": part.attempts, "delivered": part.delivered, "usd": part.usd.exact(),
        })
    };
    let parts = |parts: &[Part]| parts.iter().map(part).collect::<Vec<_>>();
    json!({
        "list": { "region": prices.region(), "date": prices.date().to_string() },
        "assumed": bill.assumed.map(Model::to_json),
        "used": bill.counts,
        "usd": bill.total().exact(),
        "usd_in_budget": bill.in_budget().exact(),
        "usd_per_million_delivered": bill.per_million(bill.total()).map(Usd::exact),
        "items": costs(bill).map(cost).collect::<Vec<_>>(),
        "receivers": parts(&bill.receivers),
        "endpoints": parts(&bill.endpoints),
        "days": parts(&bill.days),
        "shared": SHARED,
        "unreadable_lines": unreadable,
    })
}

#[cfg(test)]
mod tests {
    use super::super::item::{Counts, Terms};
    use super::*;
    use crate::prices::Region;

    #[test]
    fn for_programs_each_amount_has_all_its_digits_and_says_how_sure_its_price_is() {
        let terms = Terms {
            gigabyte_second: Rate::LambdaArm64,
            signature: Rate::KmsRsa2048,
            ledger_write: Rate::DynamoDbWrite,
            memory_mb: 256,
        };
        let prices = Prices::of(Region::UsEast1);
        let counts = Counts { delivered: 3, table_writes: 6, sqs_requests: 1, ..Counts::default() };
        let told = to_json(&Bill::of_counts(counts, terms, &prices), &prices, 2);
        assert_eq!((&told["usd"], &told["unreadable_lines"]), (&json!("0.00000425"), &json!(2)));
        assert_eq!(
            (&told["usd_in_budget"], &told["list"]["region"]),
            (&json!("0.00000415"), &json!("us-east-1"))
        );
        let items = told["items"].as_array().unwrap();
        let of =
            |item: &Value| (item["item"].clone(), item["usd"].clone(), item["price"]["confirmed"].clone());
        assert_eq!(of(&items[0]), (json!("dynamodb_writes"), json!("0.00000375"), json!(true)));
        assert_eq!(of(&items[1]), (json!("sqs_functions"), json!("0.0000004"), json!(false)));
    }

    #[test]
    fn what_a_model_assumes_is_told_with_the_bill_and_of_a_stack_nothing_is_assumed() {
        let terms = Terms {
            gigabyte_second: Rate::LambdaArm64,
            signature: Rate::KmsRsa2048,
            ledger_write: Rate::DynamoDbWrite,
            memory_mb: 256,
        };
        let prices = Prices::of(Region::UsEast1);
        let model = Model {
            batch_ms: 321,
            request_ms: 45,
            reads: 7,
            new_connections: 8,
            lean: true,
            source: crate::bill::Source::Api,
            alone: false,
        };
        let told = |bill: &Bill| {
            let mut text = Vec::new();
            write(&mut text, bill, &prices).unwrap();
            (to_json(bill, &prices, 0)["assumed"].clone(), String::from_utf8(text).unwrap())
        };
        let (json, text) = told(&Bill::of_model(model, terms, &prices));
        assert_eq!(
            (&json["billed_ms_of_a_batch"], &json["billed_ms_of_a_request"]),
            (&json!(321), &json!(45))
        );
        assert_eq!((&json["reads_of_a_batch"], &json["ledger_writes"]), (&json!(7), &json!("lean")));
        for line in [
            "Assumed, not measured:",
            "  321 ms billed for a batch of 10 (--batch-ms)",
            "  45 ms billed for a request of 100 changes (--request-ms)",
            "  7 receivers read from the table for each batch (--reads)",
            "  8 % of deliveries open a connection (--new-connections)",
            "  LedgerWrites=lean (--lean)",
        ] {
            assert!(text.lines().any(|of_text| of_text == line), "{line}: {text}");
        }
        let (json, text) = told(&Bill::of_counts(model.counts(terms), terms, &prices));
        assert!(json.is_null() && !text.contains("Assumed"), "{json} {text}");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let told = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(told, ["0", "999", "1,000", "1,234,567"]);
    }
}
