//! A connection that was not made, and whose doing that is.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use convention::delivery::Failure;
use thiserror::Error;

use super::fault::{Blame, NetworkFault, blame};

/// A connection that was not made: nothing was sent to the receiver's application.
#[derive(Debug, Error)]
#[error("no connection to the receiver: {failure}")]
pub(super) struct ConnectError {
    /// What the attempt's outcome is.
    pub(super) failure: Failure,
    /// What of ours is to blame, if anything is: then that is no outcome.
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

    /// Blames our network.
    pub(super) fn of_ours(self, fault: NetworkFault) -> Self {
        Self { ours: Some(fault), ..self }
    }

    /// Blames our way out.
    pub(super) fn of_egress(self) -> Self {
        let fault = NetworkFault::Egress(self.failure);
        self.of_ours(fault)
    }

    /// Blames our network if the connection that was open ended by an error of this machine.
    pub(super) fn of_whom(mut self, peer: &SocketAddr) -> Self {
        match self.source.take_if(|error| blame(error, peer, false) == Blame::Ours) {
            Some(error) => self.of_ours(NetworkFault::Local(Arc::new(error))),
            None => self,
        }
    }
}
