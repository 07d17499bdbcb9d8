//! CBOR (RFC 8949), as far as the answers of CloudWatch need it: Smithy RPC v2 CBOR, with times under tag 1.

use serde_json::Value;

/// Writes a JSON value as CBOR. Numbers under these names are times, in seconds since 1970.
pub(crate) fn encode(value: &Value, times: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, times, false, &mut out);
    out
}

fn write(value: &Value, times: &[&str], is_time: bool, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(is_so) => out.push(0xf4 + u8::from(*is_so)),
        Value::Number(number) => {
            if is_time {
                out.push(0xc1);
            }
            out.push(0xfb);
            out.extend(number.as_f64().unwrap().to_be_bytes());
        }
        Value::String(text) => {
            head(3, text.len(), out);
            out.extend(text.as_bytes());
        }
        Value::Array(values) => {
            head(4, values.len(), out);
            for value in values {
                write(value, times, is_time, out);
            }
        }
        Value::Object(fields) => {
            head(5, fields.len(), out);
            for (name, value) in fields {
                write(&Value::String(name.clone()), times, false, out);
                write(value, times, times.contains(&name.as_str()), out);
            }
        }
    }
}

fn head(major: u8, length: usize, out: &mut Vec<u8>) {
    out.push((major << 5) | 0x1a);
    out.extend(u32::try_from(length).unwrap().to_be_bytes());
}
