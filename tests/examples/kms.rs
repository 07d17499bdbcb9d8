//! Measures what a handshake costs that KMS signs, on the local stack and nginx: `cargo run -p tests --example kms`.

use std::io::Write as _;

use anyhow::Result;
use devkit::stack::Progress;
use tests::kms::measure;
use tests::world::World;

fn main() -> Result<()> {
    let world = World::start(Progress::stderr())?;
    let measured = world.run(async {
        let said = measure(&world).await?;
        Ok(std::io::stdout().lock().write_all(said.as_bytes())?)
    });
    world.stop()?;
    measured.map_err(anyhow::Error::msg)
}
