//! SNS: the topic of the alarms.

use aws_sdk_sns::Client;

use super::context::Context;
use super::keys;
use crate::doctor::answer::Answer;
use crate::doctor::area::topic::{AlarmTopic, Topic};

/// Reads the topic that the stack names, if it names one.
pub(crate) async fn read(context: Context<'_>) -> Option<AlarmTopic> {
    let arn = context.stack.parameter("AlarmTopicArn");
    if arn.is_empty() {
        return None;
    }
    let (account, region) = context.stack.account_and_region();
    Some(AlarmTopic {
        arn: arn.to_owned(),
        account: account.to_owned(),
        region: region.to_owned(),
        topic: topic(context, arn).await,
    })
}

async fn topic(context: Context<'_>, arn: &str) -> Answer<Option<Topic>> {
    let answer = Client::new(context.sdk).get_topic_attributes().topic_arn(arn).send().await;
    let Some(answer) = context.optional("sns:GetTopicAttributes", answer)? else { return Ok(None) };
    let attribute = |name: &str| answer.attributes()?.get(name).filter(|value| !value.is_empty());
    let count = |name: &str| attribute(name).and_then(|count| count.parse().ok()).unwrap_or_default();
    let key = match attribute("KmsMasterKeyId") {
        Some(id) => Some((id.clone(), keys::of_topic(context, id).await)),
        None => None,
    };
    Ok(Some(Topic {
        policy: attribute("Policy").cloned().unwrap_or_default(),
        confirmed: count("SubscriptionsConfirmed"),
        pending: count("SubscriptionsPending"),
        key,
    }))
}
