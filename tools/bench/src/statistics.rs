//! Medians and percentiles.

/// The least of the values that at least so many percent of the others do not exceed; 0 of nothing.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last * percent).div_ceil(100)).copied().unwrap_or_default()
}

/// The middle value, the greater of two; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These are values that were put in, so that they are equal to the last bit.
    fn assert_is(value: f64, expected: f64) {
        assert_eq!(value.to_bits(), expected.to_bits(), "{value} is not {expected}");
    }

    #[test]
    fn a_percentile_is_one_of_the_values_whatever_their_order() {
        let values: Vec<_> = (1..=101).rev().map(f64::from).collect();
        for (percent, value) in [(0, 1.0), (1, 2.0), (50, 51.0), (99, 100.0), (100, 101.0)] {
            assert_is(percentile(&values, percent), value);
        }
        assert_is(percentile(&[9.0, -3.0, 100.0], 0), -3.0);
    }

    #[test]
    fn one_slow_among_a_few_is_their_99th_percentile() {
        assert_is(percentile(&[1.0, 1.0, 7.0, 1.0], 99), 7.0);
        // One in a thousand is not.
        let values: Vec<_> = (0..1000).map(|number| if number == 500 { 7.0 } else { 1.0 }).collect();
        assert_is(percentile(&values, 99), 1.0);
    }

    #[test]
    fn a_median_is_the_middle_value_and_never_the_better_of_two() {
        assert_is(median(&[30.0, 10.0, 20.0]), 20.0);
        assert_is(median(&[4.0, 1.0, 3.0, 2.0]), 3.0);
        assert_is(median(&[7.0]), 7.0);
        assert_is(median(&[]), 0.0);
        assert_is(percentile(&[], 99), 0.0);
    }
}
