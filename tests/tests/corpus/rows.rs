//! The table: what a receiver does, and what is to come of it.

use std::net::IpAddr;
use std::time::Duration;

use devkit::receiver::wire::Step;
use rustls::CipherSuite;

use super::network::{Names, PUBLIC, Server};
use super::offer::{Asks, Certificate, HOST, Offer};

/// One attack, or one fault.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) host: &'static str,
    pub(crate) names: Names,
    pub(crate) servers: Vec<Server>,
    /// The outcome's code.
    pub(crate) code: &'static str,
    pub(crate) findings: Vec<&'static str>,
    /// Seconds.
    pub(crate) within: u64,
    /// What `arauto doctor receiver` says without a notification.
    pub(crate) doctor: Says,
}

/// What the doctor says of a receiver without sending a notification.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Says {
    /// It will fail, with the code of the outcome: the fault shows before a request.
    WillFail,
    /// It may fail, with this code: what was answered to the request that notifies of nothing is no good.
    MayFail(&'static str),
    /// It works: the fault shows only in the answer to a notification, or there is none.
    Works,
}

impl Row {
    fn new(name: &str, server: Server, code: &'static str) -> Self {
        let (host, names) = (HOST, Names::Are(vec![vec![PUBLIC]]));
        let doctor = if code == "delivered" { Says::Works } else { Says::MayFail(code) };
        Self {
            name: name.to_owned(),
            host,
            names,
            servers: vec![server],
            code,
            findings: Vec::new(),
            within: 0,
            doctor,
        }
    }

    fn doctor(mut self, says: Says) -> Self {
        self.doctor = says;
        self
    }

    fn finds(mut self, finding: &'static str) -> Self {
        self.findings.push(finding);
        self
    }

    fn within(mut self, seconds: u64) -> Self {
        self.within = seconds;
        self
    }

    fn host(mut self, host: &'static str) -> Self {
        self.host = host;
        self
    }

    fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }
}

/// A head that delivers, up to its last line.
const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\nx-webhook-interaction-id: {id}\r\n";
/// A whole answer that delivers.
pub(crate) const DELIVERS: &str =
    "HTTP/1.1 202 Accepted\r\nx-webhook-interaction-id: {id}\r\ncontent-length: 0\r\n\r\n";

/// Every row.
pub(crate) fn rows() -> Vec<Row> {
    [statuses(), heads(), bodies(), slow(), connections(), tls(), addresses()].concat()
}

fn tls_server(steps: Vec<Step>) -> Server {
    Server::Tls(Offer::default(), steps)
}

pub(crate) fn send(text: impl Into<Vec<u8>>) -> Step {
    Step::Send(text.into())
}

/// A receiver that reads the request, answers this and closes.
fn answers(name: &str, text: impl Into<Vec<u8>>, code: &'static str) -> Row {
    Row::new(name, tls_server(vec![Step::Read, send(text)]), code)
}

/// One whose head has an end in a body of this text.
fn accepts(name: &str, rest: &str) -> Row {
    answers(name, format!("{ACCEPTED}{rest}"), "delivered")
}

fn statuses() -> Vec<Row> {
    let of = |status: &str, code| {
        let text = format!(
            "HTTP/1.1 {status} X\r\nx-webhook-interaction-id: {{id}}\r\nlocation: https://169.254.169.254/latest/meta-data/\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
        );
        let row = answers(&format!("status {status}"), text, code);
        // HEAD has other answers than POST, and these are usual.
        if ["200", "201", "204"].contains(&status) { row.doctor(Says::Works) } else { row }
    };
    [
        ("200", "nonconformant_2xx"),
        ("201", "nonconformant_2xx"),
        ("202", "delivered"),
        ("204", "nonconformant_2xx"),
        ("301", "redirect"),
        ("302", "redirect"),
        ("304", "redirect"),
        ("307", "redirect"),
        ("308", "redirect"),
        ("400", "client_error"),
        ("401", "client_error"),
        ("404", "client_error"),
        ("429", "client_error"),
        ("500", "server_error"),
        ("503", "server_error"),
        ("600", "unknown_status"),
        ("999", "unknown_status"),
        ("99", "invalid_response"),
        ("099", "invalid_response"),
        ("1000", "invalid_response"),
        ("abc", "invalid_response"),
    ]
    .map(|(status, code)| of(status, code))
    .to_vec()
}

