//! The answer to a request for a notification by its id.

use convention::notification::NotificationId;
use lambda_http::{Request, RequestExt, Response};
use platform::answer::{Problem, json};
use platform::aws::LedgerReader;
use platform::telemetry::ErrorChain;

const PATH: &str = "/v1/notifications/";

/// Finds the id in a request's path; `None` if the request is another one.
pub(crate) fn asked(request: &Request) -> Option<String> {
    let segment = request.uri().path().strip_prefix(PATH)?;
    let parameters = request.path_parameters();
    Some(parameters.first("notificationId").unwrap_or(segment).to_owned())
}

/// Answers with the notification from the ledger.
pub(crate) async fn show(ledger: &LedgerReader, asked: &str) -> Result<Response<String>, Problem> {
    let id: NotificationId = asked
        .parse()
        .map_err(|error| Problem::malformed(format!("The path's notification id is wrong: {error}.")))?;
    match ledger.notification(&id).await {
        Ok(Some(shown)) => Ok(json(200, &shown)),
        Ok(None) => Err(Problem::not_found(format!(
            "The ledger has no notification {id}; it waits for its first attempt, or there is none."
        ))),
        Err(error) => {
            tracing::error!(notification_id = %id, error = %ErrorChain(&error), "The ledger could not be read.");
            Err(unreadable_ledger())
        }
    }
}

/// The answer where the ledger does not work.
pub(crate) fn unreadable_ledger() -> Problem {
    Problem::unavailable("The ledger could not be read. Ask again.")
}
