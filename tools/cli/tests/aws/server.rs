//! AWS as far as the commands ask it: `CloudFormation`, STS, the portal of Identity Center, CloudWatch Logs, tables, and an API.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// The account that answers.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The one stack that there is.
pub(crate) const STACK: &str = "bank";
/// The token of the portal.
pub(crate) const PORTAL_TOKEN: &str = "portal-token";

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The action, or the method and path.
    pub(crate) what: String,
    /// The header `authorization`.
    pub(crate) authorization: String,
    /// The body.
    pub(crate) body: String,
}

/// A server on this machine.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    logs: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    /// Starts a server with these log events, each a page.
    pub(crate) fn start(logs: Vec<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, asked: Arc::default(), logs: Arc::new(Mutex::new(logs)) };
        let serving = server.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let serving = serving.clone();
                thread::spawn(move || serving.answer(connection));
            }
        });
        server
    }

    /// Returns what was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Writes another page of log events.
    pub(crate) fn log(&self, page: Value) {
        self.logs.lock().unwrap().push(page);
    }

    /// Answers one request of a connection, and closes it.
    fn answer(&self, mut connection: TcpStream) {
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        let (mut first, mut headers) = (String::new(), Vec::new());
        reader.read_line(&mut first).unwrap();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 {
                return;
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
                None => break,
            }
        }
        let header = |name: &str| {
            headers
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        let mut body = vec![0; header("content-length").parse().unwrap_or_default()];
        reader.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        let form = |name: &str| {
            let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
            pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
        };
        let target = header("x-amz-target");
        let what = match (target.rsplit_once('.'), form("Action")) {
            (Some((_, action)), _) => action.to_owned(),
            (None, Some(action)) => action,
            (None, None) => first.rsplit_once(' ').map(|(what, _)| what.to_owned()).unwrap_or_default(),
        };
        let asked = Asked { what: what.clone(), authorization: header("authorization"), body: body.clone() };
        self.asked.lock().unwrap().push(asked);
        let (status, kind, text) = match what.as_str() {
            "DescribeStacks" if form("StackName").as_deref() == Some(STACK) => (200, XML, self.stack()),
            "DescribeStacks" => (400, XML, NO_STACK.to_owned()),
            "GetCallerIdentity" => (200, XML, identity()),
            "GetItem" | "Query" | "Scan" => (200, JSON, json!({ "Items": [], "Count": 0 }).to_string()),
            "FilterLogEvents" => self.events(&body),
            path if path.starts_with("GET /federation/credentials") => {
                if header("x-amz-sso_bearer_token") == PORTAL_TOKEN {
                    (200, JSON, role_credentials())
                } else {
                    (401, JSON, json!({ "__type": "UnauthorizedException", "message": "Session token not found or invalid" }).to_string())
                }
            }
            path if path.starts_with("GET /v1/notifications?") => notifications(path),
            path if path.contains(" /v1/") => (200, JSON, json!({ "said": path }).to_string()),
            _ => (404, JSON, "{}".to_owned()),
        };
        let head = format!("Content-Type: {kind}\r\nConnection: close\r\nContent-Length: {}", text.len());
        write!(connection, "HTTP/1.1 {status} X\r\n{head}\r\n\r\n{text}").unwrap();
    }

    fn stack(&self) -> String {
        let outputs = [
            ("ApiUrl", self.url.as_str()),
            ("DispatchFunctionName", "bank-Dispatch-1"),
            ("DispatchLogGroupName", "bank-DispatchLogGroup-1"),
            ("IdentitySecretArn", "bank-identity"),
            ("LedgerTableName", "bank-ledger"),
            ("ReceiversTableName", "bank-receivers"),
            ("TrustSecretArn", "bank-trust"),
        ];
        let member = |(name, value): (&str, &str)| {
            format!("<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>")
        };
        let outputs: String = outputs.into_iter().map(member).collect();
        format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>{STACK}</StackName>\
             <CreationTime>2026-11-22T12:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>\
             <Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        )
    }

    /// The page that the token names, of the log group of the template, or of one that an event names.
    fn events(&self, body: &str) -> (u16, &'static str, String) {
        let asked: Value = serde_json::from_str(body).unwrap();
        let group = asked["logGroupName"].as_str().unwrap();
        let is_of = |event: &Value| event["group"].as_str().unwrap_or("bank-DispatchLogGroup-1") == group;
        if !["bank-DispatchLogGroup-1", "bank-access"].contains(&group) {
            return (
                400,
                JSON,
                json!({ "__type": "ResourceNotFoundException", "message": "none" }).to_string(),
            );
        }
        let page = asked["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let from = asked["startTime"].as_i64().unwrap();
        let logs = self.logs.lock().unwrap();
        let all: &[Value] = logs.get(page).and_then(Value::as_array).map_or(&[], Vec::as_slice);
        // What an emulator does: no more than 10,000, and no word of the rest.
        let events: Vec<_> = all
            .iter()
            .filter(|event| is_of(event) && event["timestamp"].as_i64() >= Some(from))
            .take(10_000)
            .collect();
        let next = (page + 1 < logs.len()).then(|| (page + 1).to_string());
        (200, JSON, json!({ "events": events, "nextToken": next }).to_string())
    }
}

const XML: &str = "text/xml";
const JSON: &str = "application/json";
const NO_STACK: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
    <Message>Stack with id nothing does not exist</Message></Error></ErrorResponse>";

/// Two pages, the second with a notification of the first again; the client `nobody` is unknown.
fn notifications(path: &str) -> (u16, &'static str, String) {
    if path.contains("client_id=nobody&") {
        let problem = json!({ "type": "urn:arauto:not-found", "status": 404, "detail": "No client nobody was ever registered." });
        return (404, "application/problem+json", problem.to_string());
    }
    let shown = |id: &str| {
        json!({
            "notification_id": id, "status": "delivered", "endpoint": "E2", "event_instant": "2026-11-22T13:15:30Z",
            "attempts": [{ "outcome": "timeout" }, { "outcome": "delivered" }],
        })
    };
    let page = if path.ends_with("page_token=next%3D1") {
        json!({ "notifications": [shown("a1"), shown("b2")], "not_shown": ["c3"], "complete": true, "next_page_token": null })
    } else {
        json!({ "notifications": [shown("a1")], "not_shown": [], "complete": false, "next_page_token": "next=1" })
    };
    (200, JSON, page.to_string())
}

fn identity() -> String {
    format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/a</Arn><UserId>A</UserId>\
         <Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
}

fn role_credentials() -> String {
    let credentials = json!({
        "accessKeyId": "AKIDPORTAL", "secretAccessKey": "secret", "sessionToken": "session",
        "expiration": 4_102_444_800_000_u64,
    });
    json!({ "roleCredentials": credentials }).to_string()
}
