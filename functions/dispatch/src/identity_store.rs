//! Our side of mutual TLS: an identity for each brand, loaded from Secrets Manager and reloaded while warm, so that a
//! rotation needs no deployment.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use convention::codes::Code;
use convention::notification::{AuthorisationServers, IdentityOwner};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use mtls::revocation::Revocation;
use mtls::{
    Client, Expiry, Identities, Identity, IdentityError, KmsIdentityError, Network, StoredIdentity,
    TrustAnchors,
};
use platform::aws::{KeyError, Keys, SecretError, Secrets};
use platform::clock::Clock;
use platform::telemetry::{ErrorChain, Metrics, Unit};
use thiserror::Error;
use tokio::sync::Mutex;

/// Interval between reloads of the secrets.
const REFRESH_INTERVAL: SignedDuration = SignedDuration::from_mins(5);
/// Counts errors of a reload after which the previous identity stays in use.
const NOT_RELOADED: &str = "IdentityNotReloaded";
/// Minimum interval between reloads after a miss, since many messages may need the same identity at once.
const MISS_BACKOFF: SignedDuration = SignedDuration::from_secs(1);
/// Minimum interval between reloads of the trust secret because of an unknown authority, which any receiver can
/// present.
const UNKNOWN_ISSUER_BACKOFF: SignedDuration = SignedDuration::from_mins(1);

/// Creates and caches the clients that present our identities, one for each authorisation server.
pub struct IdentityStore {
    secrets: Secrets,
    keys: Keys,
    identity_secret: String,
    trust_secret: String,
    default: IdentityOwner,
    pub(crate) network: Network,
    pub(crate) revocation: Arc<Revocation>,
    clock: Clock,
    metrics: Metrics,
    loaded: RwLock<Option<Loaded>>,
    loading: Mutex<()>,
    /// When an unknown authority last caused a reload.
    looked_for_issuer: Mutex<Option<Timestamp>>,
}

#[derive(Clone)]
struct Loaded {
    table: Arc<Table>,
    looked_at: Timestamp,
}

impl Loaded {
    /// Compares its age. After the clock was set back the age is unknown, and counts as old.
    fn is_younger_than(&self, limit: SignedDuration, now: Timestamp) -> bool {
        let age = now.duration_since(self.looked_at);
        !age.is_negative() && age < limit
    }
}

/// The result of one load of the secrets.
struct Table {
    trust: String,
    entries: BTreeMap<IdentityOwner, Result<Entry, IdentityStoreError>>,
}

#[derive(Clone)]
struct Entry {
    identity: Identity,
    client: Client,
}

impl Table {
    /// Returns an owner's client if its certificate is valid now. An expired one would only be refused, and each
    /// refusal would be attributed to the receiver.
    fn client(&self, owner: &IdentityOwner, now: Timestamp) -> Result<Client, IdentityStoreError> {
        let entry = self.entries.get(owner).ok_or_else(|| IdentityStoreError::Missing(owner.clone()))?;
        let Entry { identity, client } = entry.as_ref().map_err(IdentityStoreError::clone)?;
        identity.check_validity(now)?;
        Ok(client.clone())
    }
}

impl IdentityStore {
    /// Uses the identities and trust anchors in these two secrets, their keys in KMS, and this revocation data.
    pub fn new(
        (secrets, keys): (Secrets, Keys),
        (identity_secret, trust_secret): (String, String),
        servers: &AuthorisationServers,
        network: Network,
        revocation: Arc<Revocation>,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let default = servers.default_identity_owner();
        let (loaded, loading) = (RwLock::default(), Mutex::default());
        Self {
            secrets,
            keys,
            identity_secret,
            trust_secret,
            default,
            network,
            revocation,
            clock,
            metrics,
            loaded,
            loading,
            looked_for_issuer: Mutex::default(),
        }
    }

    /// Loads the identities and the revocation data in advance, so that the first message does not wait.
    pub async fn prepare(&self) -> Result<(), IdentityStoreError> {
        let identities = async {
            let _guard = self.loading.lock().await;
            Box::pin(self.load()).await.map(drop)
        };
        let ((), identities) = tokio::join!(self.revocation.ready(), identities);
        identities
    }

