//! Our side of mutual TLS, loaded from Secrets Manager and loaded again while warm, so that a rotation needs no deploy.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use tokio::sync::Mutex;
use webhook::address::AddressPolicy;
use webhook::aws::{SecretError, Secrets};
use webhook::edge::Clock;
use webhook::peer::{Client, Identity, IdentityError, TrustAnchors};
use webhook::telemetry::Chain;

/// How long an identity is used before its secret is looked at again.
const LIVES: SignedDuration = SignedDuration::from_mins(5);

/// Makes and keeps the client that presents our identity.
pub struct Sender {
    secrets: Secrets,
    identity_secret: String,
    trust_secret: String,
    policy: AddressPolicy,
    clock: Clock,
    loaded: RwLock<Option<Loaded>>,
    loading: Mutex<()>,
}

#[derive(Clone)]
struct Loaded {
    client: Client,
    identity: Identity,
    fingerprint: u64,
    looked_at: Timestamp,
}

impl Sender {
    /// Uses the identity and the trust anchors of these two secrets.
    pub fn new(
        secrets: Secrets,
        (identity_secret, trust_secret): (String, String),
        policy: AddressPolicy,
        clock: Clock,
    ) -> Self {
        let (loaded, loading) = (RwLock::default(), Mutex::default());
        Self { secrets, identity_secret, trust_secret, policy, clock, loaded, loading }
    }

    /// Returns the client, loading the identity if there is none that can be used.
    ///
    /// When it is time to look at the secrets again, that happens beside: nobody waits for it, and an identity that cannot be
    /// loaded leaves the one before it in use.
    pub async fn client(self: &Arc<Self>) -> Result<Client, SenderError> {
        let now = self.clock.now();
        if let Some(loaded) = self.usable(now) {
            let age = now.duration_since(loaded.looked_at);
            if age.is_negative() || age >= LIVES {
                let sender = Arc::clone(self);
                tokio::spawn(async move { sender.look_again().await });
            }
            return Ok(loaded.client);
        }
        let _guard = self.loading.lock().await;
        // Another task may have loaded it while this one waited.
        match self.usable(now) {
            Some(loaded) => Ok(loaded.client),
            None => Box::pin(self.load()).await,
        }
    }

    async fn look_again(&self) {
        // Whoever holds the lock is looking already.
        let Ok(_guard) = self.loading.try_lock() else { return };
        if let Err(error) = self.load().await {
            tracing::error!(
                code = error.code(),
                error = %Chain(&error),
                "The identity could not be loaded again; the one before it stays in use."
            );
            if let Some(loaded) = self.loaded() {
                self.store(Loaded { looked_at: self.clock.now(), ..loaded });
            }
        }
    }

    async fn load(&self) -> Result<Client, SenderError> {
        let (identity, trust) = tokio::try_join!(
            self.secrets.text(&self.identity_secret),
            self.secrets.text(&self.trust_secret)
        )?;
        let (fingerprint, now) = (fingerprint(&identity, &trust), self.clock.now());
        let identity = Identity::from_json(&identity)?;
        identity.check_validity(now)?;
        let client = match self.loaded() {
            // The same secrets keep the same connections.
            Some(loaded) if loaded.fingerprint == fingerprint => loaded.client,
            _ => Client::new(&identity, &TrustAnchors::from_pem(&trust)?, self.policy)
                .map_err(SenderError::Tls)?,
        };
        self.store(Loaded { client: client.clone(), identity, fingerprint, looked_at: now });
        Ok(client)
    }

    /// Returns what is loaded if its certificate is valid now. An expired one would only collect refusals, each of which
    /// would be booked on the receiver.
    fn usable(&self, now: Timestamp) -> Option<Loaded> {
        self.loaded().filter(|loaded| loaded.identity.check_validity(now).is_ok())
    }

    fn loaded(&self) -> Option<Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn store(&self, loaded: Loaded) {
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
    }
}

/// Tells one pair of secrets from another within this process.
fn fingerprint(identity: &str, trust: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (identity, trust).hash(&mut hasher);
    hasher.finish()
}

/// Our identity cannot be used: our own fault, which consumes no attempt.
#[derive(Debug, Error)]
pub enum SenderError {
    /// A secret cannot be read.
    #[error("the identity cannot be read")]
    Secret(#[from] SecretError),
    /// A secret does not hold what it should.
    #[error("the identity cannot be used")]
    Identity(#[from] IdentityError),
    /// The TLS library refuses it.
    #[error("the identity cannot be used for TLS")]
    Tls(#[source] rustls::Error),
}

impl SenderError {
    /// Returns the fault's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Secret(_) => "identity_unreadable",
            Self::Identity(IdentityError::Expired(_)) => "identity_expired",
            Self::Identity(IdentityError::NotYetValid(_)) => "identity_not_yet_valid",
            Self::Identity(_) | Self::Tls(_) => "identity_unusable",
        }
    }
}
