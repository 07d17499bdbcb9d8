//! What CloudFormation, CloudWatch and SQS say of the stack.

use account::{ChosenStack, DeployedStack};
use anyhow::{Context as _, Result};
use aws_sdk_sqs::types::QueueAttributeName;
use convention::notification::{Choices, Ecosystem};
use jiff::Timestamp;
use pages::model::{Alarm, QueueDepths};
use platform::aws::sqs;

use crate::doctor::{Context, LOCAL, read_alarms};

/// The stack as CloudFormation knows it: the names of what no output names.
#[derive(Debug)]
pub(super) struct Deployed(DeployedStack);

impl Deployed {
    pub(super) async fn find(stack: &ChosenStack, name: Option<&str>) -> Result<Self> {
        let read = DeployedStack::read(&stack.sdk, name.unwrap_or(LOCAL)).await;
        Ok(Self(read.context("the stack could not be read")?))
    }

    pub(super) fn physical_id(&self, logical_id: &str) -> Result<&str> {
        self.0.physical_id(logical_id).with_context(|| format!("the stack has no {logical_id}"))
    }

    /// Our authorisation servers, as the stack was told.
    pub(super) fn authorisation_servers(&self) -> String {
        self.0.parameter("AuthorisationServers").to_owned()
    }

    /// What the stack chooses where the convention leaves a choice; `None` if that cannot be read, with which dispatch does not
    /// start. A stack of an earlier release chose nothing.
    pub(super) fn choices(&self) -> Option<Choices> {
        Some(Choices {
            api_versions: self.0.parameter("ApiVersionOverrides").parse().ok()?,
            notify_initiator_edits: self.0.parameter("NotifyInitiatorEdits") != "false",
        })
    }

    /// The ecosystem that the stack serves.
    pub(super) fn ecosystem(&self) -> Ecosystem {
        self.0.parameter("Ecosystem").parse().unwrap_or_default()
    }

    /// The alarms that are on.
    pub(super) async fn alarms(&self, stack: &ChosenStack, now: Timestamp) -> Result<Vec<Alarm>> {
        let (sdk, local) = (&stack.sdk, stack.local.as_ref());
        let context = Context { sdk, stack: &self.0, local, now, opens_identities: false };
        let read = read_alarms(context).await?;
        let on = read.alarms.into_iter().filter_map(|(name, alarm)| {
            let alarm = alarm.filter(|alarm| alarm.state == "ALARM" && !alarm.is_for_deployments)?;
            Some(Alarm { name, since: alarm.since, reason: alarm.reason })
        });
        Ok(on.collect())
    }
}

/// Counts the messages of both queues.
pub(super) async fn queues(stack: &ChosenStack) -> Result<QueueDepths> {
    let client = sqs(&stack.sdk);
    let count = async |output: &str| {
        let asked = client
            .get_queue_attributes()
            .queue_url(stack.output(output)?)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesDelayed);
        let answer = asked
            .send()
            .await
            .map_err(aws_sdk_sqs::Error::from)
            .context("the queues could not be counted")?;
        let of = |name: QueueAttributeName| -> u64 {
            answer.attributes().and_then(|all| all.get(&name)?.parse().ok()).unwrap_or_default()
        };
        anyhow::Ok((
            of(QueueAttributeName::ApproximateNumberOfMessages),
            of(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            of(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        ))
    };
    let (notifications, dead_letters) =
        tokio::try_join!(count("NotificationsQueueUrl"), count("DeadLetterQueueUrl"))?;
    let (waiting, in_flight, delayed) = notifications;
    Ok(QueueDepths {
        waiting,
        in_flight,
        delayed,
        dead_lettered: dead_letters.0 + dead_letters.1 + dead_letters.2,
    })
}