    /// Returns the client of an authorisation server, after refreshing the revocation data if that is due.
    pub async fn client(self: &Arc<Self>, owner: &IdentityOwner) -> Result<Client, IdentityStoreError> {
        let ((), client) = tokio::join!(self.revocation.ready(), self.identified(owner));
        client
    }

    /// Returns the client of an authorisation server, loading the identities if none is usable.
    ///
    /// A reload that is due happens in the background: nobody waits for it, and an identity that cannot be loaded
    /// leaves the previous one in use.
    async fn identified(self: &Arc<Self>, owner: &IdentityOwner) -> Result<Client, IdentityStoreError> {
        let now = self.clock.now();
        if let Some(loaded) = self.loaded()
            && let Ok(client) = loaded.table.client(owner, now)
        {
            if !loaded.is_younger_than(REFRESH_INTERVAL, now) {
                let sender = Arc::clone(self);
                tokio::spawn(async move { sender.refresh().await });
            }
            return Ok(client);
        }
        let _guard = self.loading.lock().await;
        // Another task may have loaded them while this one waited.
        let now = self.clock.now();
        let table = match self.loaded().filter(|loaded| loaded.is_younger_than(MISS_BACKOFF, now)) {
            Some(loaded) => loaded.table,
            None => Box::pin(self.load()).await?,
        };
        table.client(owner, now)
    }

    /// Returns the authorities of receivers, and the identity of an authorisation server or the default one, to look at a
    /// receiver with.
    pub(crate) async fn for_examination(
        self: &Arc<Self>,
        server: Option<&str>,
    ) -> Result<(TrustAnchors, Result<Identity, IdentityStoreError>), IdentityStoreError> {
        let named = server.filter(|_| self.default.id().is_some());
        let owner =
            named.map_or_else(|| self.default.clone(), |id| IdentityOwner::named(id.to_ascii_lowercase()));
        // The clients' connections are not used: a connection that is kept says nothing of a handshake.
        let client = self.client(&owner).await;
        let (table, identity) = match (self.loaded(), client) {
            (Some(Loaded { table, .. }), Ok(_)) => {
                let entry = table.entries.get(&owner).and_then(|entry| entry.as_ref().ok());
                let missing = || IdentityStoreError::Missing(owner.clone());
                let identity = entry.map(|entry| entry.identity.clone()).ok_or_else(missing);
                (table, identity)
            }
            (Some(Loaded { table, .. }), Err(error)) => (table, Err(error)),
            (None, Err(error)) => return Err(error),
            (None, Ok(_)) => return Err(IdentityStoreError::Missing(owner)),
        };
        Ok((TrustAnchors::from_pem(&table.trust)?, identity))
    }

    /// Reloads the secrets because the authority of a receiver is unknown to this client, at most once a minute;
    /// returns the replacement client if the secrets have changed.
    ///
    /// Concurrent callers wait for the same reload.
    pub(crate) async fn after_unknown_issuer(&self, owner: &IdentityOwner, used: &Client) -> Option<Client> {
        let mut looked_at = self.looked_for_issuer.lock().await;
        let newer = || {
            let client = self.loaded()?.table.client(owner, self.clock.now()).ok()?;
            (!client.is_same_as(used)).then_some(client)
        };
        // Another attempt, or a regular reload, may have read them since this client was returned.
        if let Some(client) = newer() {
            return Some(client);
        }
        let now = self.clock.now();
        let age = looked_at.map(|at| now.duration_since(at));
        if age.is_some_and(|age| !age.is_negative() && age < UNKNOWN_ISSUER_BACKOFF) {
            return None;
        }
        *looked_at = Some(now);
        let _guard = self.loading.lock().await;
        self.reload().await;
        newer()
    }

