//! HTTP/1.1 byte by byte, for receivers that must know which bytes went out when, or that break the rules on purpose.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::sleep;

const INTERACTION_ID: &str = "x-webhook-interaction-id";
/// The most that is read at once.
const PIECE: usize = 4096;

/// A request that was read to its end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// The target.
    pub path: String,
    /// Its headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

/// One step of what a receiver does on a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Reads the whole request.
    Read,
    /// Reads so many bytes of it.
    ReadBytes(usize),
    /// Sends this; `{id}` is the interaction id of the request.
    Send(Vec<u8>),
    /// Sends this again and again, with a pause after each.
    Forever(Vec<u8>, Duration),
    /// Says and reads nothing more.
    Hang,
}

/// The requests that came, whole or in part, each as its bytes. Copies are the same one.
#[derive(Clone, Debug, Default)]
pub struct Arrived(Arc<Mutex<Vec<Vec<u8>>>>);

impl Request {
    /// A header; nothing where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Parses the first request of these bytes, if it is whole, and says how long it is.
    fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let mut request = Self::head(std::str::from_utf8(bytes.get(..head)?).ok()?)?;
        let length: usize = request.header("content-length").parse().unwrap_or(0);
        let end = head + 4 + length;
        request.body = String::from_utf8_lossy(bytes.get(head + 4..end)?).into_owned();
        Some((request, end))
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

/// Reads the next request; what comes after it stays in the buffer. `None` where there is none.
pub async fn next_request(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some((request, end)) = Request::parse(buffer) {
            buffer.drain(..end);
            return Some(request);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// The head of an answer, with these header lines and a body of this length to come.
pub fn answer_head(status: u16, headers: &str, length: usize) -> String {
    format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {length}\r\n\r\n")
}

impl Arrived {
    /// The requests so far; those of which nothing came are left out.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Does one step after the other, and closes the connection after the last.
pub async fn play(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    steps: &[Step],
    arrived: &Arrived,
) -> io::Result<()> {
    let mut reading = Reading { bytes: Vec::new(), at: None, arrived };
    for step in steps {
        match step {
            Step::Read => {
                reading.start();
                while Request::parse(&reading.bytes).is_none() {
                    reading.read(stream, PIECE).await?;
                }
            }
            Step::ReadBytes(bytes) => {
                reading.start();
                while reading.bytes.len() < *bytes {
                    reading.read(stream, bytes - reading.bytes.len()).await?;
                }
            }
            Step::Send(bytes) => {
                stream.write_all(&reading.with_id(bytes)).await?;
                stream.flush().await?;
            }
            Step::Forever(bytes, pause) => loop {
                stream.write_all(bytes).await?;
                stream.flush().await?;
                sleep(*pause).await;
            },
            Step::Hang => std::future::pending().await,
        }
    }
    stream.shutdown().await
}

/// The request that is being read, noted as it comes.
struct Reading<'a> {
    bytes: Vec<u8>,
    /// Its place among those that arrived.
    at: Option<usize>,
    arrived: &'a Arrived,
}

impl Reading<'_> {
    fn start(&mut self) {
        (self.bytes, self.at) = (Vec::new(), None);
    }

    async fn read(&mut self, stream: &mut (impl AsyncRead + Unpin), most: usize) -> io::Result<()> {
        let mut buffer = vec![0; most];
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
        let mut requests = self.arrived.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = *self.at.get_or_insert(requests.len());
        if at == requests.len() {
            requests.push(Vec::new());
        }
        if let Some(request) = requests.get_mut(at) {
            request.clone_from(&self.bytes);
        }
        Ok(())
    }

    fn with_id(&self, bytes: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
        let request = String::from_utf8_lossy(&self.bytes);
        let head = request.split("\r\n\r\n").next().and_then(Request::head).unwrap_or_default();
        text.replace("{id}", head.header(INTERACTION_ID)).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    const REQUEST: &[u8] =
        b"POST /a HTTP/1.1\r\nX-Webhook-Interaction-Id: id-1\r\ncontent-length: 2\r\n\r\n{}";

    #[tokio::test]
    async fn a_script_is_played_step_by_step_on_any_stream() {
        let (mut ours, mut theirs) = duplex(1024);
        let arrived = Arrived::default();
        ours.write_all(&[REQUEST, REQUEST].concat()).await.unwrap();
        let steps = [Step::ReadBytes(5), Step::Send(b"raw {id}".to_vec())];
        play(&mut theirs, &steps, &arrived).await.unwrap();
        let mut answer = vec![0; 4];
        ours.read_exact(&mut answer).await.unwrap();
        assert_eq!((answer.as_slice(), arrived.requests()), (&b"raw "[..], vec![b"POST ".to_vec()]));
    }

    #[tokio::test]
    async fn requests_are_read_one_after_the_other_and_their_id_can_be_sent_back() {
        let (mut ours, mut theirs) = duplex(1024);
        ours.write_all(&[REQUEST, REQUEST].concat()).await.unwrap();
        let mut buffer = Vec::new();
        for _ in 0..2 {
            let request = next_request(&mut theirs, &mut buffer).await.unwrap();
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/a"));
            assert_eq!((request.header(INTERACTION_ID), request.body.as_str()), ("id-1", "{}"));
        }
        ours.write_all(REQUEST).await.unwrap();
        let steps = [Step::Read, Step::Send(b"{id}".to_vec())];
        play(&mut theirs, &steps, &Arrived::default()).await.unwrap();
        let mut answer = Vec::new();
        ours.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"id-1");
    }
}
