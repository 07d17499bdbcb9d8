//! An account with one stack in production, in the shapes that AWS documents for its answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use platform::clock::Clock;
use serde_json::{Value, json};

use super::cbor;
use super::http::{Answer, Request, decoded, serve};

pub(crate) const ARN: &str = "arn:aws:cloudformation:sa-east-1:123456789012:stack/arauto/0a1b";
const KEY: &str = "arn:aws:kms:sa-east-1:123456789012:key/1234abcd";
const QUEUES: &str = "https://sqs.sa-east-1.amazonaws.com/123456789012";
pub(crate) const TOPIC: &str = "arn:aws:sns:sa-east-1:123456789012:alarms";
const SERVER: &str = "11111111-aaaa-4000-8000-000000000001";

/// What each action answers, in the words of IAM; an action may be answered by what it is asked about.
pub(crate) struct Account {
    answers: BTreeMap<&'static str, Value>,
    /// Secrets by the begin of their names.
    pub(crate) secrets: BTreeMap<&'static str, String>,
    pub(crate) denied: Option<&'static str>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Account {
    /// One in which all is right.
    pub(crate) fn right(anchors: &str) -> Self {
        let now = Clock::system().now();
        let minutes_ago = |minutes: i64| now.as_second() - minutes * 60;
        let measured = |id: &str, minutes: i64, value: f64| json!({ "Id": id, "Timestamps": [minutes_ago(minutes)], "Values": [value] });
        let published = json!({ "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" },
            "Action": ["sns:Publish", "kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*",
            "Condition": { "StringEquals": { "aws:SourceAccount": "123456789012" } },
        }] })
        .to_string();
        let alarms = ["QueueAgeAlarm", "DailyCostAlarm"].map(|name| {
            json!({
                "AlarmName": format!("arauto-{name}-1"), "StateValue": "OK", "StateReason": "quiet", "ActionsEnabled": true,
                "StateUpdatedTimestamp": minutes_ago(90), "AlarmActions": [TOPIC],
                "AlarmDescription": "It waits. docs/operations.md#notifications-wait-in-the-queue",
            })
        });
        let instant = |minutes: i64| json!({ "S": (now - SignedDuration::from_mins(minutes)).to_string() });
        let answers = [
            ("cloudformation:GetTemplate", template()),
            (
                "lambda:GetAccountSettings",
                json!({ "AccountLimit": { "ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000 } }),
            ),
            ("lambda:GetFunctionConcurrency", json!({})),
            ("lambda:GetAlias", json!({ "Name": "live", "FunctionVersion": "7" })),
            (
                "lambda:GetFunctionConfiguration",
                json!({ "State": "Active", "Timeout": 45, "MemorySize": 256, "Architectures": ["arm64"], "Environment": { "Variables": { "ARAUTO_LEDGER_WRITES": "full" } } }),
            ),
            (
                "lambda:ListEventSourceMappings",
                json!({ "EventSourceMappings": [{ "UUID": "5a5a", "State": "Enabled", "ScalingConfig": { "MaximumConcurrency": 500 } }] }),
            ),
            ("scheduler:GetSchedule", json!({ "State": "ENABLED", "ScheduleExpression": "rate(5 minutes)" })),
            (
                "sqs:GetQueueAttributes",
                json!({ "Attributes": {
                "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "3",
                "ApproximateNumberOfMessagesDelayed": "1", "VisibilityTimeout": "270",
            } }),
            ),
            (
                "dynamodb:DescribeTable",
                json!({ "Table": {
                    "TableStatus": "ACTIVE", "DeletionProtectionEnabled": true,
                    "SSEDescription": { "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY },
                    "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
                } }),
            ),
            (
                "dynamodb:DescribeContinuousBackups",
                json!({ "ContinuousBackupsDescription": {
                    "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": "ENABLED" },
                } }),
            ),
            (
                "dynamodb:DescribeTimeToLive",
                json!({ "TimeToLiveDescription": { "TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at" } }),
            ),
            (
                "dynamodb:GetItem",
                json!({ "Item": {
                    "name": { "S": "x" }, "bytes": { "B": "eyJhdXRob3JpdGllcyI6eyJhIjoiYiJ9LCJsZWF2ZXMiOnt9fQ==" },
                    "fetched_at": instant(60), "fresh_until": instant(-60), "expires_at": { "N": "9999999999" },
                } }),
            ),
            (
                "dynamodb:BatchGetItem",
                json!({ "Responses": { "arauto-DirectoryTable-1": [] }, "UnprocessedKeys": {} }),
            ),
            (
                "kms:DescribeKey",
                json!({ "KeyMetadata": { "KeyId": "1234abcd", "Arn": KEY, "KeyState": "Enabled" } }),
            ),
            ("kms:GetKeyPolicy", json!({ "Policy": published })),
            (
                "sns:GetTopicAttributes",
                json!({
                    "Policy": published, "SubscriptionsConfirmed": "2", "SubscriptionsPending": "0", "KmsMasterKeyId": "alias/alarms",
                }),
            ),
            ("cloudwatch:DescribeAlarms", json!({ "MetricAlarms": alarms })),
            (
                "cloudwatch:GetMetricData",
                json!({ "MetricDataResults": [measured("review", 5, 0.0), measured("dispatch", 30, 200.0)] }),
            ),
        ];
        Self {
            answers: answers.into(),
            secrets: [("TrustSecret", anchors.to_owned())].into(),
            denied: None,
            asked: Arc::default(),
        }
    }

    /// Changes what an action answers.
    pub(crate) fn set(&mut self, action: &'static str, answer: Value) {
        assert!(self.answers.insert(action, answer).is_some(), "{action}");
    }

    /// Every action that is asked of it when nothing is denied.
    pub(crate) fn actions(&self) -> Vec<&'static str> {
        self.answers.keys().copied().chain(["secretsmanager:GetSecretValue"]).collect()
    }

    /// Serves it; returns its URL, and what is asked.
    pub(crate) fn serve(self) -> (String, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::clone(&self.asked);
        (serve(move |request| self.answer(request)), asked)
    }

    fn answer(&self, request: &Request) -> Answer {
        let (action, subject) = action(request);
        self.asked.lock().unwrap().push(action.clone());
        if self.denied == Some(action.as_str()) {
            return denied(&action);
        }
        match action.as_str() {
            "cloudformation:DescribeStacks" => xml("DescribeStacks", &described(&subject)),
            "cloudformation:ListStackResources" => xml("ListStackResources", &resources(&subject)),
            "cloudformation:GetTemplate" => {
                let text = self.answers["cloudformation:GetTemplate"].to_string().replace('&', "&amp;");
                xml("GetTemplate", &format!("<TemplateBody>{}</TemplateBody>", text.replace('<', "&lt;")))
            }
            "sns:GetTopicAttributes" => {
                let entry = |(name, value): (&String, &Value)| {
                    format!("<entry><key>{name}</key><value>{}</value></entry>", value.as_str().unwrap())
                };
                let entries: String =
                    self.answers["sns:GetTopicAttributes"].as_object().unwrap().iter().map(entry).collect();
                xml("GetTopicAttributes", &format!("<Attributes>{entries}</Attributes>"))
            }
            "secretsmanager:GetSecretValue" => {
                match self.secrets.iter().find(|(name, _)| subject.contains(&format!(":{name}"))) {
                    Some((_, text)) => json_answer(200, "", &json!({ "SecretString": text })),
                    None => json_answer(
                        400,
                        "",
                        &json!({ "__type": "ResourceNotFoundException", "message": "no value" }),
                    ),
                }
            }
            "cloudwatch:DescribeAlarms" | "cloudwatch:GetMetricData" => {
                let body =
                    cbor::encode(&self.answers[action.as_str()], &["StateUpdatedTimestamp", "Timestamps"]);
                Answer { status: 200, headers: CBOR.to_owned(), body }
            }
            _ => match self.answers.get(action.as_str()) {
                Some(answer) => json_answer(200, "", &of(&action, &subject, answer)),
                None => panic!("nobody expected {action}: {request:?}"),
            },
        }
    }
}

