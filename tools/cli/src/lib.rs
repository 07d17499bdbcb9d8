#![doc = include_str!("../README.md")]

pub mod attempts;
pub mod bill;
pub mod call;
mod caller;
pub mod clients;
pub mod commands;
pub mod console;
pub mod csr;
pub mod doctor;
pub mod exit;
pub mod explain;
pub mod help;
pub mod identity;
mod log_line;
pub mod manual;
pub mod notifications;
pub mod outcomes;
pub mod polling;
pub mod prices;
pub mod replay;
pub mod report;
pub mod show;
pub mod shutdown;
pub mod stack_ref;
pub mod undelivered;
pub mod verify;
