//! A stand-in for the bucket of evidence, with its versions, and for the Firehose stream beside it, behind the HTTP transport of the SDK.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use evidence::{Archive, BUDGET, Evidence, Firehose, Sealer};
use jiff::Timestamp;
use platform::clock::Clock;
use platform::telemetry::Metrics;

use crate::aws::Aws;
use crate::iam_usage::Use;

/// The bucket. Copies are the same one.
#[derive(Clone, Debug, Default)]
pub struct Bucket(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Vec<Vec<u8>>>,
    uses: BTreeSet<Use>,
    /// What somebody else puts just before the next put.
    racing: Option<(String, Vec<u8>)>,
}

/// More versions than any object here has.
const MAX_VERSIONS: usize = 99;
const BUCKET: &str = "Bucket";

impl Bucket {
    /// Puts a version of an object, as Firehose does.
    pub fn put(&self, key: &str, content: &[u8]) {
        self.state().objects.entry(key.to_owned()).or_default().push(content.to_vec());
    }

    /// Has somebody else put an object just before the next put.
    pub fn put_before_the_next_put(&self, key: &str, content: &[u8]) {
        self.state().racing = Some((key.to_owned(), content.to_vec()));
    }

    /// Another bucket with the same in it.
    #[must_use]
    pub fn copy(&self) -> Self {
        let objects = self.state().objects.clone();
        Self(Arc::new(Mutex::new(State { objects, ..State::default() })))
    }

    /// The same, but for what is in one object.
    #[must_use]
    pub fn copy_with(&self, key: &str, content: &[u8]) -> Self {
        let copy = self.copy();
        copy.state().objects.insert(key.to_owned(), vec![content.to_vec()]);
        copy
    }

    /// The same, but for one object that is not in it.
    #[must_use]
    pub fn copy_without(&self, key: &str) -> Self {
        let copy = self.copy();
        copy.state().objects.remove(key);
        copy
    }

    /// The same before anything was sealed, but for what is in one object.
    #[must_use]
    pub fn unsealed_with(&self, key: &str, content: &[u8]) -> Self {
        let copy = self.copy_with(key, content);
        copy.state().objects.retain(|key, _| !key.starts_with(evidence::SEALS));
        copy
    }

    /// The keys of all objects.
    pub fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    /// The latest version of an object.
    pub fn content(&self, key: &str) -> Option<Vec<u8>> {
        self.state().objects.get(key)?.last().cloned()
    }

    /// What was asked of it and of the stream.
    pub fn uses(&self) -> BTreeSet<Use> {
        self.state().uses.clone()
    }

    /// The function, at this time.
    pub fn evidence(&self, now: Timestamp) -> Evidence {
        let sdk = Aws::sdk_config_over(self.clone());
        let clock = Clock::from_fn(move || now);
        let archive = Archive::of(&sdk, "bucket".to_owned());
        Evidence {
            firehose: Firehose::new(aws_sdk_firehose::Client::new(&sdk), "stream".to_owned()),
            sealer: Sealer { archive, clock: clock.clone(), budget: BUDGET },
            clock,
            metrics: Metrics::to("evidence".to_owned(), |_| ()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpConnector for Bucket {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(self.state().answer(&request)))
    }
}

impl State {
    fn answer(&mut self, request: &HttpRequest) -> HttpResponse {
        let (path, query) = request.uri().split_once('?').unwrap_or_else(|| (request.uri(), ""));
        let key = path.split_once("amazonaws.com/").map_or("", |(_, key)| key).to_owned();
        let parameter = |name: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            pair.unwrap_or_default().replace("%2F", "/")
        };
        if request.headers().get("x-amz-target").is_some() {
            self.note("firehose:PutRecordBatch", "DeliveryStream");
            return answer(200, br#"{"FailedPutCount":0,"RequestResponses":[{"RecordId":"1"}]}"#);
        }
        let prefix = key.split('/').next().unwrap_or_default();
        let objects = format!("${{{BUCKET}.Arn}}/{prefix}/*");
        match request.method() {
            "PUT" => {
                self.note("s3:PutObject", &objects);
                self.objects.extend(self.racing.take().map(|(key, content)| (key, vec![content])));
                if self.objects.contains_key(&key) {
                    return answer(412, b"<Error><Code>PreconditionFailed</Code></Error>");
                }
                let body = request.body().bytes().unwrap_or_default().to_vec();
                self.objects.insert(key, vec![body]);
                answer(200, b"")
            }
            _ if key.is_empty() => {
                self.note("s3:ListBucketVersions", BUCKET);
                answer(200, self.list(&parameter("prefix"), &parameter("key-marker")).as_bytes())
            }
            _ => {
                self.note("s3:GetObjectVersion", &objects);
                let version = MAX_VERSIONS - parameter("versionId").parse().unwrap_or(MAX_VERSIONS);
                let content = self.objects.get(&key).and_then(|versions| versions.get(version));
                content.map_or_else(|| answer(404, b""), |content| answer(200, content))
            }
        }
    }

    /// From the newest, as S3 does; all within one second, and with ids that do not tell which is older.
    fn list(&self, prefix: &str, after: &str) -> String {
        let asked = self.objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
        let versions = asked.flat_map(|(key, versions)| {
            versions.iter().enumerate().rev().map(move |(at, content)| {
                let id = MAX_VERSIONS - at;
                format!(
                    "<Version><Key>{key}</Key><VersionId>{id}</VersionId><Size>{}</Size>\
                     <LastModified>2026-11-23T00:00:00.000Z</LastModified></Version>",
                    content.len()
                )
            })
        });
        format!("<ListVersionsResult>{}</ListVersionsResult>", versions.collect::<Vec<_>>().concat())
    }

    fn note(&mut self, action: &str, resource: &str) {
        let (function, action, resource) = ("evidence".to_owned(), action.to_owned(), resource.to_owned());
        self.uses.insert(Use { function, action, resource });
    }
}

fn answer(status: u16, body: &[u8]) -> HttpResponse {
    let status = StatusCode::try_from(status).expect("a status");
    HttpResponse::new(status, SdkBody::from(body.to_vec()))
}