/// What differs between one resource and another.
fn of(action: &str, subject: &str, answer: &Value) -> Value {
    let mut answer = answer.clone();
    match action {
        "dynamodb:DescribeTimeToLive" if subject.contains("Receivers") => {
            answer = json!({ "TimeToLiveDescription": { "TimeToLiveStatus": "DISABLED" } });
        }
        "sqs:GetQueueAttributes" if subject.contains("DeadLetter") => {
            answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"] = json!("0");
        }
        _ => {}
    }
    answer
}

const CBOR: &str = "Content-Type: application/cbor\r\nsmithy-protocol: rpc-v2-cbor\r\n";

fn json_answer(status: u16, headers: &str, body: &Value) -> Answer {
    let headers = format!("Content-Type: application/x-amz-json-1.0\r\n{headers}");
    Answer { status, headers, body: body.to_string().into_bytes() }
}

fn xml(action: &str, result: &str) -> Answer {
    let body = format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>");
    Answer { status: 200, headers: "Content-Type: text/xml\r\n".to_owned(), body: body.into_bytes() }
}

/// As each protocol tells of it: "Common errors" of the services' API references.
fn denied(action: &str) -> Answer {
    let (service, _) = action.split_once(':').unwrap();
    let message =
        format!("User: arn:aws:iam::123456789012:user/operator is not authorized to perform: {action}");
    match service {
        "cloudformation" | "sns" => Answer {
            status: 403,
            headers: "Content-Type: text/xml\r\n".to_owned(),
            body: format!("<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>")
                .into_bytes(),
        },
        "cloudwatch" => {
            let body = json!({ "__type": "com.amazonaws.cloudwatch#AccessDeniedException", "message": message });
            Answer { status: 403, headers: CBOR.to_owned(), body: cbor::encode(&body, &[]) }
        }
        "lambda" | "scheduler" => {
            json_answer(403, "x-amzn-ErrorType: AccessDeniedException\r\n", &json!({ "Message": message }))
        }
        _ => json_answer(400, "", &json!({ "__type": "AccessDeniedException", "message": message })),
    }
}

