//! The template as it is read: with what is nested in it.

use serde_json::json;
use tests::template::{Template, given, put_in, resources, templates};

#[test]
fn nested_resources_have_the_names_of_the_stack() {
    let values =
        given(&json!({ "Api": "NotifierApi", "Keys": [",", "KeyArns"], "Key": ["Makes", "A", "B"] }));
    let nested = json!({
        "of": "Api", "in": "arn:${AWS::Region}:${Api}/*", "not": "ApiId ${ApiId}", "all": ["Keys", "Key"],
    });
    let expected = json!({
        "of": "NotifierApi",
        "in": "arn:${AWS::Region}:${NotifierApi}/*",
        "not": "ApiId ${ApiId}",
        "all": ["KeyArns", ["Makes", "A", "B"]],
    });
    assert_eq!(put_in(&nested, &values), expected);
}

#[test]
fn the_whole_stack_has_what_is_nested_and_names_no_output_of_a_nested_stack() {
    let whole = Template::stack().unwrap();
    let all = whole.resources();
    let apart: usize = templates().unwrap().iter().map(|path| resources(path).unwrap().len()).sum();
    assert_eq!(all.len(), apart);
    for (name, resource) in all {
        assert!(!resource.to_string().contains("Stack.Outputs."), "{name}: {resource}");
    }
}
