//! The Lambda function `dispatch`.

use std::sync::Arc;
use std::time::Duration;

use dispatch::{
    Batch, BatchMetrics, BatchResponse, ConcurrencyLimiter, ConsecutiveTimeouts, Dispatch, FirstDeliveries,
    IdentityStore, RawEvent, Unwritten, works_until,
};
use jiff::SignedDuration;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use mimalloc::MiMalloc;
use tokio::runtime::Builder;
use tokio::time::sleep;
use webhook::aws::{
    Direct, DirectoryTable, Http, Keys, Ledger, Queues, Receivers, Secrets, dynamodb, endpoint_name, kms,
    sdk_config, secrets_manager, sqs,
};
use webhook::clock::Clock;
use webhook::config::{Settings, environment};
use webhook::delivery::LedgerWrites;
use webhook::mtls::Network;
use webhook::notification::AuthorisationServers;
use webhook::revocation::{Revocation, RevocationStore};
use webhook::rng::Rng;
use webhook::telemetry::{Output, UsageMeter};

/// Five years, as sharing records are kept.
const RETENTION_DAYS: i64 = 5 * 365;
/// The shortest that the guideline on certificates allows.
const WINDOW_MINUTES: i64 = 60;

/// Sooner than any time limit of a message, the shortest of which is a second.
const TICK: Duration = Duration::from_millis(500);

/// A notification is many small allocations, which this makes faster than the system's
/// (`docs/adr/0032-dispatch-hot-path-and-binary-size.md`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> Result<(), Error> {
    let runtime = Builder::new_current_thread().enable_all().on_thread_park(Output::write_out).build()?;
    let ended = runtime.block_on(start());
    Output::write_out();
    ended
}

async fn start() -> Result<(), Error> {
    let settings = Settings::new(&environment);
    settings.start_logging();
    let meter = UsageMeter::default();
    let clock = Clock::system();
    let http = Http::system(clock.clone()).metered(&meter);
    let sdk = sdk_config(&settings, &http)?;
    let direct = Direct::new(&sdk, http, clock.clone());
    let policy = settings.address_policy()?;
    let retention = settings.parsed_or("ARAUTO_LEDGER_RETENTION_DAYS", RETENTION_DAYS)?;
    let secrets = (settings.required("ARAUTO_IDENTITY_SECRET")?, settings.required("ARAUTO_TRUST_SECRET")?);
    let servers = settings.parsed_or("ARAUTO_AUTHORISATION_SERVERS", AuthorisationServers::default())?;
    let services = (Secrets::new(secrets_manager(&sdk)), Keys::new(kms(&sdk)));
    let directory = DirectoryTable::new(dynamodb(&sdk), settings.required("ARAUTO_DIRECTORY_TABLE")?);
    let window = settings.parsed_or("ARAUTO_REVOCATION_WINDOW_MINUTES", WINDOW_MINUTES)?;
    let revocation = Arc::new(Revocation::new(
        RevocationStore::new(directory.clone()),
        SignedDuration::from_mins(window),
        clock.clone(),
        settings.metrics(),
    ));
    let identities = IdentityStore::new(
        services,
        secrets,
        &servers,
        Network::system(policy)
            .with_own_name(endpoint_name(&sdk))
            .exchanging_keys(settings.key_exchange()?)
            .metered(&meter),
        revocation,
        clock.clone(),
        settings.metrics(),
    );
    let dispatch = Arc::new(Dispatch {
        ledger: Ledger::new(
            dynamodb(&sdk),
            settings.required("ARAUTO_LEDGER_TABLE")?,
            SignedDuration::from_hours(24 * retention),
        )
        .with_fast_path(direct),
        ledger_writes: settings.parsed_or("ARAUTO_LEDGER_WRITES", LedgerWrites::default())?,
        receivers: Receivers::new(
            dynamodb(&sdk),
            settings.required("ARAUTO_RECEIVERS_TABLE")?,
            policy,
            clock.clone(),
        ),
        queues: Queues::new(
            sqs(&sdk),
            settings.required("ARAUTO_NOTIFICATIONS_QUEUE_URL")?,
            Some(settings.required("ARAUTO_DEAD_LETTER_QUEUE_URL")?),
        ),
        first_deliveries: FirstDeliveries::new(directory, settings.metrics()),
        servers,
        identities: Arc::new(identities),
        concurrency: ConcurrencyLimiter::default(),
        consecutive_timeouts: ConsecutiveTimeouts::default(),
        unwritten: Unwritten::default(),
        // Without it, SQS alone sets messages aside.
        max_receives: settings.parsed_or("ARAUTO_NOTIFICATIONS_MAX_RECEIVES", u32::MAX)?,
        batch_metrics: BatchMetrics::of(meter),
        metrics: settings.metrics(),
        clock,
        rng: Rng::system(),
    });
    dispatch.start().await;
    // tokio wakes its own thread, by a system call, for each timer that ends before all others: with one that always does, the
    // limits of a message cost none.
    tokio::spawn(async {
        loop {
            sleep(TICK).await;
        }
    });
    Output::gather();
    let handler = service_fn(|event: LambdaEvent<()>| answer(&dispatch, event.context.deadline));
    Runtime::new(handler).layer(RawEvent).layer(TracingLayer::new()).run().await
}

async fn answer(dispatch: &Arc<Dispatch>, deadline_ms: u64) -> Result<BatchResponse, Error> {
    let until = works_until(deadline_ms, dispatch.clock.now());
    let answer = dispatch.handle_until(Batch::of_invocation()?, until).await;
    // Before the answer, after which the process may be frozen.
    Output::write_out();
    Ok(answer)
}
