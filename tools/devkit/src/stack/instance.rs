//! The one stack of a folder that is kept between commands: up, found again, down.

use std::path::Path;

use account::StackState;
use account::local_stack::LocalStack;
use account::process::Process;
use anyhow::Result;

use super::options::Options;
use super::processes::members;
use super::running::{Stack, lock};
use super::state_dir::StateDir;

/// What [`up`] did.
#[derive(Debug)]
pub enum Up {
    /// It has started this stack.
    Started(LocalStack),
    /// This one was up already.
    Already(LocalStack),
}

/// What [`down`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Down {
    /// A stack, which it stopped.
    Stopped,
    /// The file or the processes of a stack that had died, which it cleaned up.
    Cleaned,
    /// Nothing.
    Nothing,
}

/// Starts a stack that outlives this process, unless one is up already in the folder.
pub async fn up(options: &Options) -> Result<Up> {
    if let Some(stack) = LocalStack::find(&options.state_dir).await? {
        return Ok(Up::Already(stack));
    }
    Ok(Up::Started(Stack::start(options).await?.keep()?))
}

/// Stops the stack of the folder, and whatever an earlier one has left there.
pub async fn down(state_dir: &Path) -> Result<Down> {
    let state_dir = StateDir::open(state_dir)?;
    let _held = lock(&state_dir)?;
    let state = StackState::read(state_dir.path())?;
    let ministack = state.as_ref().map(|state| &state.ministack);
    let was_up = ministack.is_some_and(Process::is_alive);
    let had_strays = !members(None, state_dir.path()).is_empty();
    state_dir.clear(ministack).await?;
    StackState::remove(state_dir.path())?;
    Ok(if was_up {
        Down::Stopped
    } else if state.is_some() || had_strays {
        Down::Cleaned
    } else {
        Down::Nothing
    })
}
