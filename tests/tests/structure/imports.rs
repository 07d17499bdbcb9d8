//! Which file of a crate imports which other, and where that goes round in a circle.
//!
//! Tests are left out, and so are `mod` declarations and what a module re-exports of its own children: who imports a name through a
//! module imports the file that the name comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use super::source::{Token, tokens, without_tests};

/// A module's place in its crate; the root has no segments.
type Module = Vec<String>;
type Graph = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// The modules of one root, `lib.rs` or `main.rs`.
#[derive(Default)]
struct Modules {
    files: BTreeMap<Module, PathBuf>,
    tokens: BTreeMap<Module, Vec<Token>>,
    /// By module, what its `use` statements name here and where that is from.
    names: BTreeMap<(Module, String), (Module, Vec<String>)>,
    /// By module, the modules that it imports all of.
    globs: BTreeMap<Module, Vec<(Module, Vec<String>)>>,
}

/// The circles among the files below a folder's `src`, each by the files in it.
pub(crate) fn circles(folder: &Path) -> Vec<Vec<String>> {
    let rings = roots(folder).flat_map(|root| rings(&Modules::read(&root).graph()));
    rings.map(|ring| ring.iter().map(|file| name(folder, file)).collect()).collect()
}

/// The files below a folder's `src` whose code names a crate.
pub(crate) fn that_name(folder: &Path, of_crate: &str) -> BTreeSet<String> {
    let is_it = |token: &Token| matches!(token, Token::Word(word) if word == of_crate);
    let naming = |root: PathBuf| {
        let Modules { files, tokens, .. } = Modules::read(&root);
        let files = files.into_iter().filter(move |(module, _)| tokens[module].iter().any(is_it));
        files.map(|(_, file)| name(folder, &file))
    };
    roots(folder).flat_map(naming).collect()
}

fn roots(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let source = folder.join("src");
    ["lib.rs", "main.rs"].into_iter().map(move |name| source.join(name)).filter(|root| root.is_file())
}

fn name(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder.join("src")).unwrap().display().to_string()
}

impl Modules {
    fn read(root: &Path) -> Self {
        let mut modules = Self::default();
        modules.load(Module::new(), root, root.parent().unwrap());
        let all: Vec<Module> = modules.files.keys().cloned().collect();
        for module in &all {
            for (segments, name) in uses(&modules.tokens[module]).iter().flat_map(|one| &one.paths) {
                let target = (module.clone(), segments.clone());
                if name == "*" {
                    modules.globs.entry(module.clone()).or_default().push(target);
                } else {
                    modules.names.insert((module.clone(), name.clone()), target);
                }
            }
        }
        modules
    }

    /// Reads a module's file, and those of the modules that it declares, which lie in `folder`.
    fn load(&mut self, module: Module, file: &Path, folder: &Path) {
        let read = tokens(&without_tests(&read_to_string(file).unwrap()));
        for declared in read.windows(3) {
            let [Token::Word(keyword), Token::Word(name), Token::Sign(';')] = declared else { continue };
            if keyword != "mod" {
                continue;
            }
            let (flat, below) = (folder.join(format!("{name}.rs")), folder.join(name));
            let child = [&module[..], std::slice::from_ref(name)].concat();
            let file = if flat.is_file() { flat } else { below.join("mod.rs") };
            self.load(child, &file, &below);
        }
        self.files.insert(module.clone(), file.to_owned());
        self.tokens.insert(module, read);
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (module, file) in &self.files {
            let imported = graph.entry(file.clone()).or_default();
            for segments in self.imports(module) {
                imported.extend(self.file_of(module, &segments, 0).filter(|other| other != file));
            }
        }
        graph
    }

    /// All paths that a module's code has, but what it re-exports of its children.
    fn imports(&self, module: &Module) -> Vec<Vec<String>> {
        let tokens = &self.tokens[module];
        let statements = uses(tokens);
        let is_of_child = |segments: &[String]| {
            let target = self.module_of(module, segments);
            target.is_some_and(|(target, _)| target.len() > module.len() && target.starts_with(module))
        };
        let mut found = Vec::new();
        for statement in &statements {
            let paths = statement.paths.iter().map(|(segments, _)| segments);
            found.extend(paths.filter(|path| !statement.exports || !is_of_child(path)).cloned());
        }
        let in_statement = |at: usize| statements.iter().any(|one| (one.from..one.to).contains(&at));
        let mut at = 0;
        while at < tokens.len() {
            let (path, next) = path_at(tokens, at);
            if path.len() > 1 && !in_statement(at) {
                found.push(path);
            }
            at = next;
        }
        found
    }

    /// Walks a path as far as it names modules: the module that it comes to, and what is left of the path.
    fn module_of<'a>(&self, from: &Module, segments: &'a [String]) -> Option<(Module, &'a [String])> {
        let (mut module, mut rest) = match segments.first()?.as_str() {
            "crate" => (Module::new(), &segments[1..]),
            "self" => (from.clone(), &segments[1..]),
            "super" => (from.clone(), segments),
            child if self.files.contains_key(&[&from[..], &[child.to_owned()]].concat()) => {
                (from.clone(), segments)
            }
            _ => return None,
        };
        while let Some(segment) = rest.first() {
            let child = [&module[..], std::slice::from_ref(segment)].concat();
            if segment == "super" {
                module.pop()?;
            } else if self.files.contains_key(&child) {
                module = child;
            } else {
                break;
            }
            rest = &rest[1..];
        }
        Some((module, rest))
    }

    /// The file where what a path names is from; none if that is another crate.
    fn file_of(&self, from: &Module, segments: &[String], depth: usize) -> Option<PathBuf> {
        let (module, rest) = self.module_of(from, segments)?;
        if let Some(name) = rest.first().filter(|_| depth < 8) {
            if let Some((by, target)) = self.names.get(&(module.clone(), name.clone())) {
                let through = [target, &rest[1..]].concat();
                return self.file_of(by, &through, depth + 1);
            }
            for (by, target) in self.globs.get(&module).into_iter().flatten() {
                if let Some((all_of, _)) = self.module_of(by, target)
                    && self.names.contains_key(&(all_of.clone(), name.clone()))
                {
                    let through = [&["crate".to_owned()], &all_of[..], rest].concat();
                    return self.file_of(&Module::new(), &through, depth + 1);
                }
            }
        }
        self.files.get(&module).cloned()
    }
}

