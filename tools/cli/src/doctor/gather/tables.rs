//! DynamoDB: the tables, and what the directory function has fetched.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::PointInTimeRecoveryStatus;
use futures_util::future::join_all;
use jiff::Timestamp;
use mtls::revocation::RevocationStore;
use platform::aws::{DirectoryTable, DirectoryTableError, dynamodb, keys_row, participants_row};
use platform::telemetry::ErrorChain;

use super::context::Context;
use crate::doctor::answer::{Answer, Unread};
use crate::doctor::area::directory::{Fetched, Revocation, RevocationList};
use crate::doctor::area::tables::{Role, State, Table};

/// Reads each table's state.
pub(crate) async fn read(context: Context<'_>) -> Vec<Table> {
    let client = &dynamodb(context.sdk);
    join_all(
        Role::ALL
            .into_iter()
            .map(|role| async move { Table { role, state: state(context, client, role).await } }),
    )
    .await
}

async fn state(context: Context<'_>, client: &Client, role: Role) -> Answer<Option<State>> {
    let Some(name) = context.stack.physical_id(role.logical_id()) else { return Ok(None) };
    let answer = client.describe_table().table_name(name).send().await;
    let Some(answer) = context.optional("dynamodb:DescribeTable", answer)? else { return Ok(None) };
    let Some(table) = answer.table() else { return Ok(None) };
    let (has_backups, expires_by) =
        tokio::join!(has_backups(context, client, name), expires_by(context, client, name));
    Ok(Some(State {
        status: table.table_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        is_protected: table.deletion_protection_enabled().unwrap_or_default(),
        key: table.sse_description().and_then(|key| key.kms_master_key_arn()).map(str::to_owned),
        has_stream: table
            .stream_specification()
            .is_some_and(aws_sdk_dynamodb::types::StreamSpecification::stream_enabled),
        has_backups,
        expires_by,
    }))
}

async fn has_backups(context: Context<'_>, client: &Client, name: &str) -> Answer<bool> {
    let answer = client.describe_continuous_backups().table_name(name).send().await;
    let answer = context.answer("dynamodb:DescribeContinuousBackups", answer)?;
    let backups =
        answer.continuous_backups_description().and_then(|one| one.point_in_time_recovery_description());
    let status = backups.and_then(|backups| backups.point_in_time_recovery_status());
    Ok(status == Some(&PointInTimeRecoveryStatus::Enabled))
}

async fn expires_by(context: Context<'_>, client: &Client, name: &str) -> Answer<Option<String>> {
    let answer = client.describe_time_to_live().table_name(name).send().await;
    let answer = context.answer("dynamodb:DescribeTimeToLive", answer)?;
    let description = answer.time_to_live_description();
    let is_on = |status: &aws_sdk_dynamodb::types::TimeToLiveStatus| status.as_str().starts_with("ENABL");
    let on = description.filter(|one| one.time_to_live_status().is_some_and(is_on));
    Ok(on.and_then(|one| one.attribute_name()).map(str::to_owned))
}

/// Reads what was fetched from the Directory and from authorities, and when.
pub(crate) async fn fetched(context: Context<'_>) -> Fetched {
    let name = context.stack.physical_id(Role::Directory.logical_id()).unwrap_or_default();
    let table = DirectoryTable::new(dynamodb(context.sdk), name.to_owned());
    let environment = context.stack.parameter("DirectoryEnvironment");
    let (keys_row, participants_row) = (keys_row(environment), participants_row(environment));
    let (keys, participants, revocation) = tokio::join!(
        document(&table, &keys_row),
        document(&table, &participants_row),
        revocation(RevocationStore::new(table.clone()))
    );
    Fetched { keys, participants, revocation }
}

async fn document(table: &DirectoryTable, row: &str) -> Answer<Option<Timestamp>> {
    let document = table.get(row).await.map_err(|error| unread("dynamodb:GetItem", &error))?;
    Ok(document.map(|document| document.fetched_at))
}

async fn revocation(store: RevocationStore) -> Answer<Option<Revocation>> {
    let contents = store.contents().await.map_err(|error| unread("dynamodb:GetItem", &error))?;
    let Some((contents, _)) = contents else { return Ok(None) };
    let ids: Vec<String> = contents.authorities.into_keys().collect();
    let rows = store.authorities(&ids).await.map_err(|error| unread("dynamodb:BatchGetItem", &error))?;
    let lists = rows.read.into_iter().flat_map(|(_, _, authority)| {
        let name = authority.name;
        authority.lists.into_iter().map(move |list| RevocationList {
            authority: name.clone(),
            good: list.good.map(|good| (good.fetched_at, good.next_update)),
        })
    });
    Ok(Some(Revocation { lists: lists.collect(), unreadable: rows.unreadable.len() }))
}

fn unread(action: &str, error: &DirectoryTableError) -> Unread {
    Unread::Failed(format!("{action}: {}", ErrorChain(error)))
}
