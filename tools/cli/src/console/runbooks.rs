//! The first step of each alarm's runbook, from the page for operators.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use terminal::Language;

type FirstSteps = BTreeMap<String, (String, String)>;

const EN: &str = include_str!("../../../../docs/operations.md");
const PT_BR: &str = include_str!("../../../../docs/operations.pt-BR.md");

/// Each alarm's first step, and the address of its runbook.
pub(super) fn first_steps(language: Language) -> &'static FirstSteps {
    static ALL: LazyLock<[FirstSteps; 2]> = LazyLock::new(|| {
        [
            of_page(EN, "docs/operations.md", "**Do**:"),
            of_page(PT_BR, "docs/operations.pt-BR.md", "**Faça**:"),
        ]
    });
    match language {
        Language::En => &ALL[0],
        Language::PtBr => &ALL[1],
    }
}

/// Reads the page: a heading of the third level says what is wrong, one of the fourth is an alarm. The step is the alarm's own, or
/// that of what is wrong.
fn of_page(page: &str, address: &str, marker: &str) -> FirstSteps {
    let mut steps = FirstSteps::new();
    for section in page.split("\n### ").skip(1) {
        let mut parts = section.split("\n#### ");
        let head = parts.next().unwrap_or_default();
        let title = head.lines().next().unwrap_or_default();
        let anchor = title.to_lowercase().replace(' ', "-");
        let shared = step(head, marker).unwrap_or_default();
        for alarm in parts {
            let name = alarm.lines().next().unwrap_or_default().trim().to_owned();
            let text = step(alarm, marker)
                .unwrap_or_else(|| if shared.is_empty() { first_sentence(alarm) } else { shared.clone() });
            steps.insert(name, (text, format!("{address}#{anchor}")));
        }
    }
    steps
}

/// What follows the marker, to the end of the paragraph, without Markdown.
fn step(section: &str, marker: &str) -> Option<String> {
    let (_, after) = section.split_once(marker)?;
    // The step may be a command of its own.
    if let Some(block) = after.trim_start().strip_prefix("```sh\n") {
        return block.split("\n```").next().map(|command| command.lines().collect::<Vec<_>>().join("; "));
    }
    let paragraph = after.split("\n\n").next().unwrap_or_default();
    let end = paragraph.find(" **").unwrap_or(paragraph.len());
    let paragraph = paragraph.get(..end).unwrap_or_default().trim();
    let text = plain(paragraph);
    // A command stays as it is typed.
    Some(if paragraph.starts_with('`') { text } else { capital(&text) })
}

fn first_sentence(alarm: &str) -> String {
    let body = alarm.split_once('\n').map(|(_, body)| body.trim()).unwrap_or_default();
    plain(body.split("\n\n").next().unwrap_or_default())
}

/// Takes links and marks of Markdown away.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        plain.push_str(&before.replacen('[', "", 1));
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    plain.replace(['`', '*'], "").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alarm_has_a_first_step_in_both_languages() {
        let alarms: Vec<_> = EN.lines().filter_map(|line| line.strip_prefix("#### ")).collect();
        assert!(alarms.len() > 50, "{}", alarms.len());
        for language in [Language::En, Language::PtBr] {
            for alarm in &alarms {
                let (step, runbook) = first_steps(language).get(*alarm).unwrap_or_else(|| panic!("{alarm}"));
                assert!(step.len() > 15 && !step.contains("](") && !step.contains('`'), "{alarm}: {step}");
                assert!(runbook.starts_with("docs/operations"), "{runbook}");
            }
        }
        let (step, runbook) = &first_steps(Language::En)["ReceiverFailingAlarm"];
        assert!(step.starts_with("arauto doctor receiver --client <client_id>"), "{step}");
        assert_eq!(runbook, "docs/operations.md#a-receiver-fails");
    }
}
