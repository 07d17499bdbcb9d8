//! Joins GETs with notifications, both in the order of time.

use std::collections::{BTreeMap, HashMap};

use convention::notification::Partition;

use crate::clients::Client;
use crate::figures::{Day, Figures};
use crate::line::Get;
use crate::notification::Told;

/// Within so long after a notification a GET has used it, in milliseconds.
const USED_WITHIN: i64 = 60_000;
/// A resource without a notification is forgotten so long after its last GET, in milliseconds.
const FORGOTTEN_AFTER: i64 = 24 * 60 * 60 * 1_000;
/// Maximum number of resources without a notification that are remembered: some 100 MB.
const MAX_RESOURCES: usize = 1_000_000;
const DAY: i64 = 24 * 60 * 60 * 1_000;

#[derive(Debug, Default)]
pub(crate) struct Join {
    /// In the order of time; those up to `next` were joined.
    told: Vec<Told>,
    next: usize,
    /// By resource and client.
    notified: Vec<Notified>,
    others: HashMap<(Partition, Client), Other>,
    /// When resources were last looked through for those to forget.
    swept: i64,
    max_resources: usize,
    pub(crate) figures: BTreeMap<Client, Figures>,
    pub(crate) days: BTreeMap<(Client, i32), Day>,
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    /// Resources that were forgotten early, since there were too many.
    pub(crate) forgotten_early: u64,
    /// GETs of a resource by another client than the notified one.
    pub(crate) by_other_clients: u64,
    /// Notifications before or after the log.
    pub(crate) outside: u64,
}

/// What is known of a resource's answers.
#[derive(Clone, Copy, Debug, Default)]
struct Looks {
    /// Whether a GET succeeded.
    looked: bool,
    /// What the last one saw.
    state: Option<u64>,
}

/// A resource with a notification.
#[derive(Clone, Copy, Debug)]
struct Notified {
    resource: Partition,
    client: Client,
    looks: Looks,
    /// The last notification that no GET has followed.
    unread: Option<i64>,
    /// When the last GET succeeded.
    last_look: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Other {
    looks: Looks,
    last: i64,
}

/// What a GET was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Failed,
    /// The first after a notification that came so long before, in milliseconds.
    After(i64),
    /// It saw no change, as the log says.
    Logged,
    /// It saw no change, as the absence of a notification says.
    Inferred,
    /// The first of its resource, or one that saw a change, or may have.
    Fresh,
}

impl Join {
    pub(crate) fn new(mut told: Vec<Told>) -> Self {
        told.sort_unstable();
        let mut notified: Vec<_> = told
            .iter()
            .map(|one| Notified {
                resource: one.resource,
                client: one.client,
                looks: Looks::default(),
                unread: None,
                last_look: None,
            })
            .collect();
        notified.sort_unstable_by_key(Notified::key);
        notified.dedup_by_key(|one| one.key());
        Self { told, notified, swept: i64::MIN, max_resources: MAX_RESOURCES, ..Self::default() }
    }

    fn position(&self, resource: Partition, client: Client) -> Option<usize> {
        self.notified.binary_search_by_key(&(resource, client), Notified::key).ok()
    }

    /// The client that was notified of a resource.
    fn owner(&self, resource: Partition) -> Option<Client> {
        let at = self.notified.partition_point(|one| one.resource < resource);
        self.notified.get(at).filter(|one| one.resource == resource).map(|one| one.client)
    }

    /// Joins a GET.
    pub(crate) fn get(&mut self, get: &Get) {
        self.first = Some(self.first.map_or(get.at, |first| first.min(get.at)));
        self.last = self.last.max(Some(get.at));
        self.tell_until(get.at);
        let resource = get.resource;
        let owner = self.owner(resource);
        // Many logs do not name the client. A resource belongs to the one that was notified of it.
        let client = match (get.client, owner) {
            (Client::UNKNOWN, Some(owner)) => owner,
            (client, _) => client,
        };
        let position = self.position(resource, client);
        if position.is_none() && owner.is_some() {
            self.by_other_clients += 1;
        }
        let kind = match position {
            Some(at) => self.notified[at].look(get),
            None => self.look_at_other((resource, client), get),
        };
        self.count(client, get.at, position.is_some(), kind);
    }

    fn tell_until(&mut self, at: i64) {
        while let Some(told) = self.told.get(self.next).copied().filter(|told| told.at <= at) {
            self.next += 1;
            if let Some(position) = self.position(told.resource, told.client) {
                self.notified[position].unread = Some(told.at);
            }
        }
    }

    fn look_at_other(&mut self, key: (Partition, Client), get: &Get) -> Kind {
        self.forget(get.at);
        let mut is_new = false;
        let other = self.others.entry(key).or_insert_with(|| {
            is_new = true;
            Other { looks: Looks::default(), last: get.at }
        });
        other.last = other.last.max(get.at);
        let kind = other.looks.look(get, false);
        if is_new {
            self.figures.entry(key.1).or_default().other_resources += 1;
        }
        kind
    }

    /// Forgets what was not asked for in a day; of more than fit, a quarter.
    fn forget(&mut self, now: i64) {
        if now.saturating_sub(self.swept) >= FORGOTTEN_AFTER / 4 {
            self.swept = now;
            self.others.retain(|_, other| now.saturating_sub(other.last) < FORGOTTEN_AFTER);
        }
        if self.others.len() >= self.max_resources {
            let mut times: Vec<_> = self.others.values().map(|other| other.last).collect();
            let quarter = times.len() / 4;
            let (_, limit, _) = times.select_nth_unstable(quarter);
            let limit = *limit;
            let before = self.others.len();
            // All of one time go together, so that some go in any case.
            self.others.retain(|_, other| other.last > limit);
            self.forgotten_early += (before - self.others.len()) as u64;
        }
    }

