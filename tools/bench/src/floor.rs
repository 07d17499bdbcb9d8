//! The floor, as a process that is told what to send.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// What the floor sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Work {
    /// The notifications alone.
    Posts,
    /// With each as many requests to AWS as dispatch makes, signed in advance.
    Presigned,
    /// The same, each signed as it is sent.
    Signed,
}

impl Work {
    /// All kinds, in the order in which they are measured.
    pub(crate) const ALL: [Self; 3] = [Self::Posts, Self::Presigned, Self::Signed];

    /// As the floor is told.
    fn name(self) -> &'static str {
        match self {
            Self::Posts => "posts",
            Self::Presigned => "presigned",
            Self::Signed => "signed",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Floor {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Floor {
    pub(crate) async fn start(binary: &Path, setup: &Value) -> Result<Self> {
        let mut child = Command::new(binary)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut commands = child.stdin.take().context("the floor has no input")?;
        let answers = BufReader::new(child.stdout.take().context("the floor has no output")?);
        commands.write_all(format!("{setup}\n").as_bytes()).await?;
        Ok(Self { child, commands, answers })
    }

    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().context("the floor has ended")
    }

    pub(crate) async fn batch(&mut self, work: Work, first: usize, count: usize) -> Result<()> {
        let kind = work.name();
        self.commands.write_all(format!("{kind} {first} {count}\n").as_bytes()).await?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).await?;
        ensure!(answer == "done\n", "the floor failed; what it says is above");
        Ok(())
    }
}
