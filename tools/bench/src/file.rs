//! Reports in files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::markdown::markdown;
use crate::report::Report;
use crate::svg::picture;

/// Writes a report as JSON, with a newline at its end.
pub fn json(report: &Report) -> Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(report)?))
}

/// Reads a report.
pub fn read(file: &Path) -> Result<Report> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no report", file.display()))
}

/// Keeps a report in a file. Whoever stops this in the midst finds the report that was there before.
pub fn keep(file: &Path, report: &Report) -> Result<()> {
    write(file, &json(report)?)
}

/// Writes `benchmarks.json`, `benchmarks.md` and `benchmarks.svg` to a folder.
///
/// A report that is partial or of the short form is refused: its page would show too little, or figures of time that say
/// nothing.
pub fn publish(folder: &Path, report: &Report) -> Result<()> {
    ensure!(report.complete, "a partial report is not published: measure everything, without --only");
    ensure!(!report.short, "a report of the short form is not published: measure without --short");
    for (extension, content) in [("json", json(report)?), ("md", markdown(report)), ("svg", picture(report))]
    {
        write(&folder.join(format!("benchmarks.{extension}")), &content)?;
    }
    Ok(())
}

fn write(file: &Path, content: &str) -> Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, content)
        .and_then(|()| fs::rename(&beside, file))
        .with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        let written: serde_json::Value = serde_json::from_str(made_up::JSON).unwrap();
        keep(&file, &made_up::report()).unwrap();
        assert_eq!(serde_json::to_value(read(&file).unwrap()).unwrap(), written);
    }

    #[test]
    fn a_new_report_replaces_the_old_one_and_leaves_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        let mut report = Report { complete: false, dead: None, ..made_up::report() };
        report.cases.truncate(1);
        keep(&file, &report).unwrap();
        keep(&file, &made_up::report()).unwrap();
        assert_eq!(read(&file).unwrap().cases.len(), 8);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_partial_report_is_kept_and_says_that_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        keep(&file, &Report { complete: false, dead: None, cases: Vec::new(), ..made_up::report() }).unwrap();
        let read = read(&file).unwrap();
        assert!(!read.complete && read.dead.is_none());
    }

    #[test]
    fn only_a_complete_report_of_the_long_form_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |report: &Report| publish(folder.path(), report).unwrap_err().to_string();
        assert!(refused(&Report { complete: false, ..made_up::report() }).contains("partial"));
        assert!(refused(&Report { short: true, ..made_up::report() }).contains("short"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        publish(folder.path(), &made_up::report()).unwrap();
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["benchmarks.json", "benchmarks.md", "benchmarks.svg"]);
    }
}
