//! The Lambda function `intake`.

use convention::notification::AuthorisationServers;
use convention::source::Envelope;
use intake::{Intake, LOG_RETENTION_DAYS, Timers};
use lambda_http::{Error, run, service_fn};
use platform::aws::{self, AttemptLog, Http, LedgerReader, Queues, Receivers};
use platform::clock::Clock;
use platform::config::{Settings, environment};
use platform::telemetry::{ErrorChain, UsageMeter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::new(&environment);
    settings.start_logging();
    let (meter, clock) = (UsageMeter::default(), Clock::system());
    let sdk = aws::sdk_config(&settings, &Http::system(clock.clone()).metered(&meter))?;
    let ledger = settings.required("ARAUTO_LEDGER_TABLE")?;
    let intake = Intake {
        receivers: Receivers::new(
            aws::dynamodb(&sdk),
            settings.required("ARAUTO_RECEIVERS_TABLE")?,
            settings.address_policy()?,
            clock.clone(),
        ),
        ledger: LedgerReader::new(aws::dynamodb(&sdk), ledger.clone()),
        attempt_log: AttemptLog::new(
            aws::cloudwatch_logs(&sdk),
            settings.required("ARAUTO_DISPATCH_LOG_GROUP")?,
            settings.parsed_or("ARAUTO_LOG_RETENTION_DAYS", LOG_RETENTION_DAYS)?,
        ),
        queues: Queues::new(aws::sqs(&sdk), settings.required("ARAUTO_NOTIFICATIONS_QUEUE_URL")?, None)
            .with_rejected(settings.required("ARAUTO_REJECTED_QUEUE_URL")?),
        ecosystem: settings.ecosystem()?,
        servers: settings.parsed_or("ARAUTO_AUTHORISATION_SERVERS", AuthorisationServers::default())?,
        choices: settings.trigger_choices()?,
        envelope: settings.parsed_or("ARAUTO_INTAKE_ENVELOPE", Envelope::default())?,
        timers: settings.parsed("ARAUTO_TIMERS")?.map(|places| Timers::of(&sdk, ledger, places)),
        metrics: settings.metrics(),
        clock,
        meter,
    };
    run(service_fn(|request| async {
        intake.serve(request).await.map_err(|error| {
            tracing::error!(error = %ErrorChain(&error), "The records of a source are repeated.");
            Error::from(error)
        })
    }))
    .await
}
