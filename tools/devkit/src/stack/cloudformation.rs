//! CloudFormation's Query API, as far as one stack needs it.

use std::collections::BTreeMap;

use account::aws_http::{ApiAnswer, Caller};
use anyhow::{Context as _, Result, bail};
use http::Method;
use roxmltree::{Document, Node};

/// Calls to one endpoint.
#[derive(Debug)]
pub(super) struct CloudFormation {
    caller: Caller,
    url: String,
}

/// A stack, as `DescribeStacks` tells of it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Description {
    pub(super) status: String,
    pub(super) outputs: BTreeMap<String, String>,
}

impl CloudFormation {
    pub(super) fn new(caller: Caller, endpoint: &str) -> Self {
        Self { caller, url: format!("{endpoint}/") }
    }

    pub(super) async fn create_stack(
        &self,
        name: &str,
        template_url: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<()> {
        let mut form = vec![
            ("StackName".to_owned(), name.to_owned()),
            ("TemplateURL".to_owned(), template_url.to_owned()),
            ("Capabilities.member.1".to_owned(), "CAPABILITY_IAM".to_owned()),
            ("Capabilities.member.2".to_owned(), "CAPABILITY_AUTO_EXPAND".to_owned()),
        ];
        for (number, (key, value)) in (1..).zip(parameters) {
            form.push((format!("Parameters.member.{number}.ParameterKey"), key.clone()));
            form.push((format!("Parameters.member.{number}.ParameterValue"), value.clone()));
        }
        self.call("CreateStack", form).await.map(drop)
    }

    pub(super) async fn describe(&self, name: &str) -> Result<Description> {
        let xml = self.call("DescribeStacks", vec![("StackName".to_owned(), name.to_owned())]).await?;
        description(&xml)
    }

    /// Why resources of the stack failed, the first failure first.
    pub(super) async fn failures(&self, name: &str) -> Result<Vec<String>> {
        let xml = self.call("DescribeStackEvents", vec![("StackName".to_owned(), name.to_owned())]).await?;
        failures(&xml)
    }

    async fn call(&self, action: &str, form: Vec<(String, String)>) -> Result<String> {
        let known = [("Action", action), ("Version", "2010-05-15")];
        let given = form.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let body = form_text(known.into_iter().chain(given));
        let answer = self
            .caller
            .call(Method::POST, &self.url, "application/x-www-form-urlencoded", body.into_bytes())
            .await
            .with_context(|| format!("CloudFormation's {action} failed"))?;
        if answer.status != 200 {
            bail!("CloudFormation's {action} was refused: {}", reason(&answer));
        }
        String::from_utf8(answer.body)
            .with_context(|| format!("CloudFormation's {action} did not answer text"))
    }
}

/// `application/x-www-form-urlencoded`, everything but letters, digits and `-_.` escaped.
fn form_text<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let escape = |text: &str| {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    pairs.map(|(key, value)| format!("{}={}", escape(key), escape(value))).collect::<Vec<_>>().join("&")
}

fn reason(answer: &ApiAnswer) -> String {
    let text = answer.text();
    let message = Document::parse(&text).ok().and_then(|xml| {
        let message = xml.descendants().find(|node| node.has_tag_name("Message") || is(*node, "Message"))?;
        message.text().map(str::to_owned)
    });
    message.unwrap_or_else(|| format!("status {}, {text}", answer.status))
}

fn description(xml: &str) -> Result<Description> {
    let xml = Document::parse(xml).context("CloudFormation's answer is not XML")?;
    let status =
        text_below(xml.root(), "StackStatus").context("CloudFormation's answer has no StackStatus")?;
    let outputs = xml
        .descendants()
        .filter(|node| is(*node, "OutputKey"))
        .filter_map(|key| {
            let value = text_below(key.parent()?, "OutputValue").unwrap_or_default();
            Some((key.text()?.to_owned(), value))
        })
        .collect();
    Ok(Description { status, outputs })
}

fn failures(xml: &str) -> Result<Vec<String>> {
    let xml = Document::parse(xml).context("CloudFormation's answer is not XML")?;
    let events = xml.descendants().filter(|node| is(*node, "ResourceStatusReason"));
    let mut failures: Vec<String> = events
        .filter_map(|reason| {
            let event = reason.parent()?;
            let status = text_below(event, "ResourceStatus")?;
            let name = text_below(event, "LogicalResourceId")?;
            let kind = text_below(event, "ResourceType").unwrap_or_default();
            status
                .ends_with("_FAILED")
                .then(|| format!("{name} ({kind}): {}", reason.text().unwrap_or_default()))
        })
        .collect();
    // The newest event comes first.
    failures.reverse();
    Ok(failures)
}

/// Whatever the namespace: AWS sets one, emulators do not always.
fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.tag_name().name() == name
}

fn text_below(node: Node<'_, '_>, name: &str) -> Option<String> {
    node.descendants().find(|node| is(*node, name))?.text().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_holds_status_and_outputs() {
        let xml = r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
            <DescribeStacksResult><Stacks><member><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>
            <member><OutputKey>ApiId</OutputKey><OutputValue>0a1b2c3d</OutputValue></member>
            <member><OutputKey>Empty</OutputKey><OutputValue/></member>
            </Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"#;
        let description = description(xml).unwrap();
        assert_eq!(description.status, "CREATE_COMPLETE");
        assert_eq!(description.outputs.get("ApiId").map(String::as_str), Some("0a1b2c3d"));
        assert_eq!(description.outputs.get("Empty").map(String::as_str), Some(""));
    }

    #[test]
    fn failures_are_told_in_the_order_they_happened() {
        let event = |name: &str, status: &str, reason: &str| {
            format!(
                "<member><LogicalResourceId>{name}</LogicalResourceId><ResourceType>AWS::SQS::Queue</ResourceType>\
                 <ResourceStatus>{status}</ResourceStatus>\
                 <ResourceStatusReason>{reason}</ResourceStatusReason></member>"
            )
        };
        let xml = format!(
            "<r>{}{}{}</r>",
            event("Late", "CREATE_FAILED", "cancelled"),
            event("First", "CREATE_FAILED", "no such thing"),
            event("Fine", "CREATE_COMPLETE", "because"),
        );
        assert_eq!(
            failures(&xml).unwrap(),
            ["First (AWS::SQS::Queue): no such thing", "Late (AWS::SQS::Queue): cancelled"]
        );
    }

    #[test]
    fn a_form_escapes_what_is_not_plain() {
        let text = form_text([("A.1", "a b&c=/ç"), ("B", "-_.")].into_iter());
        assert_eq!(text, "A.1=a%20b%26c%3D%2F%C3%A7&B=-_.");
    }
}
