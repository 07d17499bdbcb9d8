//! `EventBridge` Scheduler: the schedules.

use aws_sdk_scheduler::Client;
use futures_util::future::join_all;

use super::context::Context;
use crate::doctor::answer::Answer;
use crate::doctor::area::schedules::{State, Task};
use crate::doctor::setup::Setup;

/// Reads the schedules that the stack should have.
pub(crate) async fn read(context: Context<'_>) -> Vec<(Task, Answer<Option<State>>)> {
    let client = Client::new(context.sdk);
    let mut tasks = vec![Task::Review, Task::CheckIdentities];
    if Setup::of(context.stack).has_evidence {
        tasks.push(Task::Seal);
    }
    join_all(tasks.into_iter().map(|task| one(context, &client, task))).await
}

async fn one(context: Context<'_>, client: &Client, task: Task) -> (Task, Answer<Option<State>>) {
    let Some(name) = context.stack.physical_id(task.logical_id()) else { return (task, Ok(None)) };
    let answer = client.get_schedule().name(name).send().await;
    let answer = context.optional("scheduler:GetSchedule", answer);
    let state = answer.map(|answer| {
        answer.map(|schedule| State {
            name: name.to_owned(),
            switch: schedule.state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
            expression: schedule.schedule_expression().unwrap_or_default().to_owned(),
        })
    });
    (task, state)
}
