use std::convert::Infallible;
use std::sync::atomic::AtomicI64;

use http::header::{CONNECTION, HeaderValue};
use http_body_util::Full;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{DuplexStream, duplex};
use tokio::task::yield_now;

use super::*;

const IDLE_TIMEOUT: SignedDuration = SignedDuration::from_secs(4);
const BUDGET: usize = 3;
const PLACE: &str = "receiver.example";

type Stand = TokioIo<DuplexStream>;

/// A server of hyper's, in memory, and a pool of connections to it.
struct World {
    pool: Pool<PooledConnection<Stand, Full<Bytes>, usize>>,
    /// Seconds that have passed.
    passed: Arc<AtomicI64>,
    connections: AtomicUsize,
    /// What the server does with a connection after an answer.
    ends: Ends,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Ends {
    Never,
    /// It says so in its answer.
    Announced,
    /// It says for how long it keeps the connection.
    After(&'static str),
    /// It closes without a word.
    Silently,
}

impl World {
    fn new(ends: Ends) -> Self {
        let passed = Arc::new(AtomicI64::new(0));
        let hand = Arc::clone(&passed);
        let now =
            move || Timestamp::from_second(1_795_000_000 + hand.load(Ordering::Relaxed)).expect("an instant");
        Self {
            pool: Pool::new(IDLE_TIMEOUT, now, IdleBudget::of(BUDGET)),
            passed,
            connections: AtomicUsize::new(0),
            ends,
        }
    }

    fn pass(&self, seconds: i64) {
        self.passed.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Connects, and says which connection of all it is.
    async fn connect(&self) -> hyper::Result<PooledConnection<Stand, Full<Bytes>, usize>> {
        let (ours, theirs) = duplex(4096);
        let ends = self.ends;
        tokio::spawn(async move {
            let answer = service_fn(async |request: Request<Incoming>| {
                let body = request.into_body().collect().await.expect("a body").to_bytes();
                let mut response = Response::new(Full::new(body));
                if ends == Ends::Announced {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                if let Ends::After(announced) = ends {
                    response.headers_mut().insert("keep-alive", HeaderValue::from_static(announced));
                }
                Ok::<_, Infallible>(response)
            });
            let connection = server::Builder::new().serve_connection(TokioIo::new(theirs), answer);
            if ends == Ends::Silently {
                // Long enough for one exchange; then it is dropped.
                timeout(Duration::from_millis(10), connection).await.ok();
            } else {
                connection.await.ok();
            }
        });
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        PooledConnection::over(TokioIo::new(ours), &Builder::new(), number).await
    }

    /// Makes one exchange, and says over which connection.
    async fn exchange(&self) -> usize {
        self.exchange_with(PLACE).await
    }

    async fn exchange_with(&self, authority: &str) -> usize {
        let request = Request::post("/").body(Full::new(Bytes::from_static(b"echoed"))).expect("a request");
        let answered = self.pool.answered::<hyper::Error, _>(authority, request, || self.connect()).await;
        let (mut exchanges, response) = answered.expect("an answer");
        let body = exchanges.read(response.into_body(), 100).await.expect("a body");
        assert_eq!(body.as_deref(), Some(b"echoed".as_slice()));
        let number = exchanges.facts;
        self.pool.keep(authority, exchanges).await;
        number
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again_as_long_as_it_is_young() {
    let world = World::new(Ends::Never);
    assert_eq!(world.exchange().await, 0);
    world.pass(4);
    assert_eq!(world.exchange().await, 0);
    world.pass(5);
    assert_eq!(world.exchange().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_tells_nothing_of_an_age() {
    let world = World::new(Ends::Never);
    assert_eq!(world.exchange().await, 0);
    world.pass(-1);
    assert_eq!(world.exchange().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_its_answer_ends_is_not_kept() {
    let world = World::new(Ends::Announced);
    assert_eq!((world.exchange().await, world.exchange().await), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_other_side_soon_closes_is_not_used_again() {
    for (announced, idle, expected) in [
        ("timeout=3", 2, 0),
        ("timeout=3", 3, 1),
        ("timeout=1", 0, 1),
        ("timeout=60", 4, 0),
        ("timeout=60", 5, 1),
        ("timeout=60, max=0", 0, 1),
        ("max=1", 4, 0),
    ] {
        let world = World::new(Ends::After(announced));
        assert_eq!(world.exchange().await, 0);
        world.pass(idle);
        assert_eq!(world.exchange().await, expected, "{announced} after {idle} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_to_a_new_connection_where_the_kept_one_was_closed_meanwhile() {
    let world = World::new(Ends::Silently);
    assert_eq!(world.exchange().await, 0);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(world.exchange().await, 1);
}

#[tokio::test(start_paused = true)]
async fn connections_that_grew_old_are_closed_when_any_other_is_asked_for() {
    let world = World::new(Ends::Never);
    world.exchange().await;
    world.pass(5);
    assert!(world.pool.take("another.example").is_none());
    yield_now().await;
    assert!(world.pool.idle.lock().unwrap().by_authority.is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_more_connections_wait_than_there_is_room_for() {
    let world = World::new(Ends::Never);
    let left = || world.pool.budget.0.load(Ordering::Relaxed);
    for authority in ["a", "a", "b", "c"] {
        world.pool.put(authority, world.connect().await.unwrap());
    }
    assert!(left() == 0 && world.pool.take("c").is_none());
    // One that is taken leaves its budget to another, and so do those that grow old.
    let taken = world.pool.take("b").unwrap();
    assert_eq!(left(), 1);
    world.pool.put("c", taken);
    world.pass(5);
    assert!(world.pool.take("a").is_none());
    assert_eq!(left(), BUDGET);
}

#[tokio::test(start_paused = true)]
async fn of_more_authorities_than_there_is_room_for_those_served_in_turn_keep_theirs() {
    const ROUNDS: usize = 10;
    let world = World::new(Ends::Never);
    for _ in 0..ROUNDS {
        for authority in ["a", "b", "c", "d"] {
            world.exchange_with(authority).await;
        }
    }
    // Evicting the oldest would open one for each of 40 exchanges.
    assert_eq!(world.connections.load(Ordering::Relaxed), BUDGET + ROUNDS);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_ends_leaves_its_room_to_the_others() {
    let world = World::new(Ends::Never);
    let budget = world.pool.budget.clone();
    world.exchange().await;
    assert_eq!(budget.0.load(Ordering::Relaxed), BUDGET - 1);
    drop(world);
    assert_eq!(budget.0.load(Ordering::Relaxed), BUDGET);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_longer_than_asked_for_is_not_read() {
    let world = World::new(Ends::Never);
    let mut exchanges = world.connect().await.unwrap();
    let request = Request::post("/").body(Full::new(Bytes::from(vec![b'x'; 101]))).unwrap();
    let response = exchanges.send(request).await.unwrap();
    assert_eq!(exchanges.read(response.into_body(), 100).await.unwrap(), None);
}
