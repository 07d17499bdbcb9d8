//! Medians and percentiles.

/// The value below which so many percent lie; 0 of nothing.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last * percent).div_ceil(100)).copied().unwrap_or_default()
}

/// The middle value; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values_whatever_their_order() {
        let values: Vec<_> = (1..=101).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 99).to_bits(), 100_f64.to_bits());
        assert_eq!(median(&values).to_bits(), 51_f64.to_bits());
        assert_eq!(median(&[]).to_bits(), 0_f64.to_bits());
        assert_eq!(median(&[7.0]).to_bits(), 7_f64.to_bits());
    }
}
