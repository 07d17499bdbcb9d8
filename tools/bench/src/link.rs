//! A way to a receiver that takes time: what is written arrives half a round trip later.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Listens on a free port before a receiver that listens on this one; returns the port and what has to run.
pub(crate) async fn listen(
    receiver: u16,
    round_trip: Duration,
) -> Result<(u16, impl Future<Output = ()> + use<>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for a link")?;
    let port = listener.local_addr()?.port();
    let run = async move {
        let mut connections = JoinSet::new();
        while let Ok((near, _)) = listener.accept().await {
            while connections.try_join_next().is_some() {}
            connections.spawn(carry(near, receiver, round_trip));
        }
    };
    Ok((port, run))
}

/// Carries a connection. Loopback opens it at once: the round trip that takes elsewhere is added to what is sent first.
async fn carry(near: TcpStream, receiver: u16, round_trip: Duration) {
    let opened = Instant::now() + round_trip;
    let Ok(far) = TcpStream::connect(("127.0.0.1", receiver)).await else { return };
    if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
        return;
    }
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let half = round_trip / 2;
    tokio::join!(relay(near_read, far_write, opened, half), relay(far_read, near_write, opened, half));
}

async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, opened: Instant, takes: Duration) {
    let (sender, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(64);
    let read = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let arrives = Instant::now().max(opened) + takes;
            if sender.send((arrives, buffer[..read].to_vec())).await.is_err() {
                return;
            }
        }
        drop(sender);
    };
    let write = async {
        while let Some((arrives, bytes)) = under_way.recv().await {
            sleep_until(arrives).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        to.shutdown().await.ok();
    };
    tokio::join!(read, write);
}
