//! The parameters of a stack that its price depends on.

use std::fmt;
use std::str::FromStr;

/// The parameters, by their names in `template.yaml`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter with two values")]
pub struct Stack {
    /// `LedgerWrites=lean`.
    pub lean: bool,
    /// `LedgerTableClass=STANDARD_INFREQUENT_ACCESS`.
    pub infrequent: bool,
    /// `DispatchMemory` in megabytes.
    pub memory_mb: u64,
    /// `DispatchBatchingWindow` in seconds.
    pub window_s: u64,
    /// `DispatchMaximumConcurrency`, unless it is the default.
    pub maximum_concurrency: Option<u64>,
    /// `Monitoring=essential`.
    pub essential: bool,
    /// `Tracing=Active`.
    pub tracing: bool,
    /// `Network=own`.
    pub own_network: bool,
    /// `Evidence=true`.
    pub evidence: bool,
    /// `LedgerRetentionDays`.
    pub ledger_days: u64,
    /// `LogRetentionDays`.
    pub log_days: u64,
}

impl Default for Stack {
    /// The defaults of the template; a test compares.
    fn default() -> Self {
        Self {
            lean: false,
            infrequent: false,
            memory_mb: 256,
            window_s: 0,
            maximum_concurrency: None,
            essential: false,
            tracing: true,
            own_network: false,
            evidence: false,
            ledger_days: 1_825,
            log_days: 365,
        }
    }
}

/// The names of the parameters, for who gives another.
const NAMES: &str = "LedgerWrites, LedgerTableClass, DispatchMemory, DispatchBatchingWindow, DispatchMaximumConcurrency, Monitoring, \
                     Tracing, Network, Evidence, LedgerRetentionDays and LogRetentionDays";

/// The retentions that CloudWatch Logs takes (`AllowedValues` of the template; a test compares).
const LOG_DAYS: [u64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1_096, 1_827, 2_192, 2_557, 2_922, 3_288,
    3_653,
];

impl Stack {
    /// Creates the stack with these parameters, and the defaults for the others.
    pub fn with(settings: &[Setting]) -> Self {
        let mut stack = Self::default();
        for Setting { name, value } in settings {
            stack.set(name, value).expect("it was accepted when it was read");
        }
        stack
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let one_of = |values: [&str; 2]| {
            let found = values.iter().position(|one| *one == value);
            found.ok_or_else(|| format!("{name} is {} or {}, not {value:?}", values[0], values[1]))
        };
        let number = |least: u64, most: u64| {
            let number = value.parse().ok().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| format!("{name} is {least} to {most}, not {value:?}"))
        };
        match name {
            "LedgerWrites" => self.lean = one_of(["full", "lean"])? == 1,
            "LedgerTableClass" => self.infrequent = one_of(["STANDARD", "STANDARD_INFREQUENT_ACCESS"])? == 1,
            "DispatchMemory" => self.memory_mb = number(128, 1_769)?,
            "DispatchBatchingWindow" => self.window_s = number(0, 1)?,
            "DispatchMaximumConcurrency" => self.maximum_concurrency = Some(number(2, 1_000)?),
            "Monitoring" => self.essential = one_of(["full", "essential"])? == 1,
            "Tracing" => self.tracing = one_of(["PassThrough", "Active"])? == 1,
            "Network" => self.own_network = one_of(["none", "own"])? == 1,
            "Evidence" => self.evidence = one_of(["false", "true"])? == 1,
            "LedgerRetentionDays" => self.ledger_days = number(30, 3_650)?,
            "LogRetentionDays" => {
                let days = number(1, 3_653)?;
                let is_known = LOG_DAYS.contains(&days);
                let known = LOG_DAYS.map(|days| days.to_string()).join(", ");
                self.log_days =
                    is_known.then_some(days).ok_or_else(|| format!("{name} is one of {known}"))?;
            }
            _ => return Err(format!("the price depends on {NAMES}, and not on {name:?}")),
        }
        Ok(())
    }
}

/// A parameter with its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    name: String,
    value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
        Stack::default().set(name, value)?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<Setting>().unwrap_err()
    }

    #[test]
    fn parameters_are_those_of_the_template() {
        let settings =
            ["LedgerWrites=lean", "DispatchMemory=128", "Monitoring=essential", "Tracing=PassThrough"];
        let settings: Vec<Setting> = settings.iter().map(|text| text.parse().unwrap()).collect();
        let expected =
            Stack { lean: true, memory_mb: 128, essential: true, tracing: false, ..Stack::default() };
        assert_eq!(
            (Stack::with(&settings), settings[1].to_string().as_str()),
            (expected, "DispatchMemory=128")
        );
    }

    #[test]
    fn another_parameter_or_value_is_refused_with_those_that_there_are() {
        assert!(refused("Timers=true").contains("LedgerWrites, LedgerTableClass, DispatchMemory"));
        assert_eq!(refused("LedgerWrites=once"), "LedgerWrites is full or lean, not \"once\"");
        assert_eq!(refused("DispatchMemory=64"), "DispatchMemory is 128 to 1769, not \"64\"");
        assert!(refused("LogRetentionDays=2").starts_with("LogRetentionDays is one of 1, 3, 5"));
        assert_eq!(refused("Evidence"), "write NAME=VALUE");
    }
}
