use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use convention::address::AddressPolicy;

use super::*;

const LIMIT: usize = 64;

/// A server on this machine that answers by the path alone, and notes what it was asked.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), address, &notes);
            }
        });
        Self { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn answer(mut stream: TcpStream, address: SocketAddr, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut header, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut line).unwrap();
    while reader.read_line(&mut header).unwrap() > 2 {
        let lower = header.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        header.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap().to_owned());
    asked
        .lock()
        .unwrap()
        .push(format!("{method} {path} {}", String::from_utf8(body).unwrap()).trim_end().to_owned());
    let port = address.port();
    let to = |status: u16, location: &str| format!("{status} x\r\nlocation: {location}\r\n");
    let head = match path.split('?').next().unwrap() {
        "/list" => "200 OK\r\netag: \"1\"\r\n".to_owned(),
        "/long" => format!("200 OK\r\netag: \"{}\"\r\n", "x".repeat(392 * 1024)),
        "/301" => to(301, "/list"),
        "/302" => to(302, "list"),
        "/303" => to(303, "/list"),
        "/307" => to(307, &format!("http://127.0.0.1:{port}/list")),
        "/name" => to(308, &format!("HTTP://localhost:{port}/list")),
        "/two" => to(301, "/302"),
        "/three" => to(302, "/two"),
        "/four" => to(307, "/three"),
        "/loop" => to(302, "/loop"),
        "/inside" => to(302, "http://169.254.169.254/latest/meta-data/"),
        "/private" => to(302, "https://[fd00:ec2::254]/"),
        "/ftp" => to(302, "ftp://127.0.0.1/list"),
        "/file" => to(302, "file:///etc/passwd"),
        "/data" => to(302, "data:,list"),
        "/nowhere" => "302 Found\r\n".to_owned(),
        "/unreadable" => to(302, "http://[/"),
        "/far" => to(302, &"x".repeat(5000)),
        "/never" => return std::mem::forget(stream),
        "/slow" => to(302, "/never"),
        _ => "404 Not Found\r\n".to_owned(),
    };
    write!(stream, "HTTP/1.1 {head}connection: close\r\ncontent-length: 4\r\n\r\nlist").unwrap();
}

fn fetcher(policy: AddressPolicy) -> Fetcher {
    Fetcher::new(policy, |client| client).unwrap()
}

async fn get(server: &Server, path: &str) -> Result<Option<String>, &'static str> {
    let fetcher = fetcher(AddressPolicy::PublicAndLoopback);
    match fetcher.get_signed(&server.url(path), "*/*", None, LIMIT).await {
        Ok(Fetched::Document { bytes, etag, .. }) => {
            assert_eq!(bytes, b"list");
            Ok(etag)
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code()),
    }
}

#[tokio::test]
async fn redirects_are_followed_three_times() {
    let server = Server::start();
    for (path, hops) in
        [("/list", 1), ("/301", 2), ("/302", 2), ("/307", 2), ("/name", 2), ("/two", 3), ("/three", 4)]
    {
        assert_eq!(get(&server, path).await, Ok(Some("\"1\"".to_owned())), "{path}");
        assert_eq!(server.asked().len(), hops, "{path}");
    }
    for path in ["/four", "/loop"] {
        assert_eq!(get(&server, path).await, Err("too_many_redirects"), "{path}");
        assert_eq!(server.asked().len(), 4, "{path}");
    }
}

#[tokio::test]
async fn the_target_of_a_redirect_passes_the_same_checks() {
    let server = Server::start();
    for (path, code) in [
        ("/inside", "blocked_address"),
        ("/private", "blocked_address"),
        ("/ftp", "invalid_url"),
        ("/file", "invalid_url"),
        ("/data", "invalid_url"),
        ("/nowhere", "invalid_redirect"),
        ("/unreadable", "invalid_redirect"),
        ("/far", "invalid_redirect"),
        ("/303", "status"),
        ("/missing", "status"),
    ] {
        assert_eq!(get(&server, path).await, Err(code), "{path}");
        assert_eq!(server.asked().len(), 1, "{path}");
    }
    // A name is checked when it is resolved, at each step as at the first.
    let fetcher = fetcher(AddressPolicy::Public);
    let localhost = format!("http://localhost:{}/list", server.address.port());
    let refused = fetcher.get_signed(&localhost, "*/*", None, LIMIT).await.unwrap_err();
    assert_eq!((refused.code(), server.asked()), ("blocked_address", vec![]));
}

#[tokio::test]
async fn a_question_is_asked_again_where_it_is_led() {
    let server = Server::start();
    let fetcher = fetcher(AddressPolicy::PublicAndLoopback);
    for path in ["/301", "/302", "/307"] {
        let answer = fetcher.post_signed(&server.url(path), "text/plain", b"who?".to_vec(), LIMIT).await;
        assert!(matches!(answer, Ok(Fetched::Document { .. })), "{path}");
        assert_eq!(server.asked(), [format!("POST {path} who?"), "POST /list who?".to_owned()]);
    }
}

#[tokio::test]
async fn other_fetches_are_led_nowhere() {
    let server = Server::start();
    let fetcher = fetcher(AddressPolicy::PublicAndLoopback);
    for path in ["/301", "/302", "/307", "/name"] {
        let got = fetcher.get(&server.url(path), "*/*", None, LIMIT).await.map(|_| ());
        assert!(matches!(got, Err(FetchError::Status(301..=308))), "{path}");
        let post = fetcher.request(Method::POST, &server.url(path)).unwrap().body("secret");
        assert!(matches!(fetcher.send(post, LIMIT).await, Err(FetchError::Status(301..=308))), "{path}");
        assert_eq!(server.asked().len(), 2);
    }
}

#[tokio::test]
async fn a_version_with_an_endless_name_is_kept_without_it() {
    let server = Server::start();
    assert_eq!(get(&server, "/long").await, Ok(None));
}

#[tokio::test]
async fn all_steps_share_one_budget() {
    let server = Server::start();
    let fetcher = fetcher(AddressPolicy::PublicAndLoopback);
    let request = |target| fetcher.http.request(Method::GET, target);
    let late = fetcher.follow(&server.url("/slow"), request, LIMIT, Duration::from_millis(300)).await;
    assert!(matches!(late, Err(FetchError::Timeout)));
    assert_eq!(server.asked().len(), 2);
}
