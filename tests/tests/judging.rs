//! A vector that expects something wrong fails: no field of the file is read and not compared.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};
use tests::vectors::scenarios::{self, Scenario};
use tests::vectors::{Family, Judgement, Vector, VectorFile, judge};

/// Alternatives to another field, or what the input should have said: no wrong value of them can be told.
const NOTHING_TO_COMPARE: [&str; 2] = ["accept_also", "previous"];
/// Limits that any smaller value keeps.
const AT_MOST: [&str; 2] = ["effective_within_s", "receiver_B_attempt_1_start_max_ms"];

fn own() -> Vec<Vector> {
    let file = VectorFile::parse(include_str!("../vectors.json"), true).unwrap();
    file.vectors.into_iter().collect::<Result<_, _>>().unwrap()
}

fn judged(vector: &Vector) -> Option<Judgement> {
    match Family::of(&vector.category).unwrap() {
        Family::Data(judge) => Some(judge(vector)),
        Family::Scenario => match scenarios::of(&vector.id) {
            Scenario::Played(play) => Some(play(vector)),
            // Played once is enough of a minute each; they compare by what the others compare by.
            Scenario::OnStack(_) | Scenario::Needs(_) => None,
        },
    }
}

/// Makes an expectation wrong.
fn spoil(field: &str, value: &Value) -> Value {
    match value {
        Value::Null => json!(9),
        Value::Bool(value) => json!(!value),
        Value::Number(_) if AT_MOST.contains(&field) => json!(0),
        Value::Number(number) => json!(number.as_i64().unwrap() + 1),
        Value::String(text) => json!(format!("x{text}")),
        Value::Array(items) => json!([items.clone(), vec![json!("content-type")]].concat()),
        Value::Object(object) => {
            object.iter().map(|(name, value)| (name.clone(), spoil(name, value))).collect()
        }
    }
}

#[test]
fn no_expectation_is_read_and_not_compared() {
    let mut spoilt = 0;
    for vector in own() {
        let Some(judgement) = judged(&vector) else { continue };
        assert_eq!(judgement, Ok(()), "{}", vector.id);
        for (field, value) in vector.expected.as_object().unwrap() {
            if NOTHING_TO_COMPARE.contains(&field.as_str()) {
                continue;
            }
            let mut wrong = vector.clone();
            wrong.expected[field] = spoil(field, value);
            assert!(judged(&wrong).unwrap().is_err(), "{}: {}", vector.id, wrong.expected);
            spoilt += 1;
        }
    }
    assert!(spoilt > 300, "{spoilt}");
}

#[test]
fn a_field_that_is_not_known_is_a_failure() {
    for vector in own() {
        if !matches!(Family::of(&vector.category), Some(Family::Data(_))) {
            continue;
        }
        let (mut more_given, mut more_expected) = (vector.clone(), vector.clone());
        more_given.input["of_tomorrow"] = json!(true);
        more_expected.expected["of_tomorrow"] = json!(true);
        assert!(judge(&more_given).unwrap_err().contains("of_tomorrow"), "{}", vector.id);
        assert!(judge(&more_expected).unwrap_err().contains("of_tomorrow"), "{}", vector.id);
    }
}

#[test]
fn neither_id_nor_title_decides() {
    for mut vector in own() {
        if matches!(Family::of(&vector.category), Some(Family::Data(_))) {
            (vector.id, vector.title) = ("X-1".to_owned(), String::new());
            assert_eq!(judge(&vector), Ok(()), "{vector:?}");
        }
    }
}

#[test]
fn a_category_that_is_not_known_is_a_failure() {
    let mut vector = own().swap_remove(0);
    vector.category = "of_tomorrow".to_owned();
    assert!(judge(&vector).unwrap_err().contains("of_tomorrow"));
}

#[test]
fn a_failure_says_what_was_expected_and_what_came() {
    let mut vector = own().into_iter().find(|vector| vector.category == "url_composition").unwrap();
    vector.expected["method"] = json!("PUT");
    assert_eq!(judge(&vector).unwrap_err(), r#"method: expected "PUT", came "POST""#);
}

#[test]
fn a_file_of_another_schema_or_without_vectors_is_refused() {
    for text in [
        String::new(),
        "[]".to_owned(),
        json!({ "vectors": [{}] }).to_string(),
        json!({ "schema_version": 2, "vectors": [{}] }).to_string(),
        json!({ "schema_version": 1, "vectors": [] }).to_string(),
    ] {
        assert!(VectorFile::parse(&text, false).is_err(), "{text}");
    }
}

#[test]
fn a_vector_that_cannot_be_read_fails_alone_and_under_its_name() {
    let good = json!({
        "id": "X-1", "category": "c", "title": "t", "basis": "spec", "sources": [], "input": {}, "expected": {}
    });
    let mut strange = good.clone();
    strange["id"] = json!("X-2");
    strange["of_tomorrow"] = json!(true);
    let text = json!({ "schema_version": 1, "vectors": [good, strange] }).to_string();
    let file = VectorFile::parse(&text, false).unwrap();
    assert!(file.vectors[0].is_ok());
    let (id, error) = file.vectors[1].as_ref().unwrap_err();
    assert_eq!(id, "X-2");
    assert!(error.contains("of_tomorrow"), "{error}");
}
