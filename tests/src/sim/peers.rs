//! The receivers: servers in memory behind real mutual TLS, each in the mood that its plan says.
//!
//! TLS and HTTP are the mock receiver's, byte by byte ([`devkit::receiver::wire`]): what a receiver does depends on its plan at that
//! moment, and what it sent is judged by what of it we read.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use convention::address::AddressPolicy;
use convention::delivery::REDUCED_TIMEOUT;
use devkit::pki::{ClientSubject, Identity, TestPki};
use devkit::receiver::wire::{Request, answer_head as answer, next_request};
use devkit::receiver::{Presented, ServerTls};
use jiff::Timestamp;
use mtls::{Network, Transport};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::breaks::Break;
use super::dice::Dice;
use super::invariants;
use super::life::{Counted, Life};
use super::plan::{Deed, KeepAlive, ReceiverPlan, base_uri};
use super::scenario::Scenario;
use super::sdk_transport::SdkTransport;
use super::time::epoch;
use super::troubles::{Lack, LocalFault, Outage, no_answer, no_such_name, unreachable};
use super::way::{AnswerWay, Way};
use super::world::{Arrival, World};

/// The certificates of all runs: making RSA keys takes longer than a run.
pub(super) static PKI: LazyLock<(TestPki, Identity)> = LazyLock::new(|| {
    let pki = TestPki::new(&ClientSubject::default(), epoch()).expect("certificates can be made");
    let receiver = pki.receiver_authority.server(&["*.itp.example"]).expect("a certificate can be made");
    (pki, receiver)
});
static TLS: LazyLock<TlsAcceptor> = LazyLock::new(|| acceptor(Vec::new()));
/// The same with certificates beside the chain that a receiver made itself.
static HOSTILE: LazyLock<TlsAcceptor> = LazyLock::new(|| acceptor(super::hostile::certificates()));

/// A server that has been idle for so long closes, as Node's does.
const IDLE: Duration = Duration::from_secs(5);
/// How much of a connection is under way at a time, more than any message has.
const BUFFER: usize = 256 * 1024;
/// The limit of the whole exchange and of the end of an answer's body, guarantee G6.
const EXCHANGE: Duration = Duration::from_secs(15);
const BODY: Duration = Duration::from_secs(1);
/// How long it takes a router far away to say that it knows no way.
const FAR_ROUTER: Duration = Duration::from_millis(600);
/// How long after it was asked for a name the resolver may be tried with another.
const RESOLVER_DOUBT: Duration = Duration::from_secs(11);
/// How long a request may be under way.
const JUST_AFTER: Duration = Duration::from_millis(50);
/// How long one connection may be waited for.
const CONNECTING: Duration = Duration::from_secs(5);
/// An address of AWS.
const OURS: Ipv4Addr = Ipv4Addr::new(52, 94, 0, 1);
/// Who reaches none of so many receivers for so long knows that the fault is not theirs
/// (docs/adr/0014-our-faults-cost-no-attempt.md).
const NOBODY: (usize, Duration) = (3, Duration::from_secs(30));

/// All receivers. Copies are the same ones.
#[derive(Clone)]
pub(super) struct Peers(Arc<Inner>);

struct Inner {
    world: World,
    plans: Vec<(ReceiverPlan, Mutex<Dice>)>,
    local_faults: Vec<LocalFault>,
    outages: Vec<Outage>,
}

/// Who looks for receivers: an environment.
#[derive(Clone)]
struct Caller {
    name: Arc<str>,
    life: Life,
}

/// One connection, as its receiver has it.
struct Connected {
    stream: TlsStream<Counted>,
    way: Way,
    caller: Arc<str>,
    client: usize,
    registration: u32,
    /// When the last answer went out.
    answered: Option<Duration>,
}

