//! The report as comma-separated values: a row for each initiator and day (RFC 4180).

use terminal::csv_line;

use crate::report::Report;

/// Writes the rows.
pub fn csv(report: &Report) -> String {
    let names = ["client_id", "day", "gets", "gets_after_notification", "used", "no_change", "no_change_usd"];
    let mut text = csv_line(&names);
    for initiator in &report.initiators {
        for day in &initiator.days {
            text.push_str(&csv_line(&[
                initiator.client_id.clone(),
                day.day.to_string(),
                day.gets.to_string(),
                day.gets_after_notification.to_string(),
                day.used.to_string(),
                day.no_change.to_string(),
                day.no_change_usd.to_string(),
            ]));
        }
    }
    text
}
