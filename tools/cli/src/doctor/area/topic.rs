//! The topic that alarms go to: whether CloudWatch may publish to it, and whether somebody is subscribed.

use crate::doctor::answer::Answer;
use crate::doctor::finding::{Area, Finding};
use crate::doctor::policy::{Request, Verdict, verdict};

/// The topic, and where the alarms are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AlarmTopic {
    /// Its ARN.
    pub(crate) arn: String,
    /// The account and the region of the stack.
    pub(crate) account: String,
    /// The region of the stack.
    pub(crate) region: String,
    /// What SNS says of it; `None` if there is no such topic.
    pub(crate) topic: Answer<Option<Topic>>,
}

/// What SNS says of a topic.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Topic {
    /// Its policy, as JSON.
    pub(crate) policy: String,
    /// Subscriptions that were confirmed.
    pub(crate) confirmed: u64,
    /// Subscriptions that nobody confirmed yet.
    pub(crate) pending: u64,
    /// The key that it is encrypted with, if it is.
    pub(crate) key: Option<(String, Answer<TopicKey>)>,
}

/// The key of an encrypted topic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TopicKey {
    /// `Enabled`, or why it cannot be used.
    pub(crate) state: String,
    /// Its policy, as JSON.
    pub(crate) policy: String,
}

const SERVICE: &str = "cloudwatch.amazonaws.com";
/// What CloudWatch needs of the key of a topic ("Amazon SNS FAQ for CloudWatch alarms" and "Key management", SNS Developer Guide).
const OF_KEY: [&str; 2] = ["kms:Decrypt", "kms:GenerateDataKey"];
/// The key of AWS for SNS: its policy cannot be changed, and names no CloudWatch.
const AWS_KEY: &str = "alias/aws/sns";

/// Checks the topic; `None` if the stack names none.
pub(crate) fn check(topic: Option<&AlarmTopic>, is_local: bool) -> Vec<Finding> {
    let Some(named) = topic else {
        // A production stack without a topic is wrong already as a stack.
        return vec![if is_local {
            Finding::not_here(Area::Topic, "no topic: the local stack tells nobody")
        } else {
            Finding::warn(
                Area::Topic,
                "no topic is named: alarms notify nobody",
                "set AlarmTopicArn and deploy",
            )
            .runbook("change-settings")
        }];
    };
    match &named.topic {
        Ok(Some(topic)) => of_topic(named, topic),
        Ok(None) => vec![
            Finding::error(
                Area::Topic,
                format!("{} does not exist: alarms notify nobody", named.arn),
                "set AlarmTopicArn to a topic that does, and deploy",
            )
            .runbook("change-settings"),
        ],
        Err(unread) => vec![unread.finding(Area::Topic, "the topic of the alarms")],
    }
}

fn of_topic(named: &AlarmTopic, topic: &Topic) -> Vec<Finding> {
    let mut found: Vec<Finding> = [of_region(named), of_policy(named, topic)]
        .into_iter()
        .chain([of_key(named, topic)])
        .flatten()
        .collect();
    found.extend(of_subscriptions(topic));
    if found.is_empty() {
        found.push(Finding::ok(
            Area::Topic,
            format!("CloudWatch may publish to it, and {} subscriptions are confirmed", topic.confirmed),
        ));
    }
    found
}

/// An alarm notifies a topic of its own region only ("Using Amazon CloudWatch alarms", User Guide).
fn of_region(named: &AlarmTopic) -> Option<Finding> {
    let region = named.arn.split(':').nth(3).unwrap_or_default();
    (region != named.region).then(|| {
        Finding::error(
            Area::Topic,
            format!("the topic is in {region} and the alarms are in {}: they cannot notify it", named.region),
            "set AlarmTopicArn to a topic of the stack's region, and deploy",
        )
        .runbook("change-settings")
    })
}

fn may(named: &AlarmTopic, policy: &str, action: &str) -> Verdict {
    let source_prefix = format!("arn:aws:cloudwatch:{}:{}:alarm:", named.region, named.account);
    let partition = named.arn.split(':').nth(1).unwrap_or("aws");
    let source_prefix = source_prefix.replacen(":aws:", &format!(":{partition}:"), 1);
    let request =
        Request { service: SERVICE, action, account: &named.account, source_prefix: &source_prefix };
    verdict(policy, request)
}

fn of_policy(named: &AlarmTopic, topic: &Topic) -> Option<Finding> {
    match may(named, &topic.policy, "sns:Publish") {
        Verdict::Allowed => None,
        Verdict::Unclear => Some(Finding::unknown(
            Area::Topic,
            "the topic's policy has conditions that cannot be judged here",
            "try it: aws cloudwatch set-alarm-state --alarm-name <name> --state-value ALARM --state-reason trial",
        )),
        Verdict::Refused => Some(Finding::error(
            Area::Topic,
            "the topic's policy does not let CloudWatch publish: alarms notify nobody",
            format!("allow sns:Publish to {SERVICE} with aws:SourceAccount {} in its policy", named.account),
        )),
    }
}

