//! `arauto outcomes`: describes the codes of ledger and logs, for forwarding to whoever must act.

use std::io::{self, Write};

use clap::Args;
use convention::codes::{Code, CodeRow, Effect, FailureClass};
use serde_json::{Value, json};

use crate::help::Language;

/// Explain an outcome's code, in sentences to forward
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  arauto outcomes no_common_suite --lang pt-BR\n\n\
    The codes are those of the ledger (outcome, reason), of the logs (outcome, code, reason) and of the dead-letter queue.")]
pub struct OutcomesArgs {
    /// The code; all codes if absent
    code: Option<String>,
    /// The language of the sentences
    #[arg(long, default_value = "en")]
    lang: Language,
    /// Print JSON, with the sentences in both languages
    #[arg(long, conflicts_with = "lang")]
    json: bool,
    /// Print the page docs/outcomes.md
    #[arg(long, conflicts_with_all = ["code", "lang", "json"])]
    markdown: bool,
}

/// Runs the command; `false` if there is no such code.
pub fn run(args: &OutcomesArgs) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    if args.markdown {
        out.write_all(markdown().as_bytes())?;
        return Ok(true);
    }
    let codes = match args.code.as_deref().map(|name| Code::named(name).ok_or(name)) {
        Some(Ok(code)) => vec![code],
        Some(Err(name)) => {
            writeln!(io::stderr().lock(), "arauto: no code is called {name}; `arauto outcomes` lists them")
                .ok();
            return Ok(false);
        }
        None => Code::ALL.to_vec(),
    };
    if args.json {
        let rows: Vec<_> = codes.iter().map(|code| to_json(code.row())).collect();
        let value =
            if args.code.is_some() { rows.into_iter().next().unwrap_or_default() } else { rows.into() };
        writeln!(out, "{value:#}")?;
        return Ok(true);
    }
    for row in codes.iter().map(|code| code.row()) {
        writeln!(out, "{}", in_words(row, args.lang))?;
    }
    Ok(true)
}

fn in_words(row: &CodeRow, language: Language) -> String {
    let sentence = match language {
        Language::En => row.en,
        Language::PtBr => row.pt_br,
    };
    let (class, effect) = (whose(row.class, language), effect(row.effect, language));
    format!("{} ({class}; {effect})\n  {sentence}", row.name)
}

fn to_json(row: &CodeRow) -> Value {
    json!({
        "code": row.name,
        "effect": row.effect.as_str(),
        "consumes_attempt": row.effect.consumes_an_attempt(),
        "class": row.class.map(FailureClass::as_str),
        "en": row.en,
        "pt-BR": row.pt_br,
    })
}

fn whose(class: Option<FailureClass>, language: Language) -> &'static str {
    match (language, class) {
        (Language::En, Some(class)) => class.as_str(),
        (Language::En, None) => "nobody's fault",
        (Language::PtBr, Some(FailureClass::Receiver)) => "receptor",
        (Language::PtBr, Some(FailureClass::Network)) => "rede",
        (Language::PtBr, Some(FailureClass::Tls)) => "TLS",
        (Language::PtBr, Some(FailureClass::Directory)) => "cadastro",
        (Language::PtBr, Some(FailureClass::Ours)) => "nossa",
        (Language::PtBr, None) => "falha de ninguém",
    }
}

fn effect(effect: Effect, language: Language) -> &'static str {
    match (language, effect) {
        (Language::En, Effect::Delivered) => "delivered",
        (Language::En, Effect::Failed) => "consumes an attempt",
        (Language::En, Effect::Requeued) => "requeued, consumes no attempt",
        (Language::En, Effect::Ended) => "ended, no further attempt",
        (Language::PtBr, Effect::Delivered) => "entregue",
        (Language::PtBr, Effect::Failed) => "consome uma tentativa",
        (Language::PtBr, Effect::Requeued) => "volta à fila, não consome tentativa",
        (Language::PtBr, Effect::Ended) => "encerrada, sem nova tentativa",
    }
}

/// Returns the page `docs/outcomes.md`.
pub fn markdown() -> String {
    let mut page = String::from(PREFACE);
    let classes = [
        (Some(FailureClass::Receiver), "What the receiver answered: `receiver`"),
        (Some(FailureClass::Network), "The way there: `network`"),
        (Some(FailureClass::Tls), "The TLS handshake: `tls`"),
        (Some(FailureClass::Directory), "What is registered: `directory`"),
        (Some(FailureClass::Ours), "Our own: `ours`"),
        (None, "Nobody's fault"),
    ];
    for (class, heading) in classes {
        page.extend([
            "\n## ",
            heading,
            "\n\n| Code | Becomes of it | In English | Em português |\n|---|---|---|---|\n",
        ]);
        for row in Code::ALL.iter().map(|code| code.row()).filter(|row| row.class == class) {
            let cells = [row.effect.as_str(), row.en, row.pt_br].join(" | ");
            page.extend(["| `", row.name, "` | ", &cells, " |\n"]);
        }
    }
    page
}

const PREFACE: &str = "# The outcomes

Made from `crates/convention/src/codes.rs` by `make outcomes`; a test holds the two equal.

These codes are in the ledger (`outcome` of an attempt, `reason` of a notification that was cancelled or given up), in the log lines (`outcome`,
`code`, `reason`, see [the log lines](logging.md)) and in the attribute `reason` of the dead-letter queue. Each sentence can be
forwarded to the receiver as it is; that of a fault of ours says what we do about it. `arauto outcomes CODE` prints one.

| Becomes of it | What that means |
|---|---|
| delivered | An attempt was made and accepted |
| failed | An attempt was made and failed. It is one of the three; the next follows 10 s or 60 s later |
| kept | No attempt was made and none is consumed. The message comes again, up to 150 times |
| ended | Nothing is sent, or nothing more |
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_is_spoken_throughout() {
        let words = |name, language| in_words(Code::named(name).unwrap().row(), language);
        let english = words("timeout", Language::En);
        assert!(english.starts_with("timeout (network; consumes an attempt)\n  The receiver"), "{english}");
        let portuguese = words("timeout", Language::PtBr);
        assert!(
            portuguese.starts_with("timeout (rede; consome uma tentativa)\n  O receptor"),
            "{portuguese}"
        );
        let requeued = words("panic", Language::PtBr);
        assert!(requeued.starts_with("panic (nossa; volta à fila, não consome tentativa)\n"), "{requeued}");
    }

    #[test]
    fn the_page_says_how_often_the_template_lets_a_message_be_received() {
        let template = include_str!("../../../template.yaml");
        let receives = template
            .lines()
            .find_map(|line| line.trim().strip_prefix("Receives: { Most: \"")?.strip_suffix("\" }"))
            .unwrap();
        assert!(markdown().contains(&format!("comes again, up to {receives} times")), "{receives}");
    }
}
