//! Checks that the seals form one chain.

use convention::delivery::Hour;
use evidence::{Digest, Seal};

use super::finding::{Finding, Wrong};

/// Maximum number of hours that the last seal may be behind: the task runs hourly, and a run may fail.
pub(crate) const OVERDUE: i64 = 3;

/// Checks the seals of a range, one for each hour, in order. `asked` is the first hour of the range and the last that
/// must be sealed, if that is known; the seal before the range may come first.
pub(super) fn check(seals: &[Seal], asked: (Hour, Option<Hour>)) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut before: Option<&Seal> = None;
    for seal in seals {
        if let Err(at) = seal.check() {
            let detail = at.map_or_else(String::new, |key| format!("from {key} on"));
            findings.push(Finding::new(Wrong::ChainBroken, seal.hour, detail));
        }
        match before {
            Some(before) => {
                missing(before.hour.plus(1), seal.hour, &mut findings);
                if seal.previous != Some(before.head) && before.hour.plus(1) == seal.hour {
                    findings.push(Finding::new(Wrong::ChainParted, seal.hour, ""));
                }
            }
            // Only the first seal of a chain has no predecessor.
            None if seal.previous.is_some() => missing(asked.0, seal.hour, &mut findings),
            None => {}
        }
        before = Some(seal);
    }
    if let (Some(last), Some(due)) = (before, asked.1)
        && due.since(last.hour) > OVERDUE
    {
        findings.push(Finding::new(Wrong::SealOverdue, last.hour, ""));
    }
    findings
}

fn missing(from: Hour, until: Hour, findings: &mut Vec<Finding>) {
    let hours = (0..until.since(from)).map(|hours| from.plus(hours));
    findings.extend(hours.map(|hour| Finding::new(Wrong::SealMissing, hour, "")));
}

/// Returns the head of each day's last seal.
pub(super) fn heads(seals: &[&Seal]) -> Vec<(String, Digest)> {
    let mut heads: Vec<(String, Digest)> = Vec::new();
    for seal in seals {
        let day = seal.hour.start().strftime("%Y-%m-%d").to_string();
        match heads.last_mut() {
            Some(last) if last.0 == day => last.1 = seal.head,
            _ => heads.push((day, seal.head)),
        }
    }
    heads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(at: i64) -> Hour {
        "2026-11-23T00".parse::<Hour>().unwrap().plus(at)
    }

    fn chain(hours: i64) -> Vec<Seal> {
        let mut seals: Vec<Seal> = Vec::new();
        for at in 0..hours {
            let previous = seals.last().map(|seal| seal.head);
            seals.push(Seal::new(hour(at), hour(at + 1).start(), previous, (vec![], vec![])));
        }
        seals
    }

    fn codes(seals: &[Seal]) -> Vec<(Wrong, String)> {
        check(seals, (hour(0), None)).into_iter().map(|finding| (finding.code, finding.subject)).collect()
    }

    #[test]
    fn a_chain_without_a_gap_is_whole() {
        assert_eq!(codes(&chain(30)), []);
        // The seal before the range, and a range that begins within the chain.
        assert_eq!(check(&chain(30)[4..], (hour(5), None)), []);
        let all = chain(30);
        let heads = heads(&all.iter().collect::<Vec<_>>());
        assert_eq!(heads.len(), 2);
        assert_eq!(heads[0], ("2026-11-23".to_owned(), all[23].head));
    }

    #[test]
    fn each_seal_that_is_left_out_is_named() {
        let all = chain(10);
        for at in 1..9 {
            let mut seals = all.clone();
            seals.remove(at);
            assert_eq!(codes(&seals), [(Wrong::SealMissing, all[at].hour.to_string())]);
        }
        assert_eq!(codes(&all[2..]).len(), 2);
    }

    #[test]
    fn a_seal_that_was_made_anew_breaks_the_chain_after_it() {
        let mut seals = chain(5);
        seals[2] = Seal::new(hour(2), hour(9).start(), Some(seals[1].head), (vec![], vec![]));
        assert_eq!(codes(&seals), [(Wrong::ChainParted, hour(3).to_string())]);
        let mut seals = chain(5);
        seals[2].previous = None;
        assert_eq!(codes(&seals)[0], (Wrong::ChainBroken, hour(2).to_string()));
    }

    #[test]
    fn a_chain_whose_end_was_cut_off_is_overdue() {
        let due = |hours| check(&chain(5), (hour(0), Some(hour(hours))));
        assert_eq!(due(4 + OVERDUE), []);
        assert_eq!(due(5 + OVERDUE)[0].code, Wrong::SealOverdue);
    }
}
