//! A log line as one flat JSON object.

use std::fmt;

use serde::Serializer as _;
use serde::ser::{Error as _, SerializeMap};
use serde_json::Serializer;
use tracing::{Event, Subscriber};
use tracing_serde::{AsSerde, SerdeMapVisitor};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes what `tracing_subscriber::fmt::format::Json` writes without time and module, flattened, with the current span.
///
/// That writes each name and value in several pieces, checks each of them, and parses the fields of the span for each line:
/// docs/performance.md has what it took.
pub(super) struct FlatJson;

/// Bytes of most lines.
const LINE: usize = 1024;

impl<S, N> FormatEvent<S, N> for FlatJson
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = fields(event).map_err(|_| fmt::Error)?;
        if let Some(span) =
            event.parent().and_then(|id| context.span(id)).or_else(|| context.lookup_current())
        {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map_or("{}", |fields| fields.as_str());
            // Objects both, whose last brace comes after what is added.
            line.truncate(line.len() - 1);
            line.push_str(r#","span":"#);
            line.push_str(fields.strip_suffix('}').unwrap_or("{"));
            line.push_str(if fields.len() > 2 { r#","name":""# } else { r#""name":""# });
            line.push_str(span.metadata().name());
            line.push_str("\"}}");
        }
        line.push('\n');
        writer.write_str(&line)
    }
}

/// The level and the event's own fields.
fn fields(event: &Event<'_>) -> Result<String, serde_json::Error> {
    let mut line = Vec::with_capacity(LINE);
    let mut serializer = Serializer::new(&mut line);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("level", &event.metadata().level().as_serde())?;
    let mut visitor = SerdeMapVisitor::new(map);
    event.record(&mut visitor);
    visitor.take_serializer()?.end()?;
    String::from_utf8(line).map_err(serde_json::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tracing::level_filters::LevelFilter;
    use tracing::subscriber::with_default;
    use tracing::{error, info, info_span, warn};
    use tracing_subscriber::fmt::fmt;

    use super::super::{Written, json_lines};

    /// What is logged, by us and by the library's own format.
    fn both(log: impl Fn()) -> [Vec<Value>; 2] {
        let (ours, library) = (Written::default(), Written::default());
        let writer = ours.clone();
        with_default(json_lines(LevelFilter::INFO, move || writer.clone()), &log);
        let writer = library.clone();
        let lines = fmt().with_target(false).without_time().with_max_level(LevelFilter::INFO);
        let lines = lines.with_writer(move || writer.clone()).json();
        with_default(lines.flatten_event(true).with_current_span(true).with_span_list(false).finish(), &log);
        [ours, library]
            .map(|written| written.take().iter().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[test]
    fn a_line_says_what_the_librarys_own_format_says() {
        let [ours, library] = both(|| {
            info!(count = 3, share = 0.5, is_late = true, negative = -1, absent = None::<u64>, "plain");
            warn!(text = "quote \" brace } line\n and \u{1F980}", r#type = "DATA_CHANGED", debug = ?[1, 2], "escaped");
            error!(error = %"shown", "of an error");
            let outer = info_span!("outer", requestId = "r-1");
            outer.in_scope(|| {
                info!("in a span");
                info_span!("without fields").in_scope(|| info!(field = 1, "in a span of a span"));
                info_span!("with text", said = "a \"}\" b", and = 2).in_scope(|| info!("in another"));
            });
            info!(parent: &outer, "of a span that is named");
            tracing::debug!("too fine");
        });
        assert_eq!(ours.len(), 7);
        assert_eq!(ours, library);
        assert_eq!(ours[3]["span"]["requestId"], "r-1");
    }
}