fn of_key(named: &AlarmTopic, topic: &Topic) -> Option<Finding> {
    let (id, key) = topic.key.as_ref()?;
    let other =
        "encrypt it with a key of yours whose policy lets it use kms:Decrypt and kms:GenerateDataKey*";
    if id == AWS_KEY || id.ends_with(&format!(":{AWS_KEY}")) {
        return Some(Finding::error(
            Area::Topic,
            format!(
                "the topic is encrypted with {AWS_KEY}, which CloudWatch may not use: alarms notify nobody"
            ),
            other,
        ));
    }
    let key = match key {
        Ok(key) => key,
        Err(unread) => return Some(unread.finding(Area::Topic, "the key of the topic")),
    };
    if key.state != "Enabled" {
        let what = format!("the key of the topic is {}: alarms notify nobody", key.state);
        return Some(
            Finding::error(Area::Topic, what, "enable it, or encrypt the topic with another")
                .runbook("a-key"),
        );
    }
    match OF_KEY.into_iter().map(|action| may(named, &key.policy, action)).min()? {
        Verdict::Allowed => None,
        Verdict::Unclear => Some(Finding::unknown(
            Area::Topic,
            "the policy of the topic's key has conditions that cannot be judged here",
            "try it: aws cloudwatch set-alarm-state --alarm-name <name> --state-value ALARM --state-reason trial",
        )),
        Verdict::Refused => Some(Finding::error(
            Area::Topic,
            format!(
                "the policy of the topic's key {id} does not let CloudWatch use it: alarms notify nobody"
            ),
            format!("allow kms:Decrypt and kms:GenerateDataKey* to {SERVICE} in the policy of the key"),
        )),
    }
}

fn of_subscriptions(topic: &Topic) -> Option<Finding> {
    let Topic { confirmed, pending, .. } = topic;
    match (confirmed, pending) {
        (0, 0) => Some(Finding::error(
            Area::Topic,
            "nobody is subscribed to the topic",
            "subscribe whoever is on call, and confirm",
        )),
        (0, _) => Some(Finding::error(
            Area::Topic,
            format!("no subscription of the topic is confirmed, {pending} wait for it"),
            "confirm them by the link that each got; after three days subscribe again",
        )),
        (_, 1..) => Some(Finding::warn(
            Area::Topic,
            format!("{pending} subscriptions of the topic are not confirmed"),
            "confirm them by the link that each got; after three days subscribe again",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::one;

    fn policy(action: &Value) -> String {
        json!({ "Statement": [{
            "Effect": "Allow", "Principal": { "Service": SERVICE }, "Action": action, "Resource": "*",
            "Condition": { "StringEquals": { "aws:SourceAccount": "123456789012" } },
        }] })
        .to_string()
    }

    fn right() -> AlarmTopic {
        let key = TopicKey {
            state: "Enabled".to_owned(),
            policy: policy(&json!(["kms:Decrypt", "kms:GenerateDataKey*"])),
        };
        AlarmTopic {
            arn: "arn:aws:sns:sa-east-1:123456789012:alarms".to_owned(),
            account: "123456789012".to_owned(),
            region: "sa-east-1".to_owned(),
            topic: Ok(Some(Topic {
                policy: policy(&json!("sns:Publish")),
                confirmed: 2,
                pending: 0,
                key: Some(("1234-5678".to_owned(), Ok(key))),
            })),
        }
    }

    fn found(change: impl FnOnce(&mut AlarmTopic)) -> Finding {
        let mut topic = right();
        change(&mut topic);
        one(&check(Some(&topic), false))
    }

    fn of(topic: &mut AlarmTopic) -> &mut Topic {
        topic.topic.as_mut().unwrap().as_mut().unwrap()
    }

    #[test]
    fn a_topic_that_cloudwatch_may_publish_to_and_somebody_reads_is_right() {
        assert_eq!(found(|_| ()).severity, Severity::Ok);
        assert_eq!(found(|topic| of(topic).key = None).severity, Severity::Ok);
    }

    #[test]
    fn each_way_in_which_an_alarm_reaches_nobody_is_told() {
        type Change = fn(&mut AlarmTopic);
        let cases: [(Change, Severity, &str); 9] = [
            (|topic| topic.topic = Ok(None), Severity::Error, "does not exist"),
            (|topic| "us-east-1".clone_into(&mut topic.region), Severity::Error, "is in sa-east-1"),
            (
                |topic| of(topic).policy = policy(&json!("sns:Subscribe")),
                Severity::Error,
                "does not let CloudWatch publish",
            ),
            (|topic| of(topic).key.as_mut().unwrap().0 = AWS_KEY.to_owned(), Severity::Error, "may not use"),
            (
                |topic| {
                    of(topic).key.as_mut().unwrap().1.as_mut().unwrap().state = "PendingDeletion".to_owned();
                },
                Severity::Error,
                "is PendingDeletion",
            ),
            (
                |topic| {
                    of(topic).key.as_mut().unwrap().1.as_mut().unwrap().policy =
                        policy(&json!("kms:Decrypt"));
                },
                Severity::Error,
                "does not let CloudWatch use it",
            ),
            (|topic| of(topic).confirmed = 0, Severity::Error, "nobody is subscribed"),
            (|topic| (of(topic).confirmed, of(topic).pending) = (0, 1), Severity::Error, "no subscription"),
            (|topic| of(topic).pending = 1, Severity::Warn, "not confirmed"),
        ];
        for (change, severity, text) in cases {
            let found = found(change);
            assert!(found.severity == severity && found.what.contains(text), "{text}: {found:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        let unread = || Unread::Failed("AccessDenied on kms:GetKeyPolicy".to_owned());
        assert_eq!(found(|topic| topic.topic = Err(unread())).severity, Severity::Unknown);
        assert_eq!(
            found(|topic| of(topic).key.as_mut().unwrap().1 = Err(unread())).severity,
            Severity::Unknown
        );
        assert_eq!(found(|topic| of(topic).policy.clear()).severity, Severity::Unknown);
    }

    #[test]
    fn a_stack_without_a_topic_is_warned_and_the_local_one_has_none() {
        assert_eq!(one(&check(None, false)).severity, Severity::Warn);
        assert_eq!(one(&check(None, true)).severity, Severity::NotHere);
    }
}
