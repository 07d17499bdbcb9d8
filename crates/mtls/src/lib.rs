#![doc = include_str!("../README.md")]

mod classify;
mod client;
mod connect;
mod connect_error;
pub mod der;
mod egress;
pub mod examine;
mod expiry;
mod fault;
mod identities;
mod identity;
mod kms_key;
mod metered;
mod network;
pub mod pem;
mod preflight;
mod reach;
mod renegotiation;
pub mod revocation;
mod transport;
mod unseen;

pub use client::{Client, Exchange, read_answer};
pub use connect::Handshake;
pub use expiry::Expiry;
pub use fault::{LocalFault, NetworkFault};
pub use identities::{Identities, IdentityDocument, is_server_id};
pub use identity::{
    Identity, IdentityError, KeyExchange, KmsIdentity, KmsIdentityError, StoredIdentity, TrustAnchors,
    chain_valid_until,
};
pub use kms_key::{SIGN_TIMEOUT, SigningError, SigningUnavailable};
pub use network::Network;
pub use preflight::{Preflight, Sight, preflight};
pub use reach::{check_addresses, check_host};
pub use transport::Transport;
pub use unseen::Unseen;
