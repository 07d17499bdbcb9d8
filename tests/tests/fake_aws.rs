//! The fake of DynamoDB answers as the service does.

mod expressions {
    use serde_json::{Value, json};
    use tests::aws::expression::Expressions;

    fn holds(condition: &str, row: &Value) -> bool {
        let input = json!({
            "ConditionExpression": condition,
            "ExpressionAttributeNames": { "#status": "status" },
            "ExpressionAttributeValues": { ":waiting": { "S": "waiting" }, ":now": { "N": "10" } },
        });
        Expressions::of(&input).condition_holds(Some(row))
    }

    #[test]
    fn if_not_exists_sets_a_missing_attribute_and_leaves_an_existing_one() {
        let input = json!({
            "UpdateExpression": "SET a = if_not_exists(a, :new), map.b = if_not_exists(map.b, :new), \
                                 map.c = if_not_exists(map.c, :new), d = :new",
            "ExpressionAttributeValues": { ":new": { "N": "2" } },
        });
        let mut row = json!({ "a": { "N": "1" }, "map": { "M": { "b": { "N": "1" } } } });
        Expressions::of(&input).apply(&mut row).unwrap();
        let (old, new) = (json!({ "N": "1" }), json!({ "N": "2" }));
        assert_eq!(row, json!({ "a": old, "map": { "M": { "b": old, "c": new } }, "d": new }));
    }

    #[test]
    fn and_binds_closer_than_or_and_an_absent_attribute_equals_nothing() {
        let row = json!({ "status": { "S": "waiting" }, "lease": { "N": "9" }, "map": { "M": { "a": { "N": "10" } } } });
        assert!(holds("#status = :waiting OR gone = :now AND gone = :now", &row));
        assert!(!holds("(#status = :waiting OR gone = :now) AND gone = :now", &row));
        assert!(holds("attribute_not_exists(gone) AND lease < :now AND map.a = :now", &row));
        assert!(!holds("attribute_not_exists(lease) OR map.a < :now", &row));
    }
}

mod tables {
    use std::time::Duration;

    use serde_json::{Value, json};
    use tests::aws::table::Table;
    use tokio::time::Instant;

    fn put(table: &mut Table, value: &str, now: Instant) -> u16 {
        let item = json!({ "name": { "S": "a" }, "value": { "S": value } });
        table.answer("PutItem", &json!({ "Item": item }), now, &mut || Duration::ZERO).0
    }

    fn read(table: &mut Table, operation: &str, consistent: bool, now: Instant, lag: u64) -> Value {
        let input = json!({ "Key": { "name": { "S": "a" } }, "ConsistentRead": consistent });
        let (_, answer) = table.answer(operation, &input, now, &mut || Duration::from_millis(lag));
        let row = if operation == "Scan" { answer["Items"][0].clone() } else { answer["Item"].clone() };
        row["value"]["S"].clone()
    }

    #[test]
    fn a_read_lags_unless_it_is_consistent() {
        let (mut table, start) = (Table::new(&["name"]), Instant::now());
        let at = |millis| start + Duration::from_secs(10) + Duration::from_millis(millis);
        for (value, when) in [("old", 0), ("newer", 100), ("newest", 200)] {
            assert_eq!(put(&mut table, value, at(when)), 200);
        }
        for operation in ["GetItem", "Scan"] {
            for (lag, seen) in [(0, "newest"), (49, "newest"), (51, "newer"), (151, "old")] {
                assert_eq!(read(&mut table, operation, false, at(250), lag), seen, "{operation} {lag}");
                assert_eq!(read(&mut table, operation, true, at(250), lag), "newest");
            }
            assert_eq!(read(&mut table, operation, false, at(250), 251), Value::Null);
        }
        table.answer("DeleteItem", &json!({ "Key": { "name": { "S": "a" } } }), at(300), &mut || {
            Duration::ZERO
        });
        for operation in ["GetItem", "Scan"] {
            assert_eq!(read(&mut table, operation, false, at(310), 20), "newest");
            assert_eq!(read(&mut table, operation, true, at(310), 20), Value::Null);
        }
    }

    #[test]
    fn all_callers_share_the_capacity_of_a_table() {
        let (mut table, start) = (Table::new(&["name"]), Instant::now());
        table.set_limit(Some(2), start);
        let answers: Vec<_> = (0..4).map(|_| put(&mut table, "a", start)).collect();
        assert_eq!(answers, [200, 200, 400, 400]);
        assert_eq!(put(&mut table, "a", start + Duration::from_millis(500)), 200);
        assert_eq!(put(&mut table, "a", start + Duration::from_millis(600)), 400);
        // What was not used is lost.
        let later = start + Duration::from_mins(1);
        let answers: Vec<_> = (0..3).map(|_| put(&mut table, "a", later)).collect();
        assert_eq!(answers, [200, 200, 400]);
        table.set_limit(None, later);
        assert_eq!(put(&mut table, "a", later), 200);
    }
}
