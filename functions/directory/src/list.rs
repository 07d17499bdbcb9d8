//! The answer with all registrations, in pages.

use lambda_http::{Request, RequestExt, Response};
use platform::answer::{Problem, json};
use platform::page::{self, PAGE_SIZE, PAGE_TOKEN, Question};
use platform::telemetry::ErrorChain;
use serde::Serialize;

use crate::wire::RegistrationAnswer;
use crate::{Directory, unavailable};

/// A page of the answer.
#[derive(Serialize)]
struct Page<'a> {
    clients: Vec<RegistrationAnswer<'a>>,
    /// How many registrations of the page this version cannot read.
    unreadable: usize,
    next_page_token: Option<String>,
}

impl Directory {
    /// Answers with a page of the registrations, in the order of the table.
    pub(crate) async fn list(&self, request: &Request) -> Result<Response<String>, Problem> {
        let query = request.query_string_parameters();
        page::refuse_unknown(query.iter().map(|(name, _)| name), &[PAGE_SIZE, PAGE_TOKEN])?;
        let size = page::page_size(query.first(PAGE_SIZE))?;
        let question = Question::new(["clients"]);
        let after = query.first(PAGE_TOKEN).map(|token| question.position(token)).transpose()?;
        let page = self.receivers.page(after, size).await.map_err(unavailable)?;
        for error in &page.unreadable {
            tracing::error!(error = %ErrorChain(error), "A registration cannot be read.");
        }
        Ok(json(
            200,
            &Page {
                clients: page.registrations.iter().map(RegistrationAnswer::of).collect(),
                unreadable: page.unreadable.len(),
                next_page_token: page.last.map(|last| question.token(&last)),
            },
        ))
    }
}
