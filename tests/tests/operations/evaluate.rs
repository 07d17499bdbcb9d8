//! CloudWatch's arithmetic, as far as the alarms of the template need it: statistics of a period, expressions, comparisons.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and periods are small and not negative"
)]

use std::collections::BTreeMap;

use serde_json::Value;

/// Whether an alarm that watches one value a period would be on after periods with these values.
pub(crate) fn is_on(alarm: &Value, periods: &[f64]) -> bool {
    let number = |name: &str| alarm[name].as_f64();
    let threshold = number("Threshold").expect("a threshold");
    let breaches = |value: &f64| match alarm["ComparisonOperator"].as_str().unwrap() {
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
        "Sum" => sum,
        "Average" | "AVG" => sum / values.len() as f64,
        "Minimum" => sorted[0],
        "Maximum" => sorted[sorted.len() - 1],
        "p99" => sorted[(sorted.len() * 99).div_ceil(100) - 1],
        name => panic!("a statistic that CloudWatch does not have: {name}"),
    }
}

/// The value of an expression over metrics that had these values.
pub(crate) fn expression(text: &str, metrics: &BTreeMap<String, f64>) -> f64 {
    let spaced = ["(", ")", ",", "+", "*", "/"]
        .iter()
        .fold(text.to_owned(), |text, sign| text.replace(sign, &format!(" {sign} ")));
    let mut tokens: Vec<_> = spaced.split_whitespace().rev().map(str::to_owned).collect();
    let value = sum(&mut tokens, metrics);
    assert!(tokens.is_empty(), "not read to its end: {tokens:?}");
    value
}

fn sum(tokens: &mut Vec<String>, metrics: &BTreeMap<String, f64>) -> f64 {
    let mut value = product(tokens, metrics);
    while tokens.last().is_some_and(|sign| sign == "+") {
        tokens.pop();
        value += product(tokens, metrics);
    }
    value
}

fn product(tokens: &mut Vec<String>, metrics: &BTreeMap<String, f64>) -> f64 {
    let mut value = factor(tokens, metrics);
    while let Some(sign) = tokens.last().filter(|sign| *sign == "*" || *sign == "/").cloned() {
        tokens.pop();
        let next = factor(tokens, metrics);
        value = if sign == "*" { value * next } else { value / next };
    }
    value
}

fn factor(tokens: &mut Vec<String>, metrics: &BTreeMap<String, f64>) -> f64 {
    let token = tokens.pop().expect("an expression that ends too soon");
    let expect = |tokens: &mut Vec<String>, sign: &str| assert_eq!(tokens.pop().unwrap(), sign);
    match token.as_str() {
        "(" => {
            let value = sum(tokens, metrics);
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
        name => name.parse().unwrap_or_else(|_| metrics[name]),
    }
}
