//! An event of `tracing` as one flat JSON object.
//!
//! tracing-subscriber has such a form too, over a serialiser; the line of each attempt goes through here, and takes
//! a fourth of the time (`docs/adr/0032-dispatch-hot-path-and-binary-size.md`).

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes level, message and fields of an event, then the span that it happened in with its fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonLine;

impl<S> FormatEvent<S, JsonFields> for JsonLine
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "{{\"level\":\"{}\"", event.metadata().level())?;
        let mut fields = Fields { writer: &mut writer, written: Ok(()) };
        event.record(&mut fields);
        fields.written?;
        if let Some(span) = context.lookup_current() {
            writer.write_str(",\"span\":{\"name\":")?;
            write_text(&mut writer, span.name())?;
            let extensions = span.extensions();
            // An object of its own.
            let fields = extensions.get::<FormattedFields<JsonFields>>();
            let members = fields.and_then(|fields| fields.strip_prefix('{')?.strip_suffix('}'));
            if let Some(members) = members.filter(|members| !members.is_empty()) {
                write!(writer, ",{members}")?;
            }
            writer.write_char('}')?;
        }
        writer.write_str("}\n")
    }
}

/// Writes each field as a member of the object.
struct Fields<'a, 'w> {
    writer: &'a mut Writer<'w>,
    written: fmt::Result,
}

impl Fields<'_, '_> {
    fn member(&mut self, field: &Field, write: impl FnOnce(&mut dyn Write) -> fmt::Result) {
        let member = || {
            // A name of Rust, which has nothing to escape.
            self.writer.write_str(",\"")?;
            self.writer.write_str(field.name())?;
            self.writer.write_str("\":")?;
            write(self.writer)
        };
        if self.written.is_ok() {
            self.written = member();
        }
    }
}

impl Visit for Fields<'_, '_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |to| write!(to, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |to| write!(to, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |to| to.write_str(if value { "true" } else { "false" }));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |to| write_text(to, value));
    }

    /// Whatever else there is becomes a text.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, |to| {
            to.write_char('"')?;
            write!(Escaped(to), "{value:?}")?;
            to.write_char('"')
        });
    }
}

fn write_text(to: &mut dyn Write, text: &str) -> fmt::Result {
    to.write_char('"')?;
    Escaped(to).write_str(text)?;
    to.write_char('"')
}

/// Writes the content of a JSON string (RFC 8259, section 7).
struct Escaped<'a>(&'a mut dyn Write);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
            // What is escaped is one byte in UTF-8.
            let (before, after) = rest.split_at(at);
            self.0.write_str(before)?;
            match after.as_bytes().first() {
                Some(b'"') => self.0.write_str("\\\"")?,
                Some(b'\\') => self.0.write_str("\\\\")?,
                Some(b'\n') => self.0.write_str("\\n")?,
                other => write!(self.0, "\\u{:04x}", other.copied().unwrap_or_default())?,
            }
            rest = after.get(1..).unwrap_or_default();
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tracing::level_filters::LevelFilter;
    use tracing::subscriber::with_default;
    use tracing_subscriber::fmt::fmt;

    use crate::telemetry::json_lines;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn lines(&self) -> Vec<Value> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
    }

    /// Returns what is written of the events of `log`, by us and by tracing-subscriber.
    fn both(log: impl Fn()) -> (Vec<Value>, Vec<Value>) {
        let (ours, theirs) = (Written::default(), Written::default());
        let (writer, other) = (ours.clone(), theirs.clone());
        with_default(json_lines(LevelFilter::INFO, move || writer.clone()), &log);
        let lines = fmt().with_target(false).without_time().with_writer(move || other.clone());
        let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
        with_default(lines.finish(), &log);
        (ours.lines(), theirs.lines())
    }

    #[test]
    fn a_line_says_what_that_of_tracing_subscriber_says() {
        let (ours, theirs) = both(|| {
            let absent: Option<u16> = None;
            tracing::info!(
                natural = u64::MAX,
                signed = i64::MIN,
                yes = true,
                status = Some(202_u16),
                absent,
                "It ended."
            );
            let error: Box<dyn std::error::Error + 'static> = Box::from("no \"route\"\tto host");
            tracing::error!(error = &*error, path = ?["a\\b"], "A line\nof two.");
            let span = tracing::info_span!("Lambda runtime invoke", requestId = "r-\"1\"", absent);
            span.in_scope(|| tracing::warn!(reason = %"ção", "In a span."));
            let plain = tracing::info_span!("without fields");
            plain.in_scope(|| tracing::info!("In a span without fields."));
            tracing::debug!("not written");
        });
        assert_eq!(ours, theirs);
        assert_eq!(ours.len(), 4);
        assert_eq!(
            ours[2],
            json!({
                "level": "WARN", "message": "In a span.", "reason": "ção",
                "span": { "name": "Lambda runtime invoke", "requestId": "r-\"1\"" },
            })
        );
    }

    proptest! {
        #[test]
        fn every_text_is_written_as_json(text in any::<String>()) {
            let (ours, theirs) = both(|| tracing::info!(text, shown = %text, debugged = ?text, "A text."));
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(ours[0]["shown"].as_str(), Some(text.as_str()));
        }
    }
}
