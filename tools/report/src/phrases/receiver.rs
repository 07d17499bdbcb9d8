//! What is said of a receiver.

use crate::figures::Figures;
use crate::receiver::{Receiver, Synchronisation};
use crate::words::{Words, put};

/// The worst time of a month in which there may have been no registration.
pub(crate) fn worst(one: Synchronisation, words: &Words) -> String {
    one.worst_seconds.map_or_else(|| "–".to_owned(), |seconds| words.duration(seconds))
}

/// Its version, and which mandatory notifications that misses.
pub(crate) fn version(receiver: &Receiver, words: &Words) -> String {
    let Some(version) = &receiver.webhook_version else { return "–".to_owned() };
    if receiver.profile_warnings.is_empty() {
        return format!("{version}, {}", words.misses_none);
    }
    let missed: Vec<_> =
        receiver.profile_warnings.iter().map(|code| Words::of(&words.profile_warnings, code)).collect();
    format!("{version}, {}", put(words.misses, &[&missed.join(", ")]))
}

/// Whether its host asked for a client certificate in the deliveries of the month, if there were any.
pub(crate) fn mutual_tls(receiver: &Receiver, figures: &Figures, words: &Words) -> (String, bool) {
    match receiver.without_mtls {
        None => (words.not_known.to_owned(), false),
        Some(0) if figures.accepted() == 0 => ("–".to_owned(), false),
        Some(0) => (words.without_mtls_none.to_owned(), false),
        Some(count) => (put(words.without_mtls, &[&words.number(count)]), true),
    }
}

/// When it was suspended and notified again.
pub(crate) fn suspensions(receiver: &Receiver, words: &Words) -> (String, bool) {
    match receiver.suspensions.as_deref() {
        None => (words.not_known.to_owned(), false),
        Some([]) => ("–".to_owned(), false),
        Some(all) => {
            let told = all.iter().map(|one| {
                let at = words.instant(one.at);
                match &one.code {
                    Some(code) => put(words.suspended, &[&at, Words::of(&words.suspension_codes, code)]),
                    None => put(words.resumed, &[&at]),
                }
            });
            (told.collect::<Vec<_>>().join("; "), true)
        }
    }
}
