//! A dated price list in the format of `infra/prices`.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::civil::Date;
use serde::Deserialize;
use thiserror::Error;

use super::rate::Rate;
use super::usd::Usd;

/// The regions whose price lists are built in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Region {
    /// N. Virginia.
    UsEast1,
    /// São Paulo.
    SaEast1,
}

impl Region {
    /// All regions with a list.
    pub const ALL: [Self; 2] = [Self::UsEast1, Self::SaEast1];

    /// Returns the region's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UsEast1 => "us-east-1",
            Self::SaEast1 => "sa-east-1",
        }
    }
}

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = || Self::ALL.map(Self::as_str).join(" and ");
        let found = Self::ALL.into_iter().find(|region| region.as_str() == text);
        found.ok_or_else(|| format!("there are lists of {} only; --prices takes another", known()))
    }
}

/// A complete price list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Prices {
    date: Date,
    region: String,
    quotes: BTreeMap<Rate, Quote>,
}

/// A price and its reliability.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quote {
    /// The price of one unit.
    pub value: Usd,
    /// Whether it was read where AWS publishes it.
    pub confirmed: bool,
    /// Its source.
    pub source: String,
    /// The day on which it was read there.
    pub read: Date,
}

impl Prices {
    /// Returns the built-in list of a region.
    pub fn of(region: Region) -> Self {
        let text = match region {
            Region::UsEast1 => include_str!("../../../../infra/prices/us-east-1.json"),
            Region::SaEast1 => include_str!("../../../../infra/prices/sa-east-1.json"),
        };
        Self::from_json(text).expect("a test reads every list that comes with the command")
    }

    /// Parses a list; one without a required price is refused by its name.
    pub fn from_json(text: &str) -> Result<Self, PriceError> {
        let file: File = serde_json::from_str(text)?;
        if file.currency != "USD" {
            return Err(PriceError::Currency(file.currency));
        }
        let quote = |rate: Rate| {
            let (name, unit) = rate.name_and_unit();
            let entry = file.prices.get(name).ok_or(PriceError::Missing(name))?;
            if entry.unit != unit {
                return Err(PriceError::Unit { name, unit, found: entry.unit.clone() });
            }
            let value = entry.value.parse().map_err(|_| PriceError::Value(name))?;
            let read = entry.read.unwrap_or(file.date);
            Ok((rate, Quote { value, confirmed: entry.confirmed, source: entry.source.clone(), read }))
        };
        let quotes = Rate::ALL.into_iter().map(quote).collect::<Result<_, _>>()?;
        Ok(Self { date: file.date, region: file.region, quotes })
    }

    /// Returns a price.
    pub fn quote(&self, rate: Rate) -> &Quote {
        self.quotes.get(&rate).expect("a list without it is refused")
    }

    /// Returns the price of one unit.
    pub fn value(&self, rate: Rate) -> Usd {
        self.quote(rate).value
    }

    /// Returns a title with region and date.
    pub fn title(&self) -> String {
        format!("list price, {}, {}", self.region, self.date)
    }

    /// Returns the region's name.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Returns the day of the list.
    pub fn date(&self) -> Date {
        self.date
    }
}

#[derive(Deserialize)]
struct File {
    date: Date,
    region: String,
    currency: String,
    prices: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    unit: String,
    value: String,
    source: String,
    /// That of the list if it has none.
    read: Option<Date>,
    confirmed: bool,
}

/// Why a price list cannot be used.
#[derive(Debug, Error)]
pub enum PriceError {
    /// Its format is wrong.
    #[error("the list of prices cannot be read")]
    Json(#[from] serde_json::Error),
    /// A price is missing.
    #[error("the list of prices lacks {0}")]
    Missing(&'static str),
    /// A price has the wrong unit.
    #[error("the price of {name} must be per {unit}, not per {found}")]
    Unit {
        /// The price.
        name: &'static str,
        /// The expected unit.
        unit: &'static str,
        /// The unit in the file.
        found: String,
    },
    /// A price is not an amount.
    #[error("the value of {0} must be a decimal such as \"0.0000004\"")]
    Value(&'static str),
    /// Another currency; amounts are added up, so all must be in one currency.
    #[error("prices must be in USD, not in {0}")]
    Currency(String),
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn changed(change: impl FnOnce(&mut Value)) -> String {
        let mut file = serde_json::from_str(include_str!("../../../../infra/prices/us-east-1.json")).unwrap();
        change(&mut file);
        Prices::from_json(&file.to_string()).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn the_lists_that_come_with_the_command_have_every_price() {
        for region in Region::ALL {
            let prices = Prices::of(region);
            assert_eq!((prices.region(), prices.title().contains("2026-")), (region.as_str(), true));
            assert!(Rate::ALL.iter().all(|rate| !prices.quote(*rate).source.is_empty()));
            assert_eq!(region.as_str().parse(), Ok(region));
        }
        let [virginia, paulo] = Region::ALL.map(Prices::of);
        assert_eq!(virginia.value(Rate::DynamoDbWrite).exact(), "0.000000625");
        assert!(virginia.quote(Rate::DynamoDbWrite).confirmed && !paulo.quote(Rate::DynamoDbWrite).confirmed);
    }

    #[test]
    fn a_list_that_lacks_a_price_is_refused_by_its_name() {
        for rate in Rate::ALL {
            let name = rate.name();
            let remove = |file: &mut Value| drop(file["prices"].as_object_mut().unwrap().remove(name));
            assert_eq!(changed(remove), format!("the list of prices lacks {name}"));
        }
    }

    #[test]
    fn a_price_of_something_else_or_that_is_no_amount_is_refused() {
        let error = changed(|file| file["prices"]["sqs_request"]["unit"] = json!("million requests"));
        assert!(error.contains("sqs_request") && error.contains("million requests"), "{error}");
        let error = changed(|file| file["prices"]["sqs_request"]["value"] = json!("4e-7"));
        assert!(error.contains("sqs_request"), "{error}");
        assert!(changed(|file| file["currency"] = json!("BRL")).contains("BRL"));
        assert!(
            changed(|file| file["prices"]["sqs_request"]["value"] = json!(0.4)).contains("cannot be read")
        );
    }
}
