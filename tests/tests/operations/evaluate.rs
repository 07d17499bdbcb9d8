//! CloudWatch's arithmetic, as far as the alarms of the template need it: statistics of a period, expressions, comparisons.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and periods are small and not negative"
)]

use std::collections::BTreeMap;

use serde_json::Value;

/// A period without a value: what CloudWatch has no data of, or what cannot be calculated, as a division by nothing.
pub(crate) const MISSING: f64 = f64::NAN;

/// Whether an alarm that watches one value a period would be on after periods with these values.
pub(crate) fn is_on(alarm: &Value, periods: &[f64]) -> bool {
    let number = |name: &str| alarm[name].as_f64();
    let threshold = number("Threshold").expect("a threshold");
    let breaches = |value: &f64| match alarm["ComparisonOperator"].as_str().unwrap() {
        _ if value.is_nan() => alarm["TreatMissingData"] == "breaching",
        "GreaterThanThreshold" => *value > threshold,
        "LessThanThreshold" => *value < threshold,
        "LessThanOrEqualToThreshold" => *value <= threshold,
        operator => panic!("an operator that is not known: {operator}"),
    };
    let looks_at = number("EvaluationPeriods").expect("periods") as usize;
    let wanted = number("DatapointsToAlarm").map_or(looks_at, |wanted| wanted as usize);
    let last = &periods[periods.len().saturating_sub(looks_at)..];
    last.iter().filter(|value| breaches(value)).count() >= wanted
}

/// The statistic of a period that had these values.
pub(crate) fn statistic(name: &str, values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let sum: f64 = values.iter().sum();
    match name {
        _ if values.is_empty() => MISSING,
        "Sum" => sum,
        "SampleCount" => values.len() as f64,
        "Average" | "AVG" => sum / values.len() as f64,
        "Minimum" => sorted[0],
        "Maximum" => sorted[sorted.len() - 1],
        "p99" => sorted[(sorted.len() * 99).div_ceil(100) - 1],
        name => panic!("a statistic that CloudWatch does not have: {name}"),
    }
}

/// The value of an expression over metrics that had these values; a metric that is not among them has none.
///
/// Source: "Using math expressions with CloudWatch metrics", Amazon CloudWatch User Guide.
pub(crate) fn expression(text: &str, metrics: &BTreeMap<String, f64>) -> f64 {
    let spaced = ["(", ")", ",", "+", "-", "*", "/", ">", "<"]
        .iter()
        .fold(text.to_owned(), |text, sign| text.replace(sign, &format!(" {sign} ")));
    let mut tokens: Vec<_> = spaced.split_whitespace().rev().map(str::to_owned).collect();
    let value = both(&mut tokens, metrics);
    assert!(tokens.is_empty(), "not read to its end: {tokens:?}");
    value
}

/// Takes the next token if it is one of these.
fn sign(tokens: &mut Vec<String>, signs: &[&str]) -> Option<String> {
    let is_one = tokens.last().is_some_and(|next| signs.contains(&next.as_str()));
    if is_one { tokens.pop() } else { None }
}

fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

fn both(tokens: &mut Vec<String>, metrics: &BTreeMap<String, f64>) -> f64 {
    let mut value = comparison(tokens, metrics);
    while sign(tokens, &["AND"]).is_some() {
        let next = comparison(tokens, metrics);
        value = if value.is_nan() || next.is_nan() { MISSING } else { truth(value != 0.0 && next != 0.0) };
    }
    value
}

fn comparison(tokens: &mut Vec<String>, metrics: &BTreeMap<String, f64>) -> f64 {
    let value = sum(tokens, metrics);
    let Some(sign) = sign(tokens, &[">", "<"]) else { return value };
    let other = sum(tokens, metrics);
    match sign.as_str() {
        _ if value.is_nan() || other.is_nan() => MISSING,
        ">" => truth(value > other),
        _ => truth(value < other),
    }
}

fn sum(tokens: &mut Vec<String>, metrics: &BTreeMap<String, f64>) -> f64 {
    let mut value = product(tokens, metrics);
    while let Some(sign) = sign(tokens, &["+", "-"]) {
        let next = product(tokens, metrics);
        value = if sign == "+" { value + next } else { value - next };
    }
    value
}

fn product(tokens: &mut Vec<String>, metrics: &BTreeMap<String, f64>) -> f64 {
    let mut value = factor(tokens, metrics);
    while let Some(sign) = sign(tokens, &["*", "/"]) {
        let next = factor(tokens, metrics);
        value = match sign.as_str() {
            "*" => value * next,
            _ if next == 0.0 => MISSING,
            _ => value / next,
        };
    }
    value
}

fn factor(tokens: &mut Vec<String>, metrics: &BTreeMap<String, f64>) -> f64 {
    let token = tokens.pop().expect("an expression that ends too soon");
    let expect = |tokens: &mut Vec<String>, sign: &str| assert_eq!(tokens.pop().unwrap(), sign);
    match token.as_str() {
        "(" => {
            let value = both(tokens, metrics);
            expect(tokens, ")");
            value
        }
        "FILL" => {
            expect(tokens, "(");
            let metric = tokens.pop().unwrap();
            expect(tokens, ",");
            let instead = sum(tokens, metrics);
            expect(tokens, ")");
            metrics.get(&metric).copied().unwrap_or(instead)
        }
        "IF" => {
            expect(tokens, "(");
            let condition = both(tokens, metrics);
            expect(tokens, ",");
            let then = both(tokens, metrics);
            expect(tokens, ",");
            let otherwise = both(tokens, metrics);
            expect(tokens, ")");
            match condition {
                condition if condition.is_nan() => MISSING,
                0.0 => otherwise,
                _ => then,
            }
        }
        // How much a metric grew since the period before, which is given under this name.
        "DIFF" => {
            expect(tokens, "(");
            let metric = tokens.pop().unwrap();
            expect(tokens, ")");
            metrics.get(&format!("DIFF({metric})")).copied().unwrap_or(MISSING)
        }
        name => name.parse().unwrap_or_else(|_| metrics.get(name).copied().unwrap_or(MISSING)),
    }
}
