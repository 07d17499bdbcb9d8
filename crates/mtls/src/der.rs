//! Reads and writes values of DER (X.690) without copying or building objects. Pure.
//!
//! The reader accepts the distinguished encoding only: it refuses indefinite and non-minimal lengths, so that its input
//! can be read in one way. Values are returned as the bytes they were received in.

use thiserror::Error;

/// The tag of a BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// The tag of an INTEGER.
pub const INTEGER: u8 = 0x02;
/// The tag of a BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// The tag of an OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// The tag of an OBJECT IDENTIFIER.
pub const OID: u8 = 0x06;
/// The tag of an ENUMERATED.
pub const ENUMERATED: u8 = 0x0a;
/// The tag of a `UTCTime`.
pub const UTC_TIME: u8 = 0x17;
/// The tag of a `GeneralizedTime`.
pub const GENERALIZED_TIME: u8 = 0x18;
/// The tag of a SEQUENCE.
pub const SEQUENCE: u8 = 0x30;

/// Returns the tag of a field `[number]` that is tagged explicitly, or implicitly with a constructed value.
pub const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// Returns the tag of a field `[number]` that is tagged implicitly with a primitive value.
pub const fn primitive(number: u8) -> u8 {
    0x80 | number
}

/// The bytes are not DER, end too soon, or have a value of another type than expected.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("it is not the expected DER")]
pub struct NotDer;

/// One value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Element<'a> {
    /// Its tag.
    pub tag: u8,
    /// Its content.
    pub content: &'a [u8],
    /// All of its bytes: tag, length and content.
    pub whole: &'a [u8],
}

/// Reads consecutive values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads the values in these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Says whether all bytes were read.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Returns the bytes that were not read yet.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Refuses trailing bytes.
    pub fn end(self) -> Result<(), NotDer> {
        self.is_empty().then_some(()).ok_or(NotDer)
    }

    /// Returns the tag of the next value.
    pub fn peek(self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Reads a value of any tag below 31; the structures read here have no higher ones.
    pub fn element(&mut self) -> Result<Element<'a>, NotDer> {
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

    /// Reads a value of this tag and returns its content.
    pub fn read(&mut self, tag: u8) -> Result<&'a [u8], NotDer> {
        let element = self.element()?;
        if element.tag == tag { Ok(element.content) } else { Err(NotDer) }
    }

    /// Reads a value of this tag if it comes next.
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, NotDer> {
        if self.peek() == Some(tag) { self.read(tag).map(Some) } else { Ok(None) }
    }

    /// Reads a sequence and returns a reader of its content.
    pub fn sequence(&mut self) -> Result<Self, NotDer> {
        self.read(SEQUENCE).map(Self)
    }

    /// Reads a non-empty integer of any length and sign.
    pub fn integer(&mut self) -> Result<&'a [u8], NotDer> {
        let content = self.read(INTEGER)?;
        if content.is_empty() { Err(NotDer) } else { Ok(content) }
    }
}

/// Reads a boolean; every byte but 0 is true (X.690, section 8.2; DER writes 255).
pub fn boolean(content: &[u8]) -> Result<bool, NotDer> {
    match content {
        [byte] => Ok(*byte != 0),
        _ => Err(NotDer),
    }
}

/// Strips the leading zeros of an integer, which do not change its value.
pub fn unpadded(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    integer.get(zeros..).unwrap_or_default()
}

/// Writes a value whose content is the concatenation of the parts (sections 8.1.3 and 10.1).
pub fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut der = vec![tag];
    let bytes = content.len().to_be_bytes();
    let length = unpadded(&bytes);
    match (length, u8::try_from(length.len())) {
        ([], _) => der.push(0),
        ([short @ 0..=0x7f], _) => der.push(*short),
        // A length has at most as many bytes as a usize.
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
        fn a_written_element_is_read_back(tag in 0_u8..0x1f, content in prop::collection::vec(any::<u8>(), 0..300)) {
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
