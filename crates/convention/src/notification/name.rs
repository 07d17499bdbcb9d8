//! Ids of notifications and attempts, which lead to the ledger partition with one read.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, Digest, SHA256};
use thiserror::Error;
use uuid::fmt::Hyphenated;
use uuid::{Builder, Uuid};

use super::change::{Resource, StateChange};
use super::endpoint::{Endpoint, Scope};
use super::receiver_key::ReceiverKey;

/// The ledger partition of a resource: 60 bits of a hash of endpoint and identifier.
///
/// The ids of a resource's notifications and attempts begin with it, so either leads to the partition without
/// an index. Two resources may share a partition; rows carry the whole identifier.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Partition(u64);

impl Partition {
    /// Returns the partition of a resource.
    pub fn of(resource: &Resource) -> Self {
        Self::of_id(resource.endpoint, resource.id.as_str())
    }

    /// Returns the partition of this identifier at this endpoint, whether or not such a resource exists.
    pub fn of_id(endpoint: Endpoint, id: &str) -> Self {
        let parts = [endpoint.row().code, id];
        Self(u64::from_be_bytes(hash(&parts)) >> 4)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:015x}", self.0)
    }
}

/// The id of a notification: the same for every copy of one business event.
///
/// 32 hexadecimal digits, of which the first 15 are the [`Partition`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct NotificationId(String);

impl NotificationId {
    /// Computes the id of a state change's notification.
    ///
    /// Copies are recognised, for one receiver and one resource, by state and the caller's `event_id` if
    /// given, else by state, instant and edited fields. The instant counts at full precision, since a state
    /// can be reached twice (PDNG, SCHD, PDNG).
    ///
    /// What an authorisation server publishes is of one API version, and its resource is the server: there the version counts
    /// too, or the second of two versions that change at once would pass for a copy. A resource has one version.
    pub fn of(change: &StateChange, resource: &Resource, receiver: &ReceiverKey) -> Self {
        let partition = Partition::of(resource);
        let client = receiver.as_str();
        let instant = change.event_instant.to_string();
        let mut fields = change.changed_fields.clone();
        fields.sort_unstable();
        let event = match &change.event_id {
            Some(event_id) => hash(&["event_id", client, event_id, &change.to]),
            None => hash(&["change", client, &change.to, &instant, &fields.join("\n")]),
        };
        let event = match resource.endpoint.row().scope {
            Scope::Resource => event,
            Scope::Server => hash(&["published", &resource.api_version.to_string(), &hexadecimal(event)]),
        };
        // The partition takes 15 of the 32 digits; 17 are left for the event.
        Self(format!("{partition}{:017x}", u128::from(u64::from_be_bytes(event))))
    }

    /// Returns the id of this notification's replay. It is always the same, so repeating a replay gives a
    /// copy and no second replay. The partition stays, so a look-up by resource finds both.
    #[must_use]
    pub fn replay(&self) -> Self {
        let event = hash(&["replay", &self.0]);
        Self(format!("{}{:017x}", self.partition(), u128::from(u64::from_be_bytes(event))))
    }

    /// Returns the partition of its row.
    pub fn partition(&self) -> Partition {
        Partition(u64::from_str_radix(self.partition_text(), 16).expect("a notification id is hexadecimal"))
    }

    /// Returns the partition of its row as the row's key has it.
    pub fn partition_text(&self) -> &str {
        self.0.get(..15).expect("a notification id has 32 digits")
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NotificationId {
    type Err = ParseNotificationIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 32 && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseNotificationIdError)
        }
    }
}

/// A text that is not a notification id.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("not a notification id: expected 32 hexadecimal digits")]
pub struct ParseNotificationIdError;

/// The id of one attempt, sent as `x-webhook-interaction-id`: a fresh UUID (version 4) each time.
///
/// 60 of its bits are the [`Partition`], so an id from a support ticket leads to its row; the other 62 are
/// random. It is not an idempotency key: a retry has another id (webhook OAS 1.3.0, E3).
///
/// Stored as text, because each attempt writes it several times.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct InteractionId([u8; Hyphenated::LENGTH]);

impl InteractionId {
    /// The nil UUID, which belongs to no attempt.
    pub const NONE: Self = Self(*b"00000000-0000-0000-0000-000000000000");

    /// Creates the id of an attempt at a notification of this partition from 62 of these random bits.
    pub fn new(partition: Partition, random: u64) -> Self {
        // RFC 9562, section 5.4: 48 bits, version, 12 bits, variant, 62 bits.
        let high = (partition.0 >> 12) << 16 | (partition.0 & 0xfff);
        let bits = u128::from(high) << 64 | u128::from(random);
        Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().into()
    }

    /// Returns the text as sent.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("a UUID is ASCII")
    }

    /// Returns the partition of the attempt's row.
    pub fn partition(self) -> Partition {
        let (high, _) =
            Uuid::try_parse_ascii(&self.0).expect("the text was formatted from a UUID").as_u64_pair();
        Partition(high >> 16 << 12 | (high & 0xfff))
    }
}

impl fmt::Display for InteractionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for InteractionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Uuid> for InteractionId {
    fn from(uuid: Uuid) -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        uuid.hyphenated().encode_lower(&mut text);
        Self(text)
    }
}

impl FromStr for InteractionId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Uuid>().map(Self::from)
    }
}

fn hexadecimal(hash: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(hash))
}

fn hash(parts: &[&str]) -> [u8; 8] {
    digest(parts).as_ref().first_chunk().copied().expect("SHA-256 has 32 bytes")
}

/// Hashes texts such that different lists never give the same input.
pub(super) fn digest(parts: &[&str]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interaction_id_is_a_random_uuid_that_leads_to_its_partition() {
        for (partition, bits) in [(0, 0), (0x0fff_ffff_ffff_ffff, u64::MAX), (0x0123_4567_89ab_cdef, 42)] {
            let id = InteractionId::new(Partition(partition), bits);
            assert_eq!(id.partition(), Partition(partition));
            let uuid: Uuid = id.to_string().parse().unwrap();
            assert_eq!((uuid.get_version_num(), uuid.get_variant()), (4, uuid::Variant::RFC4122));
        }
    }

    #[test]
    fn a_notification_id_has_32_digits_and_leads_to_its_partition() {
        let id: NotificationId = "0123456789abcde00000000000000001".parse().unwrap();
        assert_eq!(
            (id.partition_text(), id.partition().to_string()),
            ("0123456789abcde", "0123456789abcde".to_owned())
        );
    }

    #[test]
    fn a_replay_has_a_name_of_its_own_beside_its_original_and_a_replay_of_it_another() {
        let id: NotificationId = "0123456789abcde00000000000000001".parse().unwrap();
        let (replay, second) = (id.replay(), id.replay().replay());
        assert_eq!(replay, id.replay());
        assert!(replay != id && second != replay && second != id);
        for name in [&replay, &second] {
            assert_eq!(name.partition(), id.partition());
            assert_eq!(name.as_str().parse(), Ok(name.clone()));
        }
    }
}
