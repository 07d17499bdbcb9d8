//! A dispatch process that is frozen between two invocations, as Lambda freezes an environment, and thawed again.
//!
//! The process is the deployed binary, stopped by SIGSTOP and continued by SIGCONT; AWS is the local stack's.

use std::time::Duration;

use anyhow::{Result, ensure};
use devkit::receiver::{MockReceiver, Prefix, Settings};
use jiff::SignedDuration;

use crate::lambda::{Deed, OwnQueue, Process, Proxy};
use crate::world::{PREFIX, World, first_message, tag};

/// Node's keep-alive: the receiver closes a connection that brings nothing for so long.
const RECEIVER_CLOSES: Duration = Duration::from_secs(5);
/// Well below the four seconds for which a connection is kept.
const SHORT: Duration = Duration::from_secs(1);
/// Longer than either side keeps a connection.
const LONG: Duration = Duration::from_secs(6);

/// Delivers before, between and after two freezes.
pub async fn delivers(world: &World) -> Result<()> {
    let mock = MockReceiver::start(Settings {
        prefix: PREFIX.parse::<Prefix>().map_err(anyhow::Error::msg)?,
        idle: Some(RECEIVER_CLOSES),
        ..Settings::new(world.pki.receiver.clone(), world.pki.sender_authority.root_pem())
    })
    .await?;
    let client = tag("itp");
    world.register_new(&client, &[mock.base_uri()]).await?;
    let proxy = Proxy::start(&world.stack.endpoint(), Deed::Watch).await?;
    let queue = OwnQueue::make(&world.stack, &proxy).await?;
    let mut process = queue.environment().await?;

    deliver(world, &queue, &mut process, &client).await?;
    process.freeze(SHORT).await?;
    deliver(world, &queue, &mut process, &client).await?;
    process.freeze(LONG).await?;
    deliver(world, &queue, &mut process, &client).await?;

    let received = mock.received();
    let connections: Vec<_> = received.iter().map(|request| request.connection).collect();
    let [first, second, third] = connections[..] else { anyhow::bail!("{connections:?} brought requests") };
    // On a busy machine more than the freeze may lie between two requests; then our clock closes the connection rightly.
    let idle = received[1].received_at.duration_since(received[0].received_at);
    ensure!(
        first == second || idle >= SignedDuration::from_secs(3),
        "a connection that was idle for {idle:?} was not used again: {connections:?}"
    );
    ensure!(third != second, "a connection was kept over a freeze that was too long: {connections:?}");
    Ok(())
}

/// Has the process deliver one notification, at its first attempt.
async fn deliver(world: &World, queue: &OwnQueue, process: &mut Process, client: &str) -> Result<()> {
    let message = first_message(client)?;
    queue.send(&message.to_json()).await?;
    let received = queue.next().await?;
    let done = queue.offer(&received, process).await?;
    ensure!(done.is_ok_and(|done| done), "the message was kept: {}", process.log());
    queue.delete(&received).await?;
    let row = world.ended(&message.notification, "delivered", Duration::ZERO).await?;
    ensure!(row.text("attempt") == "1", "it took more than one attempt: {row:?}");
    Ok(())
}
