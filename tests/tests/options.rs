//! The stack with its options on, deployed to the local stack with functions that do nothing: that what parameters ask for is
//! made, and that what contradicts itself is refused before anything is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use devkit::stack::{Code, Options, Progress, Stack};
use http::Method;
use tempfile::TempDir;
use tests::contract::file;
use tests::template::{resources, templates};

/// Of a network, MiniStack makes no address, no NAT gateway and no flow log. The addresses are brought here, as nothing that it
/// makes has an allocation id.
const UNKNOWN_TO_MINISTACK: [&str; 3] = ["AWS::EC2::EIP", "AWS::EC2::NatGateway", "AWS::EC2::FlowLog"];

/// Copies the templates, with something in the place of what MiniStack does not make, and writes functions that do nothing.
fn deployment(parameters: &[(&str, &str)]) -> (TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    for path in templates().unwrap() {
        let mut text = fs::read_to_string(file(&path).unwrap()).unwrap();
        for kind in UNKNOWN_TO_MINISTACK {
            text =
                text.replace(&format!("Type: {kind}\n"), "Type: AWS::CloudFormation::WaitConditionHandle\n");
        }
        let copy = folder.path().join(&path);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(copy, text).unwrap();
    }
    let code = folder.path().join("code");
    fs::create_dir(&code).unwrap();
    for resource in resources("template.yaml").unwrap().into_values() {
        if let Some(binary) = resource["Metadata"]["BuildProperties"]["Binary"].as_str() {
            write_program(&code.join(binary));
        }
    }
    let mut options = Options::new(folder.path().join("state")).parameter("AllowLoopbackReceivers", "true");
    for (name, value) in parameters {
        options = options.parameter(*name, *value);
    }
    options.template = Some(folder.path().join("template.yaml"));
    options.code = Code::Folder(code);
    options.progress = Progress::quiet();
    (folder, options)
}