/// Which action it is, and what it is asked about.
fn action(request: &Request) -> (String, String) {
    let Request { method, target, headers, body } = request;
    if let Some(header) = headers.get("x-amz-target") {
        let (service, operation) = header.split_once('.').unwrap();
        let service = match service {
            "AmazonSQS" => "sqs",
            "TrentService" => "kms",
            "secretsmanager" => "secretsmanager",
            dynamodb if dynamodb.starts_with("DynamoDB") => "dynamodb",
            other => panic!("{other}"),
        };
        return (format!("{service}:{operation}"), body.clone());
    }
    if let Some((_, operation)) = target.split_once("/operation/") {
        return (format!("cloudwatch:{operation}"), body.clone());
    }
    if method == "POST" {
        let field = |name: &str| {
            let fields = body.split('&').filter_map(|field| field.split_once('='));
            fields.into_iter().find(|(other, _)| *other == name).map(|(_, value)| decoded(value))
        };
        let operation = field("Action").unwrap();
        let service = if operation.contains("Topic") { "sns" } else { "cloudformation" };
        return (format!("{service}:{operation}"), field("StackName").unwrap_or_default());
    }
    let operation = match target.as_str() {
        path if path.contains("/account-settings") => "lambda:GetAccountSettings",
        path if path.contains("/event-source-mappings") => "lambda:ListEventSourceMappings",
        path if path.contains("/concurrency") => "lambda:GetFunctionConcurrency",
        path if path.contains("/aliases/live") => "lambda:GetAlias",
        path if path.contains("/configuration") => "lambda:GetFunctionConfiguration",
        path if path.starts_with("/schedules/") => "scheduler:GetSchedule",
        other => panic!("{other}"),
    };
    (operation.to_owned(), target.clone())
}

fn described(name: &str) -> String {
    let members = |kind: &str, key: &str, value: &str, pairs: &[(&str, &str)]| {
        let member = |(name, text): &(&str, &str)| {
            format!("<member><{key}>{name}</{key}><{value}>{text}</{value}></member>")
        };
        format!("<{kind}>{}</{kind}>", pairs.iter().map(member).collect::<String>())
    };
    let parameters = [
        ("AccountConcurrency", "1000"),
        ("AlarmTopicArn", TOPIC),
        ("AllowLoopbackReceivers", "false"),
        ("Architecture", "arm64"),
        ("AuthorisationServers", SERVER),
        ("DailyBudgetUsd", "50"),
        ("DirectoryEnvironment", "production"),
        ("DispatchMaximumConcurrency", "500"),
        ("DispatchMaximumPollers", "0"),
        ("Evidence", "false"),
        ("IdentityCustodianArn", "arn:aws:iam::123456789012:role/custodian"),
        ("LedgerWrites", "full"),
        ("Network", "none"),
        ("TablesDeletionProtection", "true"),
    ];
    let notifications = format!("{QUEUES}/arauto-NotificationsQueue-1");
    let dead_letters = format!("{QUEUES}/arauto-DeadLetterQueue-1");
    let rejected = format!("{QUEUES}/arauto-RejectedQueue-1");
    let outputs = [
        ("AccountConcurrency", "1000"),
        ("ApiId", "0a1b2c3d4e"),
        ("ApiUrl", "https://0a1b2c3d4e.execute-api.sa-east-1.amazonaws.com"),
        ("DashboardUrl", "https://console.aws.amazon.com/cloudwatch"),
        ("DataKeyArn", KEY),
        ("DeadLetterQueueUrl", &dead_letters),
        ("DirectoryFunctionName", "arauto-DirectoryFunction-1"),
        (
            "DirectoryIdentitySecretArn",
            "arn:aws:secretsmanager:sa-east-1:123456789012:secret:DirectoryIdentitySecret-1",
        ),
        ("DirectoryLogGroupName", "arauto-DirectoryLogGroup-1"),
        ("DirectoryTableName", "arauto-DirectoryTable-1"),
        ("DispatchFunctionName", "arauto-DispatchFunction-1"),
        ("DispatchLogGroupName", "arauto-DispatchLogGroup-1"),
        ("IdentitySecretArn", "arn:aws:secretsmanager:sa-east-1:123456789012:secret:IdentitySecret-1"),
        ("IntakeFunctionName", "arauto-IntakeFunction-1"),
        ("LedgerTableName", "arauto-LedgerTable-1"),
        ("NotificationsQueueUrl", &notifications),
        ("ReceiversTableName", "arauto-ReceiversTable-1"),
        ("RejectedQueueUrl", &rejected),
        ("TrustSecretArn", "arn:aws:secretsmanager:sa-east-1:123456789012:secret:TrustSecret-1"),
    ];
    let (parameters, outputs) = if name.contains("OperationsStack") {
        (String::new(), String::new())
    } else {
        (
            members("Parameters", "ParameterKey", "ParameterValue", &parameters),
            members("Outputs", "OutputKey", "OutputValue", &outputs),
        )
    };
    format!(
        "<Stacks><member><StackName>arauto</StackName><StackId>{ARN}</StackId><StackStatus>UPDATE_COMPLETE</StackStatus>\
         <CreationTime>2026-11-01T00:00:00Z</CreationTime><EnableTerminationProtection>true</EnableTerminationProtection>\
         {parameters}{outputs}</member></Stacks>"
    )
}

