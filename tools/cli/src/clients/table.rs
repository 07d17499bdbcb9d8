//! The table of receivers of a stack.

use account::ChosenStack;
use anyhow::Result;
use convention::address::AddressPolicy;
use platform::aws::{Receivers, dynamodb};
use platform::clock::Clock;

pub(crate) fn receivers(stack: &ChosenStack) -> Result<Receivers> {
    let table = stack.output("ReceiversTableName")?.to_owned();
    // Nothing is sent, so the policy decides nothing.
    Ok(Receivers::new(dynamodb(&stack.sdk), table, AddressPolicy::Public, Clock::system()))
}