    /// Reads the secrets without traffic, so that a certificate near its end and an unusable secret are reported before a
    /// notification needs them. Secrets that were never filled are only logged.
    pub(crate) async fn check(&self) {
        let _guard = self.loading.lock().await;
        let before = self.loaded();
        let error = match Box::pin(self.load()).await {
            Ok(table) => {
                for (owner, entry) in &table.entries {
                    if let Err(error) = entry {
                        self.not_reloaded(error.code(), Some(owner));
                    }
                }
                return;
            }
            Err(error) => error,
        };
        let is_awaited = before.is_none() && error.is_empty();
        tracing::warn!(code = error.code().as_str(), error = %ErrorChain(&error), "The identities cannot be used yet.");
        if !is_awaited {
            self.not_reloaded(error.code(), None);
        }
        if let Some(Loaded { table, .. }) = before {
            self.store(table);
        }
    }

    async fn refresh(&self) {
        // The holder of the lock is already reloading.
        let Ok(_guard) = self.loading.try_lock() else { return };
        self.reload().await;
    }

    /// Loads the identities; on failure the previous ones stay in use. The caller holds the lock.
    async fn reload(&self) {
        if let Err(error) = Box::pin(self.load()).await {
            tracing::error!(
                code = error.code().as_str(),
                error = %ErrorChain(&error),
                "The identities could not be reloaded; the previous ones stay in use."
            );
            self.not_reloaded(error.code(), None);
            if let Some(Loaded { table, .. }) = self.loaded() {
                self.store(table);
            }
        }
    }

    async fn load(&self) -> Result<Arc<Table>, IdentityStoreError> {
        let (identities, trust) =
            tokio::try_join!(self.secrets.text(&self.identity_secret), self.secrets.text(&self.trust_secret))
                .map_err(|error| IdentityStoreError::Secret(Arc::new(error)))?;
        let now = self.clock.now();
        let identities = Identities::from_json(&identities, &self.default)?;
        let anchors = TrustAnchors::from_pem(&trust)?;
        let before = self.loaded().map(|loaded| loaded.table);
        let (before, trust) = (before.as_deref(), trust.as_str());
        let entries = join_all(identities.into_iter().map(|(owner, stored)| async {
            let old = before.and_then(|table| {
                let entry = table.entries.get(&owner)?.as_ref().ok()?;
                Some(Old { entry, same_trust: table.trust == trust })
            });
            let read = self.open(stored, old).await;
            let entry = self.entry(&owner, read, old, &anchors, now);
            self.observe(&owner, &entry, now);
            (owner, entry)
        }));
        let entries = entries.await.into_iter().collect();
        Ok(self.store(Arc::new(Table { trust: trust.to_owned(), entries })))
    }

    /// Creates an identity from the secret. KMS is only asked for the key of a new certificate.
    async fn open(
        &self,
        stored: Result<StoredIdentity, IdentityError>,
        old: Option<Old<'_>>,
    ) -> Result<Identity, IdentityStoreError> {
        match stored? {
            StoredIdentity::Whole(identity) => Ok(identity),
            StoredIdentity::InKms(stored) => match old {
                Some(old) if old.entry.identity.was(&stored) => Ok(old.entry.identity.clone()),
                _ => Ok(stored.open(&self.keys).await?),
            },
        }
    }

    /// Decides which identity an owner presents from now on: the loaded one, or else the previous one.
    fn entry(
        &self,
        owner: &IdentityOwner,
        read: Result<Identity, IdentityStoreError>,
        old: Option<Old<'_>>,
        anchors: &TrustAnchors,
        now: Timestamp,
    ) -> Result<Entry, IdentityStoreError> {
        let fresh = read
            .and_then(|identity| Ok(identity.check_validity(now).map(|()| identity)?))
            .and_then(|identity| self.present(identity, old, anchors));
        let error = match fresh {
            Ok(entry) => return Ok(entry),
            Err(error) => error,
        };
        let still_valid = old.filter(|old| old.entry.identity.check_validity(now).is_ok());
        tracing::error!(
            code = error.code().as_str(),
            authorisation_server_id = %owner,
            error = %ErrorChain(&error),
            kept = still_valid.is_some(),
            "An identity of the secret cannot be used."
        );
        match still_valid {
            Some(old) => {
                self.not_reloaded(error.code(), Some(owner));
                self.present(old.entry.identity.clone(), Some(old), anchors)
            }
            None => Err(error),
        }
    }

