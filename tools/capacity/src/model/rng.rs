//! The model's random numbers: the same for a seed on every machine.

use super::super::numbers::real;

/// A random number generator (`SplitMix64`).
#[derive(Debug)]
pub(super) struct Dice(u64);

/// Microseconds since the run began.
pub(super) type Micros = u64;

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Draws a number from 0 (included) to 1.
    pub(super) fn share(&mut self) -> f64 {
        /// The number of values of 52 bits.
        const ALL: u64 = 1 << 52;
        real(self.bits() >> 12) / real(ALL)
    }

    /// Draws an exponentially distributed time, in the unit of its mean.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * logarithm(1.0 - self.share())
    }

    /// Draws a duration with this mean in milliseconds: half fixed, half exponential.
    pub(super) fn delay(&mut self, millis: f64) -> f64 {
        let half = millis * 500.0;
        half + self.exponential(half)
    }
}

/// Returns the natural logarithm of a number from 0 (excluded) to 1, by additions and multiplications only: the
/// library's last digit differs between machines, and so would a run.
fn logarithm(number: f64) -> f64 {
    let (mut rest, mut halvings) = (number, 0.0);
    while rest < 0.75 {
        rest *= 2.0;
        halvings += 1.0;
    }
    let ratio = (rest - 1.0) / (rest + 1.0);
    let (square, mut power, mut sum) = (ratio * ratio, ratio, 0.0);
    for odd in [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0] {
        sum += power / odd;
        power *= square;
    }
    2.0 * sum - halvings * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_that_of_the_library_but_for_its_last_digits() {
        for number in [1.0, 0.999, 0.76, 0.75, 0.7499, 0.5, 0.1, 1e-9, 2.3e-16] {
            assert!((logarithm(number) - f64::ln(number)).abs() < 1e-12, "{number}");
        }
    }

    #[test]
    fn a_delay_is_half_of_its_mean_at_least_and_has_that_mean() {
        let mut dice = Dice::new(1);
        let drawn: Vec<_> = (0..100_000).map(|_| dice.delay(10.0)).collect();
        assert!(drawn.iter().all(|delay| *delay >= 5_000.0));
        let mean = drawn.iter().sum::<f64>() / 100_000.0;
        assert!((mean - 10_000.0).abs() < 100.0, "{mean}");
    }
}