    fn count(&mut self, client: Client, at: i64, is_notified: bool, kind: Kind) {
        let figures = self.figures.entry(client).or_default();
        let number = i32::try_from(at.div_euclid(DAY)).unwrap_or_default();
        let day = self.days.entry((client, number)).or_default();
        figures.gets += 1;
        day.gets += 1;
        if is_notified {
            figures.gets_of_notified += 1;
        } else {
            figures.gets_of_others += 1;
        }
        match kind {
            Kind::Failed => figures.failed += 1,
            Kind::After(late) => {
                figures.gets_after_notification += 1;
                day.gets_after_notification += 1;
                if late <= USED_WITHIN {
                    figures.used += 1;
                    day.used += 1;
                }
            }
            Kind::Logged => figures.no_change_logged += 1,
            Kind::Inferred => figures.no_change_inferred += 1,
            Kind::Fresh => {}
        }
        if matches!(kind, Kind::Logged | Kind::Inferred) {
            day.no_change += 1;
            figures.no_change_of_notified += u64::from(is_notified);
        }
    }

    /// Counts notifications, once it is known from when to when the log is.
    pub(crate) fn finish(&mut self) {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            self.outside = self.told.len() as u64;
            return;
        };
        // The first of the log for each resource.
        let mut seen = vec![false; self.notified.len()];
        for told in &self.told {
            if !(first..=last).contains(&told.at) {
                self.outside += 1;
                continue;
            }
            let figures = self.figures.entry(told.client).or_default();
            figures.notifications += 1;
            let Some(position) = self.position(told.resource, told.client) else { continue };
            if std::mem::replace(&mut seen[position], true) {
                continue;
            }
            let figures = self.figures.entry(told.client).or_default();
            figures.notified_resources += 1;
            if self.notified[position].last_look.is_some_and(|look| look >= told.at) {
                continue;
            }
            if told.at > last - USED_WITHIN {
                figures.undecided_resources += 1;
            } else {
                figures.ignored_resources += 1;
            }
        }
    }
}

impl Notified {
    fn key(&self) -> (Partition, Client) {
        (self.resource, self.client)
    }

    fn look(&mut self, get: &Get) -> Kind {
        let kind = self.looks.look(get, true);
        if kind == Kind::Failed {
            return kind;
        }
        self.last_look = self.last_look.max(Some(get.at));
        match self.unread {
            // One that comes late in the log may be from before.
            Some(at) if at <= get.at => {
                self.unread = None;
                Kind::After(get.at - at)
            }
            _ => kind,
        }
    }
}

impl Looks {
    fn look(&mut self, get: &Get, is_notified: bool) -> Kind {
        if !(200..300).contains(&get.status) && get.status != 304 {
            return Kind::Failed;
        }
        let before = *self;
        self.looked = true;
        // A 304 may come without what the log calls the state.
        self.state = get.state.or(if get.status == 304 { before.state } else { None });
        match (before.state, get.state) {
            _ if get.status == 304 => Kind::Logged,
            (Some(before), Some(now)) if before == now => Kind::Logged,
            (_, None) if is_notified && before.looked => Kind::Inferred,
            _ => Kind::Fresh,
        }
    }
}

#[cfg(test)]
mod tests {
    use convention::notification::{Endpoint, Partition};

    use super::*;

    fn get(at: i64, id: usize) -> Get {
        let resource = Partition::of_id(Endpoint::PixPayment, &id.to_string());
        Get { at, client: Client::UNKNOWN, resource, status: 200, state: None }
    }

    #[test]
    fn memory_is_bounded_by_time_and_by_number() {
        let mut join = Join { max_resources: 100, ..Join::new(Vec::new()) };
        for id in 0..1_000 {
            join.get(&get(i64::try_from(id).unwrap(), id));
            assert!(join.others.len() <= 100);
        }
        let figures = join.figures[&Client::UNKNOWN];
        assert_eq!((figures.gets, figures.other_resources), (1_000, 1_000));
        assert!(join.forgotten_early >= 900, "{}", join.forgotten_early);
        // Resources of one instant are forgotten together: none could be told to be older.
        for id in 0..1_000 {
            join.get(&get(2_000, id));
            assert!(join.others.len() <= 100);
        }
        join.get(&get(2_001 + FORGOTTEN_AFTER, 0));
        assert_eq!(join.others.len(), 1);
    }

    #[test]
    fn a_notification_at_the_end_of_the_log_is_not_called_ignored_and_one_beyond_it_is_not_counted() {
        let told = |at: i64, id: usize| Told { at, client: Client::OTHER, resource: get(at, id).resource };
        let mut join =
            Join::new(vec![told(10_000, 1), told(95_000, 2), told(200_000, 3), told(-1, 4), told(20_000, 5)]);
        for (at, id) in [(0, 9), (30_000, 5), (100_000, 9)] {
            join.get(&get(at, id));
        }
        join.finish();
        let figures = join.figures[&Client::OTHER];
        assert_eq!((figures.notifications, figures.notified_resources, join.outside), (3, 3, 2));
        assert_eq!((figures.used, figures.ignored_resources, figures.undecided_resources), (1, 1, 1));
    }

    #[test]
    fn a_late_line_from_before_a_notification_does_not_use_it() {
        let told = Told { at: 50_000, client: Client::UNKNOWN, resource: get(0, 1).resource };
        let mut join = Join::new(vec![told]);
        for (at, status) in [(0, 200), (55_000, 503), (45_000, 200), (58_000, 200)] {
            join.get(&Get { status, ..get(at, 1) });
        }
        let figures = join.figures[&Client::UNKNOWN];
        assert_eq!((figures.used, figures.failed, figures.no_change_inferred), (1, 1, 1));
    }
}
