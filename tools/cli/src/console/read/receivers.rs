//! The registered clients, and which of them keep timing out.

use std::collections::BTreeMap;

use account::ChosenStack;
use anyhow::Result;
use jiff::Timestamp;
use pages::model::Registered;

use crate::clients::receivers;

pub(super) async fn read(stack: &ChosenStack, now: Timestamp) -> Result<BTreeMap<String, Registered>> {
    let all = receivers(stack)?.all_with_marks().await?;
    // A row that another version wrote hides no other; `arauto clients list` tells of it.
    let registered = all.into_iter().flatten().map(|(registration, mark)| {
        let slow_until = mark.map(|mark| mark.slow_until).filter(|until| *until > now);
        (registration.key().as_str().to_owned(), Registered { registration, slow_until })
    });
    Ok(registered.collect())
}