fn resources(name: &str) -> String {
    let queue = |name: &str| format!("{QUEUES}/arauto-{name}-1");
    let plain = |name: &str| format!("arauto-{name}-1");
    let version = |name: &str| format!("arn:aws:lambda:sa-east-1:123456789012:function:arauto-{name}-1:7");
    let all = if name.contains("OperationsStack") {
        ["QueueAgeAlarm", "DailyCostAlarm"]
            .map(|name| (name.to_owned(), plain(name), "AWS::CloudWatch::Alarm"))
            .to_vec()
    } else {
        let mut all = Vec::new();
        for name in ["IntakeFunction", "DispatchFunction", "DirectoryFunction"] {
            all.push((name.to_owned(), plain(name), "AWS::Lambda::Function"));
            all.push((format!("{name}Version0a1b2c3d4e"), version(name), "AWS::Lambda::Version"));
        }
        for name in ["NotificationsQueue", "DeadLetterQueue", "RejectedQueue"] {
            all.push((name.to_owned(), queue(name), "AWS::SQS::Queue"));
        }
        all.push((
            "DispatchFunctionNotifications".to_owned(),
            "5a5a".to_owned(),
            "AWS::Lambda::EventSourceMapping",
        ));
        for name in ["LedgerTable", "ReceiversTable", "DirectoryTable"] {
            all.push((name.to_owned(), plain(name), "AWS::DynamoDB::Table"));
        }
        for name in ["DirectoryFunctionReview", "DispatchFunctionCheckIdentities"] {
            all.push((name.to_owned(), plain(name), "AWS::Scheduler::Schedule"));
        }
        let nested = "arn:aws:cloudformation:sa-east-1:123456789012:stack/arauto-OperationsStack-1/2c3d";
        all.push(("OperationsStack".to_owned(), nested.to_owned(), "AWS::CloudFormation::Stack"));
        all
    };
    let member = |(logical, physical, kind): (String, String, &str)| {
        format!(
            "<member><LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
             <ResourceType>{kind}</ResourceType><ResourceStatus>UPDATE_COMPLETE</ResourceStatus>\
             <LastUpdatedTimestamp>2026-11-01T00:00:00Z</LastUpdatedTimestamp></member>"
        )
    };
    let members: String = all.into_iter().map(member).collect();
    format!("<StackResourceSummaries>{members}</StackResourceSummaries>")
}

fn template() -> Value {
    let function = json!({ "Type": "AWS::Lambda::Function", "Properties": {
        "Timeout": 45, "MemorySize": 256, "Architectures": [{ "Ref": "Architecture" }],
        "Environment": { "Variables": { "ARAUTO_LEDGER_WRITES": { "Ref": "LedgerWrites" } } },
    } });
    json!({ "Resources": {
        "IntakeFunction": function, "DispatchFunction": function, "DirectoryFunction": function,
        "NotificationsQueue": { "Type": "AWS::SQS::Queue", "Properties": { "VisibilityTimeout": 270 } },
        "DispatchFunctionNotifications": { "Properties": { "ScalingConfig": { "MaximumConcurrency": { "Ref": "DispatchMaximumConcurrency" } } } },
    } })
}
