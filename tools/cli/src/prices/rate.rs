//! The prices of a list.

/// A price, by its stable name in the files of `infra/prices`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rate {
    /// An invocation.
    LambdaRequest,
    /// A gigabyte of memory for a second, on arm64.
    LambdaArm64,
    /// The same on `x86_64`.
    LambdaX86,
    /// A request of SQS of up to 64 KB.
    SqsRequest,
    /// The surcharge on a request of SQS with a message group.
    SqsFairRequest,
    /// A write of up to 1 KB.
    DynamoDbWrite,
    /// A read of up to 4 KB.
    DynamoDbRead,
    /// A write of up to 1 KB to a table of infrequent access.
    DynamoDbIaWrite,
    /// A gigabyte in a table for a month.
    DynamoDbStorage,
    /// A gigabyte in a table of infrequent access for a month.
    DynamoDbIaStorage,
    /// A gigabyte of point-in-time recovery for a month.
    DynamoDbBackup,
    /// A read of a table's stream by Lambda.
    DynamoDbStreamRead,
    /// A call of the HTTP API.
    HttpApiCall,
    /// A gigabyte written to `CloudWatch` Logs.
    LogsIngested,
    /// A gigabyte in `CloudWatch` Logs for a month.
    LogsStored,
    /// A metric for a month.
    Metric,
    /// An alarm on one metric for a month.
    Alarm,
    /// A metric that an alarm on a query of Metrics Insights reads, for a month.
    InsightsAlarm,
    /// A dashboard for a month.
    Dashboard,
    /// A trace that X-Ray records.
    XRayTrace,
    /// A request of Secrets Manager.
    SecretRequest,
    /// A secret for a month.
    Secret,
    /// A request of KMS with a symmetric key, or for a public key.
    KmsRequest,
    /// A signature by an RSA key of 2048 bits.
    KmsRsa2048,
    /// A signature by a longer RSA key.
    KmsRsa4096,
    /// A key for a month.
    KmsKey,
    /// A gigabyte sent to the internet.
    DataOut,
    /// A NAT gateway for an hour.
    NatHour,
    /// A gigabyte through a NAT gateway.
    NatProcessed,
    /// A public address for an hour.
    PublicAddressHour,
    /// A gigabyte put into Firehose.
    FirehoseIngested,
    /// A write or a listing of S3.
    S3Put,
    /// A read of S3.
    S3Get,
    /// A gigabyte in S3 for a month.
    S3Storage,
    /// The same in Glacier Instant Retrieval.
    S3GlacierInstant,
}

impl Rate {
    /// All prices that a list must have.
    pub const ALL: [Self; 35] = [
        Self::LambdaRequest,
        Self::LambdaArm64,
        Self::LambdaX86,
        Self::SqsRequest,
        Self::SqsFairRequest,
        Self::DynamoDbWrite,
        Self::DynamoDbRead,
        Self::DynamoDbIaWrite,
        Self::DynamoDbStorage,
        Self::DynamoDbIaStorage,
        Self::DynamoDbBackup,
        Self::DynamoDbStreamRead,
        Self::HttpApiCall,
        Self::LogsIngested,
        Self::LogsStored,
        Self::Metric,
        Self::Alarm,
        Self::InsightsAlarm,
        Self::Dashboard,
        Self::XRayTrace,
        Self::SecretRequest,
        Self::Secret,
        Self::KmsRequest,
        Self::KmsRsa2048,
        Self::KmsRsa4096,
        Self::KmsKey,
        Self::DataOut,
        Self::NatHour,
        Self::NatProcessed,
        Self::PublicAddressHour,
        Self::FirehoseIngested,
        Self::S3Put,
        Self::S3Get,
        Self::S3Storage,
        Self::S3GlacierInstant,
    ];

    /// Returns the price's name and its unit.
    pub fn name_and_unit(self) -> (&'static str, &'static str) {
        match self {
            Self::LambdaRequest => ("lambda_request", "request"),
            Self::LambdaArm64 => ("lambda_gb_second_arm64", "GB-second"),
            Self::LambdaX86 => ("lambda_gb_second_x86_64", "GB-second"),
            Self::SqsRequest => ("sqs_request", "request of up to 64 KB"),
            Self::SqsFairRequest => ("sqs_fair_request", "request, added for a message group"),
            Self::DynamoDbWrite => ("dynamodb_write", "write request unit (1 KB)"),
            Self::DynamoDbRead => ("dynamodb_read", "read request unit (4 KB)"),
            Self::DynamoDbIaWrite => ("dynamodb_ia_write", "write request unit (1 KB)"),
            Self::DynamoDbStorage => ("dynamodb_storage", "GB-month"),
            Self::DynamoDbIaStorage => ("dynamodb_ia_storage", "GB-month"),
            Self::DynamoDbBackup => ("dynamodb_backup", "GB-month"),
            Self::DynamoDbStreamRead => ("dynamodb_stream_read_by_lambda", "read"),
            Self::HttpApiCall => ("http_api_call", "call of up to 512 KB"),
            Self::LogsIngested => ("logs_ingested", "GB"),
            Self::LogsStored => ("logs_stored", "GB-month"),
            Self::Metric => ("metric", "month"),
            Self::Alarm => ("alarm", "month"),
            Self::InsightsAlarm => ("alarm_insights", "metric a month"),
            Self::Dashboard => ("dashboard", "month"),
            Self::XRayTrace => ("xray_trace", "trace"),
            Self::SecretRequest => ("secret_request", "request"),
            Self::Secret => ("secret", "month"),
            Self::KmsRequest => ("kms_request", "request"),
            Self::KmsRsa2048 => ("kms_request_rsa_2048", "request"),
            Self::KmsRsa4096 => ("kms_request_rsa_4096", "request"),
            Self::KmsKey => ("kms_key", "month"),
            Self::DataOut => ("data_out", "GB"),
            Self::NatHour => ("nat_gateway_hour", "hour"),
            Self::NatProcessed => ("nat_gateway_processed", "GB"),
            Self::PublicAddressHour => ("public_ipv4_hour", "hour"),
            Self::FirehoseIngested => ("firehose_ingested", "GB"),
            Self::S3Put => ("s3_put", "request"),
            Self::S3Get => ("s3_get", "request"),
            Self::S3Storage => ("s3_storage", "GB-month"),
            Self::S3GlacierInstant => ("s3_glacier_instant_storage", "GB-month"),
        }
    }

    /// Returns the price's name.
    pub fn name(self) -> &'static str {
        self.name_and_unit().0
    }
}
