//! Packs lines into Firehose records, and records into calls.
//!
//! Firehose bills each record rounded up to 5 KB ("Amazon Data Firehose pricing"), and a line has about 600 bytes, so
//! one record holds many lines.

use bytes::Bytes;

/// Maximum size of the lines in one Firehose record. Far below the limit of 1,000 KiB ("Amazon Data Firehose Quota"),
/// because a refused record is sent again whole.
const RECORD_BYTES: usize = 256 * 1024;
/// Maximum number of Firehose records in one call, of the 500 allowed. A call has 4 MiB at most, and its body is JSON
/// with base64, a third more: 2.7 MiB of full records. Twelve records would be 4 MiB, without room for the rest of
/// the JSON.
pub(crate) const CALL_RECORDS: usize = 8;

/// Lines that form one Firehose record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blob {
    /// The number of its first change, by which a failure is reported.
    pub first: String,
    /// The lines, each with its line feed.
    pub lines: Bytes,
}

/// Packs lines, each with the number of its change, in order. A line is much smaller than a record.
pub fn pack(lines: impl IntoIterator<Item = (String, String)>) -> Vec<Blob> {
    let mut blobs = Vec::new();
    let mut open: Option<(String, String)> = None;
    for (sequence, line) in lines {
        if let Some((first, text)) = open.take_if(|(_, text)| text.len() + line.len() >= RECORD_BYTES) {
            blobs.push(Blob { first, lines: text.into() });
        }
        let (_, text) = open.get_or_insert_with(|| (sequence, String::new()));
        text.push_str(&line);
        text.push('\n');
    }
    blobs.extend(open.map(|(first, text)| Blob { first, lines: text.into() }));
    blobs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_full_records_fits_in_base64_too() {
        let encoded = CALL_RECORDS * RECORD_BYTES.div_ceil(3) * 4;
        assert!(encoded + CALL_RECORDS * 100 + 1024 < 4 * 1024 * 1024, "{encoded}");
    }

    #[test]
    fn lines_share_a_record_until_it_is_full_and_none_is_lost_or_out_of_order() {
        let lines: Vec<_> = (0..1_000).map(|at| (at.to_string(), format!("{at:0>600}"))).collect();
        let blobs = pack(lines.clone());
        assert_eq!(blobs.len(), 3);
        assert!(blobs.iter().all(|blob| blob.lines.len() <= RECORD_BYTES));
        let all = blobs.iter().map(|blob| std::str::from_utf8(&blob.lines).unwrap()).collect::<String>();
        assert!(all.ends_with('\n'));
        assert!(all.lines().eq(lines.iter().map(|(_, line)| line)));
        for blob in &blobs {
            let line = std::str::from_utf8(&blob.lines).unwrap().lines().next().unwrap();
            assert_eq!(line.trim_start_matches('0'), blob.first.trim_start_matches('0'));
        }
        assert_eq!(pack([]), []);
    }
}
