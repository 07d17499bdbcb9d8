//! Puts the GETs of all sources into the order of time.
//!
//! Sources overlap (a load balancer writes a file for each of its nodes), and lines within one are a little out of order. A source
//! is opened when its time has come, so memory holds those that overlap and the lines of a few minutes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use anyhow::Result;

use crate::clients::Clients;
use crate::input::{LineCounts, Source};
use crate::line::Get;
use crate::mapping::Mapping;
use crate::reader::Reader;

/// By how much a line may be older than one before it, in milliseconds. A gateway writes a line when the answer is
/// sent, in which nodes differ; `CloudFront` writes some minutes at once.
const SLACK: i64 = 10 * 60 * 1_000;
/// Maximum number of GETs that are held to be put in order.
const MAX_HELD: usize = 250_000;
/// Within how many lines the first GET of a file is looked for; a file without one there is opened at once.
const PEEK_LINES: u64 = 10_000;

/// Puts GETs that are a little out of order into order.
#[derive(Debug, Default)]
pub(crate) struct Reorder {
    held: BinaryHeap<Reverse<Held>>,
    newest: Option<i64>,
    given: Option<i64>,
    /// GETs that came too late to be put in order.
    pub(crate) late: u64,
}

/// By time, then in the order in which they came.
#[derive(Debug)]
struct Held(i64, u64, Get);

impl Reorder {
    pub(crate) fn push(&mut self, get: Get, number: u64) {
        self.newest = self.newest.max(Some(get.at));
        if self.given.is_some_and(|given| get.at < given) {
            self.late += 1;
        }
        self.held.push(Reverse(Held(get.at, number, get)));
    }

    /// The next in order, if none that is before it can come any more; at the end, every one.
    pub(crate) fn pop(&mut self, at_end: bool) -> Option<Get> {
        let next = self.held.peek()?.0.0;
        let is_due = at_end
            || self.held.len() >= MAX_HELD
            || self.newest.is_some_and(|newest| next <= newest.saturating_sub(SLACK));
        if !is_due {
            return None;
        }
        self.given = self.given.max(Some(next));
        self.held.pop().map(|Reverse(Held(_, _, get))| get)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// The sources, and when their first GETs are.
pub(crate) struct Sources<'m> {
    mapping: &'m Mapping,
    /// Not yet opened, the first one last.
    waiting: Vec<(i64, Source)>,
    open: Vec<Reader<'m>>,
    /// The next GET of each open one.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
    next: Vec<Option<Get>>,
}

impl<'m> Sources<'m> {
    /// Looks into each file for its first GET. What cannot be opened is told now, before anything is read.
    pub(crate) fn new(sources: Vec<Source>, mapping: &'m Mapping, clients: &mut Clients) -> Result<Self> {
        let mut waiting = Vec::new();
        for source in sources {
            let first = match &source {
                Source::File(_) => {
                    let counts = &mut LineCounts::default();
                    Reader::open(source.clone(), mapping)?
                        .next(clients, counts, PEEK_LINES)?
                        .map(|get| get.at)
                }
                Source::Stdin => None,
            };
            waiting.push((first.unwrap_or(i64::MIN), source));
        }
        waiting.sort_by_key(|(first, _)| Reverse(*first));
        Ok(Self { mapping, waiting, open: Vec::new(), heads: BinaryHeap::new(), next: Vec::new() })
    }

    /// When the first GET is, as far as files tell.
    pub(crate) fn first(&self) -> Option<i64> {
        let known = self.waiting.iter().map(|(first, _)| *first).filter(|first| *first > i64::MIN);
        known.min()
    }

    /// The next GET, out of order by no more than those of one source are.
    pub(crate) fn next(&mut self, clients: &mut Clients, counts: &mut LineCounts) -> Result<Option<Get>> {
        loop {
            let head = self.heads.peek().map(|Reverse((at, _))| *at);
            let is_due = |first: i64| head.is_none_or(|head| first.saturating_sub(SLACK) <= head);
            if self.waiting.last().is_some_and(|(first, _)| is_due(*first)) {
                let Some((_, source)) = self.waiting.pop() else { continue };
                self.open.push(Reader::open(source, self.mapping)?);
                self.next.push(None);
                self.advance(self.open.len() - 1, clients, counts)?;
                continue;
            }
            let Some(Reverse((_, at))) = self.heads.pop() else { return Ok(None) };
            let get = self.next[at].take();
            self.advance(at, clients, counts)?;
            return Ok(get);
        }
    }

    fn advance(&mut self, at: usize, clients: &mut Clients, counts: &mut LineCounts) -> Result<()> {
        let get = self.open[at].next(clients, counts, u64::MAX)?;
        if let Some(get) = get {
            self.next[at] = Some(get);
            self.heads.push(Reverse((get.at, at)));
        } else {
            self.open[at].close();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use convention::notification::{Endpoint, Partition};

    use super::*;
    use crate::clients::Client;

    #[test]
    fn lines_ten_minutes_late_are_put_in_order_and_later_ones_are_counted_and_not_lost() {
        let get = |at: i64| {
            let resource = Partition::of_id(Endpoint::PixPayment, "p");
            Get { at, client: Client::UNKNOWN, resource, status: 200, state: None }
        };
        let mut reorder = Reorder::default();
        let mut given = Vec::new();
        for (number, at) in (0..).zip([0, SLACK, 5, 2 * SLACK + 1, SLACK + 2, 3 * SLACK, 1]) {
            reorder.push(get(at), number);
            while let Some(get) = reorder.pop(false) {
                given.push(get.at);
            }
        }
        while let Some(get) = reorder.pop(true) {
            given.push(get.at);
        }
        assert_eq!(given, [0, 5, SLACK, SLACK + 2, 1, 2 * SLACK + 1, 3 * SLACK]);
        assert_eq!(reorder.late, 1);
        // Of a crowd within one instant, no more than may be held are held.
        for number in 0..u64::try_from(MAX_HELD).unwrap() + 10 {
            reorder.push(get(4 * SLACK), number);
            while reorder.pop(false).is_some() {}
        }
        assert!(reorder.held.len() < MAX_HELD);
    }
}
