//! The suites that share one process: what they have in common is linked once, and where one waits another goes on.
//!
//! `cargo test -p tests --test suites faults::` runs one of them.

mod access;
#[path = "adapters/main.rs"]
mod adapters;
mod attribution;
mod aws_over_tls;
#[path = "bill/main.rs"]
mod bill;
mod brands;
mod choices;
mod client_hello;
mod client_pages;
#[path = "compliance/main.rs"]
mod compliance;
mod contract;
mod data_protection;
mod deployment;
mod directory;
mod evidence;
#[path = "example_receivers/main.rs"]
mod example_receivers;
mod fake_aws;
mod faults;
mod homologation;
mod judging;
mod kms;
mod lean;
mod least_privilege;
mod nested_templates;
mod network;
mod notification_pages;
mod open_insurance;
#[path = "operations/main.rs"]
mod operations;
mod options;
mod outcomes;
mod own_faults;
mod pages;
mod parsers;
mod receiver_check;
#[path = "receiver_doctor/main.rs"]
mod receiver_doctor;
mod reconciliation;
mod registration;
mod replay;
mod replica;
mod report;
mod revocation;
mod sources;
mod structure;
mod template_arithmetic;
mod timers;
mod traces;
mod words;
