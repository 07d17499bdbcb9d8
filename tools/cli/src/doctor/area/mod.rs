//! One file for each area: what is known of it, and what is wrong with that. None of them asks anybody.

pub(crate) mod alarms;
pub(crate) mod budget;
pub(crate) mod concurrency;
pub(crate) mod directory;
pub(crate) mod identity;
pub(crate) mod keys;
pub(crate) mod outputs;
pub(crate) mod queues;
pub(crate) mod schedules;
pub(crate) mod settings;
pub(crate) mod sources;
pub(crate) mod stack;
pub(crate) mod tables;
pub(crate) mod topic;
pub(crate) mod trust;
