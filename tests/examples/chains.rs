//! What the dearest chains cost that receivers may present: the processor time of one thread for the search of a path that is
//! refused, so that the search goes on to its end. The floor is an honest chain of three with the same keys.
//!
//! The aim is that none takes more than 20 ms of one core: for as long nobody else's notification is worked on.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use mtls::revocation::{MAX_PRESENTED, MAX_PRESENTED_BYTES, Path, Source, ocsp_urls};
use platform::clock::Clock;
use rustix::time::{ClockId, clock_gettime};
use rustls::RootCertStore;
use tests::chains::worst::{Kind, Makings};
use tests::chains::{Digest, Key, Search};

/// What one chain may take, in milliseconds.
const AIM: f64 = 20.0;
/// How often each is measured.
const TIMES: usize = 31;
const HOST: &str = "receiver.example";

/// Makes a key.
type Make = fn() -> Result<Key>;

fn main() -> Result<ExitCode> {
    let mut out = std::io::stdout();
    let mut worst = 0_f64;
    writeln!(out, "| Keys | Chain | Certificates | Bytes | Signatures | ms | To the floor |")?;
    writeln!(out, "|---|---|--:|--:|--:|--:|--:|")?;
    let p256: Make = || Ok(Key::default());
    let p521: Make = || Ok(Key::of(&rcgen::PKCS_ECDSA_P521_SHA512));
    let rsa: Make = || Key::rsa(4096, Digest::Sha256);
    // The receiver chooses its own keys; the anchor's are what its signatures are checked with.
    let makes: [(&str, Make, Make); 5] = [
        ("P-256", p256, p256),
        ("P-384", || Ok(Key::of(&rcgen::PKCS_ECDSA_P384_SHA384)), p256),
        ("P-521", p521, p521),
        ("RSA-4096", rsa, rsa),
        ("RSA-8192", || Key::rsa(8192, Digest::Sha256), p256),
    ];
    for (keys, root, own) in makes {
        let own = (0..6).map(|_| own()).collect::<Result<_>>()?;
        let makings = Makings { host: HOST, root: root()?, own, now: Clock::system().now() };
        let mut roots = RootCertStore::empty();
        roots.add(makings.anchor())?;
        let mut floor = 0.0;
        let kinds = std::iter::once(makings.honest()).chain(makings.worst());
        for (number, Kind { name, presented }) in kinds.enumerate() {
            let bytes: usize = presented.iter().map(|der| der.len()).sum();
            if presented.len() > MAX_PRESENTED || bytes > MAX_PRESENTED_BYTES {
                continue;
            }
            let search = Search { presented: &presented, host: HOST, roots: &roots, now: makings.now };
            let checks = search.checks();
            let ms = median(search);
            if number == 0 {
                ensure!(search.path(&|_| true).is_ok(), "the honest chain does not hold");
                floor = ms;
            }
            worst = worst.max(ms);
            let (count, ratio) = (presented.len(), ms / floor);
            writeln!(out, "| {keys} | {name} | {count} | {bytes} | {checks} | {ms:.2} | {ratio:.1} |")?;
        }
    }
    writeln!(out, "\nThe dearest takes {worst:.1} ms of one core; the aim is less than {AIM} ms.")?;
    Ok(if worst < AIM { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Searches again and again; returns the median of the processor times, in milliseconds.
fn median(search: Search<'_>) -> f64 {
    let mut times: Vec<_> = (0..TIMES)
        .map(|_| {
            let before = processor_ms();
            std::hint::black_box(search.path(&|path| std::hint::black_box(judged(path)))).ok();
            processor_ms() - before
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[TIMES / 2]
}

/// Reads of a path what its revocation is judged by, and refuses it.
fn judged(path: &Path) -> bool {
    let links = path.links();
    let read = links
        .iter()
        .map(|link| (link.issuer.id(), link.serial(), Source::of(link), ocsp_urls(&link.certificate)));
    std::hint::black_box((path.fingerprint(), path.row(), read.count()));
    false
}

/// The processor time of this thread.
fn processor_ms() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "a thread's time is short")]
    let ms = time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6;
    ms
}
