//! Whom to examine, and what this machine examines with: files, the stack, or neither.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use account::identity_secret::get_text;
use account::{ChosenStack, DeployedStack};
use anyhow::{Context as _, Result, bail};
use convention::address::AddressPolicy;
use convention::directory::{Registration, Settings, Suspension};
use convention::notification::{AuthorisationServers, ClientId, Ecosystem, IdentityOwner, ReceiverKey};
use jiff::SignedDuration;
use mtls::examine::{Examiner, Facts, examine};
use mtls::revocation::{Revocation, RevocationStore};
use mtls::{Identities, Identity, KeyExchange, Network, StoredIdentity, TrustAnchors};
use platform::aws::{DirectoryTable, Keys, Receivers, dynamodb, endpoint_name, kms};
use platform::clock::Clock;
use platform::rng::Rng;
use platform::telemetry::Metrics;

/// Roots of receivers' certificates in production (`infra/trust/README.md`).
const ROOTS: &str = concat!(
    include_str!("../../../../../infra/trust/production/icp-brasil-v10.pem"),
    include_str!("../../../../../infra/trust/production/icp-brasil-v5.pem"),
);
/// The name of the local stack.
const LOCAL: &str = "arauto";
/// The window of a stack that says nothing else (`RevocationWindowMinutes`).
const WINDOW_MINUTES: i64 = 60;

/// Whom to examine.
pub(super) struct Receiver {
    pub(super) base_uri: String,
    pub(super) authorisation_server: Option<String>,
    pub(super) settings: Settings,
    /// Why the client is notified of nothing at present.
    pub(super) suspension: Option<Suspension>,
}

/// A stack, with its parameters.
pub(super) struct Stack {
    pub(super) chosen: ChosenStack,
    deployed: DeployedStack,
}

/// Where our certificate comes from.
pub(super) enum IdentitySource<'a> {
    Files(&'a Path, &'a Path),
    Secret,
    Nowhere,
}

impl Receiver {
    /// Reads a registration; `None` if its client wants no notifications.
    pub(super) fn of(registration: Registration) -> Option<Self> {
        Some(Self {
            base_uri: registration.base_uri?,
            authorisation_server: registration.authorisation_server,
            settings: registration.settings,
            suspension: registration.suspension,
        })
    }
}

impl Stack {
    pub(super) async fn read(chosen: ChosenStack, name: Option<String>) -> Result<Self> {
        let name = name.filter(|_| chosen.local.is_none()).unwrap_or_else(|| LOCAL.to_owned());
        let deployed = DeployedStack::read(&chosen.sdk, &name).await;
        Ok(Self { deployed: deployed.context("the stack could not be read")?, chosen })
    }

    /// Finds a registered client; `None` if there is none.
    pub(super) async fn client(&self, client: &ClientId, server: Option<&str>) -> Result<Option<Receiver>> {
        let key = ReceiverKey::new(server, client);
        let table = self.chosen.output("ReceiversTableName")?.to_owned();
        let clock = Clock::system();
        let receivers = Receivers::new(dynamodb(&self.chosen.sdk), table, self.policy(), clock);
        let found = receivers.registration(&key).await;
        let found = found.with_context(|| format!("failed to read the receivers of {}", self.chosen))?;
        Ok(found.and_then(Receiver::of))
    }

    /// The ecosystem that it serves; Open Finance, as the template has it, where it says nothing.
    pub(super) fn ecosystem(&self) -> Ecosystem {
        self.deployed.parameter("Ecosystem").parse().unwrap_or_default()
    }

    fn policy(&self) -> AddressPolicy {
        let loopback = self.deployed.parameter("AllowLoopbackReceivers") == "true";
        if loopback { AddressPolicy::PublicAndLoopback } else { AddressPolicy::Public }
    }

    fn key_exchange(&self) -> KeyExchange {
        let hybrid = self.deployed.parameter("HybridKeyExchange") == "true";
        if hybrid { KeyExchange::Hybrid } else { KeyExchange::Classical }
    }

    async fn trust(&self) -> Result<TrustAnchors> {
        let secret = self.chosen.output("TrustSecretArn")?;
        let Some(text) = get_text(&self.chosen.sdk, secret).await? else {
            bail!("{} holds no trust anchors yet: give --trust-anchors FILE", self.chosen)
        };
        Ok(TrustAnchors::from_pem(&text)?)
    }

