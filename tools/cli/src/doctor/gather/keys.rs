//! KMS: the keys of the stack, and the policy of a topic's key.

use aws_sdk_kms::Client;
use futures_util::future::join_all;

use super::context::Context;
use crate::doctor::answer::Answer;
use crate::doctor::area::keys::Key;
use crate::doctor::area::topic::TopicKey;

/// Reads the state of the data key, of the key of evidence, and of those that sign for identities.
pub(crate) async fn read(context: Context<'_>) -> Vec<Key> {
    let client = platform::aws::kms(context.sdk);
    let stack = context.stack;
    let data = stack.outputs.get("DataKeyArn").map(|arn| ("data key", arn.clone()));
    let evidence = stack.nested_outputs.get("EvidenceStack").and_then(|outputs| outputs.get("KeyArn"));
    let evidence = evidence.map(|arn| ("key of the evidence", arn.clone()));
    let signing = stack.parameter("IdentityKeyArns").split(',').filter(|arn| !arn.is_empty());
    let signing = signing.map(|arn| ("key that signs for an identity", arn.to_owned()));
    let all: Vec<_> = data.into_iter().chain(evidence).chain(signing).collect();
    let client = &client;
    join_all(all.into_iter().map(|(what, id)| async move {
        let state = described(context, client, &id).await.map(|found| found.map(|(state, _)| state));
        Key { what, id, state }
    }))
    .await
}

/// Reads the state and the policy of the key of a topic, by its id, ARN or alias.
pub(crate) async fn of_topic(context: Context<'_>, id: &str) -> Answer<TopicKey> {
    let client = platform::aws::kms(context.sdk);
    let Some((state, arn)) = described(context, &client, id).await? else {
        return Ok(TopicKey { state: "missing".to_owned(), policy: String::new() });
    };
    // It takes no alias, and knows one policy.
    let answer = client.get_key_policy().key_id(arn).policy_name("default").send().await;
    let answer = context.answer("kms:GetKeyPolicy", answer)?;
    Ok(TopicKey { state, policy: answer.policy().unwrap_or_default().to_owned() })
}

/// Returns the state and the ARN of a key.
async fn described(context: Context<'_>, client: &Client, id: &str) -> Answer<Option<(String, String)>> {
    let answer = client.describe_key().key_id(id).send().await;
    let answer = context.optional("kms:DescribeKey", answer)?;
    Ok(answer.and_then(|answer| {
        let key = answer.key_metadata()?;
        let state = key.key_state().map(|state| state.as_str().to_owned()).unwrap_or_default();
        Some((state, key.arn().unwrap_or(id).to_owned()))
    }))
}
