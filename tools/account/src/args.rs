//! The options that say which account, region and stack a command asks.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use platform::config::environment;

const HEADING: &str = "AWS";

/// The account and region, options of each command that asks AWS.
#[derive(Args, Clone, Debug, Default)]
pub struct AccountArgs {
    /// The AWS profile whose credentials are used, or AWS_PROFILE
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = HEADING)]
    pub profile: Option<String>,
    /// The AWS region, or AWS_REGION, or that of the profile
    #[arg(long, value_name = "REGION", value_parser = NonEmptyStringValueParser::new(), help_heading = HEADING)]
    pub region: Option<String>,
}

/// The account, region and stack, options of each command that asks a stack.
#[derive(Args, Clone, Debug, Default)]
pub struct StackArgs {
    /// The account and region.
    #[command(flatten)]
    pub account: AccountArgs,
    /// The stack, as CloudFormation names it, or ARAUTO_STACK_NAME
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = HEADING)]
    pub stack_name: Option<String>,
}

impl AccountArgs {
    /// Returns the profile by option or environment; the default one has no name.
    pub fn profile(&self) -> Option<String> {
        self.profile.clone().or_else(|| variable("AWS_PROFILE"))
    }

    /// Says whether an option names an account or region.
    pub fn is_given(&self) -> bool {
        self.profile.is_some() || self.region.is_some()
    }
}

impl StackArgs {
    /// Returns the stack's name by option or environment.
    pub fn name(&self) -> Option<String> {
        self.stack_name.clone().or_else(|| variable("ARAUTO_STACK_NAME"))
    }
}

/// Reads a variable; an empty one counts as absent.
fn variable(name: &str) -> Option<String> {
    environment(name).filter(|text| !text.is_empty())
}