/// One `use` statement: where it stands, whether others see what it names, and each path with the name that it gets.
struct Use {
    from: usize,
    to: usize,
    exports: bool,
    paths: Vec<(Vec<String>, String)>,
}

fn uses(tokens: &[Token]) -> Vec<Use> {
    let is_use = |at: &usize| matches!(&tokens[*at], Token::Word(word) if word == "use");
    (0..tokens.len())
        .filter(is_use)
        .map(|from| {
            let length = tokens[from..].iter().take_while(|token| **token != Token::Sign(';')).count();
            let exports = from > 0 && {
                let before = &tokens[from - 1];
                matches!(before, Token::Word(word) if word == "pub") || *before == Token::Sign(')')
            };
            let mut paths = Vec::new();
            tree(&tokens[from + 1..from + length], &[], &mut paths);
            Use { from, to: from + length, exports, paths }
        })
        .collect()
}

/// Takes a tree of imports apart, as in `a::{self, b::C, d as e}`.
fn tree(tokens: &[Token], before: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let mut path = before.to_vec();
    let mut rest = tokens;
    loop {
        match rest {
            [Token::Word(word), Token::Path, after @ ..] => {
                path.push(word.clone());
                rest = after;
            }
            [Token::Sign('{'), inner @ .., Token::Sign('}')] => {
                let mut depth = 0;
                let parts = inner.split(|token| {
                    depth += i32::from(*token == Token::Sign('{')) - i32::from(*token == Token::Sign('}'));
                    depth == 0 && *token == Token::Sign(',')
                });
                parts.filter(|part| !part.is_empty()).for_each(|part| tree(part, &path, found));
                return;
            }
            [Token::Sign('*')] => return found.push((path, "*".to_owned())),
            [Token::Word(word)] if word == "self" && !path.is_empty() => {
                let name = path.last().unwrap().clone();
                return found.push((path, name));
            }
            [Token::Word(word), renamed @ ..] => {
                path.push(word.clone());
                let name = match renamed {
                    [_, Token::Word(name)] => name,
                    _ => word,
                };
                return found.push((path, name.clone()));
            }
            _ => return,
        }
    }
}

/// The path that begins at a token, and where to look on.
fn path_at(tokens: &[Token], at: usize) -> (Vec<String>, usize) {
    let (mut path, mut next) = (Vec::new(), at);
    while let Some(Token::Word(word)) = tokens.get(next) {
        path.push(word.clone());
        next += 1;
        if tokens.get(next) != Some(&Token::Path) {
            break;
        }
        next += 1;
    }
    (path, next.max(at + 1))
}

/// The files that reach each other, ring by ring.
fn rings(graph: &Graph) -> Vec<BTreeSet<PathBuf>> {
    let reached = |from: &PathBuf| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(file) = next.pop() {
            next.extend(graph[file].iter().filter(|other| reached.insert((*other).clone())));
        }
        reached
    };
    let all: BTreeMap<&PathBuf, BTreeSet<PathBuf>> = graph.keys().map(|file| (file, reached(file))).collect();
    let mut rings: Vec<BTreeSet<PathBuf>> = Vec::new();
    for (file, reached) in all.iter().filter(|(file, reached)| reached.contains(**file)) {
        if !rings.iter().any(|ring| ring.contains(*file)) {
            rings.push(reached.iter().filter(|other| all[other].contains(*file)).cloned().collect());
        }
    }
    rings
}

#[test]
fn a_circle_is_found_through_a_re_export_and_not_through_a_declaration_or_a_test() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join("src").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a;\nmod b;\npub mod folder;\npub use folder::{One, Two};\n");
    write(
        "folder/mod.rs",
        "mod one;\nmod two;\npub use one::One;\npub use self::two::{Two, Other as Named};\n",
    );
    write(
        "folder/one.rs",
        "// use super::two::Two;\npub struct One(&'static str);\nfn f() -> &'static str { \"super::two\" }\n",
    );
    write("folder/two.rs", "use super::One;\npub struct Two(One);\npub struct Other;\n");
    write("a.rs", "use crate::Two;\nfn f(_: Two) {}\n");
    write("b.rs", "fn f() { crate::a::f() }\n#[cfg(test)]\nmod tests { use crate::b::f; }\n");
    assert_eq!(circles(folder.path()), Vec::<Vec<String>>::new());
    assert_eq!(
        that_name(folder.path(), "One"),
        BTreeSet::from(["folder/mod.rs", "folder/one.rs", "folder/two.rs", "lib.rs"].map(str::to_owned))
    );

    write("folder/one.rs", "use super::Named;\npub struct One(Named);\n");
    write("a.rs", "fn f() { crate::b::f() }\n#[cfg(test)]\nuse crate::Two;\n");
    let expected = [["a.rs", "b.rs"], ["folder/one.rs", "folder/two.rs"]];
    assert_eq!(circles(folder.path()), expected.map(|ring| ring.map(str::to_owned).to_vec()).to_vec());
}
