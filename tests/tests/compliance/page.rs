//! The pages of the rule book.

use std::fmt::Write as _;

use arauto::help::Language;

use super::book::{Book, Disagreement, Rule, Section, reference};
use super::evidence::Evidence;

/// Returns the path of a page.
pub(super) fn path(language: Language) -> &'static str {
    language.choose("docs/compliance.md", "docs/compliance.pt-BR.md")
}

/// Returns a page.
pub(super) fn render(book: &Book, language: Language) -> String {
    let mut page = preface(book, language);
    for section in &book.sections {
        page += &rules(book, section, language);
    }
    page + &open(book, language)
        + &elsewhere(book, language)
        + &disagreements(book, language)
        + &sources(book, language)
}

/// Returns the first line in which a page differs from what it should be.
pub(super) fn difference(page: &str, made: &str) -> Option<String> {
    if page == made {
        return None;
    }
    let same = page.lines().zip(made.lines()).take_while(|(is, should)| is == should).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or_default().to_owned();
    Some(format!("line {} is {:?}, not {:?}", same + 1, line(page), line(made)))
}

fn preface(book: &Book, language: Language) -> String {
    let all = book.rules.len();
    let lacking = book.rules.iter().filter(|rule| rule.open.is_some()).count();
    match language {
        Language::PtBr => format!(
            "# Conformidade: da regra à prova

*[In English](compliance.md)*

O que as fontes públicas exigem de quem envia webhooks no Open Finance Brasil (a detentora), como o Arauto lê cada exigência, e onde
estão o código, o teste e a evidência dela. São {all} regras; [em aberto](#em-aberto): {lacking}. A redação é nossa e não substitui a
fonte.

- **Regra**: o que vem depois de *Leitura* é interpretação nossa. `D6` leva a uma [divergência](#onde-as-fontes-divergem).
- **Fonte**: a [chave](#fontes) do documento e a seção.
- **Teste**: a crate e o nome, com espaços no lugar de `_`. `TRIG-001` é um exemplo de [vectors.json](../tests/vectors.json), que
  `cargo test -p tests --test vectors` confere.
- **Evidência**: o que mostra a regra em produção: linha de log (em itálico) e seu campo, métrica, alarme, campo do ledger
  (`arauto show --json`), registro selado, código, parâmetro ou comando.

Feita de [compliance.json](compliance.json) por `make compliance`. Os testes `compliance::` falham se uma regra não tem teste, se um
teste, item de código ou evidência não existe, ou se um exemplo das fontes não pertence a nenhuma regra.
"
        ),
        Language::En => format!(
            "# Compliance: from rule to proof

*[Em português](compliance.pt-BR.md)*

What the public sources demand of a sender of webhooks in Open Finance Brasil (the account holder), how Arauto reads each demand, and
where its code, its test and its evidence are. There are {all} rules; [open](#open): {lacking}. The wording is ours and replaces no
source.

- **Rule**: what follows *Our reading* is our interpretation. `D6` leads to a [disagreement](#where-sources-disagree).
- **Source**: the [key](#sources) of the document, and the section, in Portuguese.
- **Test**: crate and name, with spaces in place of `_`. `TRIG-001` is an example of [vectors.json](../tests/vectors.json), which
  `cargo test -p tests --test vectors` judges.
- **Evidence**: what shows the rule in production: a log line (in italics) and its field, a metric, an alarm, a field of the ledger
  (`arauto show --json`), a sealed record, a code, a parameter or a command.

Made from [compliance.json](compliance.json) by `make compliance`. The tests `compliance::` fail if a rule has no test, if a test, an
item of code or an evidence does not exist, or if an example of the sources belongs to no rule.
"
        ),
    }
}

/// The heading of a section, and the head of its table.
fn table(title: &str, heads: &str) -> String {
    format!("\n## {title}\n\n| {heads} |\n|{}\n", "---|".repeat(heads.split(" | ").count()))
}

/// A row of a table. A bar in a cell would end it.
fn row(cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', r"\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A section: one row for each rule.
fn rules(book: &Book, section: &Section, language: Language) -> String {
    let heads = language
        .choose("Rule | Source | Code | Test | Evidence", "Regra | Fonte | Código | Teste | Evidência");
    let title = language.choose(&section.en, &section.pt);
    let mut text = table(title, heads);
    for rule in book.rules.iter().filter(|rule| rule.section == section.id) {
        let said = said(rule, language);
        let code = rule.code.iter().filter_map(|item| reference(item));
        let code = code.map(|(path, item)| format!("[`{item}`](../{path})")).collect::<Vec<_>>().join(", ");
        let shown = rule.evidence.iter().filter_map(|text| Evidence::parse(text));
        let shown =
            shown.map(|evidence| evidence.shown(book, language)).map(|(text, to)| format!("[{text}]({to})"));
        let evidence = shown.collect::<Vec<_>>().join(", ");
        text += &row(&[said, rule.sources.join("; "), code, tests(rule), evidence]);
    }
    text
}

/// What a rule says, and where that is disputed or not kept.
fn said(rule: &Rule, language: Language) -> String {
    let anchor = language.choose("#where-sources-disagree", "#onde-as-fontes-divergem");
    let mut said = format!("**{}** {}", rule.id, language.choose(&rule.en, &rule.pt));
    for id in &rule.see {
        write!(said, " [{id}]({anchor})").unwrap();
    }
    if let Some(reason) = &rule.open {
        let word = language.choose("Open", "Em aberto");
        write!(said, " **{word}:** {}", reason.of(language)).unwrap();
    }
    said
}

/// The tests of a rule: those with a name one by one, then the vectors by their families.
fn tests(rule: &Rule) -> String {
    let named = rule
        .tests
        .iter()
        .filter_map(|test| reference(test))
        .map(|(path, name)| format!("[{}: {}](../{path})", owner(path), name.replace('_', " ")));
    let mut families: Vec<(&str, Vec<&str>)> = Vec::new();
    for (family, number) in
        rule.tests.iter().filter(|test| !test.contains('#')).filter_map(|id| id.split_once('-'))
    {
        match families.iter_mut().find(|(name, _)| *name == family) {
            Some((_, numbers)) => numbers.push(number),
            None => families.push((family, vec![number])),
        }
    }
    let vectors = families
        .into_iter()
        .map(|(family, numbers)| format!("[{family}-{}](../tests/vectors.json)", numbers.join(", ")));
    named.chain(vectors).collect::<Vec<_>>().join("; ")
}

/// The crate of a file, and of a suite its name.
fn owner(path: &str) -> String {
    if let Some(suite) = path.strip_prefix("tests/tests/") {
        let suite = suite.trim_end_matches(".rs").split('/').next().unwrap_or(suite);
        return format!("tests, {suite}");
    }
    let folder = path.split("/src/").next().unwrap_or(path);
    match folder.rsplit('/').next().unwrap_or(folder) {
        "cli" => "arauto".to_owned(),
        name => name.to_owned(),
    }
}

fn open(book: &Book, language: Language) -> String {
    let mut text = format!("\n## {}\n\n", language.choose("Open", "Em aberto"));
    let lacking: Vec<_> = book.rules.iter().filter_map(|rule| Some((rule, rule.open.as_ref()?))).collect();
    if lacking.is_empty() {
        text += language.choose("None.\n", "Nenhuma.\n");
    }
    for (rule, reason) in lacking {
        writeln!(text, "- **{}** {} {}", rule.id, language.choose(&rule.en, &rule.pt), reason.of(language))
            .unwrap();
    }
    text
}

fn elsewhere(book: &Book, language: Language) -> String {
    let title = language.choose(
        "Not Arauto's\n\nRules of an account holder that others keep.",
        "Fora do Arauto\n\nRegras da detentora que outros cumprem.",
    );
    let mut text = table(title, language.choose("Rule | Source | Who", "Regra | Fonte | Quem"));
    for one in &book.elsewhere {
        let (said, who) = (language.choose(&one.en, &one.pt), one.who.of(language));
        text += &row(&[format!("**{}** {said}", one.id), one.sources.join("; "), who.to_owned()]);
    }
    text
}

fn disagreements(book: &Book, language: Language) -> String {
    let title = language.choose("Where sources disagree", "Onde as fontes divergem");
    let heads = language
        .choose("Point | Decision | The other side | Rules", "Ponto | Decisão | O outro lado | Regras");
    let mut text = table(title, heads);
    for Disagreement { id, pt, en, decision, other, rules } in &book.disagreements {
        let (point, rules) = (language.choose(en, pt), rules.join(", "));
        let (decision, other) = (decision.of(language), other.of(language));
        text += &row(&[format!("**{id}** {point}"), decision.to_owned(), other.to_owned(), rules]);
    }
    text
}

fn sources(book: &Book, language: Language) -> String {
    let heads = language
        .choose("Key | Document | Version | Where | Read on", "Chave | Documento | Versão | Onde | Lido em");
    let mut text = table(language.choose("Sources", "Fontes"), heads);
    for (key, source) in &book.sources {
        let note = source.note.as_ref().map(|note| format!(". {}", note.of(language))).unwrap_or_default();
        let title = format!("{}{note}", source.title);
        text += &row(&[key, &title, &source.version, &source.place, &source.read].map(String::clone));
    }
    text
}
