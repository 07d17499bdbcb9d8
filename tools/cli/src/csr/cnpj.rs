//! The registration number of a Brazilian organisation.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A CNPJ with valid check digits.
///
/// The first twelve characters may be letters since July 2026 (IN RFB 2229/2024); each counts as its ASCII code less
/// 48, so digits count as themselves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Cnpj(String);

const PLACES: usize = 14;
const CHECK_DIGITS: usize = 2;

impl FromStr for Cnpj {
    type Err = NotACnpj;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain: String = text.chars().filter(|c| !"./-".contains(*c)).collect();
        let (base, check) = plain.as_bytes().split_at_checked(PLACES - CHECK_DIGITS).ok_or(NotACnpj::Form)?;
        let in_base = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        let is_formed = base.iter().all(in_base)
            && check.len() == CHECK_DIGITS
            && check.iter().all(u8::is_ascii_digit)
            // All zeros has valid check digits but belongs to nobody.
            && base.iter().any(|byte| *byte != b'0');
        if !is_formed {
            return Err(NotACnpj::Form);
        }
        let first = check_digit(base);
        let second = check_digit(&[base, &[first]].concat());
        if check == [first, second] { Ok(Self(plain)) } else { Err(NotACnpj::CheckDigits) }
    }
}

/// Computes a check digit: modulo 11, with repeated weights from 2 to 9 from the right.
fn check_digit(places: &[u8]) -> u8 {
    let weighed = places.iter().rev().zip((2..=9_u32).cycle());
    let sum: u32 = weighed.map(|(byte, weight)| u32::from(byte - b'0') * weight).sum();
    let digit = match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    b'0' + u8::try_from(digit).expect("it is below 10")
}

impl fmt::Display for Cnpj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not a CNPJ.
#[derive(Clone, Copy, Debug, Error, Eq, PartialEq)]
pub(super) enum NotACnpj {
    #[error(
        "expected the 14 places of a CNPJ, with or without its dots: 11222333000181 or 11.222.333/0001-81"
    )]
    Form,
    #[error("its check digits are wrong: one of the 14 digits is mistyped")]
    CheckDigits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cnpj_is_taken_with_or_without_its_dots() {
        // The last one is Receita Federal's published example with letters.
        for (text, plain) in [
            ("11222333000181", "11222333000181"),
            ("11.222.333/0001-81", "11222333000181"),
            ("00.000.000/0001-91", "00000000000191"),
            ("12.ABC.345/01DE-35", "12ABC34501DE35"),
        ] {
            assert_eq!(text.parse::<Cnpj>().map(|cnpj| cnpj.to_string()), Ok(plain.to_owned()));
        }
    }

    #[test]
    fn a_mistyped_cnpj_is_refused() {
        for text in ["11222333000182", "11222333000191", "21222333000181", "12ABC34501DE36"] {
            assert_eq!(text.parse::<Cnpj>(), Err(NotACnpj::CheckDigits), "{text}");
        }
        for text in [
            "",
            "1122233300018",
            "112223330001811",
            "00000000000000",
            "12abc34501de35",
            "ação",
            "12ABC34501DE3A",
        ] {
            assert_eq!(text.parse::<Cnpj>(), Err(NotACnpj::Form), "{text}");
        }
    }
}
