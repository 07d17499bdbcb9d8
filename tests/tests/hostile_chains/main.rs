//! Hostile chains: what a receiver may present in its handshake, met by the product's own client.
//!
//! Each row says what was known, what is presented, the outcome, and what is noted and asked for afterwards: nothing beside the
//! path that was verified. Behind the rows, chains are made by chance.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod case;
mod meeting;
mod mutate;
mod neighbour;
mod pki;
mod rows;
mod web;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use self::case::Fixture;
use self::rows::{Row, rows};

fn main() -> ExitCode {
    let mut trials: Vec<_> = rows()
        .into_iter()
        .map(|row| Trial::test(row.name.clone(), move || run(play(&row)).map_err(Failed::from)))
        .collect();
    trials.extend(mutate::trials());
    trials.extend(neighbour::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(test: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

async fn play(row: &Row) -> Result<(), String> {
    let fixture = Fixture::start().await;
    let case = (row.make)(&fixture);
    fixture.play(&case).await
}
