//! The report as comma-separated values: a row for each initiator and day (RFC 4180).

use std::fmt::Write as _;

use crate::report::Report;

/// Writes the rows.
pub fn csv(report: &Report) -> String {
    let mut text = "client_id,day,gets,gets_after_notification,used,no_change,no_change_usd\r\n".to_owned();
    for initiator in &report.initiators {
        for day in &initiator.days {
            _ = write!(
                text,
                "{},{},{},{},{},{},{}\r\n",
                quoted(&initiator.client_id),
                day.day,
                day.gets,
                day.gets_after_notification,
                day.used,
                day.no_change,
                day.no_change_usd
            );
        }
    }
    text
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
