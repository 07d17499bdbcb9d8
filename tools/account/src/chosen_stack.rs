//! The stack that a command asks: the one that it names, or the local one of `arauto up`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use terminal::WrongUsage;

use crate::args::StackArgs;
use crate::checkout::Checkout;
use crate::local_stack::LocalStack;
use crate::outputs;
use crate::sdk::{sdk_config, with_timeouts};
use crate::state::StackState;

/// A stack, and how it is reached.
#[derive(Clone, Debug)]
pub struct ChosenStack {
    /// The AWS configuration.
    pub sdk: SdkConfig,
    /// The local stack, if it is that one.
    pub local: Option<LocalStack>,
    /// When it was created, if that is known.
    pub created_at: Option<SystemTime>,
    name: String,
    outputs: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
}

impl StackArgs {
    /// Finds the stack that the options or the environment name, else the local one; `instead` says what else may be
    /// given where neither is there.
    pub async fn find(&self, instead: &str) -> Result<ChosenStack> {
        match self.name() {
            Some(name) => ChosenStack::on_aws(self, name).await,
            None if self.account.is_given() => Err(WrongUsage(format!(
                "--profile and --region say where to look, but not for which stack: give --stack-name{instead}"
            ))
            .into()),
            None => ChosenStack::on_this_machine(instead).await,
        }
    }
}

impl ChosenStack {
    async fn on_aws(args: &StackArgs, name: String) -> Result<Self> {
        let sdk = sdk_config(&args.account).await?;
        let outputs::Described { outputs, parameters, created_at } = outputs::read(&sdk, &name).await?;
        Ok(Self { sdk, local: None, created_at, name, outputs, parameters })
    }

    async fn on_this_machine(instead: &str) -> Result<Self> {
        let nothing = || {
            format!(
                "no local stack is up: start one with `arauto up`, or name a stack on AWS: --stack-name{instead}"
            )
        };
        // Outside a checkout there is no local stack either.
        let checkout = Checkout::find().with_context(nothing)?;
        let stack = LocalStack::find(&checkout.scratch()).await?.with_context(nothing)?;
        Ok(Self { created_at: StackState::written_at(&checkout.scratch()), ..Self::of_local(stack) })
    }

    /// Chooses a local stack.
    pub fn of_local(stack: LocalStack) -> Self {
        Self {
            sdk: with_timeouts(&stack.sdk_config()),
            name: "local".to_owned(),
            created_at: None,
            outputs: stack.outputs().clone(),
            parameters: BTreeMap::new(),
            local: Some(stack),
        }
    }

    /// Returns its name and region, as a document names it.
    pub fn label(&self) -> String {
        let region = self.sdk.region().map(ToString::to_string).unwrap_or_default();
        format!("{} ({region})", self.name)
    }

    /// Returns the value of a parameter; `None` if it is not known, as of the local stack.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Returns an output of the stack.
    pub fn output(&self, name: &str) -> Result<&str> {
        self.outputs.get(name).map(String::as_str).with_context(|| {
            format!("{self} has no output {name}: is it one of Arauto, and of this version?")
        })
    }
}

/// The stack with its region.
impl fmt::Display for ChosenStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.local.is_some() {
            return f.write_str("the local stack");
        }
        let region = self.sdk.region().map(ToString::to_string).unwrap_or_default();
        write!(f, "the stack {} in {region}", self.name)
    }
}