fn heads() -> Vec<Row> {
    let many = |count: usize| format!("HTTP/1.1 202 Accepted\r\n{}\r\n", "a: b\r\n".repeat(count));
    let long = format!("HTTP/1.1 202 Accepted\r\na: {}\r\n\r\n", "b".repeat(64 * 1024 + 1));
    let long_id = "0".repeat(60_000);
    let headed = |name: &str, header: &str, code| {
        answers(name, format!("{ACCEPTED}{header}\r\ncontent-length: 0\r\n\r\n"), code)
    };
    vec![
        accepts("an interim answer before the answer", "content-length: 0\r\n\r\n")
            .with_prefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n"),
        answers(
            "switching protocols",
            "HTTP/1.1 101 X\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
            "unknown_status",
        ),
        answers("HTTP/0.9", "accepted", "invalid_response"),
        answers("HTTP/1.0", "HTTP/1.0 202 Accepted\r\nx-webhook-interaction-id: {id}\r\n\r\n", "delivered"),
        answers("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "invalid_response"),
        answers("HTTP/2 settings", b"\0\0\0\x04\0\0\0\0\0".to_vec(), "invalid_response"),
        answers("a page without a head", "<html>\r\n\r\n", "invalid_response"),
        answers("ten thousand header fields", many(10_000), "answer_too_long"),
        answers("101 header fields", many(101), "answer_too_long"),
        answers("a header field of 64 KiB and a byte", long, "answer_too_long"),
        headed("a folded header field", "a: b\r\n c: d", "invalid_response"),
        headed("a NUL in a header field", "a: b\0c", "invalid_response"),
        headed("a space before a colon", "transfer-encoding : chunked", "invalid_response"),
        headed("a header field without a name", ": b", "invalid_response"),
        // An answer to HEAD has no body, so its length is not read.
        headed("two lengths that differ", "content-length: 7", "invalid_response").doctor(Says::Works),
        headed("two lengths that agree", "content-length: 0", "delivered"),
        headed("a negative length", "content-length: -1", "invalid_response").doctor(Says::Works),
        answers("no echo", "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", "delivered")
            .finds("missing_response_interaction_id"),
        answers(
            "another echo",
            "HTTP/1.1 202 Accepted\r\nx-webhook-interaction-id: a\r\ncontent-length: 0\r\n\r\n",
            "delivered",
        )
        .finds("mismatched_response_interaction_id"),
        answers(
            "an echo of 60,000 digits",
            format!(
                "HTTP/1.1 202 Accepted\r\nx-webhook-interaction-id: {long_id}\r\ncontent-length: 0\r\n\r\n"
            ),
            "delivered",
        )
        .finds("mismatched_response_interaction_id"),
        answers(
            "an echo of odd bytes",
            b"HTTP/1.1 202 Accepted\r\nx-webhook-interaction-id: \xff\xfe\r\ncontent-length: 0\r\n\r\n"
                .to_vec(),
            "delivered",
        )
        .finds("mismatched_response_interaction_id"),
        Row::new(
            "interim answers without end",
            tls_server(vec![
                Step::Read,
                Step::Forever(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(400), Duration::ZERO),
            ]),
            "answer_too_long",
        ),
    ]
}

impl Row {
    /// The same with this sent before its answer.
    fn with_prefix(mut self, text: &str) -> Self {
        if let Some(Server::Tls(_, steps)) = self.servers.first_mut() {
            steps.insert(1, send(text));
        }
        self
    }
}

fn bodies() -> Vec<Row> {
    let chunked = |rest: &str| format!("transfer-encoding: chunked\r\n\r\n{rest}");
    let endless = |name: &str, head: &str, bytes: Vec<u8>| {
        let steps = vec![Step::Read, send(format!("{ACCEPTED}{head}")), Step::Forever(bytes, Duration::ZERO)];
        Row::new(name, tls_server(steps), "delivered").finds("body_cut")
    };
    vec![
        accepts("a short body", "content-length: 2\r\n\r\n{}"),
        accepts(
            "a body that is no gzip though it says so",
            "content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
        ),
        accepts("a length and chunks", &format!("content-length: 7\r\n{}", chunked("0\r\n\r\n"))),
        accepts("a body cut short", "content-length: 10\r\n\r\nabc").finds("body_cut"),
        accepts("a chunk of a bad size", &chunked("zz\r\n")).finds("body_cut"),
        accepts("a chunk of 2^64 bytes", &chunked("10000000000000000\r\n")).finds("body_cut"),
        accepts("no last chunk", &chunked("1\r\na\r\n")).finds("body_cut"),
        accepts("trailers of 70 KiB", &chunked(&format!("0\r\na: {}\r\n\r\n", "b".repeat(70_000))))
            .finds("body_cut"),
        accepts(
            "two answers at once",
            "content-length: 0\r\n\r\nHTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n",
        ),
        endless("a body of a gigabyte", "content-length: 1073741824\r\n\r\n", vec![b'0'; 16 * 1024]),
        endless(
            "a gzip bomb",
            "content-encoding: gzip\r\ncontent-length: 1073741824\r\n\r\n",
            vec![0; 16 * 1024],
        ),
        endless("chunks without end", "transfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n".repeat(1000)),
        endless(
            "a chunk extension without end",
            "transfer-encoding: chunked\r\n\r\n1;a=",
            vec![b'x'; 16 * 1024],
        ),
        endless("trailers without end", "transfer-encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n".repeat(1000)),
    ]
}

fn slow() -> Vec<Row> {
    let drips = |bytes: &[u8]| Step::Forever(bytes.to_vec(), Duration::from_secs(1));
    let row = |name: &str, steps: Vec<Step>| Row::new(name, tls_server(steps), "timeout").within(15);
    vec![
        row("silence after the handshake", vec![Step::Hang]),
        row("silence after the request", vec![Step::Read, Step::Hang]),
        row("a head that ends nowhere", vec![Step::Read, send(ACCEPTED), Step::Hang]),
        row("a head that drips", vec![Step::Read, send("HTTP/1.1 202 Accepted\r\na: "), drips(b"b")]),
        row("interim answers that drip", vec![Step::Read, drips(b"HTTP/1.1 100 Continue\r\n\r\n")]),
        Row::new(
            "a body that drips",
            tls_server(vec![Step::Read, send(format!("{ACCEPTED}content-length: 100\r\n\r\n")), drips(b"b")]),
            "delivered",
        )
        .finds("body_cut")
        .within(1),
        Row::new("silence instead of a handshake", Server::Plain(vec![Step::Hang]), "timeout")
            .within(15)
            .doctor(Says::WillFail),
        Row::new(
            "a handshake that drips",
            Server::Plain(vec![send(b"\x16\x03\x03\x40\x00".to_vec()), drips(b"a")]),
            "timeout",
        )
        .within(15)
        .doctor(Says::WillFail),
    ]
}

fn connections() -> Vec<Row> {
    let fails = |name: &str, server, code| Row::new(name, server, code).doctor(Says::WillFail);
    let mut rows = vec![
        answers("closed before the answer", "", "connection_reset"),
        fails("closed before the request", tls_server(vec![]), "connection_reset"),
        fails("nobody listens", Server::Refuses, "connection_refused"),
        fails("packets are dropped", Server::Silent, "connect_timeout").within(4),
        fails(
            "the port speaks plain HTTP",
            Server::Plain(vec![send("HTTP/1.1 400 Bad Request\r\n\r\n")]),
            "not_tls",
        ),
        fails("the port speaks SSH", Server::Plain(vec![send("SSH-2.0-OpenSSH_9.7\r\n")]), "not_tls"),
        fails("closed before the handshake", Server::Plain(vec![]), "handshake_closed"),
        fails("closed in the handshake", Server::Plain(vec![Step::ReadBytes(100)]), "handshake_closed"),
    ];
    // Closed at every byte of the answer's head; with its last byte it is an answer.
    let head = DELIVERS.replace("{id}", "");
    rows.extend((1..head.len()).map(|at| {
        answers(&format!("closed after byte {at} of the answer"), &head.as_bytes()[..at], "connection_reset")
    }));
    // Closed while the request is read: TLS may carry it whole all the same.
    rows.extend([1, 2, 20, 100, 200, 280].map(|at| {
        let row = Row::new(
            &format!("closed after byte {at} of the request"),
            tls_server(vec![Step::ReadBytes(at)]),
            "connection_reset",
        );
        // The request that notifies of nothing is shorter, and the rest is waited for.
        if at < 200 { row } else { row.doctor(Says::MayFail("timeout")) }
    }));
    rows
}

fn tls() -> Vec<Row> {
    let offer = |name: &str, offer: Offer, code| {
        let row = Row::new(name, Server::Tls(offer, vec![Step::Read, send(DELIVERS)]), code);
        if code == "delivered" { row } else { row.doctor(Says::WillFail) }
    };
    let presents =
        |name: &str, certificate, code| offer(name, Offer { certificate, ..Offer::default() }, code);
    let alert = |name: &str, bytes: [u8; 2], code| {
        let record = [[21, 3, 3, 0, 2].as_slice(), bytes.as_slice()].concat();
        Row::new(name, Server::Plain(vec![Step::ReadBytes(100), send(record)]), code).doctor(Says::WillFail)
    };
    // A hello of a server that knows no more than this version: random bytes, no session, a suite of then, no compression.
    let hello = |name: &str, version: [u8; 2], code| {
        let hello = [version.as_slice(), &[7; 32], &[0, 0xc0, 0x13, 0]].concat();
        let record = [[22, 3, 1, 0, 42, 2, 0, 0, 38].as_slice(), &hello].concat();
        Row::new(name, Server::Plain(vec![Step::ReadBytes(100), send(record)]), code).doctor(Says::WillFail)
    };
    let tls12 = Offer { tls12: true, ..Offer::default() };
    let gcm = Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384);
    let chacha = Some(CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256);
    let others = Asks::CertificateOfOthers;
    vec![
        presents("a certificate for another name", Certificate::OtherName, "hostname_mismatch"),
        presents("a wildcard two labels above", Certificate::WildcardTooHigh, "hostname_mismatch")
            .host("a.b.example"),
        presents("an expired certificate", Certificate::Expired, "expired"),
        presents("a certificate of the future", Certificate::NotYetValid, "not_yet_valid"),
        presents("a self-signed certificate", Certificate::SelfSigned, "unknown_ca"),
        presents("a certificate of an unknown authority", Certificate::UnknownCa, "unknown_ca"),
        presents("no intermediate", Certificate::IntermediateMissing, "unknown_ca"),
        presents("a client's certificate", Certificate::ForClients, "certificate_purpose"),
        presents("an authority's certificate", Certificate::Authority, "certificate_invalid"),
        hello("TLS 1.0", [3, 1], "protocol_version"),
        hello("TLS 1.1", [3, 2], "protocol_version"),
        hello("a suite of TLS 1.2 that was not offered", [3, 3], "tls_handshake"),
        offer("TLS 1.2", tls12, "delivered"),
        offer("TLS 1.2 with AES-GCM alone", Offer { suite: gcm, ..tls12 }, "delivered"),
        offer("TLS 1.2 with ChaCha20 alone", Offer { suite: chacha, ..tls12 }, "no_common_suite"),
        offer("no client certificate wanted", Offer { asks: Asks::Nothing, ..Offer::default() }, "delivered")
            .finds("receiver_without_mtls")
            .doctor(Says::MayFail("receiver_without_mtls")),
        offer(
            "our certificate refused in TLS 1.3",
            Offer { asks: others, ..Offer::default() },
            "client_certificate_refused",
        ),
        offer(
            "our certificate refused in TLS 1.2",
            Offer { asks: others, ..tls12 },
            "client_certificate_refused",
        ),
        offer("HTTP/2 alone", Offer { alpn: "h2", ..Offer::default() }, "no_common_protocol"),
        alert("the alert protocol_version", [2, 70], "protocol_version"),
        alert("the alert handshake_failure", [2, 40], "no_common_suite"),
        alert("the alert insufficient_security", [2, 71], "no_common_suite"),
        alert("the alert unrecognized_name", [2, 112], "name_not_served"),
        alert("the alert internal_error", [2, 80], "tls_handshake"),
        alert("the alert close_notify", [1, 0], "handshake_closed"),
    ]
}