    /// Creates the client of an identity. An unchanged identity and trust store keep their connections.
    fn present(
        &self,
        identity: Identity,
        old: Option<Old<'_>>,
        anchors: &TrustAnchors,
    ) -> Result<Entry, IdentityStoreError> {
        let client = match old {
            Some(Old { entry, same_trust: true }) if entry.identity.is_same_as(&identity) => {
                entry.client.clone()
            }
            _ => Client::new(&identity, anchors, self.network.clone(), &self.revocation)
                .map_err(IdentityStoreError::Tls)?,
        };
        Ok(Entry { identity, client })
    }

    /// Counts an identity that was refused: the previous one stays in use until its certificate expires.
    fn not_reloaded(&self, code: Code, owner: Option<&IdentityOwner>) {
        let owner = owner.map(ToString::to_string).unwrap_or_default();
        let context = [("code", code.as_str()), ("authorisation_server_id", owner.as_str())];
        self.metrics.record(self.clock.now(), (NOT_RELOADED, 1.0, Unit::Count), &context);
    }

    /// Measures the remaining lifetime of a certificate, and warns when it is short.
    fn observe(&self, owner: &IdentityOwner, entry: &Result<Entry, IdentityStoreError>, now: Timestamp) {
        let valid_until = match entry {
            Ok(entry) => entry.identity.valid_until(),
            Err(IdentityStoreError::Identity(IdentityError::Expired(valid_until))) => *valid_until,
            Err(_) => return,
        };
        let expiry = Expiry::at(valid_until, now);
        let owner = owner.to_string();
        expiry.measure(&self.metrics, now, &[("authorisation_server_id", owner.as_str())]);
        // An expired certificate is already reported as an error.
        if entry.is_ok() && expiry.alarms() {
            tracing::warn!(
                code = Expiry::CODE,
                authorisation_server_id = owner,
                days_left = expiry.days_left,
                expires_at = %valid_until,
                "Our certificate expires soon."
            );
        }
    }

    fn loaded(&self) -> Option<Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses a table from now on, as loaded just now.
    fn store(&self, table: Arc<Table>) -> Arc<Table> {
        let loaded = Loaded { table: Arc::clone(&table), looked_at: self.clock.now() };
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
        table
    }
}

/// The previous identity of an owner.
#[derive(Clone, Copy)]
struct Old<'a> {
    entry: &'a Entry,
    same_trust: bool,
}

/// Why our identity cannot be used or receivers cannot be checked: a fault of ours that consumes no attempt.
#[derive(Clone, Debug, Error)]
pub enum IdentityStoreError {
    /// A secret cannot be read.
    #[error("the identity cannot be read")]
    Secret(#[source] Arc<SecretError>),
    /// The content of a secret is invalid.
    #[error("the identity cannot be used")]
    Identity(#[from] IdentityError),
    /// The secret has no identity for this authorisation server.
    #[error("the secret holds no identity of the authorisation server {0}")]
    Missing(IdentityOwner),
    /// The TLS library refuses it.
    #[error("the identity cannot be used for TLS")]
    Tls(#[source] rustls::Error),
    /// KMS did not return the public key of a certificate.
    #[error("the identity's key cannot be used")]
    Key(#[source] Arc<KeyError>),
}

impl From<KmsIdentityError> for IdentityStoreError {
    fn from(error: KmsIdentityError) -> Self {
        match error {
            KmsIdentityError::Key(error) => Self::Key(Arc::new(error)),
            KmsIdentityError::Identity(error) => Self::Identity(error),
        }
    }
}

impl IdentityStoreError {
    /// Says whether a secret was never filled.
    fn is_empty(&self) -> bool {
        matches!(self, Self::Secret(error) if matches!(**error, SecretError::Empty { .. }))
    }

    /// Returns the fault's stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Secret(_) => Code::IdentityUnreadable,
            Self::Identity(IdentityError::Expired(_)) => Code::IdentityExpired,
            Self::Identity(IdentityError::NotYetValid(_)) => Code::IdentityNotYetValid,
            Self::Identity(_) | Self::Tls(_) => Code::IdentityUnusable,
            Self::Missing(_) => Code::IdentityMissing,
            Self::Key(_) => Code::SigningUnavailable,
        }
    }
}
