//! Splits an object into lines in pieces, compressed or not.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

/// Maximum length of a line in bytes, far above that of a record.
const MAX_LINE_BYTES: usize = 64 * 1024;
/// The beginning of a gzip member (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Takes the pieces of an object, and passes its lines on.
pub(super) struct Lines<F: FnMut(&[u8])>(Option<State<F>>);

enum State<F: FnMut(&[u8])> {
    /// The compression is still unknown.
    Start(Vec<u8>, Split<F>),
    Plain(Split<F>),
    Gzip(Box<MultiGzDecoder<Split<F>>>),
}

impl<F: FnMut(&[u8])> Lines<F> {
    pub(super) fn new(line: F) -> Self {
        Self(Some(State::Start(Vec::new(), Split { rest: Vec::new(), line })))
    }

    /// Takes a piece. An error means that it cannot be decompressed; later pieces are ignored.
    pub(super) fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(state) = self.0.take() else { return Ok(()) };
        self.0 = Some(match state {
            State::Start(mut first, mut split) => {
                first.extend_from_slice(bytes);
                if first.len() < GZIP.len() {
                    State::Start(first, split)
                } else if first.starts_with(&GZIP) {
                    let mut decoder = Box::new(MultiGzDecoder::new(split));
                    decoder.write_all(&first)?;
                    State::Gzip(decoder)
                } else {
                    split.write_all(&first)?;
                    State::Plain(split)
                }
            }
            State::Plain(mut split) => {
                split.write_all(bytes)?;
                State::Plain(split)
            }
            State::Gzip(mut decoder) => {
                decoder.write_all(bytes)?;
                State::Gzip(decoder)
            }
        });
        Ok(())
    }

    /// Ends the object; passes on a last line without a line feed.
    pub(super) fn finish(self) -> io::Result<()> {
        match self.0 {
            None => Ok(()),
            Some(State::Start(first, mut split)) => split.write_all(&first).map(|()| split.end()),
            Some(State::Plain(mut split)) => {
                split.end();
                Ok(())
            }
            Some(State::Gzip(decoder)) => decoder.finish().map(|mut split| split.end()),
        }
    }
}

struct Split<F: FnMut(&[u8])> {
    rest: Vec<u8>,
    line: F,
}

impl<F: FnMut(&[u8])> Split<F> {
    fn end(&mut self) {
        if !self.rest.is_empty() {
            (self.line)(&std::mem::take(&mut self.rest));
        }
    }
}

impl<F: FnMut(&[u8])> Write for Split<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            if self.rest.len() + piece.len() > MAX_LINE_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than any record"));
            }
            self.rest.extend_from_slice(piece);
            if pieces.peek().is_some() {
                (self.line)(&self.rest);
                self.rest.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn lines(content: &[u8], piece: usize) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut lines = Lines::new(|line: &[u8]| found.push(String::from_utf8_lossy(line).into_owned()));
        content.chunks(piece).try_for_each(|piece| lines.piece(piece))?;
        lines.finish()?;
        Ok(found)
    }

    #[test]
    fn lines_are_found_however_they_are_cut_and_whether_they_are_compressed_or_not() {
        let two_members = [gzip("one\ntwo\nth"), gzip("ree\n")].concat();
        for content in [b"one\ntwo\nthree".to_vec(), two_members] {
            for piece in [1, 2, 3, 7, 1_000] {
                assert_eq!(lines(&content, piece).unwrap(), ["one", "two", "three"]);
            }
        }
        assert_eq!(lines(b"", 1).unwrap(), [""; 0]);
        assert_eq!(lines(b"x", 1).unwrap(), ["x"]);
    }

    #[test]
    fn what_cannot_be_decompressed_or_has_no_end_is_an_error() {
        let mut broken = gzip(&"one\n".repeat(100));
        broken.truncate(broken.len() - 5);
        assert!(lines(&broken, 10).is_err());
        assert!(lines(&vec![b'x'; MAX_LINE_BYTES + 1], 1_000).is_err());
    }
}
