//! The report as one page to attach to a ticket: without script, and without a request to anybody.

use std::fmt::Write as _;

use mtls::examine::{Certificate, Facts, Visit};

use super::finding::{Finding, Verdict, Words};
use super::report::Report;
use terminal::Language;

/// Escapes a text for the content and the attributes of HTML.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() && c != '\n' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
        escaped
    })
}

/// Writes the report of a receiver, with what to do in both languages.
pub fn html(report: &Report, language: Language) -> String {
    let title = escaped(&report.heading(language));
    let tag = language.choose("en", "pt-BR");
    let findings: String = report.findings.iter().map(|one| row(one, language)).collect();
    let heads = match language {
        Language::En => ["Verdict", "Check", "Code", "What was found and what to do"],
        Language::PtBr => ["Veredito", "Verificação", "Código", "O que foi encontrado e o que fazer"],
    };
    let heads = heads.map(|head| format!("<th scope=\"col\">{head}</th>")).concat();
    format!(
        "<!doctype html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>arauto doctor receiver</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>arauto doctor receiver</h1>\n<p>{title}</p>\n<p><strong>{}</strong></p>\n\
         <table class=\"findings\">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{findings}</tbody>\n</table>\n{}</body>\n</html>\n",
        escaped(&report.summary(language)),
        addresses(&report.facts, language),
    )
}

fn row(one: &Finding, language: Language) -> String {
    let class = match one.verdict {
        Verdict::WillFail => "will",
        Verdict::MayFail => "may",
        Verdict::NotChecked => "not",
        Verdict::Ok => "ok",
    };
    let mut what = format!("<p>{}</p>", escaped(one.what.in_language(language)));
    if let Some(address) = one.address {
        what = format!("<p><code>{address}</code></p>{what}");
    }
    if let Some(detail) = &one.detail {
        write!(what, "<p class=\"detail\"><code>{}</code></p>", escaped(detail)).expect("a text takes all");
    }
    if !one.what_to_do.en.is_empty() {
        what.push_str(&to_forward(&one.what, &one.what_to_do));
    }
    format!(
        "<tr class=\"{class}\"><td>{}</td><td>{}</td><td><code>{}</code></td><td>{what}</td></tr>\n",
        one.verdict.name(language),
        one.check.name(language),
        escaped(one.code.as_deref().unwrap_or_default()),
    )
}

/// Both languages, because whoever must act may read the other.
fn to_forward(what: &Words, to_do: &Words) -> String {
    let block = |tag: &str, what: &str, to_do: &str| {
        format!("<blockquote lang=\"{tag}\">{} {}</blockquote>", escaped(what), escaped(to_do))
    };
    block("pt-BR", &what.pt_br, &to_do.pt_br) + &block("en", &what.en, &to_do.en)
}

fn addresses(facts: &Facts, language: Language) -> String {
    let mut text = String::new();
    for one in &facts.addresses {
        let Some(visit) = &one.visit else { continue };
        write!(text, "<h2><code>{}</code></h2>\n<table>\n", one.address).expect("a text takes all");
        for (name, value) in of_visit(visit, language) {
            writeln!(text, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(&name), escaped(&value))
                .expect("a text takes all");
        }
        text.push_str("</table>\n");
    }
    text
}

fn of_visit(visit: &Visit, language: Language) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |en: &str, pt_br: &str, value: String| {
        rows.push((language.choose(en, pt_br).to_owned(), value));
    };
    if let Some(tls) = &visit.tls {
        row("TLS", "TLS", format!("{} {} {} {}", tls.version, tls.suite, tls.group, tls.protocol));
    }
    row("ClientHello, bytes", "ClientHello, bytes", visit.hello_bytes.to_string());
    if !visit.authorities.is_empty() {
        row("Authorities named", "Autoridades nomeadas", visit.authorities.join("\n"));
    }
    let certificate = |one: &Certificate| {
        let until = one.valid_until.map(|until| until.to_string()).unwrap_or_default();
        format!("{} · {} · {until} · SHA-256 {}", one.subject, one.names.join(", "), one.sha256)
    };
    if let Some(chain) = &visit.chain {
        for one in &chain.presented {
            row("Presented", "Apresentado", certificate(one));
        }
        for one in &chain.verified {
            row("Verified", "Verificado", certificate(one));
        }
    }
    rows
}

/// Readable in a mail, at night, and on paper.
const STYLE: &str = "\
:root { color-scheme: light dark; --will: #b00020; --may: #8a5a00; --not: #555; --ok: #1b6e20; }
@media (prefers-color-scheme: dark) { :root { --will: #ff8a80; --may: #ffca6b; --not: #bbb; --ok: #8bd48f; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p { margin: 0 0 .3rem; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; }
th, td { border: 1px solid #8886; padding: .4rem .6rem; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; white-space: pre-line; }
.findings td:nth-child(-n+3) { overflow-wrap: normal; }
td:first-child { font-weight: 700; white-space: nowrap; }
.will td:first-child { color: var(--will); } .may td:first-child { color: var(--may); }
.not td:first-child { color: var(--not); } .ok td:first-child { color: var(--ok); }
.detail { opacity: .8; font-size: .85rem; }
blockquote { margin: .5rem 0; padding-left: .8rem; border-left: 3px solid #8886; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } tr { break-inside: avoid; } thead { display: table-header-group; } }
";
