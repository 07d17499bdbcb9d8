//! Dispatch in this process, on the AWS of the local stack: for what cannot be provoked from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use convention::address::AddressPolicy;
use convention::delivery::{AttemptMessage, LedgerWrites};
use convention::notification::{Choices, Ecosystem};
use convention::source::Envelope;
use devkit::local::AUTHORISATION_SERVER_ID;
use devkit::stack::Stack;
use dispatch::{Batch, Dispatch, Parts};
use jiff::SignedDuration;
use mtls::Network;
use platform::aws::{
    DirectoryTable, Keys, Ledger, Queues, Receivers, Secrets, dynamodb, kms, secrets_manager, sqs,
};
use platform::clock::Clock;
use platform::rng::Rng;
use platform::telemetry::{Metrics, UsageMeter};

/// Hands dispatch a batch in which one message panics, and returns the messages it keeps.
pub async fn with_a_panic(stack: &Stack, messages: &[AttemptMessage]) -> Result<Vec<String>> {
    let drawn = AtomicUsize::new(0);
    let rng = Rng::from_fn(move || {
        assert!(drawn.fetch_add(1, Ordering::Relaxed) != 0, "this is the panic that the test provokes");
        Rng::system().bits()
    });
    let metrics = Metrics::to(String::new(), |_| ());
    let secret = stack.output("IdentitySecretArn")?;
    let dispatch = on_stack(stack, secret, AUTHORISATION_SERVER_ID, (Clock::system(), rng), metrics)?;
    hand_over(&dispatch, messages).await
}

/// Hands dispatch a batch, and returns the messages it keeps.
pub(crate) async fn hand_over(dispatch: &Arc<Dispatch>, messages: &[AttemptMessage]) -> Result<Vec<String>> {
    let mut event = SqsEvent::default();
    for (index, message) in messages.iter().enumerate() {
        let mut record = SqsMessage::default();
        record.message_id = Some(format!("message-{index}"));
        record.receipt_handle = Some(format!("receipt-{index}"));
        record.body = Some(message.to_json());
        event.records.push(record);
    }
    let answer = dispatch.handle(batch_of(&event)).await;
    Ok(answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect())
}

/// Reads a batch as the function does, from the event that Lambda hands over.
pub fn batch_of(event: &SqsEvent) -> Batch {
    serde_json::to_string(event).and_then(|event| serde_json::from_str(&event)).expect("the event of a batch")
}

/// Starts dispatch with the identities of this secret.
pub(crate) fn on_stack(
    stack: &Stack,
    identity_secret: &str,
    servers: &str,
    (clock, rng): (Clock, Rng),
    metrics: Metrics,
) -> Result<Arc<Dispatch>> {
    let (sdk, policy) = (stack.sdk_config(), AddressPolicy::PublicAndLoopback);
    let output = |name: &str| stack.output(name).map(str::to_owned);
    Ok(Dispatch::new(Parts {
        ledger: Ledger::new(dynamodb(&sdk), output("LedgerTableName")?, SignedDuration::from_hours(24)),
        ledger_writes: LedgerWrites::default(),
        receivers: Receivers::new(dynamodb(&sdk), output("ReceiversTableName")?, policy, clock.clone()),
        queues: Queues::new(sqs(&sdk), output("NotificationsQueueUrl")?, Some(output("DeadLetterQueueUrl")?)),
        directory: DirectoryTable::new(dynamodb(&sdk), output("DirectoryTableName")?),
        secrets: Secrets::new(secrets_manager(&sdk)),
        keys: Keys::new(kms(&sdk)),
        identity_secret: identity_secret.to_owned(),
        trust_secret: output("TrustSecretArn")?,
        network: Network::system(policy),
        revocation_window: SignedDuration::from_hours(24),
        ecosystem: Ecosystem::default(),
        servers: servers.parse()?,
        choices: Choices::default(),
        adaptive_timeout: true,
        max_receives: 150,
        envelope: Envelope::default(),
        timers: None,
        meter: UsageMeter::default(),
        metrics,
        metrics_interval: SignedDuration::ZERO,
        clock,
        rng,
    }))
}
