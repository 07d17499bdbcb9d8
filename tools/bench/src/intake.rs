//! What intake asks of AWS.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use devkit::pki::TestPki;
use tests::lambda::Process;

use crate::receivers::Conduct;
use crate::world::World;

/// State changes of one call, as many as the API takes.
const CALL: usize = 100;
const CALLS: usize = 10;

/// Counts the requests for each state change of calls of 100, after a first one.
pub(crate) async fn requests(pki: &TestPki, intake: &Path) -> Result<BTreeMap<String, f64>> {
    let world = World::start(pki, 10, Conduct::default(), 1).await?;
    let mut process = Process::start(intake, &world.variables()).await?;
    let mut before = BTreeMap::new();
    for call in 0..=CALLS {
        let event = world.intake_event(call * CALL..(call + 1) * CALL);
        let answer = process.invoke(event).await?.ok().context("intake has ended")?;
        ensure!(answer["statusCode"] == 202, "intake answers {answer}");
        if call == 0 {
            before = world.aws.requests();
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    let each = |count: u64| count as f64 / (CALL * CALLS) as f64;
    let after = world.aws.requests().into_iter().map(|(operation, count)| {
        let count = count - before.get(&operation).copied().unwrap_or_default();
        (operation, each(count))
    });
    Ok(after.filter(|(_, count)| *count > 0.0).collect())
}
