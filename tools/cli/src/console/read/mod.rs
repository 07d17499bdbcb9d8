//! Reads a stack, again and again while somebody looks, into what the pages are made of.

mod certificates;
mod lines;
mod metrics;
mod receivers;
mod shared;
mod stack;
pub(super) mod undelivered;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::Duration;

use account::ChosenStack;
use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use pages::figures::Range;
use pages::{Model, Reading};
use platform::clock::Clock;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use self::lines::Lines;
use self::shared::{Shared, within};
use self::stack::Deployed;
use self::undelivered::Week;

/// Reads one stack.
#[derive(Debug)]
pub(super) struct Reader {
    stack: ChosenStack,
    name: Option<String>,
    model: Shared,
    asked_at: Arc<AtomicI64>,
    /// Whether a replay has changed what was read.
    has_replayed: Arc<AtomicBool>,
    clock: Clock,
}

/// Nothing is read once no page was asked for within this time: each look-up is paid for.
const LOOKED_AT_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// How often each part is read at most; and never sooner than twice the time that it took.
const LINES_EVERY: Duration = Duration::from_secs(5);
const STATE_EVERY: Duration = Duration::from_secs(15);
const SLOWLY_EVERY: Duration = Duration::from_mins(1);
/// How often it is seen whether something is due.
const BEAT: Duration = Duration::from_millis(250);

impl Reader {
    pub(super) fn new(
        stack: &ChosenStack,
        name: Option<&str>,
        model: Arc<RwLock<Model>>,
        (asked_at, has_replayed): (Arc<AtomicI64>, Arc<AtomicBool>),
    ) -> Self {
        let (stack, name) = (stack.clone(), name.map(str::to_owned));
        Self { stack, name, model: Shared(model), asked_at, has_replayed, clock: Clock::system() }
    }

    /// Reads on a thread of its own, so that parsing lines delays no page.
    pub(super) fn start(self) -> Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let run = move || runtime.block_on(self.run());
        thread::Builder::new().name("console-reader".to_owned()).spawn(run).context("no thread")?;
        Ok(())
    }

    async fn run(self) {
        let is_local = self.stack.local.is_some();
        self.model.write(|model| {
            model.is_local = is_local;
            model.metrics = (!is_local).then(metrics::unread);
        });
        tokio::join!(self.lines(), self.state(), self.slowly());
    }

    async fn lines(&self) {
        let mut lines = match Lines::of(&self.stack, self.clock.clone()) {
            Ok(lines) => lines,
            Err(error) => {
                let error = format!("{error:#}");
                return self.model.write(|model| model.history.error = Some(error));
            }
        };
        self.every(LINES_EVERY, async || lines.step(&self.model).await).await;
    }

    async fn state(&self) {
        self.every(STATE_EVERY, async || {
            let receivers = self
                .read(|model| &mut model.receivers, Box::pin(receivers::read(&self.stack, self.clock.now())));
            let queues = self.read(|model| &mut model.queues, Box::pin(stack::queues(&self.stack)));
            tokio::join!(receivers, queues);
        })
        .await;
    }

    async fn slowly(&self) {
        let (mut deployed, mut week) = (None::<Deployed>, Week::default());
        self.every(SLOWLY_EVERY, async || {
            if self.has_replayed.swap(false, Ordering::Relaxed) {
                week.forget();
            }
            let undelivered =
                self.read(|model| &mut model.undelivered, Box::pin(week.read(&self.stack, self.clock.now())));
            let certificates = self.read(
                |model| &mut model.certificates,
                Box::pin(certificates::read(&self.stack, self.clock.now())),
            );
            tokio::join!(undelivered, certificates);
            if deployed.is_none() {
                match Deployed::find(&self.stack, self.name.as_deref()).await {
                    Ok(found) => deployed = Some(found),
                    Err(error) => {
                        let error = format!("{error:#}");
                        return self.model.write(|model| {
                            // The counts are of functions and queues that CloudFormation names.
                            let metrics = model.metrics.iter_mut().flat_map(|metrics| metrics.values_mut());
                            metrics.for_each(|reading| reading.error = Some(error.clone()));
                            model.alarms.error = Some(error);
                        });
                    }
                }
            }
            let Some(found) = deployed.as_ref() else { return };
            self.model.write(|model| {
                (model.authorisation_servers, model.choices) =
                    (found.authorisation_servers(), found.choices());
                model.ecosystem = found.ecosystem();
            });
            if self.stack.local.is_none() {
                self.read(|model| &mut model.alarms, Box::pin(found.alarms(&self.stack, self.clock.now())))
                    .await;
                for range in Range::ALL {
                    let now = self.clock.now();
                    if self.model.write(|model| metrics::is_due(model, range, now)) {
                        let read = Box::pin(metrics::of_range(&self.stack, found, range, now));
                        self.read(|model| metrics::reading(model, range), read).await;
                    }
                }
            }
        })
        .await;
    }

    /// Repeats a reading while somebody looks.
    async fn every(&self, period: Duration, mut read: impl AsyncFnMut()) {
        let mut due = Instant::now();
        loop {
            let asked_at = Timestamp::from_second(self.asked_at.load(Ordering::Relaxed)).unwrap_or_default();
            if Instant::now() < due || self.clock.now().duration_since(asked_at) > LOOKED_AT_WITHIN {
                sleep(BEAT).await;
                continue;
            }
            let began = Instant::now();
            read().await;
            due = Instant::now() + period.max(began.elapsed() * 2);
        }
    }

    /// Reads one part, and notes how that went.
    async fn read<T>(
        &self,
        part: impl Fn(&mut Model) -> &mut Reading<T>,
        read: impl Future<Output = Result<T>>,
    ) {
        let now = self.clock.now();
        self.model.write(|model| part(model).begin(now));
        let read = within(read).await;
        let now = self.clock.now();
        self.model.write(|model| part(model).end(read, now));
    }
}
