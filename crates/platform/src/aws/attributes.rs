//! Creates DynamoDB attribute values.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

#[expect(clippy::needless_pass_by_value, reason = "values and references alike")]
pub(super) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

pub(super) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn millis(at: Timestamp) -> AttributeValue {
    number(at.as_millisecond())
}
