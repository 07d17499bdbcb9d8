//! Our side of mutual TLS, loaded from Secrets Manager and loaded again while warm, so that a rotation needs no deploy.

use std::sync::{PoisonError, RwLock};

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

    /// Returns the client, loading the identity if there is none yet or if it is time to look again.
    ///
    /// Whoever finds it is time looks; the others go on with what there is. An identity that cannot be loaded leaves the one
    /// before it in use.
    pub async fn client(&self) -> Result<Client, SenderError> {
        let present = self.loaded();
        let now = self.clock.now();
        let age = |loaded: &Loaded| now.duration_since(loaded.looked_at);
        match present {
            Some(loaded) if !age(&loaded).is_negative() && age(&loaded) < LIVES => Ok(loaded.client),
            Some(loaded) => {
                let Ok(_guard) = self.loading.try_lock() else { return Ok(loaded.client) };
                match self.load(Some(&loaded)).await {
                    Ok(client) => Ok(client),
                    Err(error) => {
                        tracing::error!(code = error.code(), error = %Chain(&error),
                            "The identity could not be loaded again; the one before it stays in use.");
                        self.store(Loaded { looked_at: now, ..loaded.clone() });
                        Ok(loaded.client)
                    }
                }
            }
            None => {
                let _guard = self.loading.lock().await;
                // Another task may have loaded it while this one waited.
                match self.loaded() {
                    Some(loaded) => Ok(loaded.client),
                    None => self.load(None).await,
                }
            }
        }
    }

    async fn load(&self, present: Option<&Loaded>) -> Result<Client, SenderError> {
        let (identity, trust) = tokio::try_join!(
            self.secrets.text(&self.identity_secret),
            self.secrets.text(&self.trust_secret)
        )?;
        let fingerprint = fingerprint(&identity, &trust);
        let client = match present {
            // The same secret keeps the same connections.
            Some(loaded) if loaded.fingerprint == fingerprint => loaded.client.clone(),
            _ => Client::new(&Identity::from_json(&identity)?, &TrustAnchors::from_pem(&trust)?, self.policy)
                .map_err(SenderError::Tls)?,
        };
        self.store(Loaded { client: client.clone(), fingerprint, looked_at: self.clock.now() });
        Ok(client)
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
            Self::Identity(_) | Self::Tls(_) => "identity_unusable",
        }
    }
}
