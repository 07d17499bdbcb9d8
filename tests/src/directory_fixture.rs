//! The directory function and a Directory of participants that it asks, on one clock that the test moves.

use ::directory::Directory;
use account::aws_http::ApiAnswer;
use convention::directory::{Environment, Operation};
use devkit::directory::{MockDirectory, Settings, StatementClaims};
use devkit::local::registration;
use http::Method;
use jiff::SignedDuration;
use platform::rng::Rng;
use serde_json::{Value, json};

use crate::aws::{DIRECTORY, Functions, PKI, RECEIVERS, call, call_with_query, review};
use crate::contract::Contract;

/// Where clients are notified; on this machine, as no other name can be looked up everywhere the tests run.
pub const URI: &str = "https://localhost:8443/kong3";
/// The client that most tests register.
pub const CLIENT: &str = "itp-1";
/// Where the Directory has its keys.
pub const JWKS: &str = "/openbanking.jwks";
/// Under which name its keys are kept.
pub const KEPT_KEYS: &str = "jwks#local";
/// Under which name its list of participants is kept.
pub const KEPT_LIST: &str = "participants#local";
const ROUTE: &str = "/v1/clients/{clientId}";

/// Both of them.
pub struct Fixture {
    /// What the function stands on.
    pub functions: Functions,
    /// The Directory.
    pub mock: MockDirectory,
    /// The function.
    pub directory: Directory,
    contract: &'static Contract,
}

/// An answer that the contract allows.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// Its body, without what a receiver showed.
    pub body: Value,
    /// What a receiver showed, where it was looked at.
    pub receiver_check: Option<Value>,
}

/// What a receiver shows is of the moment: two answers are the same without it.
impl PartialEq for Answered {
    fn eq(&self, other: &Self) -> bool {
        (self.status, &self.body) == (other.status, &other.body)
    }
}

