//! Puts the addresses of the functions' packages and of the nested templates into the template, as `sam package` does,
//! leaving every other byte of it alone.

use anyhow::{Result, bail};

/// A SAM template as text, with the places of the functions' code and of the nested templates found.
#[derive(Debug)]
pub(super) struct Template {
    lines: Vec<String>,
    functions: Vec<Function>,
    nested: Vec<Nested>,
}

/// One `AWS::Serverless::Function`.
#[derive(Debug, Eq, PartialEq)]
struct Function {
    name: String,
    binary: String,
    code_line: usize,
}

/// One `AWS::CloudFormation::Stack`.
#[derive(Debug, Eq, PartialEq)]
struct Nested {
    /// Relative to the folder of the template that nests it.
    path: String,
    url_line: usize,
}

impl Template {
    /// Finds the functions and the nested templates.
    ///
    /// A function must say `CodeUri: .` and, in its `BuildProperties`, `Binary: …`; a nested template is a file that
    /// `TemplateURL: …` names. What is nested in that one is not looked into.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let functions = entries(&lines, "Resources:")
            .filter(|resource| resource.value_of("Type") == Some("AWS::Serverless::Function"))
            .map(Entry::function)
            .collect::<Result<Vec<_>>>()?;
        if functions.is_empty() {
            bail!("the template declares no AWS::Serverless::Function among its Resources");
        }
        let nested = entries(&lines, "Resources:")
            .filter(|resource| resource.value_of("Type") == Some("AWS::CloudFormation::Stack"))
            .map(Entry::nested)
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { lines, functions, nested })
    }

    /// Whether the template has a parameter of this name.
    pub(super) fn declares(&self, parameter: &str) -> bool {
        entries(&self.lines, "Parameters:").any(|entry| entry.name == parameter)
    }

    /// The binaries the functions are made of, each once, in the order of the template.
    pub(super) fn binaries(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for function in &self.functions {
            if !names.contains(&function.binary.as_str()) {
                names.push(function.binary.as_str());
            }
        }
        names
    }

    /// The files of the nested templates, relative to the folder of this one.
    pub(super) fn nested(&self) -> impl Iterator<Item = &str> {
        self.nested.iter().map(|nested| nested.path.as_str())
    }

    /// The template with each `CodeUri: .` replaced by the address of that function's package, and each file of a
    /// nested template by its address.
    pub(super) fn packaged(
        &self,
        package: impl Fn(&str) -> String,
        nested_template: impl Fn(&str) -> String,
    ) -> String {
        let mut lines = self.lines.clone();
        for function in &self.functions {
            replace(&mut lines, function.code_line, "CodeUri", &package(&function.binary));
        }
        for nested in &self.nested {
            replace(&mut lines, nested.url_line, "TemplateURL", &nested_template(&nested.path));
        }
        lines.join("\n") + "\n"
    }
}

fn replace(lines: &mut [String], at: usize, key: &str, value: &str) {
    if let Some(line) = lines.get_mut(at) {
        *line = format!("{}{key}: {value}", " ".repeat(indent(line)));
    }
}

/// The lines of one entry of a section, the first of which names it.
struct Entry<'a> {
    name: &'a str,
    first: usize,
    lines: &'a [String],
}

impl<'a> Entry<'a> {
    fn function(self) -> Result<Function> {
        let name = self.name;
        let Some(binary) = self.value_of("Binary") else {
            bail!(
                "the function {name} names no Binary: say in the template which binary it is, under Metadata, \
                 BuildProperties, Binary"
            );
        };
        let Some(offset) = self.lines.iter().position(|line| key_value(line) == Some(("CodeUri", ".")))
        else {
            bail!(
                "the function {name} has no line `CodeUri: .` of its own: the local stack replaces that line by \
                 the address of the package"
            );
        };
        Ok(Function { name: name.to_owned(), binary: binary.to_owned(), code_line: self.first + offset })
    }

    fn nested(self) -> Result<Nested> {
        let url = |line: &String| matches!(key_value(line), Some(("TemplateURL", path)) if !path.is_empty());
        let (Some(offset), Some(path)) = (self.lines.iter().position(url), self.value_of("TemplateURL"))
        else {
            bail!(
                "the nested stack {} has no line `TemplateURL: …` with a file in it: the local stack replaces that \
                 line by the address of the template",
                self.name
            );
        };
        Ok(Nested { path: path.to_owned(), url_line: self.first + offset })
    }

    fn value_of(&self, key: &str) -> Option<&'a str> {
        self.lines.iter().filter_map(|line| key_value(line)).find(|(k, _)| *k == key).map(|(_, value)| value)
    }
}

