//! What the tests of the checks have in common: a production stack that is right.

use std::time::{Duration, SystemTime};

use account::{DeployedStack, Resource};
use jiff::Timestamp;

use super::finding::Finding;
use super::setup::Setup;

pub(super) fn now() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

pub(super) fn minutes_ago(minutes: u64) -> SystemTime {
    let now = u64::try_from(now().as_second()).unwrap();
    SystemTime::UNIX_EPOCH + Duration::from_secs(now) - Duration::from_mins(minutes)
}

pub(super) fn production() -> Setup {
    Setup { is_local: false, is_production: true, has_evidence: true }
}

/// The only one of these.
pub(super) fn one(found: &[Finding]) -> Finding {
    match found {
        [one] => one.clone(),
        others => panic!("one finding, not {others:#?}"),
    }
}

pub(super) fn right_stack() -> DeployedStack {
    let texts = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let resource = |nested_in: &str, logical_id: &str, physical_id: &str, kind: &str| Resource {
        nested_in: nested_in.to_owned(),
        logical_id: logical_id.to_owned(),
        physical_id: physical_id.to_owned(),
        kind: kind.to_owned(),
        status: "UPDATE_COMPLETE".to_owned(),
    };
    let queue = "https://sqs.sa-east-1.amazonaws.com/123456789012/arauto-NotificationsQueue-1";
    DeployedStack {
        name: "arauto".to_owned(),
        arn: "arn:aws:cloudformation:sa-east-1:123456789012:stack/arauto/0a1b".to_owned(),
        status: "UPDATE_COMPLETE".to_owned(),
        is_protected: true,
        changed_at: None,
        parameters: texts(&[
            ("AccountConcurrency", "1000"),
            ("AlarmTopicArn", "arn:aws:sns:sa-east-1:123456789012:alarms"),
            ("AllowLoopbackReceivers", "false"),
            ("ApiCertificateArn", ""),
            ("Architecture", "arm64"),
            ("AuthorisationServers", "11111111-aaaa-4000-8000-000000000001"),
            ("DailyBudgetUsd", "50"),
            ("DirectoryEnvironment", "production"),
            ("DispatchMaximumConcurrency", "500"),
            ("DispatchMaximumPollers", "0"),
            ("Evidence", "true"),
            ("IdentityCustodianArn", "arn:aws:iam::123456789012:role/custodian"),
            ("LedgerRetentionDays", "1825"),
            ("Network", "none"),
            ("TablesDeletionProtection", "true"),
        ]),
        outputs: texts(&[
            ("AccountConcurrency", "1000"),
            ("ApiId", "0a1b2c3d4e"),
            ("ApiUrl", "https://0a1b2c3d4e.execute-api.sa-east-1.amazonaws.com"),
            ("DashboardUrl", "https://sa-east-1.console.aws.amazon.com/cloudwatch/home"),
            ("DataKeyArn", "arn:aws:kms:sa-east-1:123456789012:key/1234abcd"),
            (
                "DeadLetterQueueUrl",
                "https://sqs.sa-east-1.amazonaws.com/123456789012/arauto-DeadLetterQueue-1",
            ),
            ("DirectoryFunctionName", "arauto-DirectoryFunction-1"),
            (
                "DirectoryIdentitySecretArn",
                "arn:aws:secretsmanager:sa-east-1:123456789012:secret:DirectoryIdentitySecret-1",
            ),
            ("DirectoryLogGroupName", "arauto-DirectoryLogGroup-1"),
            ("DirectoryTableName", "arauto-DirectoryTable-1"),
            ("DispatchFunctionName", "arauto-DispatchFunction-1"),
            ("DispatchLogGroupName", "arauto-DispatchLogGroup-1"),
            ("EvidenceBucketName", "arauto-evidencestack-1-bucket-1"),
            ("EvidenceFunctionName", "arauto-EvidenceFunction-1"),
            ("EvidenceReplicationRoleArn", "arn:aws:iam::123456789012:role/replication"),
            ("IdentitySecretArn", "arn:aws:secretsmanager:sa-east-1:123456789012:secret:IdentitySecret-1"),
            ("IntakeFunctionName", "arauto-IntakeFunction-1"),
            ("LedgerTableName", "arauto-LedgerTable-1"),
            ("NotificationsQueueUrl", queue),
            ("ReceiversTableName", "arauto-ReceiversTable-1"),
            ("RejectedQueueUrl", "https://sqs.sa-east-1.amazonaws.com/123456789012/arauto-RejectedQueue-1"),
            ("TrustSecretArn", "arn:aws:secretsmanager:sa-east-1:123456789012:secret:TrustSecret-1"),
        ]),
        resources: vec![
            resource("", "NotificationsQueue", queue, "AWS::SQS::Queue"),
            resource(
                "OperationsStack",
                "DailyCostAlarm",
                "arauto-OperationsStack-DailyCostAlarm-1",
                "AWS::CloudWatch::Alarm",
            ),
        ],
        nested_outputs: [(
            "RolesStack".to_owned(),
            texts(&[("DispatchRoleArn", "arn:aws:iam::123456789012:role/dispatch")]),
        )]
        .into(),
    }
}

/// Each section that a finding names is on the page.
#[test]
fn each_runbook_is_a_section_of_the_page_of_operations() {
    let page = include_str!("../../../../docs/operations.md");
    let anchor = |title: &str| {
        let kept = title
            .trim_start_matches('#')
            .trim()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    let anchors: Vec<String> = page.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    let mut seen = 0;
    for source in sources(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/doctor"))) {
        let code = std::fs::read_to_string(source).unwrap();
        let code = code.split("#[cfg(test)]").next().unwrap();
        // Those that stand in a call, and those that are handed over to one.
        let in_calls = code.split("runbook(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let is_section = |text: &&str| {
            text.matches('-').count() > 1 && text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        };
        for name in in_calls.chain(code.split('"').skip(1).step_by(2).filter(is_section)) {
            assert!(anchors.iter().any(|one| one == name), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 25, "{seen}");
}

fn sources(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}
