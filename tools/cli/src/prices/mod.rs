//! What AWS asks: dated price files, and amounts of money that lose nothing.

mod file;
mod rate;
mod usd;

pub use file::{PriceError, Prices, Quote, Region};
pub use rate::Rate;
pub use usd::{ParseUsdError, Usd};
