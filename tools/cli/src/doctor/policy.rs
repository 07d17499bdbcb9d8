//! Whether a resource's policy lets a service of AWS act for this account.
//!
//! Source: "Policy evaluation logic" and "IAM JSON policy elements", IAM User Guide. Of conditions, those that the guides of SNS,
//! KMS and CloudWatch use are known; with others the answer is not.

use serde_json::Value;

/// A request that AWS makes in its own name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// The principal, such as `cloudwatch.amazonaws.com`.
    pub(crate) service: &'a str,
    /// The action, such as `sns:Publish`.
    pub(crate) action: &'a str,
    /// The account that it acts for.
    pub(crate) account: &'a str,
    /// The begin of the ARNs of what it acts for.
    pub(crate) source_prefix: &'a str,
}

/// What a policy says of a request.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Verdict {
    /// Nothing allows it, or something denies it.
    Refused,
    /// It depends on a condition that is not known here.
    Unclear,
    /// It is allowed.
    Allowed,
}

/// Decides what a policy, as JSON, says of a request.
pub(crate) fn verdict(policy: &str, request: Request<'_>) -> Verdict {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return Verdict::Unclear };
    let statements = list(&policy["Statement"]);
    let of = |effect: &str| {
        let theirs = statements.iter().filter(|one| one["Effect"] == effect);
        theirs.filter_map(|one| applies(one, request)).max()
    };
    match (of("Deny"), of("Allow")) {
        (Some(Applies::Surely), _) | (_, None) => Verdict::Refused,
        (Some(Applies::Perhaps), _) | (_, Some(Applies::Perhaps)) => Verdict::Unclear,
        (None, Some(Applies::Surely)) => Verdict::Allowed,
    }
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Applies {
    Perhaps,
    Surely,
}

/// `None` where a statement is not about the request.
fn applies(statement: &Value, request: Request<'_>) -> Option<Applies> {
    let is_action = match (&statement["Action"], &statement["NotAction"]) {
        (Value::Null, others) => !list(others).iter().any(|one| matches(one, request.action)),
        (actions, _) => list(actions).iter().any(|one| matches(one, request.action)),
    };
    (is_action && is_principal(statement, request.service)).then_some(())?;
    let Value::Object(conditions) = &statement["Condition"] else { return Some(Applies::Surely) };
    let mut result = Applies::Surely;
    for (operator, keys) in conditions {
        for (key, wanted) in keys.as_object().into_iter().flatten() {
            match holds(operator, key, &list(wanted), request) {
                Some(true) => {}
                Some(false) => return None,
                None => result = Applies::Perhaps,
            }
        }
    }
    Some(result)
}

fn is_principal(statement: &Value, service: &str) -> bool {
    let everybody = |one: &Value| one == "*";
    if !statement["NotPrincipal"].is_null() {
        return !list(&statement["NotPrincipal"]["Service"]).iter().any(|one| one == service);
    }
    let principal = &statement["Principal"];
    // `{"AWS": "*"}` is everybody too, services with it: the policy that SNS gives a new topic relies on it.
    everybody(principal)
        || list(&principal["AWS"]).iter().any(everybody)
        || list(&principal["Service"]).iter().any(|one| one == service)
}

/// Says whether a condition holds for the request; `None` where that is not known here.
fn holds(operator: &str, key: &str, wanted: &[Value], request: Request<'_>) -> Option<bool> {
    // "IfExists" changes nothing for keys that a service always sends.
    let operator = operator.trim_end_matches("IfExists").rsplit(':').next().unwrap_or_default();
    let is_negated = operator.contains("Not");
    let kind = operator.replace("Not", "");
    let key = key.to_ascii_lowercase();
    let found = match (key.as_str(), kind.as_str()) {
        // AWS talks to itself over TLS.
        ("aws:securetransport", "Bool") => {
            Some(wanted.iter().any(|one| one.as_bool() == Some(true) || one == "true"))
        }
        (
            "aws:sourceaccount" | "aws:sourceowner" | "kms:calleraccount",
            "StringEquals" | "StringLike" | "StringEqualsIgnoreCase",
        ) => Some(wanted.iter().any(|one| matches(one, request.account))),
        ("aws:sourcearn", "ArnEquals" | "ArnLike" | "StringEquals" | "StringLike") => {
            let texts = wanted.iter().filter_map(Value::as_str);
            any(texts.map(|one| covers(one, request.source_prefix)))
        }
        _ => return None,
    };
    found.map(|found| found != is_negated)
}

/// Says whether one of several holds; `None` where that hangs on one that is not known.
fn any(all: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let all: Vec<_> = all.collect();
    if all.contains(&Some(true)) {
        return Some(true);
    }
    // What is unclear decides only where nothing else does.
    if all.contains(&None) { None } else { Some(false) }
}

/// Says whether a pattern matches everything that begins so, or nothing; `None` where it depends on what follows.
fn covers(pattern: &str, prefix: &str) -> Option<bool> {
    let begins = (0..=pattern.len()).filter_map(|at| pattern.split_at_checked(at));
    let matching = begins.filter(|(begin, _)| wild(begin.as_bytes(), prefix.as_bytes()));
    any(matching.filter_map(|(begin, rest)| {
        let takes_all = rest.bytes().all(|one| one == b'*') && (begin.ends_with('*') || !rest.is_empty());
        match (takes_all, rest) {
            (true, _) => Some(Some(true)),
            // The begin alone names nothing.
            (false, "") => None,
            (false, _) => Some(None),
        }
    }))
}

/// Matches a text against a pattern with `*` and `?`, without regard to case, as IAM does for actions.
fn matches(pattern: &Value, text: &str) -> bool {
    let pattern = pattern.as_str().unwrap_or_default().to_ascii_lowercase();
    wild(pattern.as_bytes(), text.to_ascii_lowercase().as_bytes())
}

fn wild(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            wild(rest, text) || text.split_first().is_some_and(|(_, text)| wild(pattern, text))
        }
        ([b'?', rest @ ..], [_, text @ ..]) => wild(rest, text),
        ([one, rest @ ..], [other, text @ ..]) => one == other && wild(rest, text),
        _ => false,
    }
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.clone(),
        one => vec![one.clone()],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ACCOUNT: &str = "123456789012";

    fn of(statements: &Value) -> Verdict {
        let request = Request {
            service: "cloudwatch.amazonaws.com",
            action: "sns:Publish",
            account: ACCOUNT,
            source_prefix: "arn:aws:cloudwatch:sa-east-1:123456789012:alarm:",
        };
        verdict(&json!({ "Version": "2012-10-17", "Statement": statements }).to_string(), request)
    }

    fn by_service(condition: &Value) -> Value {
        json!({
            "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" }, "Action": "sns:Publish", "Resource": "*",
            "Condition": condition,
        })
    }

    /// "Amazon SNS default access policy" as `GetTopicAttributes` shows it.
    #[test]
    fn the_policy_that_sns_gives_a_new_topic_allows_the_alarms_of_its_account() {
        let default = |owner: &str| {
            json!({
                "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": { "AWS": "*" },
                "Action": ["SNS:GetTopicAttributes", "SNS:Publish", "SNS:Subscribe"],
                "Resource": "arn:aws:sns:sa-east-1:123456789012:alarms",
                "Condition": { "StringEquals": { "AWS:SourceOwner": owner } },
            })
        };
        assert_eq!(of(&default(ACCOUNT)), Verdict::Allowed);
        assert_eq!(of(&default("999999999999")), Verdict::Refused);
    }

    #[test]
    fn a_service_is_allowed_by_name_for_this_account_and_its_alarms() {
        for (condition, verdict) in [
            (json!(null), Verdict::Allowed),
            (json!({ "StringEquals": { "aws:SourceAccount": ACCOUNT } }), Verdict::Allowed),
            (json!({ "StringEquals": { "aws:SourceAccount": ["999999999999"] } }), Verdict::Refused),
            (json!({ "StringNotEquals": { "aws:SourceAccount": ACCOUNT } }), Verdict::Refused),
            (
                json!({ "ArnLike": { "aws:SourceArn": "arn:aws:cloudwatch:*:123456789012:alarm:*" } }),
                Verdict::Allowed,
            ),
            (
                json!({ "ArnLike": { "aws:SourceArn": "arn:aws:cloudwatch:sa-east-1:123456789012:alarm:bank-*" } }),
                Verdict::Unclear,
            ),
            (json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:::bucket" } }), Verdict::Refused),
            (
                json!({ "ArnLike": { "aws:SourceArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:*" } }),
                Verdict::Refused,
            ),
            (json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }), Verdict::Unclear),
        ] {
            assert_eq!(of(&json!([by_service(&condition)])), verdict, "{condition}");
        }
    }

    #[test]
    fn others_are_not_cloudwatch_and_other_actions_do_not_publish() {
        for statement in [
            json!({ "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Action": "sns:*" }),
            json!({ "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sns:Publish" }),
            json!({ "Effect": "Allow", "Principal": "*", "Action": "sns:Subscribe" }),
            json!({ "Effect": "Allow", "Principal": "*", "NotAction": "sns:Publish" }),
            json!([]),
        ] {
            assert_eq!(of(&statement), Verdict::Refused, "{statement}");
        }
        assert_eq!(
            of(&json!({ "Effect": "Allow", "Principal": "*", "Action": "SNS:Pub*" })),
            Verdict::Allowed
        );
    }

    #[test]
    fn a_denial_wins_where_it_applies() {
        let deny = |condition: Value| json!({ "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Condition": condition });
        for (condition, verdict) in [
            (json!({ "Bool": { "aws:SecureTransport": "false" } }), Verdict::Allowed),
            (json!({ "Bool": { "aws:SecureTransport": "true" } }), Verdict::Refused),
            (json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-1" } }), Verdict::Unclear),
            (json!(null), Verdict::Refused),
        ] {
            assert_eq!(
                of(&json!([by_service(&json!(null)), deny(condition.clone())])),
                verdict,
                "{condition}"
            );
        }
        assert_eq!(
            verdict("no JSON", Request { service: "", action: "", account: "", source_prefix: "" }),
            Verdict::Unclear
        );
    }
}
