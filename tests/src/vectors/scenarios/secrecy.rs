//! What no log may hold (guarantee G8), whatever the functions are given.

use std::time::Duration;

use anyhow::{Result, ensure};
use convention::notification::{ENDPOINTS, Endpoint};
use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::play::compare;
use super::stack::on_stack;
use crate::vectors::{Judgement, Vector};
use crate::world::{World, new_change};

const ROUTE: &str = "/v1/state-changes";
const JSON: &str = "application/json";
/// In two ways of writing each, as a bank's systems may have them.
const CPF: [&str; 2] = ["52998224725", "529.982.247-25"];
const ACCOUNT: [&str; 2] = ["94088392", "0001/94088392-1"];
const AMOUNT: [&str; 2] = ["100333.15", "BRL 100333.15"];

/// How any private key begins that is written as PEM.
const PRIVATE_KEY: [&str; 2] = ["BEGIN PRIVATE KEY", "BEGIN EC PRIVATE KEY"];
/// How long the functions are given to write what they have to say.
const SOON: Duration = Duration::from_mins(1);

/// What each word of the vector looks like in a log: any of these.
fn looks_like(world: &World, what: &str) -> Option<Vec<String>> {
    let own = |texts: [&str; 2]| Some(texts.map(str::to_owned).to_vec());
    match what {
        "CPF" => own(CPF),
        "account" => own(ACCOUNT),
        "amount" => own(AMOUNT),
        "private key" => own(PRIVATE_KEY),
        // Of the sender's certificate, which dispatch reads.
        "certificate key" => Some(lines_of(&world.pki.sender.key_pem)),
        _ => None,
    }
}

/// The lines of a PEM text that are its own.
fn lines_of(pem: &str) -> Vec<String> {
    pem.lines().filter(|line| line.len() > 40 && !line.starts_with("-----")).map(str::to_owned).collect()
}

/// Everything that must not be logged is posted, where it may stand and where it may not, and put into the queue; then the logs of
/// all functions are read.
pub(super) fn no_log_line_holds_personal_data_or_a_key(vector: &Vector) -> Judgement {
    let forbidden: Vec<String> = serde_json::from_value(vector.expected["log_fields_forbidden"].clone())
        .map_err(|error| error.to_string())?;
    let told = on_stack(async |suite| {
        let world = suite.world;
        let (client, mock) = world.receiver("503,202").await?;
        let mut names = Vec::new();
        for row in ENDPOINTS {
            names.push(world.notify(&with_secrets_where_texts_may_be(world, row.endpoint, &client)).await?);
        }
        for change in with_secrets_where_they_may_not_be(world, &client) {
            let (status, answer) = world.post(&change).await?;
            ensure!(status == 400, "{status}: {answer}");
        }
        let broken = format!("{{\"cpf\":\"{}\", {}", CPF[0], secrets(world));
        world.call(Method::POST, ROUTE, ROUTE, JSON, &broken).await?;
        world.enqueue(&[broken, json!({ "schema": CPF[0], "change": secrets(world) }).to_string()]).await?;
        for name in &names {
            world.ended(name, "delivered", SOON).await?;
        }
        ensure!(mock.count() == 10, "{} requests", mock.count());
        let logs = logs_that_tell_of(world, &client).await?;
        let is_absent = |what: &&String| {
            looks_like(world, what).is_some_and(|texts| !texts.iter().any(|text| logs.contains(text)))
        };
        Ok(json!({ "log_fields_forbidden": forbidden.iter().filter(is_absent).collect::<Vec<_>>() }))
    })?;
    compare(vector, &told)
}

/// All of it in one text.
fn secrets(world: &World) -> String {
    let key = &world.pki.sender.key_pem;
    [CPF, ACCOUNT, AMOUNT].concat().into_iter().chain([key.as_str()]).collect::<Vec<_>>().join(" ")
}

/// A change that is notified. What informs only, and names that the bank chooses, may be any text.
fn with_secrets_where_texts_may_be(world: &World, endpoint: Endpoint, client: &str) -> Value {
    let mut change = new_change(endpoint, client);
    // A text of one line, which is what is taken.
    let secrets = secrets(world).replace('\n', " ");
    let short: String = secrets.chars().take(100).collect();
    change["cause"] = secrets.chars().take(256).collect::<String>().into();
    change["product"] = short.clone().into();
    change["changed_fields"] = json!([CPF[0], ACCOUNT[0], AMOUNT[0], short]);
    change
}

/// Changes that are refused: fields that nobody asked for, and what is no state, no instant and no version.
fn with_secrets_where_they_may_not_be(world: &World, client: &str) -> Vec<Value> {
    let secret = secrets(world);
    let names = ["cpf", "to", "from", "event_instant", "api_version", "actor", "client_id", "resource"];
    let refused = names.iter().map(|name| {
        let mut change = new_change(Endpoint::PixPayment, client);
        change[*name] = secret.clone().into();
        change
    });
    refused.collect()
}

/// Reads the logs once they have what belongs there: each attempt, and the messages that cannot be read.
async fn logs_that_tell_of(world: &World, client: &str) -> Result<String> {
    let deadline = Instant::now() + SOON;
    loop {
        let logs = world.stack.function_logs().await?;
        let of = |what: &str| logs.lines().filter(|line| line.contains(what)).count();
        let attempts =
            logs.lines().filter(|line| line.contains("An attempt ended.") && line.contains(client));
        if attempts.count() == 10 && of("A message cannot be read") >= 2 {
            return Ok(logs);
        }
        ensure!(Instant::now() < deadline, "the logs do not tell of all that happened:\n{logs}");
        sleep(Duration::from_millis(500)).await;
    }
}
