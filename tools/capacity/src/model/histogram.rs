//! A histogram of delays in milliseconds.

/// Counts by milliseconds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

/// Maximum counted delay: ten minutes.
const LATEST: usize = 600_000;

impl Histogram {
    /// Adds a delay.
    pub(super) fn add(&mut self, millis: u64) {
        let index = usize::try_from(millis).unwrap_or(LATEST).min(LATEST);
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        self.total += 1;
    }

    /// Returns the number of delays.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns the quantile in thousandths, in milliseconds; 0 if empty.
    pub fn quantile(&self, of_thousand: u64) -> u64 {
        let wanted = (self.total * of_thousand).div_ceil(1000).max(1);
        let mut seen = 0;
        for (millis, count) in (0..).zip(&self.counts) {
            seen += u64::from(*count);
            if seen >= wanted {
                return millis;
            }
        }
        0
    }

    /// Returns how many delays exceed this many milliseconds.
    pub fn beyond(&self, millis: u64) -> u64 {
        (0..)
            .zip(&self.counts)
            .filter(|(late, _): &(u64, _)| *late > millis)
            .map(|(_, count)| u64::from(*count))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantiles_of_one_to_a_hundred_are_themselves() {
        let mut histogram = Histogram::default();
        (1..=100).for_each(|millis| histogram.add(millis));
        assert_eq!([500, 990, 1000].map(|of| histogram.quantile(of)), [50, 99, 100]);
        assert_eq!((histogram.beyond(99), histogram.beyond(100), histogram.total()), (1, 0, 100));
        assert_eq!(Histogram::default().quantile(990), 0);
    }
}