impl Peers {
    pub(super) fn new(world: &World, scenario: &Scenario) -> Self {
        let with_dice = |(number, plan): (usize, &ReceiverPlan)| {
            (plan.clone(), Mutex::new(world.dice("receiver", number as u64)))
        };
        let plans = scenario.receivers.iter().enumerate().map(with_dice).collect();
        let (local_faults, outages) = (scenario.local_faults.clone(), scenario.outages.clone());
        Self(Arc::new(Inner { world: world.clone(), plans, local_faults, outages }))
    }

    /// The network as one environment sees it.
    pub(super) fn network(&self, transport: &SdkTransport) -> Network {
        let caller = Caller { name: Arc::clone(&transport.name), life: transport.life.clone() };
        let (looks, opens, opener) = (self.clone(), self.clone(), caller.clone());
        Network::new(
            AddressPolicy::Public,
            move |host, port| looks.clone().look_up(host, port, caller.clone()),
            move |address| opens.clone().open(address, opener.clone()),
        )
    }

    /// The address tells the client and the registration.
    async fn look_up(self, host: String, port: u16, caller: Caller) -> io::Result<Vec<SocketAddr>> {
        let numbers = host.strip_prefix('r').and_then(|rest| rest.split_once('.')?.0.split_once('m'));
        let numbers = numbers.and_then(|(client, registration)| {
            Some((client.parse::<u8>().ok()?, registration.parse::<u8>().ok()?))
        });
        self.resolver(numbers.map(|(client, _)| client.into()), &caller).await?;
        let Some((client, registration)) = numbers else {
            // Names of ours, by which whoever doubts the resolver tries it.
            return Ok(vec![SocketAddr::new(IpAddr::V4(OURS), port)]);
        };
        let (deed, wait) = self.draw(client.into(), 5);
        sleep(wait).await;
        match deed {
            Deed::NoName => {
                self.unresolved(&caller, client.into(), deed);
                Err(no_such_name())
            }
            Deed::NameServersGone => {
                self.unresolved(&caller, client.into(), deed);
                Err(no_answer())
            }
            _ => Ok(vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::new(200, 160, client, registration)), port)]),
        }
    }

    /// A receiver's name does not resolve. Whoever has reached nobody for a while cannot know that this is not why.
    fn unresolved(&self, caller: &Caller, client: usize, deed: Deed) {
        let (world, now) = (&self.0.world, self.0.world.now());
        self.trouble(client, deed);
        if reaches_nobody(world, &caller.name, now, Duration::ZERO) {
            world.taken_for_ours(client, format_args!("{} resolves nothing, for all it knows", caller.name));
        }
    }

    /// Fails where the machine's resolver does not work at present.
    async fn resolver(&self, client: Option<usize>, caller: &Caller) -> io::Result<()> {
        let world = &self.0.world;
        let now = world.now();
        let is_resolver = |fault: &&LocalFault| !matches!(fault.lack, Lack::Errno(_)) && fault.holds(now);
        let Some(fault) = self.0.local_faults.iter().find(is_resolver) else { return Ok(()) };
        world.ours(now, format_args!("{} {:?}", caller.name, fault.lack));
        if let Some(client) = client {
            // Whoever asks for another name to see whose fault it is may find it answered again.
            if fault.until < now + RESOLVER_DOUBT {
                self.trouble(client, format_args!("no name, and the resolver is back"));
            }
        }
        if fault.lack == Lack::ResolverSilent {
            return std::future::pending().await;
        }
        sleep(Duration::from_millis(2)).await;
        Err(no_answer())
    }

    async fn open(self, address: SocketAddr, caller: Caller) -> io::Result<Box<dyn Transport>> {
        let IpAddr::V4(v4) = address.ip() else { return Err(io::ErrorKind::ConnectionRefused.into()) };
        let [.., client, registration] = v4.octets();
        self.has_a_way_out(client.into(), &caller).await?;
        let (deed, wait) = self.draw(client.into(), 40);
        sleep(wait).await;
        match deed {
            Deed::Refuse => {
                self.trouble(client.into(), deed);
                self.reached(&caller, client.into(), false);
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            Deed::Silent => {
                self.trouble(client.into(), deed);
                self.reached(&caller, client.into(), false);
                return std::future::pending().await;
            }
            Deed::Unreachable => {
                self.trouble(client.into(), deed);
                self.reached(&caller, client.into(), false);
                sleep(FAR_ROUTER).await;
                return Err(unreachable());
            }
            _ => {}
        }
        self.reached(&caller, client.into(), true);
        let (ours, theirs) = duplex(BUFFER);
        let way = Way::default();
        if deed == Deed::CloseBeforeTls {
            self.trouble(client.into(), deed);
        } else {
            let theirs = Counted::new(theirs, way.clone());
            let (client, registration) = (client.into(), registration.into());
            tokio::spawn(self.clone().serve(theirs, way.clone(), caller.name, client, registration));
        }
        let hides_its_end = self.0.world.is_broken(Break::ClosedConnectionsInUse);
        Ok(Box::new(caller.life.wire(ours, way, hides_its_end)))
    }

    /// Fails where the machine lacks what a connection needs, or nobody can be reached from it.
    async fn has_a_way_out(&self, client: usize, caller: &Caller) -> io::Result<()> {
        let world = &self.0.world;
        let now = world.now();
        for fault in self.0.local_faults.iter().filter(|fault| fault.holds(now)) {
            let Lack::Errno(number) = fault.lack else { continue };
            let is_hit = {
                let (_, dice) = &self.0.plans[client];
                dice.lock().unwrap_or_else(PoisonError::into_inner).per_cent(fault.per_cent)
            };
            if is_hit {
                world.ours(now, format_args!("{} errno {number}", caller.name));
                if world.is_broken(Break::LocalFaultIsTheirs) {
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                return Err(io::Error::from_raw_os_error(number));
            }
        }
        if let Some(outage) = self.0.outages.iter().find(|outage| outage.holds(now)) {
            world.ours(now, format_args!("{} reaches nobody", caller.name));
            if !reaches_nobody(world, &caller.name, now, CONNECTING) {
                self.trouble(client, format_args!("is not reached, for all that {} knows", caller.name));
            }
            self.reached(caller, client, false);
            if outage.is_told {
                sleep(FAR_ROUTER).await;
                return Err(unreachable());
            }
            return std::future::pending().await;
        }
        Ok(())
    }

    fn reached(&self, caller: &Caller, client: usize, is_reached: bool) {
        let now = self.0.world.now();
        let mut facts = self.0.world.facts();
        facts.reached.entry(Arc::clone(&caller.name)).or_default().push((now, client, is_reached));
        drop(facts);
        // Where all are gone whom it has tried, it cannot know that they are, and waits.
        if !is_reached && reaches_nobody(&self.0.world, &caller.name, now, Duration::ZERO) {
            self.0
                .world
                .taken_for_ours(client, format_args!("{} reaches nobody, for all it knows", caller.name));
        }
    }

    async fn serve(self, stream: Counted, way: Way, caller: Arc<str>, client: usize, registration: u32) {
        let (plan, _) = &self.0.plans[client];
        let acceptor = if plan.is_hostile { &HOSTILE } else { &TLS };
        let Ok(stream) = acceptor.accept(stream).await else { return };
        let keep_alive = plan.keep_alive;
        let mut connected = Connected { stream, way, caller, client, registration, answered: None };
        let mut buffer = Vec::new();
        loop {
            // What is slow at first is not idle.
            let idle = if connected.answered.is_none() { IDLE } else { keep_alive.idle };
            match timeout(idle, next_request(&mut connected.stream, &mut buffer)).await {
                Ok(Some(request)) => {
                    self.is_not_used_after_its_time(&connected, keep_alive);
                    if !self.answer(&mut connected, &request).await {
                        break;
                    }
                    connected.answered = Some(self.0.world.now());
                }
                Ok(None) => break,
                Err(_) => return self.close_idle(connected, !buffer.is_empty()).await,
            }
        }
        connected.stream.shutdown().await.ok();
    }

    /// Guarantee G11: a connection of which its receiver says how long it keeps it is not used in the last second of that.
    fn is_not_used_after_its_time(&self, connected: &Connected, keep_alive: KeepAlive) {
        let world = &self.0.world;
        let last = keep_alive.idle.saturating_sub(Duration::from_secs(1)) + JUST_AFTER;
        if keep_alive.is_announced && connected.answered.is_some_and(|answered| world.now() > answered + last)
        {
            world.violated(
                "G11_a_connection_is_not_used_after_its_time",
                format_args!("r{} keeps it for {:?}", connected.client, keep_alive.idle),
            );
        }
    }

    /// Closes a connection that is idle. It takes a while until the other side hears of it; what comes meanwhile is lost.
    async fn close_idle(&self, mut connected: Connected, is_used: bool) {
        let client = connected.client;
        let (way, says_so) = {
            let (_, dice) = &self.0.plans[client];
            let mut dice = dice.lock().unwrap_or_else(PoisonError::into_inner);
            (if dice.per_cent(50) { Duration::ZERO } else { dice.millis(1, 40) }, dice.per_cent(50))
        };
        sleep(way).await;
        let mut byte = [0];
        let came = timeout(Duration::ZERO, connected.stream.read(&mut byte)).await;
        if is_used || came.is_ok_and(|read| read.is_ok_and(|bytes| bytes > 0)) {
            self.trouble(client, format_args!("closes a connection under a request"));
        }
        self.0.world.note(format_args!("r{client} closes a connection that is idle"));
        // Some servers end TLS before they close, some do not.
        if says_so && !self.0.world.is_broken(Break::ClosedConnectionsInUse) {
            connected.stream.shutdown().await.ok();
        }
    }

    /// Answers one request; `false` if the connection ends.
    async fn answer(&self, connected: &mut Connected, request: &Request) -> bool {
        let world = &self.0.world;
        let Connected { stream, way, caller, client, registration, .. } = connected;
        let (client, registration) = (*client, *registration);
        let (mut deed, wait) = self.draw(client, 150);
        if deed.is_before_tls() {
            deed = Deed::Reset;
        }
        let interaction_id = request.header("x-webhook-interaction-id").to_owned();
        let is_begun = world.facts().begun.contains_key(&interaction_id);
        let arrival = Arrival {
            at: world.now(),
            client,
            base_uri: base_uri(client, registration),
            resource: request.path.rsplit('/').next().unwrap_or_default().to_owned(),
            interaction_id,
            accepts: deed.accepts(),
            is_begun,
            by: Arc::clone(caller),
            invoked: world.facts().invoked.get(caller).copied().unwrap_or_default(),
            answer: AnswerWay::over(way),
        };
        let answer_way = arrival.answer.clone();
        world.note(format_args!(
            "r{client}m{registration} gets {} {}, and does {deed:?}",
            request.path, arrival.interaction_id
        ));
        invariants::arrived(world, &arrival, request, registration);
        let id = arrival.interaction_id.clone();
        world.facts().arrivals.push(arrival);
        if !deed.accepts() {
            self.trouble(client, deed);
        }
        let wait = if deed == Deed::AcceptSlowly { wait * 60 } else { wait };
        if wait >= REDUCED_TIMEOUT {
            let at = world.now();
            world.facts().slow.push((client, at));
        }
        sleep(wait).await;
        let KeepAlive { idle, is_announced } = self.0.plans[client].0.keep_alive;
        let kept =
            if is_announced { format!("keep-alive: timeout={}\r\n", idle.as_secs()) } else { String::new() };
        let echo = format!("{kept}x-webhook-interaction-id: {id}\r\n");
        let mut body = String::new();
        let (head, goes_on) = match deed {
            Deed::Accept | Deed::AcceptSlowly => (answer(202, &echo, 0), true),
            Deed::AcceptAndClose => (answer(202, &format!("{echo}connection: close\r\n"), 0), false),
            Deed::WrongEcho => {
                let other = "x-webhook-interaction-id: 00000000-0000-4000-8000-000000000000\r\n";
                (answer(202, &format!("{kept}{other}"), 0), true)
            }
            Deed::NoEcho => (answer(202, &kept, 0), true),
            Deed::BigBody => {
                body = "x".repeat(200_000);
                (answer(202, &echo, 200_000), true)
            }
            Deed::EndlessBody => {
                stream.write_all(answer(202, &echo, 10).as_bytes()).await.ok();
                stream.flush().await.ok();
                answer_way.is_sent();
                self.expects_to_be_left(stream, "the body's end", BODY).await;
                return false;
            }
            Deed::Status(status) => (answer(status, &echo, 0), true),
            Deed::Hang => {
                self.expects_to_be_left(stream, "the answer", EXCHANGE).await;
                return false;
            }
            Deed::Garbage => ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), false),
            Deed::Reset
            | Deed::NoName
            | Deed::NameServersGone
            | Deed::Unreachable
            | Deed::Refuse
            | Deed::Silent
            | Deed::CloseBeforeTls => return false,
        };
        if stream.write_all(head.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return false;
        }
        answer_way.is_sent();
        stream.write_all(body.as_bytes()).await.is_ok() && stream.flush().await.is_ok() && goes_on
    }

    /// Guarantee G6: whoever is kept waiting leaves in time.
    async fn expects_to_be_left(&self, stream: &mut TlsStream<Counted>, what: &str, limit: Duration) {
        let mut byte = [0];
        if timeout(limit + Duration::from_millis(50), stream.read(&mut byte)).await.is_err() {
            let world = &self.0.world;
            world.violated(
                "G6_no_exchange_is_longer_than_its_limit",
                format_args!("{what} is waited for after {limit:?}"),
            );
        }
    }

    fn draw(&self, client: usize, wait_ms: u64) -> (Deed, Duration) {
        let (plan, dice) = &self.0.plans[client];
        let mut dice = dice.lock().unwrap_or_else(PoisonError::into_inner);
        (plan.deed(self.0.world.now(), &mut dice), dice.millis(1, wait_ms))
    }

    fn trouble(&self, client: usize, what: impl fmt::Debug) {
        let now = self.0.world.now();
        self.0.world.note(format_args!("THEIRS r{client} {what:?}"));
        self.0.world.facts().theirs.push((client, now, format!("{what:?}")));
    }
}

