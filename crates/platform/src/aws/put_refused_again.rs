//! Calls that put several entries, of which a service may refuse some.

use std::time::Duration;

use aws_sdk_sqs::error::BoxError;
use tokio::time::sleep;

/// How often refused entries are put before whoever delivered them delivers them anew.
const ROUNDS: u32 = 5;

/// Why a service did not accept all entries.
#[derive(Debug)]
pub struct Refused<'a, T> {
    /// The first entry that may be missing; all before it were accepted.
    pub first: Option<&'a T>,
    /// The service's error.
    pub source: BoxError,
}

/// Puts the entries of one call; only refused ones are put again, five times in all, after pauses that double.
///
/// `try_put` puts entries once, and returns the index of each refused one with its error code.
pub async fn put_refused_again<T>(
    entries: &[T],
    first_pause: Duration,
    try_put: impl AsyncFn(&[&T]) -> Result<Vec<(usize, String)>, BoxError>,
) -> Result<(), Refused<'_, T>> {
    let mut open: Vec<_> = entries.iter().collect();
    let mut pause = first_pause;
    for round in 1..=ROUNDS {
        let refused = match try_put(&open).await {
            Ok(refused) => refused,
            Err(source) => return Err(Refused { first: open.first().copied(), source }),
        };
        let Some((_, why)) = refused.first().cloned() else { return Ok(()) };
        open = refused.iter().filter_map(|(at, _)| open.get(*at).copied()).collect();
        if round == ROUNDS {
            return Err(Refused { first: open.first().copied(), source: why.into() });
        }
        sleep(pause).await;
        pause *= 2;
    }
    Ok(())
}
