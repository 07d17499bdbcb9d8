//! Sources of log lines: files, standard input, `aws logs`, an export of CloudWatch, the local stack.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;
use serde::Deserialize;

use super::line::Line;

/// The lines of one log group, or of several.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    pub(super) lines: Vec<Line>,
    /// Number of lines that contain nothing for a bill and may not be ours.
    pub(super) unreadable: u64,
}

/// The first two bytes of gzip, which exports are compressed with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

impl Lines {
    /// Reads a file, or standard input where it is `-`.
    pub fn of(path: &Path) -> Result<Self> {
        if path.as_os_str() == "-" {
            return Self::read(io::stdin().lock()).context("cannot read standard input");
        }
        let read = || -> Result<Self> {
            let mut file = BufReader::new(File::open(path)?);
            if file.fill_buf()?.starts_with(&GZIP) {
                return Self::read(BufReader::new(MultiGzDecoder::new(file)));
            }
            Self::read(file)
        };
        read().with_context(|| format!("cannot read {}", path.display()))
    }

    /// Reads the functions' lines, with or without a leading time, or an answer of `filter-log-events`.
    pub fn read(mut from: impl BufRead) -> Result<Self> {
        let mut lines = Self::default();
        let mut text = String::new();
        while from.read_line(&mut text).context("it is not UTF-8 text")? > 0 {
            let line = text.trim();
            if lines.is_empty() && (line == "{" || line.starts_with("{\"events\"")) {
                let whole = Cursor::new(text.clone()).chain(from);
                let events: Events = serde_json::from_reader(whole)
                    .context("it starts like the output of `aws logs filter-log-events` but is invalid")?;
                events.events.iter().for_each(|event| {
                    lines.take(&event.message, Timestamp::from_millisecond(event.timestamp).ok());
                });
                return Ok(lines);
            }
            if !line.is_empty() {
                lines.take_prefixed(line);
            }
            text.clear();
        }
        Ok(lines)
    }

    /// Reads a line that may have its time, stream or group in front.
    fn take_prefixed(&mut self, line: &str) {
        let (before, own) = line.find('{').map_or(("", line), |at| line.split_at(at));
        let at = before.split_whitespace().next().and_then(|time| time.parse().ok());
        // A brace in a text line does not start JSON.
        let own = if before.contains('=') { line } else { own };
        self.take(own, at);
    }

    fn take(&mut self, text: &str, at: Option<Timestamp>) {
        match Line::read(text.trim_end()) {
            Some(line) => self.lines.push(Line { at: at.or(line.at), ..line }),
            None => self.unreadable += 1,
        }
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.unreadable == 0
    }
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    timestamp: i64,
    message: String,
}

/// Refuses an empty input.
pub(super) fn some(lines: Vec<Lines>) -> Result<Vec<Lines>> {
    if lines.iter().all(|lines| lines.lines.is_empty()) {
        bail!("the input contains no line of the functions");
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::*;

    const ATTEMPT: &str = r#"{"message":"An attempt ended.","client_id":"itp-1","endpoint":"E2","outcome":"delivered","duration_ms":9}"#;
    const AT: &str = "2026-11-22T12:00:00Z";

    fn read(text: &str) -> Lines {
        Lines::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_same_line_is_read_in_each_form_that_cloudwatch_gives() {
        let at: Timestamp = AT.parse().unwrap();
        let event =
            json!({ "timestamp": at.as_millisecond(), "message": format!("{ATTEMPT}\n"), "eventId": "1" });
        let answer = json!({ "events": [event], "searchedLogStreams": [] });
        for text in [
            format!("{AT} {ATTEMPT}\n"),
            format!("2026-11-22T12:00:00.000000+00:00 2026/11/22/[3]abc {ATTEMPT}"),
            answer.to_string(),
            serde_json::to_string_pretty(&answer).unwrap(),
        ] {
            let lines = read(&text);
            assert_eq!((lines.lines.len(), lines.unreadable, lines.lines[0].at), (1, 0, Some(at)), "{text}");
            assert_eq!(lines.lines[0].counts.log_bytes, ATTEMPT.len() as u64, "{text}");
        }
        assert_eq!(read(ATTEMPT).lines[0].at, None);
    }

    #[test]
    fn an_export_is_unpacked() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(format!("{AT} {ATTEMPT}\n{AT} START\n").as_bytes()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), packed.finish().unwrap()).unwrap();
        let lines = Lines::of(file.path()).unwrap();
        assert_eq!((lines.lines.len(), lines.unreadable), (1, 1));
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_nothing_at_all_is_refused() {
        let lines = read("START RequestId: 1\n\nREPORT {x}\n");
        assert_eq!((lines.lines.len(), lines.unreadable), (0, 2));
        assert!(some(vec![lines]).unwrap_err().to_string().contains("no line"));
        assert!(Lines::read("{\n  \"other\": 1\n}".as_bytes()).is_err());
    }
}
