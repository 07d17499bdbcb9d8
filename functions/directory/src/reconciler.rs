//! The scheduled comparison of the registrations with the Directory, and its consequences.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use convention::directory::{
    ClientState, DirectoryView, Participants, Registration, Software, SoftwareView, Suspension, reconcile,
};
use convention::notification::AuthorisationServers;
use futures_util::{StreamExt, stream};
use platform::aws::{Receivers, ReceiversError};
use platform::clock::Clock;
use platform::telemetry::{ErrorChain, Metrics, Unit};
use tokio::time::sleep;

use crate::participants::{Listed, ParticipantsList};
use crate::software::{SoftwareError, SoftwareStatements};

/// Maximum number of concurrent requests for software statements: the Directory limits the rate.
const AT_ONCE: usize = 8;
/// Maximum time of requests to the API in one run: less than half of the function's timeout, whatever the API does.
const SOFTWARE_BUDGET: Duration = Duration::from_secs(25);
/// Maximum number of software statements asked for in one run; there are about sixty initiators.
const MAX_SOFTWARE: usize = 500;

/// Compares the Directory with the registrations.
#[derive(Debug)]
pub struct Reconciler {
    /// The public list.
    pub participants: ParticipantsList,
    /// The protected API.
    pub software: SoftwareStatements,
    /// Our own authorisation servers.
    pub servers: AuthorisationServers,
    /// Maximum percentage of clients that an answer of the Directory may suspend.
    pub max_percent: u8,
    /// The metrics.
    pub metrics: Metrics,
    /// The clock.
    pub clock: Clock,
}

impl Reconciler {
    /// Compares, suspends and resumes clients, and reports discrepancies. Returns how many of its two sources, the list and
    /// the API, failed.
    ///
    /// If the Directory does not answer, nothing changes.
    pub(crate) async fn run(
        &self,
        receivers: &Receivers,
        registrations: &[Registration],
    ) -> Result<usize, ReceiversError> {
        let (list, (software, is_shown)) = tokio::join!(self.participants(), self.software(registrations));
        let is_listed = list.as_ref().is_some_and(|list| !list.is_overdue);
        let (participants, listed_at) = list.map(|list| (list.participants, list.confirmed_at)).unzip();
        if let Some(list) = &participants {
            self.check_our_servers(list);
        }
        if let Some(listed_at) = listed_at {
            self.metrics.record_age(self.clock.now(), "DirectoryListAge", listed_at);
        }
        let says = DirectoryView { participants: participants.as_ref(), listed_at, software };
        let found = reconcile(registrations, &says, self.max_percent);
        for (receiver, drift) in &found.drifts {
            tracing::warn!(client_id = %receiver, code = drift.code(), "A registration and the Directory do not agree.");
        }
        self.count("DirectoryDrifts", found.drifts.len());
        self.count("SuspensionsRefused", found.refused);
        if found.refused > 0 {
            tracing::error!(
                code = "suspensions_refused",
                clients = found.refused,
                max_percent = self.max_percent,
                "The Directory's answer would suspend too many clients and was not followed."
            );
        }
        let mut changed = 0;
        for (receiver, suspension) in &found.changes {
            let before = registrations.iter().find(|registration| registration.key() == *receiver);
            if let Some(before) = before {
                changed += usize::from(self.change(receivers, before, *suspension).await?);
            }
        }
        tracing::info!(
            organisations = participants.as_ref().map(Participants::organisations),
            software_shown = says.software.len(),
            drifts = found.drifts.len(),
            changed,
            "The registrations were compared with the Directory."
        );
        Ok(usize::from(!is_listed) + usize::from(!is_shown))
    }

    async fn participants(&self) -> Option<Listed> {
        match self.participants.current().await {
            Ok(list) => Some(list),
            Err(error) => {
                tracing::error!(
                    code = "participants_missing",
                    error = %ErrorChain(&error),
                    "There is no list of participants; no organisation's status is known."
                );
                None
            }
        }
    }

    /// Asks for each software that clients are registered for. Says whether the API answered for every one.
    async fn software(&self, registrations: &[Registration]) -> (HashMap<String, SoftwareView>, bool) {
        let wanted = registrations.iter().filter(|registration| registration.base_uri.is_some());
        // Sorted, so that a run depends only on what it reads.
        let wanted: BTreeSet<&Software> =
            wanted.filter_map(Registration::software).take(MAX_SOFTWARE).collect();
        let count = wanted.len();
        let questions: Vec<_> = wanted.into_iter().map(|software| self.ask(software)).collect();
        // Answers that came in time count; the rest is asked for in the next run.
        let answers: Vec<_> = stream::iter(questions)
            .buffer_unordered(AT_ONCE)
            .take_until(Box::pin(sleep(SOFTWARE_BUDGET)))
            .collect()
            .await;
        let unanswered = count - answers.len();
        let (mut shown, mut failed) = (HashMap::new(), None);
        for (software, answer) in answers {
            match answer {
                Ok(answer) => {
                    shown.insert(software.software_id.clone(), answer);
                }
                // The first error tells why the others failed.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let is_shown = match failed {
            // The API is only asked if an identity for it is stored.
            Some(SoftwareError::NoIdentity) => true,
            Some(error) => {
                tracing::error!(
                    code = "software_not_shown",
                    error = %ErrorChain(&error),
                    unanswered,
                    "The Directory's API could not be asked about every software; this is the first error."
                );
                false
            }
            None if unanswered > 0 => {
                tracing::error!(
                    code = "software_not_shown",
                    unanswered,
                    "The Directory's API did not answer about every software in time."
                );
                false
            }
            None => true,
        };
        (shown, is_shown)
    }

    async fn ask<'a>(&self, software: &'a Software) -> (&'a Software, Result<SoftwareView, SoftwareError>) {
        (software, self.software.shown(software).await)
    }

    /// Our own id is sent with every notification of an enrollment: checking it here finds a wrong one before a
    /// receiver does.
    fn check_our_servers(&self, list: &Participants) {
        for authorisation_server_id in self.servers.ids().filter(|id| !list.lists_authorisation_server(id)) {
            tracing::warn!(
                authorisation_server_id,
                code = "authorisation_server_not_listed",
                "The Directory does not list an authorisation server of ours."
            );
        }
    }

    /// Suspends a client or resumes its notifications; `false` if it was registered anew meanwhile.
    async fn change(
        &self,
        receivers: &Receivers,
        before: &Registration,
        suspension: Option<Suspension>,
    ) -> Result<bool, ReceiversError> {
        let after = Registration { suspension, revision: before.revision + 1, ..before.clone() };
        let (after, read) = (ClientState::from(after), ClientState::from(before.clone()));
        let written = receivers.replace(&before.key(), &after, Some(&read)).await?;
        if written {
            report(before, suspension);
        }
        Ok(written)
    }

    /// Measures a count, unless it is zero: a metric is billed for each hour in which it has a value.
    fn count(&self, metric: &'static str, count: usize) {
        if count == 0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^52")]
        self.metrics.record(self.clock.now(), (metric, count as f64, Unit::Count), &[]);
    }
}

fn report(registration: &Registration, suspension: Option<Suspension>) {
    let (client_id, authorisation_server) =
        (&registration.client_id, registration.authorisation_server.as_deref());
    if let Some(suspension) = suspension {
        tracing::warn!(
            %client_id,
            authorisation_server,
            code = suspension.code(),
            "A client is suspended: the Directory does not list it as active."
        );
    } else {
        tracing::info!(
            %client_id,
            authorisation_server,
            "A client is notified again: the Directory lists it as active."
        );
    }
}
