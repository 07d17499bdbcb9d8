//! HTTP/1.1 as far as a receiver of notifications needs it.

use std::collections::BTreeMap;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A request that was read to its end.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Its method.
    pub method: String,
    /// The target.
    pub path: String,
    /// Its headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

impl Request {
    /// A header; nothing where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn head(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_lowercase(), value.trim().to_owned()))
        };
        Some(Self { method, path, headers: lines.filter_map(header).collect(), body: String::new() })
    }
}

/// Reads the next request; `None` where there is none.
pub(super) async fn next_request(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<Request> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let mut request = Request::head(std::str::from_utf8(buffer.get(..end)?).ok()?)?;
            let length: usize = request.header("content-length").parse().unwrap_or(0);
            if let Some(body) = buffer.get(end + 4..end + 4 + length) {
                request.body = String::from_utf8_lossy(body).into_owned();
                buffer.drain(..end + 4 + length);
                return Some(request);
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
