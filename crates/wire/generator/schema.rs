//! The message descriptions as values, and the parser of their text form.

/// An inclusive range of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub first: i16,
    pub last: i16,
}

impl Versions {
    pub fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }

    fn clipped(self, to: Self) -> Self {
        Self { first: self.first.max(to.first), last: self.last.min(to.last) }
    }
}

/// A request and its response.
#[derive(Debug)]
pub struct Api {
    pub key: i16,
    pub name: String,
    pub doc: String,
    pub valid: Versions,
    pub flexible_from: i16,
    pub request: Vec<Field>,
    pub response: Vec<Field>,
}

impl Api {
    /// The module's name: `ListOffsets` becomes `list_offsets`.
    pub fn module(&self) -> String {
        let mut name = String::new();
        for letter in self.name.chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    /// The first version in which null is allowed.
    pub nullable_from: Option<i16>,
    pub versions: Versions,
    pub tag: Option<u32>,
    pub default: Option<String>,
    pub doc: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Int8,
    Int16,
    Int32,
    Int64,
    Uint16,
    Float64,
    Bool,
    String,
    Bytes,
    Records,
    Uuid,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Scalar(Scalar),
    Struct(String, Vec<Field>),
    Array(Box<Kind>),
}

struct Line<'a> {
    number: usize,
    depth: usize,
    text: &'a str,
    doc: &'a str,
}

/// Parses one description.
pub fn parse(text: &str) -> Result<Api, String> {
    let doc = text.lines().next().unwrap_or("").trim_start_matches("# ").to_owned();
    let lines: Vec<_> = text.lines().enumerate().filter_map(line).collect();
    let (head, rest) = lines.split_first().ok_or("the file is empty")?;
    let words: Vec<_> = head.text.split_whitespace().collect();
    let ["api", key, name, valid, "flexible", flexible] = words[..] else {
        return Err("expected `api KEY NAME VERSIONS flexible N+`".into());
    };
    let valid = versions(valid).ok_or("bad version range")?;
    let flexible_from = versions(flexible).ok_or("bad flexible version")?.first;
    let split = rest.iter().position(|line| line.text == "response").ok_or("no response")?;
    let request = match rest.split_first() {
        Some((first, _)) if first.text == "request" => &rest[1..split],
        _ => return Err("no request".into()),
    };
    Ok(Api {
        key: key.parse().map_err(|_| "bad API key")?,
        name: (*name).to_owned(),
        doc,
        valid,
        flexible_from,
        request: fields(&mut &request[..], 0, valid)?,
        response: fields(&mut &rest[split + 1..], 0, valid)?,
    })
}

fn line((number, line): (usize, &str)) -> Option<Line<'_>> {
    // A raw identifier (`r#match`) is no comment.
    let comment = line.find("# ").map(|at| line.split_at(at));
    let (text, doc) = comment.map_or((line, ""), |(text, doc)| (text, doc.trim_start_matches('#')));
    let text = text.trim_end();
    let depth = (text.len() - text.trim_start().len()) / 2;
    let text = text.trim_start();
    (!text.is_empty()).then_some(Line { number: number + 1, depth, text, doc: doc.trim() })
}

/// Takes the fields of one structure, which are those at `depth`.
fn fields(lines: &mut &[Line<'_>], depth: usize, parent: Versions) -> Result<Vec<Field>, String> {
    let mut fields = Vec::new();
    while let Some((line, rest)) = lines.split_first() {
        if line.depth < depth {
            break;
        }
        if line.depth > depth {
            return Err(format!("line {}: fields of what?", line.number));
        }
        *lines = rest;
        fields.push(field(line, lines, parent).map_err(|e| format!("line {}: {e}", line.number))?);
    }
    Ok(fields)
}

fn field(line: &Line<'_>, rest: &mut &[Line<'_>], parent: Versions) -> Result<Field, String> {
    let (text, default) = match line.text.split_once(" = ") {
        Some((text, default)) => (text, Some(default.trim().to_owned())),
        None => (line.text, None),
    };
    let (name, text) = text.split_once(": ").ok_or("expected `name: type`")?;
    let mut words = text.split_whitespace().peekable();
    let written = words.next().ok_or("no type")?;
    let own = words.next_if(|word| *word != "tag").map(|word| versions(word).ok_or("bad versions"));
    let tag = match (words.next(), words.next()) {
        (Some("tag"), Some(number)) => Some(number.parse().map_err(|_| "bad tag")?),
        (None, _) => None,
        _ => return Err("expected `tag N` or nothing".into()),
    };
    let versions = own.transpose()?.map_or(parent, |own| own.clipped(parent));
    let (written, nullable_from) = match written.split_once('?') {
        Some((written, "")) => (written, Some(0)),
        Some((written, from)) => {
            (written, Some(self::versions(from).ok_or("bad nullable version")?.first))
        }
        None => (written, None),
    };
    Ok(Field {
        name: name.to_owned(),
        kind: kind(written, line.depth, rest, versions)?,
        nullable_from,
        versions,
        tag,
        default,
        doc: line.doc.to_owned(),
    })
}

fn kind(
    written: &str,
    depth: usize,
    rest: &mut &[Line<'_>],
    versions: Versions,
) -> Result<Kind, String> {
    if let Some(inner) = written.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return Ok(Kind::Array(Box::new(kind(inner, depth, rest, versions)?)));
    }
    Ok(Kind::Scalar(match written {
        "int8" => Scalar::Int8,
        "int16" => Scalar::Int16,
        "int32" => Scalar::Int32,
        "int64" => Scalar::Int64,
        "uint16" => Scalar::Uint16,
        "float64" => Scalar::Float64,
        "bool" => Scalar::Bool,
        "string" => Scalar::String,
        "bytes" => Scalar::Bytes,
        "records" => Scalar::Records,
        "uuid" => Scalar::Uuid,
        name if name.starts_with(|letter: char| letter.is_ascii_uppercase()) => {
            return Ok(Kind::Struct(name.to_owned(), fields(rest, depth + 1, versions)?));
        }
        other => return Err(format!("unknown type `{other}`")),
    }))
}

fn versions(text: &str) -> Option<Versions> {
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (first, last.parse().ok()?),
        None => match text.strip_suffix('+') {
            Some(first) => (first, i16::MAX),
            None => (text, text.parse().ok()?),
        },
    };
    Some(Versions { first: first.parse().ok()?, last })
}
