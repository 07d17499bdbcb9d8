//! Standard output, which Lambda makes lines of the log of.

use std::cell::RefCell;
use std::io::{self, Write};

/// What waits is written at once when it is this long, whatever else there is to do.
const LONGEST: usize = 16 * 1024;

thread_local! {
    static GATHERED: RefCell<Option<Gathered>> = const { RefCell::new(None) };
}

/// Writes to standard output: at once, or, on a thread that gathers, before it waits for anything.
///
/// One write for the lines of several attempts that end at the same time, each of which would take longer than it takes to make
/// the line. Nothing is held back while a thread waits, as a process may be killed then
/// (`docs/adr/0032-dispatch-hot-path-and-binary-size.md`).
#[derive(Clone, Copy, Debug)]
pub struct Output;

impl Output {
    /// Has this thread gather from now on; [`write_out`](Self::write_out) is to be called whenever it is about to wait.
    pub fn gather() {
        GATHERED.set(Some(Gathered::default()));
    }

    /// Writes what waits.
    pub fn write_out() {
        GATHERED.with_borrow_mut(|gathered| {
            if let Some(gathered) = gathered {
                gathered.write_out(&mut io::stdout());
            }
        });
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        GATHERED.with_borrow_mut(|gathered| match gathered {
            None => io::stdout().write(bytes),
            Some(gathered) => {
                gathered.add(bytes, &mut io::stdout());
                Ok(bytes.len())
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Gathered(Vec<u8>);

impl Gathered {
    fn add(&mut self, bytes: &[u8], to: &mut impl Write) {
        self.0.extend_from_slice(bytes);
        if self.0.len() >= LONGEST {
            self.write_out(to);
        }
    }

    /// Nobody at the other end is no reason to fail: lines are lost, no notification.
    fn write_out(&mut self, to: &mut impl Write) {
        if !self.0.is_empty() {
            to.write_all(&self.0).and_then(|()| to.flush()).unwrap_or_default();
            self.0.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what each write was given.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_wait_and_are_written_at_once() {
        let (mut gathered, mut writes) = (Gathered::default(), Writes::default());
        gathered.add(b"one\n", &mut writes);
        gathered.add(b"two\n", &mut writes);
        assert!(writes.0.is_empty());
        gathered.write_out(&mut writes);
        gathered.write_out(&mut writes);
        assert_eq!(writes.0, [b"one\ntwo\n"]);
    }

    #[test]
    fn what_is_long_does_not_wait() {
        let (mut gathered, mut writes) = (Gathered::default(), Writes::default());
        gathered.add(&vec![b'a'; LONGEST], &mut writes);
        assert_eq!(writes.0.len(), 1);
    }

    #[test]
    fn lines_that_nobody_takes_are_lost_and_the_next_ones_are_not() {
        let (mut gathered, mut full) = (Gathered::default(), [0; 2]);
        gathered.add(b"lost\n", &mut full.as_mut_slice());
        gathered.write_out(&mut full.as_mut_slice());
        let mut writes = Writes::default();
        gathered.add(b"kept\n", &mut writes);
        gathered.write_out(&mut writes);
        assert_eq!(writes.0, [b"kept\n"]);
    }
}