/// One address of each range that is inside, by RFC 6890 and the registries of IANA.
const INSIDE: &[&str] = &[
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
];

fn addresses() -> Vec<Row> {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let good = || tls_server(vec![Step::Read, send(DELIVERS)]);
    let named = |name: &str, names, code| Row::new(name, good(), code).names(names);
    let always = |addresses: Vec<IpAddr>| Names::Are(vec![addresses]);
    let inside = ip("169.254.169.254");
    let literal = |host, code| Row::new(&format!("the host {host}"), good(), code).host(host);
    let mut rows = vec![
        named(
            "a name that turns inside after the check",
            Names::Are(vec![vec![PUBLIC], vec![inside]]),
            "delivered",
        ),
        named("one address of two is inside", always(vec![PUBLIC, inside]), "blocked_address"),
        named("a name without addresses", always(vec![]), "dns_error"),
        named("no such name", Names::Fail, "dns_error"),
        named("name servers that hang", Names::Hang, "dns_error").within(5),
        named("four thousand addresses", always(vec![PUBLIC; 4000]), "delivered"),
        Row::new("four thousand addresses that refuse", Server::Refuses, "connection_refused")
            .names(always(vec![PUBLIC; 4000])),
        Row::new("four thousand addresses that drop", Server::Silent, "connect_timeout")
            .names(always(vec![PUBLIC; 4000]))
            .within(9),
        literal("169.254.169.254", "blocked_address"),
        literal("10.0.0.1", "blocked_address"),
        literal("[::1]", "blocked_address"),
        literal("[::ffff:127.0.0.1]", "blocked_address"),
        literal("[fd00:ec2::254]", "blocked_address"),
        // What a resolver makes of these is looked at as any other answer is.
        literal("2130706433", "invalid_url").names(always(vec![ip("127.0.0.1")])),
        literal("0177.0.0.1", "invalid_url").names(always(vec![ip("127.0.0.1")])),
        literal("localhost", "blocked_address").names(always(vec![ip("127.0.0.1")])),
    ];
    rows.extend(
        INSIDE
            .iter()
            .map(|text| named(&format!("a name at {text}"), always(vec![ip(text)]), "blocked_address")),
    );
    let fails =
        rows.into_iter().map(|row| if row.code == "delivered" { row } else { row.doctor(Says::WillFail) });
    fails.collect()
}
