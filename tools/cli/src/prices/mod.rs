//! AWS prices: dated price files and exact amounts of money.

mod file;
mod rate;
mod usd;

pub use file::{PriceError, Prices, Quote, Region};
pub use rate::Rate;
pub use usd::{ParseUsdError, Usd};
