//! A reader over DER that copies nothing and builds no objects, and the few bytes of DER that are written (X.690). Pure.
//!
//! It reads the distinguished encoding alone: lengths that are indefinite or longer than they need be are refused, so that
//! there is one reading of whatever it reads. Values are returned as the bytes they were received in.

use thiserror::Error;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;

/// The tag of a field `[number]` whose value has a tag of its own inside, or is constructed.
pub(super) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// The tag of a field `[number]` that stands in the place of a primitive value's tag.
pub(super) const fn primitive(number: u8) -> u8 {
    0x80 | number
}

/// The bytes are not DER, end too soon, or have another value than expected.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("it is not the expected DER")]
pub(super) struct NotDer;

/// One value: its tag, what is in it, and all of its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    pub(super) whole: &'a [u8],
}

/// Reads values that follow each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Refuses bytes that are left.
    pub(super) fn end(self) -> Result<(), NotDer> {
        self.is_empty().then_some(()).ok_or(NotDer)
    }

    /// Returns the tag of the next value.
    pub(super) fn peek(self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Reads a value of any tag below 31; none of the structures read here has a higher one.
    pub(super) fn element(&mut self) -> Result<Element<'a>, NotDer> {
        let (&[tag, first], rest) = self.0.split_first_chunk().ok_or(NotDer)?;
        if tag & 0x1f == 0x1f {
            return Err(NotDer);
        }
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(NotDer)?;
                let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
                if bytes.first() == Some(&0) || length < 0x80 {
                    return Err(NotDer);
                }
                (length, rest)
            }
            _ => return Err(NotDer),
        };
        let (content, after) = rest.split_at_checked(length).ok_or(NotDer)?;
        let (whole, _) = self.0.split_at(self.0.len() - after.len());
        self.0 = after;
        Ok(Element { tag, content, whole })
    }

    /// Reads a value of one tag and returns what is in it.
    pub(super) fn read(&mut self, tag: u8) -> Result<&'a [u8], NotDer> {
        let element = self.element()?;
        if element.tag == tag { Ok(element.content) } else { Err(NotDer) }
    }

    /// Reads a value of one tag if it comes next.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, NotDer> {
        if self.peek() == Some(tag) { self.read(tag).map(Some) } else { Ok(None) }
    }

    /// Reads a sequence and returns a reader of what is in it.
    pub(super) fn sequence(&mut self) -> Result<Self, NotDer> {
        self.read(SEQUENCE).map(Self)
    }

    /// Reads an integer that is not empty, of whatever length and sign.
    pub(super) fn integer(&mut self) -> Result<&'a [u8], NotDer> {
        let content = self.read(INTEGER)?;
        if content.is_empty() { Err(NotDer) } else { Ok(content) }
    }
}

/// Reads a truth value; every byte but 0 is true (X.690, section 8.2; DER writes 255).
pub(super) fn boolean(content: &[u8]) -> Result<bool, NotDer> {
    match content {
        [byte] => Ok(*byte != 0),
        _ => Err(NotDer),
    }
}

/// Takes away the zeros in front of an integer: padded or not, it is the same number.
pub(super) fn unpadded(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    integer.get(zeros..).unwrap_or_default()
}

/// Writes a value whose content is the parts one after the other.
pub(super) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut der = vec![tag];
    let bytes = content.len().to_be_bytes();
    let length = unpadded(&bytes);
    match (length, u8::try_from(length.len())) {
        ([], _) => der.push(0),
        ([short @ 0..=0x7f], _) => der.push(*short),
        // A length has as many bytes as a usize at most.
        (long, count) => {
            der.push(0x80 | count.unwrap_or_default());
            der.extend_from_slice(long);
        }
    }
    der.extend(content);
    der
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_has_one_encoding() {
        for der in [
            &[][..],
            &[0x30],
            &[0x30, 1],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x81, 1, 7],
            &[0x30, 0x82, 0, 1, 7],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 7],
            &[0x30, 0xff, 7],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x1f, 0x1f, 0],
        ] {
            assert_eq!(Reader::new(der).element(), Err(NotDer), "{der:02x?}");
        }
    }

    #[test]
    fn lengths_have_as_many_bytes_as_they_need() {
        for (length, header) in [
            (0x7f, &[4, 0x7f][..]),
            (0x80, &[4, 0x81, 0x80]),
            (0xff, &[4, 0x81, 0xff]),
            (0x100, &[4, 0x82, 1, 0]),
            (0x1_0000, &[4, 0x83, 1, 0, 0]),
        ] {
            let der = value(OCTET_STRING, &[&vec![7; length]]);
            assert!(der.starts_with(header), "{length}");
            assert_eq!(Reader::new(&der).read(OCTET_STRING).map(<[u8]>::len), Ok(length));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tag in 0_u8..0x1f, content in prop::collection::vec(any::<u8>(), 0..300)) {
            let der = value(tag, &[&content]);
            let mut reader = Reader::new(&der);
            let element = reader.element().unwrap();
            prop_assert_eq!((element.tag, element.content, element.whole), (tag, &content[..], &der[..]));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn whatever_is_read_was_there(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            let mut read = 0;
            while let Ok(element) = reader.element() {
                read += element.whole.len();
                prop_assert!(element.content.len() < element.whole.len());
            }
            prop_assert!(read <= bytes.len());
        }
    }
}
