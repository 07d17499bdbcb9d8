//! The price of a request, and amounts of money.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// US dollars for a million requests, in millionths of a dollar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Price(u64);

/// An amount in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Usd(u64);

impl Price {
    /// The price of so many requests.
    pub fn of(self, requests: u64) -> Usd {
        let exact = u128::from(self.0) * u128::from(requests) / 1_000_000;
        Usd(u64::try_from(exact).unwrap_or(u64::MAX))
    }
}

impl FromStr for Price {
    type Err = String;

    /// Reads a decimal such as `1.00`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "expected US dollars such as 1.00, with six decimals at most".to_owned();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) || fraction.len() > 6 || whole.len() > 9 {
            return Err(wrong());
        }
        format!("{whole}{fraction:0<6}").parse().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:06}", self.0 % 1_000_000);
        // As it was given: at least two decimals, and no more than say something.
        let (cents, rest) = decimals.split_at(2);
        write!(f, "{}.{cents}{}", self.0 / 1_000_000, rest.trim_end_matches('0'))
    }
}

/// With six decimals, since a day's requests cost little.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl Serialize for Usd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Price {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_exact() {
        let price: Price = "1.00".parse().unwrap();
        assert_eq!(
            (price.of(1_234_567).to_string(), price.to_string()),
            ("1.234567".to_owned(), "1.00".to_owned())
        );
        for text in ["0.125", "0.000001", "3.50", "12.00"] {
            assert_eq!(text.parse::<Price>().unwrap().to_string(), text);
        }
        assert_eq!("3.5".parse::<Price>().unwrap().of(2_000_000).to_string(), "7.000000");
        for text in ["", "-1", "1,00", "1e3", "0.0000001", ".", "1."] {
            assert!(text.parse::<Price>().is_err(), "{text}");
        }
    }
}
