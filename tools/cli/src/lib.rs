#![doc = include_str!("../README.md")]

pub mod bill;
pub mod call;
pub mod commands;
pub mod csr;
pub mod doctor;
pub mod explain;
pub mod identity;
pub mod outcomes;
pub mod prices;
pub mod replay;
pub mod show;
pub mod shutdown;
pub mod stack_ref;
pub mod undelivered;
pub mod verify;