fn write_program(path: &Path) {
    fs::write(path, "#!/bin/sh\nexec sleep 600\n").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

async fn unsigned(stack: &Stack) -> u16 {
    let post = stack.call_api_unsigned(Method::POST, "/v1/state-changes", "application/json", b"{}".to_vec());
    post.await.unwrap().status
}

/// Calls are made with tokens.
const TOKENS: [(&str, &str); 6] = [
    ("ApiAuthorization", "JWT"),
    ("JwtIssuer", "https://login.example/"),
    ("JwtAudience", "arauto"),
    ("JwtStateChangesScope", "state-changes"),
    ("JwtNotificationsScope", "notifications"),
    ("JwtClientsScope", "clients"),
];

#[tokio::test]
async fn with_all_options_off_a_key_is_made_and_a_stranger_is_refused() {
    let (_folder, options) = deployment(&[]);
    let stack = Stack::start(&options).await.unwrap();
    assert!(stack.output("DataKeyArn").unwrap().contains(":key/"));
    assert!(stack.output("EgressAddresses").is_err() && stack.output("IntakeQueueUrl").is_err());
    assert_eq!(unsigned(&stack).await, 403);
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn with_the_options_on_that_go_together_everything_is_made() {
    let key = "arn:aws:kms:us-east-1:000000000000:key/8d6f0c1e-52d3-4d0a-9c7e-5b1f6a2e3d40";
    let others = [
        ("Evidence", "true"),
        ("EvidenceReplicaBucketName", "copies-of-evidence"),
        (
            "EvidenceReplicaKeyArn",
            "arn:aws:kms:us-east-1:111111111111:key/8d6f0c1e-52d3-4d0a-9c7e-5b1f6a2e3d40",
        ),
        ("Network", "own"),
        ("ReceiverPorts", "443"),
        ("EgressAllocationIds", "eipalloc-1a,eipalloc-2b"),
        ("DataKeyArn", key),
        ("PermissionsBoundaryArn", "arn:aws:iam::000000000000:policy/boundary"),
        ("TablesDeletionProtection", "true"),
        ("DispatchMinimumPollers", "200"),
        ("DispatchMaximumPollers", "750"),
        ("AlarmTopicArn", "arn:aws:sns:us-east-1:000000000000:alarms"),
        ("IntakeQueue", "true"),
        ("IntakeProducerAccounts", "111111111111,222222222222"),
        ("IntakeTopicArns", "arn:aws:sns:us-east-1:111111111111:changes"),
        ("IntakeEventBusName", "default"),
        ("OutcomeEventBus", "default"),
    ];
    let (_folder, options) = deployment(&[&TOKENS[..], &others[..]].concat());
    let stack = Stack::start(&options).await.unwrap();
    assert_eq!(stack.output("DataKeyArn").unwrap(), key);
    assert_eq!(stack.output("EgressAddresses").unwrap(), "eipalloc-1a,eipalloc-2b");
    assert!(stack.output("IntakeQueueUrl").unwrap().contains("IntakeQueue"));
    assert_eq!(unsigned(&stack).await, 401);
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_network_of_the_banks_and_a_domain_that_asks_for_certificates_go_together_too() {
    let (_folder, options) = deployment(&[
        ("Network", "existing"),
        ("VpcSubnetIds", "subnet-0a1b2c3d,subnet-4e5f6a7b"),
        ("VpcSecurityGroupIds", "sg-0a1b2c3d"),
        ("ApiDomainName", "arauto.bank.example"),
        ("ApiCertificateArn", "arn:aws:acm:us-east-1:000000000000:certificate/1"),
        ("ApiOwnershipCertificateArn", "arn:aws:acm:us-east-1:000000000000:certificate/2"),
        ("ApiTruststoreUri", "s3://bank/authorities.pem"),
        ("LedgerWrites", "lean"),
        ("ApiVersionOverrides", "payments=v4:v5@2026-08-20,payments=v5:v6@2027-08-20T00:00:00-03:00"),
        ("NotifyInitiatorEdits", "false"),
        ("AdaptiveTimeout", "false"),
    ]);
    let stack = Stack::start(&options).await.unwrap();
    assert_eq!(stack.output("ApiUrl").unwrap(), "https://arauto.bank.example");
    assert!(stack.output("EgressAddresses").is_err());
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn what_contradicts_itself_is_refused_with_a_sentence() {
    let pollers = [("DispatchMinimumPollers", "200"), ("DispatchMaximumPollers", "750")];
    let production = [("AllowLoopbackReceivers", "false"), ("DirectoryEnvironment", "production")];
    let topic = ("AlarmTopicArn", "arn:aws:sns:us-east-1:000000000000:alarms");
    let server = ("AuthorisationServers", "11111111-1111-4111-8111-111111111111");
    let replica = [
        ("Evidence", "true"),
        ("EvidenceReplicaBucketName", "copies"),
        (
            "EvidenceReplicaKeyArn",
            "arn:aws:kms:us-east-1:111111111111:key/8d6f0c1e-52d3-4d0a-9c7e-5b1f6a2e3d40",
        ),
    ];
    let cases: [(&[(&str, &str)], &str); 20] = [
        (&pollers[..1], "both 2 or more or both 0"),
        (&[("DispatchMinimumPollers", "1"), pollers[1]], "both 2 or more or both 0"),
        (
            &[pollers[0], pollers[1], ("DispatchMaximumConcurrency", "600")],
            "must be left at 500, its default",
        ),
        (&[("ApiAuthorization", "JWT")], "JwtIssuer must name the issuer of the tokens"),
        (&[&TOKENS[..3], &TOKENS[4..]].concat(), "JwtStateChangesScope must name the scope that may post"),
        (&[&TOKENS[..4], &TOKENS[5..]].concat(), "JwtNotificationsScope must name the scope that may read"),
        (&TOKENS[..5], "JwtClientsScope must name the scope that may register"),
        (&[("JwtClientsScope", "clients")], "ApiAuthorization is IAM, which excludes the token settings"),
        (&[("ApiDomainName", "arauto.bank.example")], "go together, all three or none of them"),
        (&[("Network", "existing")], "VpcSubnetIds must name its subnets"),
        (&[("VpcSubnetIds", "subnet-0a1b2c3d")], "belong to an existing network"),
        (&[("EgressAllocationIds", "eipalloc-1,eipalloc-2")], "belong to a network that the stack creates"),
        (&[("Evidence", "true"), ("LedgerWrites", "lean")], "a request may be missing from the ledger"),
        (&[("IntakeProducerAccounts", "111111111111")], "may send to a queue that is not made"),
        (
            &[("IntakeTopicArns", "arn:aws:sns:us-east-1:111111111111:changes")],
            "IntakeTopicArns may send to a queue",
        ),
        (&replica[..2], "EvidenceReplicaBucketName and EvidenceReplicaKeyArn go together"),
        (&replica[1..], "replicate what Evidence records"),
        (&production, "AlarmTopicArn must name the topic"),
        (&[production[0], production[1], topic], "AuthorisationServers must name the sender's"),
        (&[production[0], production[1], topic, server], "IdentityCustodianArn must name who stores"),
    ];
    for (parameters, sentence) in cases {
        let (_folder, options) = deployment(parameters);
        let error = format!("{:#}", Stack::start(&options).await.unwrap_err());
        assert!(error.contains(sentence), "{parameters:?}: {error}");
    }
}
