//! The copy of evidence in another account: what S3 may replicate, and what the account that receives it lets S3 do
//! (`infra/evidence.yaml`, `infra/evidence-replica.yaml`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::template::{Template, resources};

const SOURCE: &str = "infra/evidence.yaml";
const REPLICA: &str = "infra/evidence-replica.yaml";

/// What S3 asks of the receiving bucket in the name of the role.
const ON_THE_REPLICA: [&str; 2] = ["s3:ReplicateObject", "s3:ObjectOwnerOverrideToBucketOwner"];
/// What it asks of the receiving key.
const ON_ITS_KEY: [&str; 3] = ["kms:Encrypt", "kms:GenerateDataKey", "kms:Decrypt"];

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn names(value: &Value) -> BTreeSet<String> {
    list(value).iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn statements(path: &str, resource: &str, document: &str) -> Vec<Value> {
    list(&Template::read(path).unwrap().property(resource, document)["Statement"])
}

#[test]
fn evidence_is_replicated_with_its_lock_and_without_delete_markers_once_a_bucket_is_named() {
    let template = Template::read(SOURCE).unwrap();
    let configuration = template.property("Bucket", "ReplicationConfiguration");
    assert_eq!((&configuration[0], &configuration[2]), (&json!("HasReplica"), &json!("AWS::NoValue")));
    assert_eq!(configuration[1]["Role"], "ReplicationRole.Arn");
    let rule = &configuration[1]["Rules"][0];
    // Without a filter S3 takes it for a configuration of the first version, which replicates delete markers.
    assert_eq!(rule["Filter"], json!({ "Prefix": "" }));
    assert_eq!(rule["DeleteMarkerReplication"]["Status"], "Disabled");
    // S3 leaves out what KMS encrypted unless it is told otherwise.
    assert_eq!(rule["SourceSelectionCriteria"]["SseKmsEncryptedObjects"]["Status"], "Enabled");
    let destination = &rule["Destination"];
    assert_eq!(destination["EncryptionConfiguration"]["ReplicaKmsKeyID"], "ReplicaKeyArn");
    assert_eq!(destination["AccessControlTranslation"]["Owner"], "Destination");
    assert_eq!(destination["Account"], json!([4, [":", "ReplicaKeyArn"]]));
    assert_eq!(destination["Metrics"]["Status"], "Enabled");
    // By default nothing is replicated.
    let root = Template::read("template.yaml").unwrap();
    for parameter in ["EvidenceReplicaBucketName", "EvidenceReplicaKeyArn"] {
        assert_eq!(root.section("Parameters")[parameter]["Default"], "", "{parameter}");
    }
    for resource in ["ReplicationPolicy", "EvidenceReplicationFailedAlarm"] {
        assert_eq!(template.resources()[resource]["Condition"], "HasReplica", "{resource}");
    }
}

#[test]
fn replication_may_read_evidence_and_its_lock_and_put_replicas_and_nothing_else() {
    let mut allowed = BTreeSet::new();
    for statement in statements(SOURCE, "ReplicationPolicy", "PolicyDocument") {
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        let resource = statement["Resource"].as_str().unwrap();
        for action in names(&statement["Action"]) {
            allowed.insert((resource.to_owned(), action.clone()));
            if action.starts_with("kms:") {
                let conditions = statement["Condition"]["StringEquals"].as_object().unwrap();
                assert_eq!(conditions.len(), 2, "{statement}");
                // With a bucket key, the encryption context is the bucket.
                assert!(conditions["kms:EncryptionContext:aws:s3:arn"].is_string(), "{statement}");
            }
        }
    }
    let replica = "arn:${AWS::Partition}:s3:::${ReplicaBucketName}/*";
    let of = |resource: &str, actions: &[&str]| -> BTreeSet<_> {
        actions.iter().map(|action| (resource.to_owned(), (*action).to_owned())).collect()
    };
    let read = [
        "s3:GetObjectVersionForReplication",
        "s3:GetObjectVersionAcl",
        "s3:GetObjectRetention",
        "s3:GetObjectLegalHold",
    ];
    let mut expected = of("Bucket.Arn", &["s3:GetReplicationConfiguration", "s3:ListBucket"]);
    expected.extend(of("${Bucket.Arn}/*", &read));
    expected.extend(of("EvidenceKey.Arn", &["kms:Decrypt"]));
    expected.extend(of(replica, &ON_THE_REPLICA));
    expected.extend(of("ReplicaKeyArn", &ON_ITS_KEY));
    assert_eq!(allowed, expected);
    // The policies of the other account can name the role before it has any right.
    let role = resources(SOURCE).unwrap()["ReplicationRole"].clone();
    assert!(role["Condition"].is_null() && role["Properties"]["Policies"].is_null(), "{role}");
    let trusted = &role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"];
    assert_eq!(trusted["Service"], "s3.amazonaws.com");
}

#[test]
fn the_receiving_account_lets_that_role_put_replicas_and_nobody_delete_them() {
    let (mut allowed, mut denied) = (BTreeSet::new(), BTreeSet::new());
    for statement in statements(REPLICA, "ReplicaPolicy", "PolicyDocument") {
        let actions = names(&statement["Action"]);
        if statement["Effect"] == "Allow" {
            assert_eq!(statement["Principal"], json!({ "AWS": "ReplicationRoleArn" }), "{statement}");
            allowed.extend(actions);
        } else {
            assert_eq!((&statement["Effect"], &statement["Principal"]), (&json!("Deny"), &json!("*")));
            let but = &statement["Condition"]["ArnNotEquals"]["aws:PrincipalArn"];
            if actions.contains("s3:ReplicateObject") {
                assert_eq!(but, "ReplicationRoleArn", "{statement}");
            } else if !actions.contains("s3:*") {
                assert!(statement["Condition"].is_null(), "{statement}");
                denied.extend(actions);
            }
        }
    }
    let mut expected: BTreeSet<_> = ON_THE_REPLICA.map(str::to_owned).into();
    expected.insert("s3:GetBucketVersioning".to_owned());
    assert_eq!(allowed, expected);
    for action in [
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:ReplicateDelete",
        "s3:BypassGovernanceRetention",
        "s3:PutObjectRetention",
        "s3:PutObjectLegalHold",
    ] {
        assert!(denied.contains(action), "{action}");
    }
}

#[test]
fn the_receiving_key_serves_that_role_through_s3_alone_and_nobody_deletes_it() {
    let statements = statements(REPLICA, "ReplicaKey", "KeyPolicy");
    let of_the_role = |statement: &&Value| statement["Principal"]["AWS"] == "ReplicationRoleArn";
    let [serves] = statements.iter().filter(of_the_role).collect::<Vec<_>>()[..] else {
        panic!("{statements:?}");
    };
    assert_eq!(names(&serves["Action"]), ON_ITS_KEY.map(str::to_owned).into());
    let through = json!({ "StringEquals": { "kms:ViaService": "s3.${AWS::Region}.amazonaws.com" } });
    assert_eq!(serves["Condition"], through);
    let denied = statements.iter().find(|statement| statement["Effect"] == "Deny").unwrap();
    for action in ["kms:ScheduleKeyDeletion", "kms:DisableKey"] {
        assert!(names(&denied["Action"]).contains(action), "{denied}");
    }
}

#[test]
fn the_receiving_bucket_locks_what_it_keeps_as_long_as_the_original_and_outlives_its_stack() {
    let resources = resources(REPLICA).unwrap();
    for kept in ["Replica", "ReplicaKey", "ReplicaPolicy"] {
        assert_eq!(resources[kept]["DeletionPolicy"], "RetainExceptOnCreate", "{kept}");
        assert_eq!(resources[kept]["UpdateReplacePolicy"], "Retain", "{kept}");
    }
    let properties = &resources["Replica"]["Properties"];
    // S3 replicates no locked object into a bucket without Object Lock.
    assert_eq!(properties["ObjectLockEnabled"], true);
    let lock = &properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"];
    assert_eq!(*lock, json!({ "Mode": "COMPLIANCE", "Days": "RetentionDays" }));
    let source = Template::read(SOURCE).unwrap();
    for same in ["LifecycleConfiguration", "PublicAccessBlockConfiguration", "OwnershipControls"] {
        assert_eq!(properties[same], *source.property("Bucket", same), "{same}");
    }
    let (root, replica) = (Template::read("template.yaml").unwrap(), Template::read(REPLICA).unwrap());
    for bound in ["Default", "MinValue", "MaxValue"] {
        let of = |template: &Template, name: &str| template.bound(name, bound).unwrap();
        assert_eq!(of(&replica, "RetentionDays"), of(&root, "EvidenceRetentionDays"), "{bound}");
    }
}

#[test]
fn an_auditor_of_the_replica_may_do_what_verify_asks_for_and_change_nothing() {
    let statements = statements(REPLICA, "AuditorPolicy", "PolicyDocument");
    let actions: BTreeSet<_> = statements.iter().flat_map(|statement| names(&statement["Action"])).collect();
    for needed in ["s3:ListBucketVersions", "s3:GetObjectVersion", "kms:Decrypt"] {
        assert!(actions.contains(needed), "{needed}");
    }
    for action in actions {
        let (_, verb) = action.split_once(':').unwrap();
        assert!(["Get", "List", "Decrypt"].iter().any(|read| verb.starts_with(read)), "{action}");
    }
}

#[test]
fn the_alarm_on_failed_replication_watches_the_rule_that_replicates() {
    let template = Template::read(SOURCE).unwrap();
    let rule = &template.property("Bucket", "ReplicationConfiguration")[1]["Rules"][0];
    let expected = json!([
        { "Name": "SourceBucket", "Value": "Bucket" },
        { "Name": "DestinationBucket", "Value": "ReplicaBucketName" },
        { "Name": "RuleId", "Value": rule["Id"] },
    ]);
    assert_eq!(*template.property("EvidenceReplicationFailedAlarm", "Dimensions"), expected);
}
