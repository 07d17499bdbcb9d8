//! What a notification costs: the prices stand in one place, and the bill is made of what the functions really write.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod lines;
mod page;
mod prices;
mod standing;