/// Cuts a section at the lines that are indented least in it.
fn entries<'a>(lines: &'a [String], title: &str) -> impl Iterator<Item = Entry<'a>> + use<'a> {
    let start = lines.iter().position(|line| line.trim_end() == title).map_or(lines.len(), |at| at + 1);
    let section = lines.get(start..).unwrap_or_default();
    let end = section.iter().position(|line| has_content(line) && indent(line) == 0).unwrap_or(section.len());
    let section = section.get(..end).unwrap_or_default();
    let margin = section.iter().find(|line| has_content(line)).map_or(0, |line| indent(line));
    let heads: Vec<usize> = section
        .iter()
        .enumerate()
        .filter(|(_, line)| has_content(line) && indent(line) == margin)
        .map(|(at, _)| at)
        .collect();
    let ends = heads.iter().skip(1).copied().chain([section.len()]).collect::<Vec<_>>();
    heads.into_iter().zip(ends).filter_map(move |(head, end)| {
        let lines = section.get(head..end)?;
        // What follows on the same line, such as `{ Type: String }`, is no part of it.
        let name = lines.first()?.split(':').next()?.trim();
        Some(Entry { name, first: start + head, lines })
    })
}

fn has_content(line: &str) -> bool {
    let text = line.trim_start();
    !text.is_empty() && !text.starts_with('#')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// `key: value`, without a comment after it or quotes around it.
fn key_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim().split_once(':')?;
    let value = value.split(" #").next().unwrap_or_default().trim();
    Some((key, value.trim_matches(['"', '\''])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
Transform: AWS::Serverless-2016-10-31
Resources:
  # The one that takes changes in.
  IntakeFunction:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties:
        Binary: intake
    Properties:
      CodeUri: . # the workspace
      Description: "CodeUri: elsewhere"

  Queue:
    Type: AWS::SQS::Queue
  Network:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: "infra/network.yaml" # of its own
      Parameters: { Owner: TemplateURL }
  LateFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
    Metadata:
      BuildProperties: 
        Binary: "dispatch"
Outputs:
  CodeUri:
    Value: .
"#;

    #[test]
    fn only_the_code_of_each_function_and_the_addresses_of_nested_templates_change() {
        let template = Template::parse(TEXT).unwrap();
        assert_eq!(template.binaries(), ["intake", "dispatch"]);
        assert_eq!(template.nested().collect::<Vec<_>>(), ["infra/network.yaml"]);
        let packaged = template
            .packaged(|binary| format!("s3://code/{binary}.zip"), |path| format!("http://s3/code/{path}"));
        let expected = TEXT
            .replace("CodeUri: . # the workspace", "CodeUri: s3://code/intake.zip")
            .replace("\"infra/network.yaml\" # of its own", "http://s3/code/infra/network.yaml")
            .replace("      CodeUri: .\n    Metadata", "      CodeUri: s3://code/dispatch.zip\n    Metadata");
        assert_eq!(packaged, expected);
    }

    #[test]
    fn only_what_is_declared_is_a_parameter() {
        let text = format!("Parameters:\n  Greeting:\n    Type: String\n  Short: {{ Type: String }}\n{TEXT}");
        let template = Template::parse(&text).unwrap();
        assert!(template.declares("Greeting") && template.declares("Short"));
        assert!(!template.declares("Type"));
        assert!(!template.declares("Queue"));
    }

    #[test]
    fn a_function_without_a_place_for_its_code_is_an_error_that_names_it() {
        let text = TEXT.replace("      CodeUri: .\n    Metadata", "    Metadata");
        let error = Template::parse(&text).unwrap_err().to_string();
        assert!(error.contains("LateFunction has no line `CodeUri: .`"), "{error}");
    }

    #[test]
    fn a_function_without_a_binary_is_an_error_that_names_it() {
        let text = TEXT.replace("Binary: intake", "Other: intake");
        let error = Template::parse(&text).unwrap_err().to_string();
        assert!(error.contains("IntakeFunction names no Binary"), "{error}");
    }

    #[test]
    fn a_nested_stack_without_a_file_is_an_error_that_names_it() {
        let text = TEXT.replace("TemplateURL: \"infra/network.yaml\"", "TemplateURL:");
        let error = Template::parse(&text).unwrap_err().to_string();
        assert!(error.contains("nested stack Network has no line `TemplateURL: …`"), "{error}");
    }

    #[test]
    fn a_template_without_functions_is_an_error() {
        assert!(Template::parse("Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n").is_err());
    }
}
