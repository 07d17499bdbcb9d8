//! Who may ask for a page: whoever has the address that was printed, in a window of its own.
//!
//! The token is part of the path, not a cookie: cookies of a host go to every port of it, so that another program on this machine
//! would be handed them, and a page of it could use them.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

/// What each answer forbids the browser (Content Security Policy Level 3): everything but what this server serves, no frame
/// around it, no form to elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// With `no-referrer` a browser would send `Origin: null` with forms (Fetch standard, "append a request `Origin` header").
const ANSWER_HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The secrets of one run, and the address that it serves.
#[derive(Clone)]
pub struct Access {
    token: String,
    form_token: String,
    port: u16,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// It names another host: a name of somebody else that resolves to this machine (DNS rebinding).
    Host,
    /// A page of another origin sent it.
    Origin,
    /// It has no token, or another one.
    Token,
}

impl Access {
    /// Protects a server on this port of the loopback address with two secrets, each of at least 128 random bits.
    pub fn new(token: String, form_token: String, port: u16) -> Self {
        Self { token, form_token, port }
    }

    /// The address to open, with its token.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{}/", self.port, self.prefix())
    }

    /// The path that all pages begin with.
    pub fn prefix(&self) -> String {
        format!("/{}", self.token)
    }

    /// The secret that each form has.
    pub fn form_token(&self) -> &str {
        &self.form_token
    }

    /// Says whether a form came with its secret.
    pub fn is_form_token(&self, sent: &str) -> bool {
        is_same(sent, &self.form_token)
    }

    /// Says why a request is refused, if it is.
    pub fn refusal(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Refusal> {
        let port = self.port;
        // No other name: somebody else may listen at `[::1]`, which `localhost` may be.
        let host = format!("127.0.0.1:{port}");
        if only(headers, &header::HOST) != Some(host.as_str()) {
            return Some(Refusal::Host);
        }
        let origins = headers.get_all(header::ORIGIN).iter().collect::<Vec<_>>();
        let own = format!("http://{host}");
        let is_own = |origin: &&HeaderValue| origin.as_bytes() == own.as_bytes();
        let reads = *method == Method::GET || *method == Method::HEAD;
        if !origins.iter().all(is_own) || (!reads && origins.len() != 1) {
            return Some(Refusal::Origin);
        }
        // "same-site" is another port of this host (Fetch Metadata Request Headers). A typed address has "none".
        let site = only(headers, &HeaderName::from_static("sec-fetch-site"));
        let may_come = |site: &str| site == "same-origin" || (reads && site == "none");
        if site.is_some_and(|site| !may_come(site)) {
            return Some(Refusal::Origin);
        }
        let sent = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        (!is_same(sent, &self.token)).then_some(Refusal::Token)
    }

    /// Answers a refused request, and gives every answer the headers that protect it.
    pub async fn guard<F>(&self, request: Request, next: impl FnOnce(Request) -> F) -> Response
    where
        F: Future<Output = Response>,
    {
        let refused = self.refusal(request.method(), request.uri().path(), request.headers());
        let mut answer = match refused {
            None => next(request).await,
            Some(refusal) => refusal.answer(),
        };
        for (name, value) in ANSWER_HEADERS {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}

/// Shows the secrets to nobody.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Refusal {
    fn answer(self) -> Response {
        let (status, text) = match self {
            Self::Host => (StatusCode::MISDIRECTED_REQUEST, "This server has another name.\n"),
            Self::Origin => (StatusCode::FORBIDDEN, "Another page may not ask this server.\n"),
            Self::Token => (
                StatusCode::NOT_FOUND,
                "There is no such page: open the address that `arauto console` printed.\n",
            ),
        };
        (status, Body::from(text)).into_response()
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let one = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(one)
}

/// Compares without telling by its time where two secrets differ.
fn is_same(sent: &str, secret: &str) -> bool {
    verify_slices_are_equal(sent.as_bytes(), secret.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: u16 = 8700;

    fn access() -> Access {
        Access::new("secret".to_owned(), "of-forms".to_owned(), PORT)
    }

    fn refused(method: &Method, path: &str, headers: &[(&'static str, &'static str)]) -> Option<Refusal> {
        let of = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut all = HeaderMap::new();
        headers.iter().map(of).for_each(|(name, value)| _ = all.append(name, value));
        access().refusal(method, path, &all)
    }

    #[test]
    fn only_the_printed_address_is_answered() {
        let host = ("host", "127.0.0.1:8700");
        assert_eq!(refused(&Method::GET, "/secret/en/", &[host]), None);
        assert_eq!(refused(&Method::GET, "/secret", &[host]), None);
        for path in ["/", "/secre/en", "/secrets/en", "/en/secret", "/SECRET", "//other/secret", ""] {
            assert_eq!(refused(&Method::GET, path, &[host]), Some(Refusal::Token), "{path}");
        }
        for other in [
            "evil.example",
            "localhost:8700",
            "[::1]:8700",
            "127.0.0.1",
            "127.0.0.1:8701",
            "evil.example:8700",
            "127.0.0.1:8700.evil",
        ] {
            assert_eq!(refused(&Method::GET, "/secret/", &[("host", other)]), Some(Refusal::Host), "{other}");
        }
        assert_eq!(refused(&Method::GET, "/secret/", &[]), Some(Refusal::Host));
        assert_eq!(refused(&Method::GET, "/secret/", &[host, ("host", "evil.example")]), Some(Refusal::Host));
    }

    #[test]
    fn another_page_can_neither_read_nor_act() {
        let (host, own) = (("host", "127.0.0.1:8700"), ("origin", "http://127.0.0.1:8700"));
        assert_eq!(refused(&Method::POST, "/secret/en/", &[host, own]), None);
        assert_eq!(refused(&Method::POST, "/secret/en/", &[host]), Some(Refusal::Origin), "no origin");
        for origin in ["null", "http://127.0.0.1:8701", "https://127.0.0.1:8700", "http://evil.example", ""] {
            for method in [Method::GET, Method::POST, Method::OPTIONS] {
                let answer = refused(&method, "/secret/en/", &[host, ("origin", origin)]);
                assert_eq!(answer, Some(Refusal::Origin), "{origin}");
            }
        }
        for (method, site, answer) in [
            (Method::GET, "none", None),
            (Method::GET, "same-origin", None),
            (Method::GET, "same-site", Some(Refusal::Origin)),
            (Method::GET, "cross-site", Some(Refusal::Origin)),
            (Method::POST, "none", Some(Refusal::Origin)),
        ] {
            let headers = [host, own, ("sec-fetch-site", site)];
            assert_eq!(refused(&method, "/secret/en/", &headers), answer, "{site}");
        }
    }

    #[tokio::test]
    async fn each_answer_is_protected_also_one_that_refuses() {
        for path in ["/secret/", "/other/"] {
            let request = Request::get(path).header("host", "127.0.0.1:8700").body(Body::empty()).unwrap();
            let answer = access().guard(request, async |_| "a page".into_response()).await;
            for (name, value) in ANSWER_HEADERS {
                assert_eq!(answer.headers()[name], value, "{path}");
            }
        }
        assert!(!format!("{:?}", access()).contains("secret"));
    }
}
