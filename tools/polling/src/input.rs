//! Files and standard input, packed or not, line by line.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::bufread::MultiGzDecoder;
use serde::Serialize;

use crate::line::Broken;

/// Where lines come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A file, which may be gzip.
    File(PathBuf),
    /// Standard input, which may be gzip.
    Stdin,
}

impl Source {
    /// The source that a command line names; `-` is standard input.
    pub fn named(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    pub(crate) fn open(&self) -> Result<Lines> {
        let open = || -> io::Result<Lines> {
            match self {
                Self::File(path) => unpacked(BufReader::new(File::open(path)?)),
                Self::Stdin => unpacked(BufReader::new(io::stdin())),
            }
        };
        open().with_context(|| format!("cannot read {self}"))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

/// The first two bytes of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

fn unpacked(mut from: impl BufRead + 'static) -> io::Result<Lines> {
    let is_packed = from.fill_buf()?.starts_with(&GZIP);
    let from: Box<dyn BufRead> =
        if is_packed { Box::new(BufReader::new(MultiGzDecoder::new(from))) } else { Box::new(from) };
    Ok(Lines::new(from))
}

/// Maximum length of a line. Kong writes some kilobytes, with all headers.
const MAX_LINE: usize = 1 << 20;

/// The lines of a source, each with its number, the first being 1.
pub(crate) struct Lines {
    from: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    pub(crate) fn new(from: Box<dyn BufRead>) -> Self {
        Self { from, line: Vec::new(), number: 0 }
    }

    /// The number of the line that was read last.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is not empty, without its end. What is longer than a line may be is passed over, and told.
    pub(crate) fn next(&mut self) -> io::Result<Option<Result<&[u8], Broken>>> {
        loop {
            self.line.clear();
            let mut length = 0;
            loop {
                let part = self.from.fill_buf()?;
                let end = part.iter().position(|byte| *byte == b'\n');
                let taken = end.map_or(part.len(), |at| at + 1);
                if length < MAX_LINE {
                    self.line.extend_from_slice(part.get(..end.unwrap_or(taken)).unwrap_or_default());
                }
                length += taken;
                self.from.consume(taken);
                if end.is_some() || taken == 0 {
                    break;
                }
            }
            if length == 0 {
                return Ok(None);
            }
            self.number += 1;
            if length > MAX_LINE {
                return Ok(Some(Err(Broken::TooLong)));
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some(Ok(self.line.trim_ascii_end())))
    }
}

/// Maximum number of broken lines that are told by their numbers.
const MAX_TOLD: usize = 20;

/// How many lines were read, and what was in them.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct LineCounts {
    /// All lines that are not empty.
    pub lines: u64,
    /// Entries that are a GET of a resource.
    pub gets: u64,
    /// Entries that are something else.
    pub other: u64,
    /// Lines that cannot be read.
    pub broken: u64,
    /// The first of these.
    pub broken_lines: Vec<BrokenLine>,
}

/// A line that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct BrokenLine {
    /// The file.
    pub file: String,
    /// The number of the line, the first being 1.
    pub line: u64,
    /// Why, without quoting it.
    pub reason: &'static str,
}

impl LineCounts {
    pub(crate) fn broke(&mut self, file: impl fmt::Display, line: u64, reason: &'static str) {
        self.broken += 1;
        if self.broken_lines.len() < MAX_TOLD {
            self.broken_lines.push(BrokenLine { file: file.to_string(), line, reason });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn all(bytes: Vec<u8>) -> Vec<(u64, Option<usize>)> {
        let mut lines = unpacked(Cursor::new(bytes)).unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            let length = line.ok().map(<[u8]>::len);
            found.push((lines.number(), length));
        }
        found
    }

    #[test]
    fn lines_are_numbered_and_an_endless_one_is_not_held() {
        let mut text = b"ab\r\n\n".to_vec();
        text.extend(vec![b'x'; 3 * MAX_LINE]);
        text.extend(b"\nlast");
        assert_eq!(all(text.clone()), [(1, Some(2)), (3, None), (4, Some(4))]);
        // Two members of gzip, one after the other, are one text.
        let mut packed = Vec::new();
        for half in [&text[..100], &text[100..]] {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(half).unwrap();
            packed.extend(encoder.finish().unwrap());
        }
        assert_eq!(all(packed), [(1, Some(2)), (3, None), (4, Some(4))]);
    }
}
