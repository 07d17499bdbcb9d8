//! Answers of the functions behind the HTTP API; errors are `application/problem+json` (RFC 9457).

use convention::FieldError;
use convention::json::UniqueJson;
use http::Response;
use serde::Serialize;

/// Seconds after which a caller should repeat a request that we could not serve.
const RETRY_AFTER: &str = "5";

/// A problem with a request.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// The type of the problem: a stable URN.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// A title for the type.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong in this case, and what to do.
    pub detail: String,
    /// The OAuth error code, if the convention defines one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// The OAuth error description, if the convention defines one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_description: Option<Box<str>>,
    /// The errors of single fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    fn new(kind: &'static str, title: &'static str, status: u16, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, title, status, detail, error: None, error_description: None, errors: Vec::new() }
    }

    /// A request that cannot be read (400).
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new("urn:arauto:malformed", "The request cannot be read", 400, detail)
    }

    /// A request with invalid fields (400).
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = "Correct the fields named in errors and send the request again.";
        Self { errors, ..Self::new("urn:arauto:invalid", "Some fields are wrong", 400, detail) }
    }

    /// A resource that does not exist (404).
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new("urn:arauto:not-found", "Not found", 404, detail)
    }

    /// A method that this path does not support (405).
    pub fn method_not_allowed() -> Self {
        Self::new(
            "urn:arauto:method-not-allowed",
            "Method not allowed",
            405,
            "See infra/api.yaml for the methods.",
        )
    }

    /// A call superseded by a later one (409).
    pub fn superseded(detail: impl Into<String>) -> Self {
        Self::new("urn:arauto:superseded", "Superseded", 409, detail)
    }

    /// A change of what was registered while the stack served another ecosystem (409).
    pub fn other_ecosystem(detail: impl Into<String>) -> Self {
        Self::new("urn:arauto:other-ecosystem", "Registered in another ecosystem", 409, detail)
    }

    /// A body that is too large (413).
    pub fn too_large(limit: usize) -> Self {
        let detail = format!("The body may have at most {limit} bytes. Send less at once.");
        Self::new("urn:arauto:too-large", "The body is too large", 413, detail)
    }

    /// An unsupported content type (415).
    pub fn unsupported_media_type() -> Self {
        let detail = "Send content-type: application/json.";
        Self::new("urn:arauto:unsupported-media-type", "Unsupported content type", 415, detail)
    }

    /// A component of ours that does not work at present (503).
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new("urn:arauto:unavailable", "Try again", 503, detail)
    }
}

/// Maximum size of a body in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;

/// Checks the content type and size of a JSON request and parses it.
pub fn read_json(content_type: Option<&str>, body: &[u8]) -> Result<serde_json::Value, Problem> {
    read_json_up_to(BODY_LIMIT, content_type, body)
}

/// The same, for a body of at most `limit` bytes.
pub fn read_json_up_to(
    limit: usize,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<serde_json::Value, Problem> {
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Problem::unsupported_media_type());
    }
    if body.len() > limit {
        return Err(Problem::too_large(limit));
    }
    serde_json::from_slice(body)
        .map(|UniqueJson(document)| document)
        .map_err(|error| Problem::malformed(format!("The body is not JSON: {error}.")))
}

/// Answers with JSON.
pub fn json(status: u16, body: &impl Serialize) -> Response<String> {
    respond(status, "application/json", body)
}

/// Answers with a problem, or a document that contains one.
pub fn problem(status: u16, body: &impl Serialize) -> Response<String> {
    respond(status, "application/problem+json", body)
}

impl From<Problem> for Response<String> {
    fn from(refused: Problem) -> Self {
        problem(refused.status, &refused)
    }
}

fn respond(status: u16, media_type: &str, body: &impl Serialize) -> Response<String> {
    let body = serde_json::to_string(body).expect("answers serialise");
    let response = Response::builder().status(status).header("content-type", media_type);
    let response = if status == 503 { response.header("retry-after", RETRY_AFTER) } else { response };
    response.body(body).expect("status and headers are valid")
}
