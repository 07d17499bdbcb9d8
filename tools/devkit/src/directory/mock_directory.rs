use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use platform::clock::Clock;
use platform::rng::Rng;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::{JoinSet, spawn_blocking};

use super::answer::Answer;
use super::claims::StatementClaims;
use super::key::SigningKey;
use super::records::{Organisation, Software};
use super::serve::router;
use super::service::Service;
use super::signer::Signer;
use super::state::{Request, State};
use crate::plain_http;

/// How long the keys may be kept unless told otherwise.
const JWKS_MAX_AGE: Duration = Duration::from_mins(15);

/// How a Directory is to behave.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen, a loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The key to sign with, PKCS#8 in PEM; a fresh one, if `None`.
    pub key_pem: Option<String>,
    /// The issuer of its statements; that of the local environment, if `None`.
    pub issuer: Option<String>,
    /// How long its keys may be kept, in `Cache-Control`.
    pub jwks_max_age: Duration,
    /// Tells the time, for `iat` and the life of tokens.
    pub clock: Clock,
    /// Draws access tokens.
    pub rng: Rng,
}

/// A running Directory; stops when dropped.
#[derive(Debug)]
pub struct MockDirectory {
    address: SocketAddr,
    signer: Signer,
    state: Arc<State>,
    tasks: JoinSet<()>,
}

impl Settings {
    /// A Directory on a free loopback port with a key of its own.
    pub fn new(clock: Clock, rng: Rng) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            key_pem: None,
            issuer: None,
            jwks_max_age: JWKS_MAX_AGE,
            clock,
            rng,
        }
    }
}

impl MockDirectory {
    /// Binds the address and starts to serve, on the runtime of the caller.
    pub async fn start(settings: Settings) -> Result<Self> {
        let Settings { listen, key_pem, issuer, jwks_max_age, clock, rng } = settings;
        ensure!(
            listen.ip().is_loopback(),
            "the Directory cannot listen on {listen}: it is neither encrypted nor guarded, so it takes a loopback address \
             only, such as 127.0.0.1:8400"
        );
        let key = match key_pem {
            Some(pem) => SigningKey::from_pem(&pem).context("the Directory's key cannot be used")?,
            None => spawn_blocking(SigningKey::generate).await??,
        };
        let mut signer = Signer::new(key, clock.clone());
        if let Some(issuer) = issuer {
            signer = signer.issuer(&issuer);
        }
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("failed to listen on {listen}"))?;
        let address = listener.local_addr().context("the listener has no address")?;
        let state = Arc::new(State::new());
        let service = Service { signer: signer.clone(), state: Arc::clone(&state), jwks_max_age, clock, rng };
        let mut tasks = JoinSet::new();
        tasks.spawn(plain_http::serve(listener, router(Arc::new(service))));
        Ok(Self { address, signer, state, tasks })
    }

    /// Scheme, host and port: what the template takes as `LocalDirectoryUrl`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Signs a statement, and lists its organisation and software with what it says.
    ///
    /// Statuses that were set before stay. [`MockDirectory::signer`] signs without listing.
    pub fn statement(&self, claims: &StatementClaims) -> String {
        self.state.records().enrol(claims);
        self.signer.statement(claims)
    }

    /// Signs with the Directory's keys whatever it is given.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Makes a key that signs from now on, and returns its name; the older ones stay listed.
    pub fn rotate_key(&self) -> Result<String> {
        self.signer.rotate_key()
    }

    /// Lists an organisation, in the place of one with the same id.
    pub fn put_organisation(&self, organisation: Organisation) {
        self.state.records().organisations.insert(organisation.id.clone(), organisation);
    }

    /// Lists an organisation no more.
    pub fn remove_organisation(&self, id: &str) {
        self.state.records().organisations.remove(id);
    }

    /// The organisation as it is listed.
    pub fn organisation(&self, id: &str) -> Option<Organisation> {
        self.state.records().organisations.get(id).cloned()
    }

    /// Sets the status of an organisation that is listed.
    pub fn set_organisation_status(&self, id: &str, status: &str) -> Result<()> {
        let mut records = self.state.records();
        let organisation = records.organisations.get_mut(id);
        let organisation =
            organisation.with_context(|| format!("the Directory lists no organisation {id}"))?;
        status.clone_into(&mut organisation.status);
        Ok(())
    }

    /// Holds a software statement, in the place of one with the same id.
    pub fn put_software(&self, software: Software) {
        self.state.records().software.insert(software.id.clone(), software);
    }

    /// Holds a software statement no more.
    pub fn remove_software(&self, id: &str) {
        self.state.records().software.remove(id);
    }

    /// The software statement as it is held.
    pub fn software(&self, id: &str) -> Option<Software> {
        self.state.records().software.get(id).cloned()
    }

    /// Sets the status of a software statement that is held.
    pub fn set_software_status(&self, id: &str, status: &str) -> Result<()> {
        self.change_software(id, |software| status.clone_into(&mut software.status))
    }

    /// Sets the webhook URIs of a software statement that is held.
    pub fn set_webhook_uris(&self, id: &str, uris: &[String]) -> Result<()> {
        self.change_software(id, |software| software.webhook_uris = uris.to_vec())
    }

    fn change_software(&self, id: &str, change: impl FnOnce(&mut Software)) -> Result<()> {
        let mut records = self.state.records();
        let software = records.software.get_mut(id);
        change(software.with_context(|| format!("the Directory holds no software statement {id}"))?);
        Ok(())
    }

    /// Shows software statements to this organisation only, the others' with 403; to everybody, if `None`.
    pub fn only_show_software_of(&self, organisation_id: Option<&str>) {
        self.state.records().reader = organisation_id.map(str::to_owned);
    }

    /// Ends all access tokens.
    pub fn revoke_tokens(&self) {
        self.state.records().tokens.clear();
    }

    /// Answers one request for what is at or under a path so; several queue up.
    pub fn answer_next(&self, path: &str, answer: Answer) {
        self.state.records().answer_next(path, answer);
    }

    /// Answers every request for what is at or under a path so, once nothing is queued.
    pub fn answer_always(&self, path: &str, answer: Answer) {
        self.state.records().answer_always(path, answer);
    }

    /// Answers everything as usual again.
    pub fn answer_as_usual(&self) {
        self.state.records().answer_as_usual();
    }

    /// The requests for what is at or under a path, oldest first; `/` for all.
    pub fn requests(&self, path: &str) -> Vec<Request> {
        self.state.records().requests(path)
    }

    /// How many requests came for what is at or under a path.
    pub fn count(&self, path: &str) -> usize {
        self.requests(path).len()
    }

    /// Forgets all requests.
    pub fn forget_requests(&self) {
        self.state.records().forget_requests();
    }

    /// Sends each request from now on to the caller, who may lag 1,024 behind.
    pub fn subscribe(&self) -> broadcast::Receiver<Request> {
        self.state.subscribe()
    }

    /// Closes everything and waits until it is closed.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}
