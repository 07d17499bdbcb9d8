//! Receivers that nobody here wrote: nginx, and Prism behind it.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};

mod nginx;
mod prism;

pub use nginx::{INSTALL as INSTALL_NGINX, Nginx, Upstream, find as find_nginx};
pub use prism::{INSTALL as INSTALL_PRISM, Prism, find as find_prism};

/// Below those that Linux gives to whoever asks for any port (`net.ipv4.ip_local_port_range`, `ip-sysctl`, Linux kernel
/// documentation): from there another test would take one before its server, which starts for seconds, listens on it.
const PORTS: Range<u16> = 20_000..32_000;

/// Finds a program in the `PATH`, or in the folders that Debian keeps out of the `PATH` of most users.
pub fn find_program(name: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where programs are is no setting of ours")]
    let path = std::env::var("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A port on 127.0.0.1 that nobody listens on.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // Another process of tests starts elsewhere.
    let first = usize::try_from(std::process::id())?.wrapping_mul(61);
    let skipped = || first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS.len();
    std::iter::repeat_with(|| PORTS.clone().nth(skipped()))
        .take(PORTS.len())
        .flatten()
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no port is free on 127.0.0.1")
}
