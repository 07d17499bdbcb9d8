//! A timer that always ends before the time limits of messages.

use std::time::Duration;

use tokio::time::sleep;

/// Sooner than any time limit of a message, the shortest of which is a second.
const TICK: Duration = Duration::from_millis(500);

/// Starts a timer that always ends before all others.
///
/// tokio wakes its own thread, by a system call, for each timer that is set to end first: with this one, the limits of a message cost
/// none.
pub fn spawn_first_timer() {
    tokio::spawn(async {
        loop {
            sleep(TICK).await;
        }
    });
}