    async fn identity(&self, server: Option<&str>) -> Result<Identity> {
        let secret = self.chosen.output("IdentitySecretArn")?;
        let text = get_text(&self.chosen.sdk, secret).await?.context("the secret holds no identity yet")?;
        let servers: AuthorisationServers =
            self.deployed.parameter("AuthorisationServers").parse().unwrap_or_default();
        let default = servers.default_identity_owner();
        let named = server.filter(|_| default.id().is_some());
        let owner = named.map_or_else(|| default.clone(), |id| IdentityOwner::named(id.to_ascii_lowercase()));
        let identities = Identities::from_json(&text, &default)?;
        let stored =
            identities.of(&owner).with_context(|| format!("the secret holds no identity of {owner}"))?;
        match stored.map_err(Clone::clone)?.clone() {
            StoredIdentity::Whole(identity) => Ok(identity),
            StoredIdentity::InKms(stored) => Ok(stored.open(&Keys::new(kms(&self.chosen.sdk))).await?),
        }
    }

    /// What the stack knows of revoked certificates; nothing if it cannot be read.
    async fn revocation(&self, clock: &Clock) -> Option<Arc<Revocation>> {
        let table = self.chosen.output("DirectoryTableName").ok()?.to_owned();
        let store = RevocationStore::new(DirectoryTable::new(dynamodb(&self.chosen.sdk), table));
        // Before the first refresh there is nothing to decide by, and a refused look is no fault of the stack.
        store.contents().await.ok()??;
        let minutes = self.deployed.parameter("RevocationWindowMinutes").parse().unwrap_or(WINDOW_MINUTES);
        let metrics = Metrics::to(String::new(), |_| ());
        let window = SignedDuration::from_mins(minutes);
        let revocation = Arc::new(Revocation::new(store, window, clock.clone(), metrics));
        revocation.ready().await;
        Some(revocation)
    }
}

impl IdentitySource<'_> {
    async fn open(
        &self,
        stack: Option<&Stack>,
        server: Option<&str>,
        clock: &Clock,
    ) -> Result<Option<Identity>> {
        let identity = match (self, stack) {
            (Self::Files(certificate, key), _) => Identity::from_pem(&read(certificate)?, &read(key)?)?,
            (Self::Secret, Some(stack)) => stack.identity(server).await?,
            (Self::Secret, None) | (Self::Nowhere, _) => return Ok(None),
        };
        identity.check_validity(clock.now()).context("our own certificate")?;
        Ok(Some(identity))
    }
}

/// Examines a receiver from this machine.
pub(super) async fn look(
    receiver: &Receiver,
    stack: Option<&Stack>,
    (identity, trust_file): (IdentitySource<'_>, Option<&PathBuf>),
    posts: bool,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Facts> {
    let (clock, rng) = (Clock::system(), Rng::system());
    let identity = identity.open(stack, receiver.authorisation_server.as_deref(), &clock).await?;
    let trust = match (trust_file, stack) {
        (Some(file), _) => TrustAnchors::from_pem(&read(file)?)?,
        (None, Some(stack)) => stack.trust().await?,
        (None, None) => TrustAnchors::from_pem(ROOTS)?,
    };
    let network = Network::system(stack.map(Stack::policy).unwrap_or_default())
        .with_own_name(own_name(stack))
        .exchanging_keys(stack.map(Stack::key_exchange).unwrap_or_default());
    let revocation = match stack {
        Some(stack) => stack.revocation(&clock).await,
        None => None,
    };
    let examiner = Examiner {
        identity: identity.as_ref(),
        trust: &trust,
        network: &network,
        revocation: revocation.as_ref(),
        settings: &receiver.settings,
        posts,
        clock: &clock,
        rng: &rng,
        progress,
    };
    let mut facts = Box::pin(examine(&receiver.base_uri, examiner)).await;
    if revocation.is_none() {
        super::authorities::ask(&mut facts, network.policy(), &clock, &rng, progress).await;
    }
    Ok(facts)
}

/// Returns a name that must resolve: that of the stack's services, or of the root authority's lists (`infra/trust/README.md`).
fn own_name(stack: Option<&Stack>) -> Option<(String, u16)> {
    match stack {
        Some(stack) => endpoint_name(&stack.chosen.sdk),
        None => Some(("acraiz.icpbrasil.gov.br".to_owned(), 80)),
    }
}

/// Reads a file. The error names it and quotes nothing of it.
fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}