/// Says whether an environment has reached none of several receivers for a while, and must know it: what was tried ended so
/// long ago.
fn reaches_nobody(world: &World, environment: &str, now: Duration, ended: Duration) -> bool {
    let facts = world.facts();
    let Some(reached) = facts.reached.get(environment) else { return false };
    let since: Vec<_> = reached.iter().rev().take_while(|(.., is_reached)| !is_reached).collect();
    let failed: BTreeSet<_> =
        since.iter().filter(|(at, ..)| *at + ended <= now).map(|(_, client, _)| client).collect();
    let (receivers, lasts) = NOBODY;
    failed.len() >= receivers && since.last().is_some_and(|(at, ..)| *at + ended + lasts <= now)
}

/// Certificates go by the clock of the run, which begins at the epoch.
#[derive(Debug)]
struct AtEpoch;

impl TimeProvider for AtEpoch {
    fn current_time(&self) -> Option<UnixTime> {
        let since: Duration = epoch().duration_since(Timestamp::UNIX_EPOCH).try_into().ok()?;
        Some(UnixTime::since_unix_epoch(since))
    }
}

fn acceptor(beside: Vec<CertificateDer<'static>>) -> TlsAcceptor {
    let (pki, receiver) = &*PKI;
    let mut chain = receiver.chain().expect("a chain");
    chain.extend(beside);
    let presented = Presented::unchecked(chain, &receiver.private_key().expect("a key")).expect("a key");
    let tls =
        ServerTls { time: Arc::new(AtEpoch), ..ServerTls::new(presented, pki.sender_authority.root_pem()) };
    tls.acceptor().expect("there is a root")
}