impl Answered {
    /// The OAuth error; nothing where there is none.
    pub fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    /// The codes of all errors, separated by a space.
    pub fn codes(&self) -> String {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        errors.filter_map(|error| error["code"].as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The codes of all warnings, separated by a space.
    pub fn warnings(&self) -> String {
        let warnings = self.body["warnings"].as_array().into_iter().flatten();
        warnings.filter_map(|warning| warning["code"].as_str()).collect::<Vec<_>>().join(" ")
    }
}

impl Fixture {
    /// Starts both; the function knows no key yet.
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// The same with a Directory that is set otherwise.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut functions = Functions::default();
        let mut settings = Settings {
            key_pem: Some(PKI.directory_key_pem.clone()),
            ..Settings::new(functions.test_clock.clock(), Rng::system())
        };
        change(&mut settings);
        let mock = MockDirectory::start(settings).await.expect("the Directory starts");
        functions.environment = Environment::local(&mock.base_url());
        let directory = functions.directory();
        let contract = Contract::read().expect("the contract is there");
        Self { functions, mock, directory, contract }
    }

    /// The claims of the client's statement.
    pub fn claims(&self) -> StatementClaims {
        StatementClaims::of(CLIENT).webhook_uris([URI])
    }

    /// Has the Directory sign what it says of the client's software.
    pub fn statement(&self) -> String {
        self.mock.statement(&self.claims())
    }

    /// A call that brings this statement, for a client that wants to be notified.
    pub fn brings(&self, statement: &str) -> Value {
        registration(Operation::Dcm, Some(&[URI.to_owned()]), statement)
    }

    /// A call with these URIs, and a statement that has the same.
    pub fn with_uris(&self, client: &str, uris: &[&str]) -> Value {
        let statement = self.mock.statement(&StatementClaims::of(client).webhook_uris(uris.iter().copied()));
        let uris: Vec<_> = uris.iter().map(|uri| (*uri).to_owned()).collect();
        registration(Operation::Dcm, Some(&uris), &statement)
    }

    /// Makes a call, once.
    pub async fn put(&self, client: &str, body: &Value) -> Answered {
        self.put_text(client, &body.to_string()).await
    }

    /// Makes a call whose body is this text, once.
    pub async fn put_text(&self, client: &str, body: &str) -> Answered {
        self.checked("put", &call(&self.directory, Method::PUT, client, body).await)
    }

    /// Asks how a call would be answered; `validate` is the query's value.
    pub async fn ask(&self, client: &str, validate: &str, body: &str) -> Answered {
        let query = ("validate", validate);
        self.checked("put", &call_with_query(&self.directory, Method::PUT, client, query, body).await)
    }

    /// Asks how a call of the client would be answered, which changes nothing and says what the call is answered; makes it.
    pub async fn judged(&self, body: &Value) -> Answered {
        self.judged_text(&body.to_string()).await
    }

    /// The same with a text.
    pub async fn judged_text(&self, body: &str) -> Answered {
        let before = self.row(CLIENT);
        self.functions.aws.forget_calls();
        let asked = self.ask(CLIENT, "true", body).await;
        assert_eq!(self.functions.aws.writes(RECEIVERS), [], "a question wrote");
        assert_eq!(self.row(CLIENT), before, "a question changed the registration");
        let answered = self.put_text(CLIENT, body).await;
        assert_eq!(asked.receiver_check, None, "a question visits nobody");
        assert_eq!(asked, answered, "a question is answered as the call is");
        answered
    }

    /// Judges a call that must be refused with this status, leaves the registration before as it is, and quotes nothing.
    pub async fn refused(&self, status: u16, body: &Value) -> Answered {
        self.refused_text(status, &body.to_string()).await
    }

    /// The same with a text.
    pub async fn refused_text(&self, status: u16, body: &str) -> Answered {
        let before = self.row(CLIENT);
        let answered = self.judged_text(body).await;
        assert_eq!(answered.status, status, "{}", answered.body);
        assert_eq!(self.row(CLIENT), before, "a refused call changed the registration");
        assert_eq!(self.functions.aws.writes(RECEIVERS), [], "a refused call wrote");
        answered
    }

    /// Shows a client's registration.
    pub async fn get(&self, client: &str) -> Answered {
        self.checked("get", &call(&self.directory, Method::GET, client, "").await)
    }

    /// Lets the schedule come.
    pub async fn review(&self) {
        review(&self.directory).await;
    }

    /// Lets time pass.
    pub fn pass(&self, time: SignedDuration) {
        self.functions.test_clock.advance(time);
    }

    /// The client's row, as it is stored.
    pub fn row(&self, client: &str) -> Option<Value> {
        self.functions.aws.row(RECEIVERS, client)
    }

    /// What is kept of the Directory under a name, as it is stored.
    pub fn requeued(&self, name: &str) -> Option<Value> {
        self.functions.aws.row(DIRECTORY, name)
    }

    fn checked(&self, method: &str, answer: &ApiAnswer) -> Answered {
        self.checked_on(method, ROUTE, answer)
    }

    /// Reads an answer, once it is seen to be one that this route is published to give.
    pub fn checked_on(&self, method: &str, route: &str, answer: &ApiAnswer) -> Answered {
        self.contract.check(method, route, answer).expect("an answer of the contract");
        let mut body: Value = serde_json::from_slice(&answer.body).expect("answers are JSON");
        let receiver_check = body.as_object_mut().and_then(|body| body.remove("receiver_check"));
        Answered { status: answer.status, body, receiver_check }
    }
}

/// An object with some members set otherwise.
pub fn with(object: &Value, members: Value) -> Value {
    let mut changed = object.clone();
    if let (Value::Object(changed), Value::Object(members)) = (&mut changed, members) {
        changed.extend(members);
    }
    changed
}

/// An object without a member.
pub fn without(object: &Value, member: &str) -> Value {
    let mut changed = object.clone();
    if let Value::Object(changed) = &mut changed {
        changed.remove(member);
    }
    changed
}

/// A call that asks for nothing: the client is not to be notified any more.
pub fn opts_out() -> Value {
    json!({ "operation": "DCM" })
}
