//! What the functions ask of AWS, as whoever stands in for it sees it: which of them, which action, on which resource.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use crate::aws::{
    Aws, Call, DIRECTORY, DISPATCH_LOG, INTAKE, INTAKE_EVENTS, LEDGER, NOTIFICATIONS, RECEIVERS, REJECTED,
    TIMERS, UNDELIVERED,
};

/// As the template writes it.
const SCHEDULES: &str = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule";

/// One action on one resource by one function, in the words of IAM and of `template.yaml`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Use {
    /// The binary, for example `intake`.
    pub function: String,
    /// For example `sqs:SendMessage`.
    pub action: String,
    /// The logical id, for example `NotificationsQueue`, or the parameter that names the resource.
    pub resource: String,
}

impl Use {
    /// Reads a request of a function.
    pub fn of(function: &str, call: &Call) -> Self {
        // IAM names schedules by their group.
        if !call.input["GroupName"].is_null() {
            return Self {
                function: function.to_owned(),
                action: format!("scheduler:{}", call.operation),
                resource: format!("{SCHEDULES}/${{TimersGroup}}/*"),
            };
        }
        let named = ["TableName", "QueueUrl", "SecretId", "KeyId", "logGroupName"]
            .into_iter()
            .find_map(|field| Some((field, call.input[field].as_str()?)));
        let (service, resource) = match named {
            Some(("TableName", RECEIVERS)) => ("dynamodb", "ReceiversTable"),
            Some(("TableName", LEDGER)) => ("dynamodb", "LedgerTable"),
            Some(("TableName", DIRECTORY)) => ("dynamodb", "DirectoryTable"),
            Some(("QueueUrl", NOTIFICATIONS)) => ("sqs", "NotificationsQueue"),
            Some(("QueueUrl", UNDELIVERED)) => ("sqs", "DeadLetterQueue"),
            Some(("QueueUrl", INTAKE)) => ("sqs", "IntakeQueue"),
            Some(("QueueUrl", INTAKE_EVENTS)) => ("sqs", "IntakeEventsQueue"),
            Some(("QueueUrl", TIMERS)) => ("sqs", "TimersQueue"),
            Some(("QueueUrl", REJECTED)) => ("sqs", "RejectedQueue"),
            Some(("SecretId", "identity")) => ("secretsmanager", "IdentitySecret"),
            Some(("SecretId", "trust")) => ("secretsmanager", "TrustSecret"),
            Some(("SecretId", "directory-identity")) => ("secretsmanager", "DirectoryIdentitySecret"),
            Some(("logGroupName", DISPATCH_LOG)) => ("logs", "DispatchLogGroup"),
            // Which key it is a parameter says.
            Some(("KeyId", _)) => ("kms", "IdentityKeyArns"),
            other => panic!("{} is of no resource of the template: {other:?}", call.operation),
        };
        // IAM has no actions for batches of messages: they are those of one message.
        let operation = call.operation.strip_suffix("Batch").unwrap_or(&call.operation);
        Self {
            function: function.to_owned(),
            action: format!("{service}:{operation}"),
            resource: resource.to_owned(),
        }
    }
}

/// What was seen so far. Copies are the same one.
#[derive(Clone, Debug, Default)]
pub struct Uses(Arc<Mutex<BTreeSet<Use>>>);

impl Uses {
    /// Notes a request of a function.
    pub fn note(&self, function: &str, call: &Call) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(Use::of(function, call));
    }

    /// Returns all that was seen.
    pub fn seen(&self) -> BTreeSet<Use> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A function's way to the stand-in, on which its requests are noted.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) aws: Aws,
    pub(crate) function: &'static str,
    pub(crate) uses: Uses,
}

impl HttpConnector for Noted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.uses.note(self.function, &Call::read(&request));
        self.aws.call(request)
    }
}
