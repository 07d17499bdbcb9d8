//! Headers that authenticate at a collector, as its secret has them.
//!
//! Source: OpenTelemetry "Protocol Exporter", "Specifying headers via environment variables": the format of
//! `OTEL_EXPORTER_OTLP_HEADERS`, `key1=value1,key2=value2` with values that may be percent-encoded.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

/// Reads headers; `None` for a text in another format. Their values are never shown.
pub(super) fn read(text: &str) -> Option<HeaderMap> {
    let header = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let name: HeaderName = name.trim().parse().ok()?;
        let value: Vec<u8> = percent_decode_str(value.trim()).collect();
        let mut value = HeaderValue::from_bytes(&value).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    };
    // What is generated often ends with a comma.
    let text = text.trim();
    text.strip_suffix(',').unwrap_or(text).split(',').map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_exporters_write_them() {
        let headers = read("api-key=s3cret, Authorization=Basic%20dXNlcjpwYXNz\n").unwrap();
        assert_eq!(headers["api-key"], "s3cret");
        assert_eq!(headers["authorization"], "Basic dXNlcjpwYXNz");
        assert_eq!(headers.len(), 2);
        assert_eq!(read("api-key=s3cret,x-scope=a, \n").unwrap().len(), 2);
    }

    #[test]
    fn a_value_may_hold_an_equals_sign_and_is_never_shown() {
        let headers = read("authorization=Bearer abc==").unwrap();
        assert_eq!(headers["authorization"], "Bearer abc==");
        assert!(!format!("{headers:?}").contains("abc"));
    }

    #[test]
    fn another_format_is_refused() {
        for text in ["", ",", "a=b,,c=d", "a=b,,", "api-key", "api key=a", "a=b\u{1}", "{\"api-key\":\"a\"}"]
        {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
