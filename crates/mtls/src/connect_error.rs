//! A failed connection and its cause: the receiver's or ours.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use convention::delivery::Failure;
use thiserror::Error;

use super::fault::{Blame, NetworkFault, blame};

/// A failed connection: nothing was sent to the receiver's application.
#[derive(Debug, Error)]
#[error("no connection to the receiver: {failure}")]
pub(super) struct ConnectError {
    /// The outcome of the attempt.
    pub(super) failure: Failure,
    /// The fault of ours that caused it; if present, the failure is not an outcome.
    pub(super) ours: Option<NetworkFault>,
    source: Option<io::Error>,
}

impl ConnectError {
    pub(super) fn new(failure: Failure) -> Self {
        Self { failure, ours: None, source: None }
    }

    pub(super) fn because(failure: Failure, source: io::Error) -> Self {
        Self { failure, ours: None, source: Some(source) }
    }

    /// Attributes the failure to our network.
    pub(super) fn caused_by(self, fault: NetworkFault) -> Self {
        Self { ours: Some(fault), ..self }
    }

    /// Attributes the failure to our egress.
    pub(super) fn caused_by_egress(self) -> Self {
        let fault = NetworkFault::Egress(self.failure);
        self.caused_by(fault)
    }

    /// Attributes the failure to our network if an error of this machine ended the open connection.
    pub(super) fn attributed(mut self, peer: &SocketAddr) -> Self {
        match self.source.take_if(|error| blame(error, peer, false) == Blame::Ours) {
            Some(error) => self.caused_by(NetworkFault::Local(Arc::new(error))),
            None => self,
        }
    }
}
