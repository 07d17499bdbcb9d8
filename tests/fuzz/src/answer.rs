//! What a receiver answers, read from a stream in memory with the limits of the real one.

use convention::delivery::{Answer, Failure, Outcome};
use convention::directory::Settings;
use mtls::read_answer;
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::{Builder, Runtime};

/// Room for the request, and for whatever is answered, so that neither waits for the other.
const ROOM: usize = 1024 * 1024;
const ID: &str = "7f1c2b1e-5a0e-4a9e-9d6b-0c8f5a3e1d22";

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
}

/// The bytes that a receiver sends before it closes the connection.
pub fn answer(bytes: &[u8]) {
    let read = RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(ROOM);
            let bytes = bytes.get(..ROOM).unwrap_or(bytes);
            theirs.write_all(bytes).await.expect("there is room");
            theirs.shutdown().await.expect("nobody else closes it");
            read_answer(ours).await
        })
    });
    match read {
        Ok(answer) => judged(&answer),
        Err(failure) => assert!(
            matches!(failure, Failure::InvalidResponse | Failure::ConnectionReset),
            "{failure}: nothing else can be said of bytes that came"
        ),
    }
}

fn judged(answer: &Answer) {
    assert!((100..1000).contains(&answer.status), "{}", answer.status);
    let printable = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    assert!(answer.interaction_id.iter().all(|id| id.bytes().all(printable)));
    let delivered = matches!(Outcome::of(answer, ID, &Settings::default()), Outcome::Delivered { .. });
    assert_eq!(delivered, answer.status == 202, "{answer:?}");
}
