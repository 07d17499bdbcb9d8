//! One trial of each vector, and the summary after them.

use std::io::{self, Write};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};

use super::judge::{Family, judge};
use super::scenarios::{self, Scenario};
use super::{Judgement, Vector, VectorFile};

/// A file that cannot be judged at all ends the run with this.
const NOTHING_TO_JUDGE: u8 = 2;
const SOME_FAILED: u8 = 101;

/// What is to be done with a vector.
enum Task {
    Judge(fn(&Vector) -> Judgement),
    JudgeOnStack(fn(&Vector) -> Judgement),
    Fail(String),
    Skip(String),
}

/// A vector that is not judged, and why.
struct Skipped {
    id: String,
    reason: String,
}

/// Runs the trials that the arguments of the command line choose.
pub fn run() -> ExitCode {
    let arguments = Arguments::from_args();
    let file = match VectorFile::read() {
        Ok(file) => file,
        Err(error) => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
            report(&mut io::stderr(), &format!("vectors: {error}{}", source.unwrap_or_default()));
            return ExitCode::from(NOTHING_TO_JUDGE);
        }
    };
    let Trials { here, on_stack, skipped } = Trials::of(file);
    // Some of those here go by the clock, so the stack starts after them.
    let here = libtest_mimic::run(&arguments, here);
    // They wait, they do not compute.
    let waiting = Arguments { test_threads: arguments.test_threads.or(Some(32)), ..arguments.clone() };
    let on_stack = libtest_mimic::run(&waiting, on_stack);
    let conclusion = Conclusion {
        num_filtered_out: here.num_filtered_out + on_stack.num_filtered_out,
        num_passed: here.num_passed + on_stack.num_passed,
        num_failed: here.num_failed + on_stack.num_failed,
        num_ignored: here.num_ignored + on_stack.num_ignored,
        num_measured: here.num_measured + on_stack.num_measured,
    };
    let stopped = scenarios::stop();
    if let Err(error) = &stopped {
        report(&mut io::stderr(), &format!("vectors: the local stack did not stop: {error:#}"));
    }
    if !arguments.list {
        summarise(&conclusion, &skipped);
    }
    if conclusion.has_failed() || stopped.is_err() { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS }
}

/// The trials of a file.
#[derive(Default)]
struct Trials {
    here: Vec<Trial>,
    on_stack: Vec<Trial>,
    skipped: Vec<Skipped>,
}

impl Trials {
    fn of(file: VectorFile) -> Self {
        let (own, mut trials) = (file.own, Self::default());
        for vector in file.vectors {
            match vector {
                Ok(vector) => trials.add(vector, own),
                Err((id, error)) => {
                    let message = format!("the vector cannot be read: {error}");
                    let trial = Trial::test(id, move || Err(Failed::from(message)));
                    trials.here.push(trial.with_kind("unreadable"));
                }
            }
        }
        trials
    }

    fn add(&mut self, vector: Vector, own: bool) {
        let task = task(&vector, own);
        let (id, category) = (vector.id.clone(), vector.category.clone());
        if let Task::Skip(reason) = &task {
            self.skipped.push(Skipped { id: id.clone(), reason: reason.clone() });
        }
        let ignored = matches!(task, Task::Skip(_));
        let to = if matches!(task, Task::JudgeOnStack(_)) { &mut self.on_stack } else { &mut self.here };
        let run = move || {
            let judgement = match task {
                Task::Judge(judge) | Task::JudgeOnStack(judge) => judge(&vector),
                Task::Fail(reason) => Err(reason),
                Task::Skip(reason) => Err(format!("skipped: {reason}")),
            };
            judgement.map_err(|came| Failed::from(format!("{}: {}\n{came}", vector.id, vector.title)))
        };
        to.push(Trial::test(id, run).with_kind(category).with_ignored_flag(ignored));
    }
}

/// Decides what is to be done with a vector; `own` says whether it is from the project's own file.
fn task(vector: &Vector, own: bool) -> Task {
    match Family::of(&vector.category) {
        Some(Family::Data(_)) => Task::Judge(judge),
        Some(Family::Scenario) if !own => {
            Task::Skip("is a scenario of another file than the project's".to_owned())
        }
        Some(Family::Scenario) => match scenarios::of(&vector.id) {
            Scenario::Played(play) => Task::Judge(play),
            Scenario::OnStack(play) => Task::JudgeOnStack(play),
            Scenario::Needs(what) => Task::Skip(format!("needs {what}")),
        },
        None => Task::Fail(format!("unknown category {:?}", vector.category)),
    }
}

fn summarise(conclusion: &Conclusion, skipped: &[Skipped]) {
    let mut lines = Vec::new();
    if conclusion.num_ignored > 0 {
        lines.extend(skipped.iter().map(|Skipped { id, reason }| format!("skipped {id}: {reason}")));
    }
    let Conclusion { num_passed, num_failed, num_ignored, .. } = conclusion;
    lines.push(format!("vectors: {num_passed} passed, {num_failed} failed, {num_ignored} skipped"));
    report(&mut io::stdout(), &lines.join("\n"));
}

/// Writes to whoever started the test; nobody there is no failure of the product.
fn report(to: &mut impl Write, text: &str) {
    writeln!(to, "{text}").unwrap_or_default();
}
