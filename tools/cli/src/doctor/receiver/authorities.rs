//! Lists and statuses asked for now, at their sources, where no stack has them.

use std::sync::Arc;

use convention::address::AddressPolicy;
use directory::fetch::Fetcher;
use directory::revocation::{Answered, ask_now};
use mtls::examine::{Facts, ListFacts, RevocationOf, StatusFacts, status};
use platform::clock::Clock;
use platform::rng::Rng;

/// Asks the authorities of the verified path, and adds what they answer to the facts.
pub(super) async fn ask(
    facts: &mut Facts,
    policy: AddressPolicy,
    clock: &Clock,
    rng: &Rng,
    progress: &(dyn Fn(&str) + Sync),
) {
    let Some(path) = facts.path.take() else { return };
    let Ok(fetcher) = Fetcher::new(policy, |client| client) else { return };
    progress("asking the certificates' authorities for lists and statuses");
    let answers = ask_now(&path, Arc::new(fetcher), rng.clone(), clock.now()).await;
    let mut visits = facts.addresses.iter_mut().filter_map(|one| one.visit.as_mut());
    let revocation = visits.find_map(|visit| visit.chain.as_mut()?.revocation.as_mut());
    for (one, answered) in revocation.into_iter().flat_map(|facts| &mut facts.certificates).zip(answers) {
        add(one, answered);
    }
}

fn add(one: &mut RevocationOf, answered: Answered) {
    one.revoked |= answered.revoked;
    match answered.list {
        Some(Ok(list)) => {
            let (fetched_at, this_update) = (list.fetched_at, list.this_update);
            one.list = Some(ListFacts { fetched_at, this_update, next_update: list.next_update });
        }
        Some(Err(code)) => one.list_error = Some(code.to_owned()),
        None => {}
    }
    match answered.status {
        Some(Ok(entry)) => {
            one.revoked |= entry.status != mtls::revocation::OcspStatus::Good;
            one.status = Some(StatusFacts {
                status: status(entry.status).to_owned(),
                fetched_at: entry.fetched_at,
                this_update: entry.this_update,
                next_update: entry.next_update,
            });
        }
        Some(Err(code)) => one.status_error = Some(code.to_owned()),
        None => {}
    }
}
