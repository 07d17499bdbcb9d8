//! The GETs of one source, in the order of its lines.

use std::collections::VecDeque;

use anyhow::{Context as _, Result};

use crate::clients::Clients;
use crate::input::{LineCounts, Lines, Source};
use crate::line::{Get, LineParser};
use crate::mapping::Mapping;

pub(crate) struct Reader<'m> {
    source: Source,
    lines: Lines,
    parser: LineParser<'m>,
    /// What a line with several entries has left.
    left: VecDeque<Get>,
}

impl<'m> Reader<'m> {
    pub(crate) fn open(source: Source, mapping: &'m Mapping) -> Result<Self> {
        let lines = source.open()?;
        Ok(Self { source, lines, parser: LineParser::new(mapping), left: VecDeque::new() })
    }

    /// Lets go of the file and its buffers.
    pub(crate) fn close(&mut self) {
        self.lines = Lines::new(Box::new(std::io::empty()));
        self.left = VecDeque::new();
    }

    /// The next GET; `None` at the end, or where no more than `most` lines are to be read.
    pub(crate) fn next(
        &mut self,
        clients: &mut Clients,
        counts: &mut LineCounts,
        most: u64,
    ) -> Result<Option<Get>> {
        loop {
            if let Some(get) = self.left.pop_front() {
                return Ok(Some(get));
            }
            let number = self.lines.number();
            if number >= most {
                return Ok(None);
            }
            let line = self
                .lines
                .next()
                .with_context(|| format!("cannot read {} after line {number}", self.source))?;
            let Some(line) = line else { return Ok(None) };
            counts.lines += 1;
            let left = &mut self.left;
            match line.and_then(|line| self.parser.read(line, clients, |get| left.push_back(get))) {
                Ok(other) => counts.other += other,
                Err(broken) => counts.broke(&self.source, self.lines.number(), broken.reason()),
            }
            counts.gets += self.left.len() as u64;
        }
    }
}
