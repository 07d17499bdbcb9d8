//! Exact amounts of money, without floating point.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use thiserror::Error;

/// Number of decimals.
const DECIMALS: usize = 15;
/// Units of a dollar.
const DOLLAR: u128 = 10_u128.pow(15);

/// An amount in US dollars, in units of 10^-15: no price of AWS has more digits.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Usd(u128);

impl Usd {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// Returns the price of this many at this unit price.
    #[must_use]
    pub fn times(self, count: u128) -> Self {
        self.of(count, 1)
    }

    /// Returns this price times a fraction, rounded to the nearest unit.
    #[must_use]
    pub fn of(self, numerator: u128, denominator: u128) -> Self {
        Self((self.0 * numerator + denominator / 2) / denominator)
    }

    /// Splits an amount by weights. The parts add up exactly; without any weight the first part is the whole.
    pub fn split(self, weights: &[u128]) -> Vec<Self> {
        let whole: u128 = weights.iter().sum();
        let mut below = 0;
        let up_to = |weight: u128| (self.0 * weight).checked_div(whole).unwrap_or(self.0);
        let mut given = 0;
        let part = |weight: &u128| {
            below += weight;
            let part = up_to(below) - given;
            given += part;
            Self(part)
        };
        weights.iter().map(part).collect()
    }

    /// Returns this amount as a number of `parts` of `whole`, rounded to the nearest; 0 if `whole` is zero.
    pub fn parts_of(self, whole: Self, parts: u128) -> u128 {
        (self.0 * parts + whole.0 / 2).checked_div(whole.0).unwrap_or_default()
    }

    /// Returns the amount rounded to this many decimals.
    pub fn rounded(self, decimals: u32) -> String {
        let decimals = decimals.min(u32::try_from(DECIMALS).unwrap_or(u32::MAX));
        let scale = 10_u128.pow(decimals);
        let whole = (self.0 * scale + DOLLAR / 2) / DOLLAR;
        match decimals {
            0 => whole.to_string(),
            _ => {
                format!(
                    "{}.{:0width$}",
                    whole / scale,
                    whole % scale,
                    width = usize::try_from(decimals).unwrap_or(DECIMALS)
                )
            }
        }
    }

    /// Returns the amount with all its digits.
    pub fn exact(self) -> String {
        let text = format!("{}.{:015}", self.0 / DOLLAR, self.0 % DOLLAR);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl fmt::Display for Usd {
    /// Writes six decimals, because a single notification costs millionths.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rounded(6))
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl FromStr for Usd {
    type Err = ParseUsdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // At most nine digits before the point, so that multiplications cannot overflow.
        if !digits(whole) || !digits(part) || whole.len() > 9 || part.len() > DECIMALS {
            return Err(ParseUsdError);
        }
        format!("{whole}{part:0<DECIMALS$}").parse().map(Self).map_err(|_| ParseUsdError)
    }
}

/// A text that is not an amount of money.
#[derive(Clone, Copy, Debug, Error, Eq, PartialEq)]
#[error("not an amount such as 0.0000004: digits, a point, at most fifteen decimals")]
pub struct ParseUsdError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn an_amount_is_read_and_written_with_all_its_digits() {
        for text in ["0", "1", "0.5", "0.0000133334", "123456789.000000000000001"] {
            assert_eq!(usd(text).exact(), text);
        }
        assert_eq!(usd("0.50").exact(), "0.5");
        for text in ["", ".", "1.", ".5", "-1", "1e-7", "1,5", "0.0000000000000001", "1234567890"] {
            assert_eq!(text.parse::<Usd>(), Err(ParseUsdError), "{text}");
        }
    }

    #[test]
    fn an_amount_is_rounded_to_the_nearest_only_where_it_is_shown() {
        assert_eq!(usd("0.0000005").to_string(), "0.000001");
        assert_eq!(usd("0.00000049").to_string(), "0.000000");
        assert_eq!((usd("1.495").rounded(2), usd("1.5").rounded(0)), ("1.50".to_owned(), "2".to_owned()));
        // A tenth of a cent, 3,000 times a third of it.
        assert_eq!(usd("0.001").of(3_000, 3).exact(), "1");
    }

    proptest! {
        #[test]
        fn the_parts_of_an_amount_add_up_to_it(amount in 0_u64.., weights in prop::collection::vec(0_u64..1 << 40, 1..9)) {
            let amount = Usd(u128::from(amount));
            let weights: Vec<_> = weights.into_iter().map(u128::from).collect();
            let parts = amount.split(&weights);
            prop_assert_eq!(parts.iter().copied().sum::<Usd>(), amount);
            let whole: u128 = weights.iter().sum();
            for (part, weight) in parts.iter().zip(&weights).filter(|_| whole > 0) {
                // Each part is exact to a unit.
                prop_assert!((part.0).abs_diff(amount.0 * weight / whole) <= 1);
            }
        }
    }
}
