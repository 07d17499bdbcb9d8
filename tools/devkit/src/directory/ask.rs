use account::aws_http::{http_client, read_answer};
use anyhow::{Context as _, Result, ensure};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

use super::claims::StatementClaims;

/// For whom a statement is wanted.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StatementRequest {
    /// The client's name, from which organisation and software are invented.
    pub client: String,
    /// The software's webhook URIs; absent for a software without webhooks.
    pub webhook_uris: Option<Vec<String>>,
    /// Another software of the same organisation.
    pub software_id: Option<String>,
}

impl StatementRequest {
    /// The claims of the statement.
    pub fn claims(&self) -> StatementClaims {
        let mut claims = StatementClaims::of(&self.client);
        claims.software_api_webhook_uris.clone_from(&self.webhook_uris);
        if let Some(id) = &self.software_id {
            claims.software_id.clone_from(id);
        }
        claims
    }
}

/// Has a running local Directory sign a statement, and list the organisation from then on.
pub async fn ask_for_statement(directory_url: &str, request: &StatementRequest) -> Result<String> {
    let url = format!("{}/mock/statements", directory_url.trim_end_matches('/'));
    let asking = http_client(None)?
        .post(&url)
        .header(CONTENT_TYPE, "application/json")
        .body(serde_json::to_vec(request).context("a request has text keys only")?);
    let answer = read_answer(asking, &url).await.with_context(|| {
        format!("the local Directory at {directory_url} does not answer: start it with `arauto directory` or `arauto up`")
    })?;
    ensure!(
        answer.status == 200,
        "{url} answered {} instead of a statement, so it is not an `arauto directory`: {}",
        answer.status,
        answer.text()
    );
    Ok(answer.text())
}
