//! Rights to deploy, operate, audit and store keys (`infra/access.yaml`), compared with what the templates make.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs::{read_dir, read_to_string};
use std::path::Path;

use regex_lite::Regex;
use serde_json::Value;
use tests::template::{Template, resources, templates};

const ACCESS: &str = "infra/access.yaml";
/// "IAM and AWS STS quotas", IAM User Guide: characters of a managed policy, white space apart.
const MAX_POLICY: usize = 6_144;

/// What `CloudFormation` calls to make and to remove a resource of a type.
///
/// Source: "handlers" of each type's schema in the `CloudFormation` registry; of the access log of an HTTP API and of flow logs, "Enable
/// logging from AWS services", Amazon `CloudWatch` Logs User Guide.
const NEEDED: &[(&str, &[&str])] = &[
    ("AWS::ApiGatewayV2::Api", &["apigateway:POST", "apigateway:DELETE", "apigateway:PUT"]),
    ("AWS::ApiGatewayV2::ApiMapping", &["apigateway:POST", "apigateway:DELETE"]),
    ("AWS::ApiGatewayV2::Authorizer", &["apigateway:POST", "apigateway:DELETE"]),
    ("AWS::ApiGatewayV2::DomainName", &["apigateway:POST", "apigateway:DELETE"]),
    ("AWS::ApiGatewayV2::Integration", &["apigateway:POST", "apigateway:DELETE"]),
    ("AWS::ApiGatewayV2::Route", &["apigateway:POST", "apigateway:DELETE"]),
    (
        "AWS::ApiGatewayV2::Stage",
        &[
            "apigateway:POST",
            "apigateway:DELETE",
            "logs:CreateLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
        ],
    ),
    ("AWS::AppConfig::Application", &["appconfig:CreateApplication", "appconfig:DeleteApplication"]),
    (
        "AWS::AppConfig::ConfigurationProfile",
        &["appconfig:CreateConfigurationProfile", "appconfig:DeleteConfigurationProfile"],
    ),
    (
        "AWS::AppConfig::HostedConfigurationVersion",
        &["appconfig:CreateHostedConfigurationVersion", "appconfig:DeleteHostedConfigurationVersion"],
    ),
    ("AWS::CloudFormation::Stack", &["cloudformation:CreateStack", "cloudformation:DeleteStack"]),
    (
        "AWS::CloudWatch::Alarm",
        &["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:ListTagsForResource"],
    ),
    ("AWS::CloudWatch::Dashboard", &["cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"]),
    ("AWS::CodeDeploy::Application", &["codedeploy:CreateApplication", "codedeploy:DeleteApplication"]),
    (
        "AWS::CodeDeploy::DeploymentConfig",
        &["codedeploy:CreateDeploymentConfig", "codedeploy:DeleteDeploymentConfig"],
    ),
    (
        "AWS::CodeDeploy::DeploymentGroup",
        &["codedeploy:CreateDeploymentGroup", "codedeploy:DeleteDeploymentGroup", "iam:PassRole"],
    ),
    (
        "AWS::DynamoDB::Table",
        &[
            "dynamodb:CreateTable",
            "dynamodb:DeleteTable",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTimeToLive",
            "kms:CreateGrant",
            "kms:DescribeKey",
        ],
    ),
    ("AWS::EC2::EIP", &["ec2:AllocateAddress", "ec2:ReleaseAddress"]),
    ("AWS::EC2::FlowLog", &["ec2:CreateFlowLogs", "ec2:DeleteFlowLogs", "iam:PassRole"]),
    ("AWS::EC2::InternetGateway", &["ec2:CreateInternetGateway", "ec2:DeleteInternetGateway"]),
    ("AWS::EC2::NatGateway", &["ec2:CreateNatGateway", "ec2:DeleteNatGateway"]),
    ("AWS::EC2::Route", &["ec2:CreateRoute", "ec2:DeleteRoute"]),
    ("AWS::EC2::RouteTable", &["ec2:CreateRouteTable", "ec2:DeleteRouteTable"]),
    (
        "AWS::EC2::SecurityGroup",
        &["ec2:CreateSecurityGroup", "ec2:DeleteSecurityGroup", "ec2:AuthorizeSecurityGroupEgress"],
    ),
    ("AWS::EC2::Subnet", &["ec2:CreateSubnet", "ec2:DeleteSubnet"]),
    ("AWS::EC2::SubnetRouteTableAssociation", &["ec2:AssociateRouteTable", "ec2:DisassociateRouteTable"]),
    ("AWS::EC2::VPC", &["ec2:CreateVpc", "ec2:DeleteVpc", "ec2:ModifyVpcAttribute"]),
    ("AWS::EC2::VPCEndpoint", &["ec2:CreateVpcEndpoint", "ec2:DeleteVpcEndpoints"]),
    ("AWS::EC2::VPCGatewayAttachment", &["ec2:AttachInternetGateway", "ec2:DetachInternetGateway"]),
    (
        "AWS::Events::Rule",
        &[
            "events:DeleteRule",
            "events:DescribeRule",
            "events:ListTargetsByRule",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
        ],
    ),
    (
        "AWS::IAM::ManagedPolicy",
        &["iam:CreatePolicy", "iam:DeletePolicy", "iam:CreatePolicyVersion", "iam:AttachRolePolicy"],
    ),
    ("AWS::IAM::Policy", &["iam:PutRolePolicy", "iam:DeleteRolePolicy"]),
    (
        "AWS::IAM::Role",
        &[
            "iam:CreateRole",
            "iam:DeleteRole",
            "iam:PutRolePolicy",
            "iam:AttachRolePolicy",
            "iam:PutRolePermissionsBoundary",
        ],
    ),
    (
        "AWS::Events::Rule",
        &["events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:DeleteRule"],
    ),
    (
        "AWS::KMS::Key",
        &["kms:CreateKey", "kms:PutKeyPolicy", "kms:EnableKeyRotation", "kms:ScheduleKeyDeletion"],
    ),
    (
        "AWS::KinesisFirehose::DeliveryStream",
        &[
            "firehose:CreateDeliveryStream",
            "firehose:DeleteDeliveryStream",
            "iam:PassRole",
            "kms:CreateGrant",
        ],
    ),
    ("AWS::Lambda::Alias", &["lambda:CreateAlias", "lambda:DeleteAlias", "lambda:UpdateAlias"]),
    (
        "AWS::Lambda::EventInvokeConfig",
        &["lambda:PutFunctionEventInvokeConfig", "lambda:DeleteFunctionEventInvokeConfig"],
    ),
    (
        "AWS::Lambda::EventSourceMapping",
        &["lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping"],
    ),
    (
        "AWS::Lambda::Function",
        &[
            "lambda:CreateFunction",
            "lambda:DeleteFunction",
            "lambda:UpdateFunctionCode",
            "iam:PassRole",
            "s3:GetObject",
        ],
    ),
    ("AWS::Lambda::Permission", &["lambda:AddPermission", "lambda:RemovePermission"]),
    ("AWS::Lambda::Version", &["lambda:PublishVersion", "lambda:ListVersionsByFunction"]),
    (
        "AWS::Logs::LogGroup",
        &["logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy", "logs:AssociateKmsKey"],
    ),
    ("AWS::Logs::LogStream", &["logs:CreateLogStream", "logs:DeleteLogStream"]),
    ("AWS::Logs::MetricFilter", &["logs:PutMetricFilter", "logs:DeleteMetricFilter"]),
    (
        "AWS::S3::Bucket",
        &[
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:PutReplicationConfiguration",
            "s3:GetReplicationConfiguration",
            "iam:PassRole",
        ],
    ),
    ("AWS::S3::BucketPolicy", &["s3:PutBucketPolicy", "s3:DeleteBucketPolicy"]),
    ("AWS::SQS::Queue", &["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes"]),
    ("AWS::SQS::QueuePolicy", &["sqs:SetQueueAttributes"]),
    ("AWS::Scheduler::Schedule", &["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "iam:PassRole"]),
    (
        "AWS::Scheduler::ScheduleGroup",
        &["scheduler:CreateScheduleGroup", "scheduler:DeleteScheduleGroup", "scheduler:GetScheduleGroup"],
    ),
    (
        "AWS::SecretsManager::ResourcePolicy",
        &["secretsmanager:PutResourcePolicy", "secretsmanager:DeleteResourcePolicy"],
    ),
    (
        "AWS::SecretsManager::Secret",
        &["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "kms:GenerateDataKey"],
    ),
];

/// What SAM makes of a function: its versions, its sources, and the way from one version to the next.
const BY_SAM: [&str; 8] = [
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::Version",
    "AWS::Scheduler::Schedule",
];

/// What is in queues, tables, secrets and buckets, and what a key encrypted.
const DATA: [&str; 9] = [
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
];

/// One or several.
pub(crate) fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

/// The statements of a policy of `infra/access.yaml`.
pub(crate) fn statements(policy: &str) -> Vec<Value> {
    let access = Template::read(ACCESS).unwrap();
    list(&access.property(policy, "PolicyDocument")["Statement"])
}

/// What a policy allows, whatever it allows it of.
fn actions(policy: &str) -> BTreeSet<String> {
    let statements = statements(policy);
    assert!(!statements.is_empty(), "{policy} is no policy");
    let actions = statements.iter().flat_map(|statement| list(&statement["Action"]));
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

fn of_the_service_role() -> BTreeSet<String> {
    let access = Template::read(ACCESS).unwrap();
    let policies = list(access.property("DeploymentServiceRole", "ManagedPolicyArns"));
    policies.iter().flat_map(|policy| actions(policy.as_str().unwrap())).collect()
}

#[test]
fn the_service_role_may_make_and_remove_each_resource_of_the_templates() {
    let allowed = of_the_service_role();
    let mut types: BTreeSet<String> = BY_SAM.into_iter().map(str::to_owned).collect();
    for path in templates().unwrap() {
        types.extend(resources(&path).unwrap().values().map(|one| one["Type"].as_str().unwrap().to_owned()));
    }
    assert!(types.remove("AWS::Serverless::Function"));
    let known: BTreeSet<_> = NEEDED.iter().map(|(kind, _)| (*kind).to_owned()).collect();
    assert_eq!(types, known, "what is needed for a type is not known, or a type is not made any more");
    for (kind, needed) in NEEDED {
        let missing: Vec<_> = needed.iter().filter(|action| !allowed.contains(**action)).collect();
        assert!(missing.is_empty(), "{kind} needs {missing:?}");
    }
}

#[test]
fn whoever_deploys_sees_nothing_of_what_is_kept() {
    let deployer = actions("DeployerPolicy");
    for action in DATA {
        assert!(!of_the_service_role().contains(action) && !deployer.contains(action), "{action}");
    }
    // Decrypting is for services that make something, and through them alone.
    for policy in ["DeploymentResourcesPolicy", "DeploymentServicesPolicy", "DeployerPolicy"] {
        for statement in statements(policy) {
            if list(&statement["Action"]).contains(&"kms:Decrypt".into()) {
                assert!(statement["Condition"]["StringEquals"]["kms:ViaService"].is_array(), "{statement}");
            }
        }
    }
}

#[test]
fn nobody_may_do_what_is_for_somebody_else() {
    let (operator, auditor, custodian) =
        (actions("OperatorPolicy"), actions("AuditorPolicy"), actions("KeyCustodianPolicy"));
    let of = |actions: &BTreeSet<String>, service: &str| actions.iter().any(|one| one.starts_with(service));
    assert!(!of(&operator, "s3:") && !of(&operator, "iam:"));
    for action in &auditor {
        let (_, verb) = action.split_once(':').unwrap();
        let reads = ["BatchGet", "Get", "List", "Query", "Scan", "Filter", "Decrypt", "Describe"]
            .iter()
            .any(|read| verb.starts_with(read));
        assert!(reads, "an auditor does not {action}");
    }
    // Of secrets, both read the authorities of receivers, which are public.
    for policy in ["OperatorPolicy", "AuditorPolicy"] {
        for statement in statements(policy) {
            if list(&statement["Action"])
                .iter()
                .any(|one| one.as_str().unwrap().starts_with("secretsmanager:"))
            {
                assert_eq!(statement["Action"], "secretsmanager:GetSecretValue", "{policy}");
                assert!(
                    statement["Resource"].to_string().contains(":secret:*TrustSecret-*\""),
                    "{statement}"
                );
            }
        }
    }
    let stores = |action: &String| action.starts_with("secretsmanager:") || action.starts_with("kms:");
    let finds = "cloudformation:DescribeStacks".to_owned();
    assert!(custodian.iter().all(|action| stores(action) || *action == finds));
    // Each of them names the stack, not its parts.
    assert!([&operator, &auditor, &custodian].iter().all(|actions| actions.contains(&finds)));
    // `arauto notifications` asks the API; its other routes are for others.
    let invokes: Vec<_> = statements("OperatorPolicy")
        .into_iter()
        .filter(|statement| list(&statement["Action"]).contains(&"execute-api:Invoke".into()))
        .collect();
    assert_eq!(invokes.len(), 1);
    assert!(invokes[0]["Resource"].to_string().ends_with("/GET/v1/notifications\""), "{}", invokes[0]);
    // What `arauto show`, `attempts`, `clients`, `undelivered` and `replay` ask for, as docs/configuration.md lists it.
    for action in [
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "logs:FilterLogEvents",
        "dynamodb:UpdateItem",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    ] {
        assert!(operator.contains(action), "{action}");
    }
}

/// What `arauto doctor stack` asks for, in the words of IAM, as its readers say it where something is refused.
fn of_the_doctor() -> BTreeSet<String> {
    let action = Regex::new(r#"["`]([a-z]+:[A-Z][A-Za-z]+)["`]"#).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readers =
        read_dir(root.join("tools/cli/src/doctor/gather")).unwrap().map(|file| file.unwrap().path());
    let sources =
        readers.chain([root.join("tools/account/src/stack.rs")]).map(|path| read_to_string(path).unwrap());
    sources
        .flat_map(|source| action.captures_iter(&source).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .collect()
}

#[test]
fn operator_and_auditor_may_read_what_the_doctor_asks_for_and_the_auditor_nothing_else() {
    let asked = of_the_doctor();
    assert!(asked.len() > 15, "{asked:?}");
    let missing = |policy: &str| asked.difference(&actions(policy)).cloned().collect::<Vec<_>>();
    assert_eq!((missing("OperatorPolicy"), missing("AuditorPolicy")), (vec![], vec![]));
    let own = [
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "kms:Decrypt",
        "logs:FilterLogEvents",
        "s3:GetObject",
        "s3:GetObjectRetention",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketVersions",
    ];
    let more = &actions("AuditorPolicy") - &asked;
    assert!(more.iter().all(|action| own.contains(&action.as_str())), "nobody asks for {more:?}");
}

#[test]
fn no_policy_is_larger_than_iam_takes_and_none_has_a_wildcard_but_one_of_reading() {
    for (name, policy) in resources(ACCESS).unwrap() {
        if policy["Type"] != "AWS::IAM::ManagedPolicy" {
            continue;
        }
        let document = policy["Properties"]["PolicyDocument"].to_string();
        let characters = document.chars().filter(|one| !one.is_whitespace()).count();
        assert!(characters <= MAX_POLICY, "{name} has {characters} characters");
        for action in actions(&name).iter().filter(|action| action.contains('*')) {
            assert_eq!(action, "ec2:Describe*", "{name}");
        }
    }
}
