//! Loops between the modules of one crate.
//!
//! A module is a file. It uses another when it names a path into it (`use crate::a::B`, `super::b::f()`);
//! a `pub use` is followed to the module that has the item, so that going through the crate's face
//! hides nothing, and is itself no use. Test modules are left out. A loop is a set of modules that can each
//! reach all the others; such a set has no order in which to read it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A module's path inside its crate; empty for the root.
type Module = Vec<String>;

/// Finds the loops of every crate under `crates/` and of `xtask`.
pub(crate) fn check(root: &Path, files: &[PathBuf]) -> Vec<String> {
    let mut crates: BTreeMap<PathBuf, BTreeMap<Module, String>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
        let Some((package, module)) = place(file) else { continue };
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        crates.entry(package).or_default().insert(module, text);
    }
    let found = crates.iter().flat_map(|(package, modules)| {
        find(modules).into_iter().map(move |names| {
            let names = names.join(" ⇄ ");
            format!(
                "{}: modules in a loop: {names}; move what they share below both",
                package.display()
            )
        })
    });
    found.collect()
}

/// The crate and module of a source file; nothing for tests, examples and build scripts.
fn place(file: &Path) -> Option<(PathBuf, Module)> {
    let parts: Vec<&str> = file.iter().filter_map(|part| part.to_str()).collect();
    let source = parts.iter().position(|part| *part == "src")?;
    let inside = &parts[source + 1..];
    let (last, folders) = inside.split_last()?;
    let name = last.strip_suffix(".rs")?;
    let mut module: Module = folders.iter().map(|part| (*part).to_owned()).collect();
    if !["lib", "main", "mod"].contains(&name) {
        module.push(name.to_owned());
    }
    let test = |part: &String| part == "tests" || part.ends_with("_tests");
    if module.iter().any(test) {
        return None;
    }
    Some((parts[..source].iter().collect(), module))
}

/// The loops of one crate, each as the names of its modules.
pub(super) fn find(modules: &BTreeMap<Module, String>) -> Vec<Vec<String>> {
    let exports = exports(modules);
    let mut uses: BTreeMap<&Module, BTreeSet<&Module>> = BTreeMap::new();
    for (module, text) in modules {
        let targets = paths(text, module).into_iter().filter(|(_, export)| !export);
        let targets = targets.filter_map(|(path, _)| resolve(&path, modules, &exports));
        uses.insert(module, targets.filter(|target| *target != module).collect());
    }
    let reach: BTreeMap<&Module, BTreeSet<&Module>> =
        modules.keys().map(|module| (module, reachable(module, &uses))).collect();
    let mut seen = BTreeSet::new();
    let mut loops = Vec::new();
    for module in modules.keys() {
        let together: Vec<&Module> =
            reach[module].iter().filter(|other| reach[**other].contains(module)).copied().collect();
        if !together.is_empty() && together.iter().all(|other| seen.insert(*other)) {
            loops.push(together.into_iter().map(display).collect());
        }
    }
    loops
}

fn display(module: &Module) -> String {
    if module.is_empty() { "crate".to_owned() } else { module.join("::") }
}

fn reachable<'a>(
    from: &'a Module,
    uses: &BTreeMap<&'a Module, BTreeSet<&'a Module>>,
) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&Module> = uses[from].iter().copied().collect();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(uses[module].iter().copied());
        }
    }
    found
}

/// What each module hands on by `pub use`: (module, name) to the path it stands for.
fn exports(modules: &BTreeMap<Module, String>) -> BTreeMap<(Module, String), Vec<String>> {
    let mut exports = BTreeMap::new();
    for (module, text) in modules {
        for (path, export) in paths(text, module) {
            if let (true, Some(name)) = (export, path.last()) {
                exports.insert((module.clone(), name.clone()), path.clone());
            }
        }
    }
    exports
}

