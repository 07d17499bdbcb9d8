//! Everything that was read of a stack, before anything is said of it.

use account::DeployedStack;
use jiff::Timestamp;

use super::answer::Answer;
use super::area::alarms::Alarms;
use super::area::concurrency::Concurrency;
use super::area::directory::Fetched;
use super::area::identity::Identities;
use super::area::keys::Key;
use super::area::queues::Queues;
use super::area::schedules::Schedule;
use super::area::settings::Running;
use super::area::sources::Sources;
use super::area::tables::Table;
use super::area::topic::AlarmTopic;
use super::area::trust::Anchors;
use super::area::{
    alarms, budget, concurrency, directory, identity, keys, outputs, queues, schedules, settings, sources,
    stack, tables, topic, trust,
};
use super::finding::Finding;
use super::setup::Setup;

/// Everything that was read of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// When it was read.
    pub(crate) now: Timestamp,
    /// The stack and its resources.
    pub(crate) stack: DeployedStack,
    /// The identities presented to receivers.
    pub(crate) identity: Identities,
    /// The identity at the Directory's API.
    pub(crate) directory_identity: Identities,
    /// The authorities of receivers.
    pub(crate) trust: Answer<Anchors>,
    /// The event sources.
    pub(crate) sources: Vec<Sources>,
    /// What Lambda allows.
    pub(crate) concurrency: Concurrency,
    /// The schedules.
    pub(crate) schedules: Vec<Schedule>,
    /// The queues.
    pub(crate) queues: Queues,
    /// What was fetched from others.
    pub(crate) fetched: Fetched,
    /// The alarms.
    pub(crate) alarms: Answer<Alarms>,
    /// Their topic, if one is named.
    pub(crate) topic: Option<AlarmTopic>,
    /// The KMS keys.
    pub(crate) keys: Vec<Key>,
    /// The tables.
    pub(crate) tables: Vec<Table>,
    /// What runs.
    pub(crate) running: Running,
}

impl Snapshot {
    /// Checks every area, the worst finding first.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let Self { now, stack, .. } = self;
        let setup = Setup::of(stack);
        let mut found = stack::check(stack, setup);
        found.extend(outputs::check(stack, setup));
        found.extend(identity::check(&self.identity, stack, *now));
        found.extend(identity::check_directory(&self.directory_identity, *now));
        found.extend(trust::check(&self.trust));
        found.extend(sources::check(&self.sources));
        found.extend(concurrency::check(&self.concurrency, stack, setup));
        found.extend(schedules::check(&self.schedules, stack, *now));
        found.extend(queues::check(&self.queues, *now));
        found.extend(directory::check(&self.fetched, stack, *now));
        found.extend(alarms::check(&self.alarms, *now));
        found.extend(topic::check(self.topic.as_ref(), setup.is_local));
        found.push(budget::check(stack, setup));
        found.extend(keys::check(&self.keys));
        found.extend(tables::check(&self.tables, stack, setup));
        found.extend(settings::check(&self.running, stack));
        found.sort_by_key(|one| (one.severity, one.area));
        found
    }
}