/// The module that has what `path` names.
fn resolve<'a>(
    path: &[String],
    modules: &'a BTreeMap<Module, String>,
    exports: &BTreeMap<(Module, String), Vec<String>>,
) -> Option<&'a Module> {
    let mut path = path.to_vec();
    // Each step follows one `pub use`; more steps than modules would be a loop of them.
    for _ in 0..=modules.len() {
        let length =
            (0..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]))?;
        let (module, rest) = path.split_at(length);
        let export = rest.first().and_then(|name| exports.get(&(module.to_vec(), name.clone())));
        match export {
            Some(target) if target[..] != path[..=length] => {
                let mut followed = target.clone();
                followed.extend_from_slice(&rest[1..]);
                path = followed;
            }
            _ => return modules.get_key_value(module).map(|(module, _)| module),
        }
    }
    None
}

/// Every path into this crate that a file names, absolute, and whether a `pub use` names it.
fn paths(text: &str, module: &Module) -> Vec<(Vec<String>, bool)> {
    let code = code_of(text);
    let children = children(&code);
    let mut found = Vec::new();
    let mut statements = code.as_str();
    while let Some(at) = find_word(statements, "use") {
        let exported = statements[..at].trim_end().ends_with("pub")
            || statements[..at].trim_end().ends_with(')');
        let rest = &statements[at + 3..];
        let end = rest.find(';').unwrap_or(rest.len());
        expand(rest[..end].trim(), &mut Vec::new(), &mut |path| {
            found.extend(absolute(&path, module, &children).map(|path| (path, exported)));
        });
        statements = &rest[end..];
    }
    found.extend(inline_paths(&code, module, &children).map(|path| (path, false)));
    found
}

/// The modules that a file declares, which it may name without `self::`.
fn children(code: &str) -> Vec<String> {
    let declared = code.lines().filter_map(|line| {
        let line = line.trim().strip_suffix(';')?;
        let (before, name) = line.rsplit_once("mod ")?;
        (before.is_empty() || before.starts_with("pub")).then(|| name.to_owned())
    });
    declared.collect()
}

/// Paths that stand in expressions and types.
fn inline_paths<'a>(
    code: &'a str,
    module: &'a Module,
    children: &'a [String],
) -> impl Iterator<Item = Vec<String>> + 'a {
    let word = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
    // `use` statements are split at their braces here too; their first part names a parent only.
    code.lines().filter(|line| !line.trim_start().contains("use ")).flat_map(move |line| {
        line.split(word).filter(|part| part.contains("::")).filter_map(|part| {
            let path: Vec<String> = part.split("::").map(str::to_owned).collect();
            absolute(&path, module, children)
        })
    })
}

/// The text without comments, strings and inline test modules.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Where `word` stands alone in `text`.
fn find_word(text: &str, word: &str) -> Option<usize> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(part) && after.is_some_and(char::is_whitespace)
    })
}

/// Takes `a::{b, c::d}` apart.
fn expand(tree: &str, prefix: &mut Vec<String>, each: &mut dyn FnMut(Vec<String>)) {
    let depth = prefix.len();
    if let Some(open) = tree.find('{') {
        let head = tree[..open].trim().trim_end_matches("::");
        prefix.extend(head.split("::").filter(|part| !part.is_empty()).map(str::to_owned));
        let close = tree.rfind('}').unwrap_or(tree.len());
        let inside = tree.get(open + 1..close).unwrap_or("");
        split_top(inside).into_iter().for_each(|part| expand(part.trim(), prefix, each));
    } else if !tree.is_empty() {
        let name = tree.split(" as ").next().unwrap_or(tree).trim();
        let parts = name.split("::").filter(|part| !part.is_empty() && *part != "self");
        let mut path = prefix.clone();
        path.extend(parts.map(str::to_owned));
        each(path);
    }
    prefix.truncate(depth);
}

/// Splits at the commas outside braces.
fn split_top(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// A path from the crate's root; nothing for a path out of this crate.
fn absolute(path: &[String], module: &Module, children: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some(module.iter().chain(rest).cloned().collect()),
        "super" => {
            let ups = path.iter().take_while(|part| *part == "super").count();
            let parent = module.get(..module.len().checked_sub(ups)?)?;
            Some(parent.iter().chain(&path[ups..]).cloned().collect())
        }
        child if children.iter().any(|known| known == child) => {
            Some(module.iter().chain(path).cloned().collect())
        }
        _ => None,
    }
}
