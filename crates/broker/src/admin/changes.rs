//! Changes of settings as requests give them, and what they make of the settings there are.

use std::collections::BTreeSet;

use tidemill_wire::ErrorCode;

use super::kept::Values;
use crate::errors::Failure;
use crate::settings::Kind;
use crate::settings::kinds::list;

/// What to do with a setting (KIP-339).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Set,
    Delete,
    Append,
    Subtract,
}

impl Operation {
    /// As IncrementalAlterConfigs numbers them.
    pub(crate) fn from_wire(number: i8) -> Option<Self> {
        match number {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Delete => "DELETE",
            Self::Append => "APPEND",
            Self::Subtract => "SUBTRACT",
        }
    }
}

/// One change.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) name: String,
    pub(crate) operation: Operation,
    pub(crate) value: Option<String>,
}

/// Refuses a request that names a setting twice.
///
/// # Errors
/// `INVALID_REQUEST`, as in Kafka.
pub(crate) fn check_once<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            let why = "Error due to duplicate config keys";
            return Err(Failure::new(ErrorCode::InvalidRequest, why));
        }
    }
    Ok(())
}

/// The settings with the changes made; values are not checked. `kind_of` tells the type of a setting and `holds` the
/// value a list has where none was given.
///
/// # Errors
/// A value is missing, or something other than a list shall grow or shrink.
pub(crate) fn changed(
    current: &Values,
    changes: &[Change],
    kind_of: impl Fn(&str) -> Option<Kind>,
    holds: impl Fn(&str) -> String,
) -> Result<Values, Failure> {
    check_once(changes.iter().map(|change| change.name.as_str()))?;
    let mut values = current.clone();
    for change in changes {
        let name = &change.name;
        if change.operation == Operation::Delete {
            values.remove(name);
            continue;
        }
        let Some(value) = &change.value else {
            let why = format!("Null value not supported for : {name}");
            return Err(Failure::new(ErrorCode::InvalidRequest, why));
        };
        if change.operation == Operation::Set {
            values.insert(name.clone(), value.clone());
            continue;
        }
        if kind_of(name) != Some(Kind::List) {
            let operation = change.operation.name();
            let why = format!("Can't {operation} to key {name} because its type is not LIST.");
            return Err(Failure::new(ErrorCode::InvalidConfig, why));
        }
        let mut words = list(&values.get(name).cloned().unwrap_or_else(|| holds(name)));
        for word in list(value) {
            match change.operation {
                Operation::Append if !words.contains(&word) => words.push(word),
                Operation::Subtract => words.retain(|other| *other != word),
                _ => {}
            }
        }
        values.insert(name.clone(), words.join(","));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(
        current: &[(&str, &str)],
        operation: Operation,
        name: &str,
        value: &str,
    ) -> Result<Values, Failure> {
        let current =
            current.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let change = Change { name: name.into(), operation, value: Some(value.into()) };
        let kind = |name: &str| if name == "list" { Some(Kind::List) } else { Some(Kind::Long) };
        changed(&current, &[change], kind, |_| "a".into())
    }

    #[test]
    fn lists_grow_and_shrink() {
        let list = |result: Result<Values, Failure>| result.unwrap()["list"].clone();
        assert_eq!(list(after(&[], Operation::Append, "list", "b,a")), "a,b");
        assert_eq!(list(after(&[("list", "b")], Operation::Append, "list", "c")), "b,c");
        assert_eq!(list(after(&[("list", "a,b")], Operation::Subtract, "list", "a,z")), "b");
        assert_eq!(list(after(&[("list", "b")], Operation::Subtract, "list", "b")), "");
        let refused = after(&[], Operation::Subtract, "long", "1").unwrap_err();
        assert_eq!(&*refused.message, "Can't SUBTRACT to key long because its type is not LIST.");
    }

    #[test]
    fn a_name_twice_and_a_missing_value_are_refused() {
        let twice = [Operation::Set, Operation::Delete].map(|operation| Change {
            name: "x".into(),
            operation,
            value: Some(String::new()),
        });
        let none = [Change { name: "x".into(), operation: Operation::Set, value: None }];
        for (changes, expected) in [
            (&twice[..], "Error due to duplicate config keys"),
            (&none[..], "Null value not supported for : x"),
        ] {
            let refused =
                changed(&Values::new(), changes, |_| None, |_| String::new()).unwrap_err();
            assert_eq!((refused.error, &*refused.message), (ErrorCode::InvalidRequest, expected));
        }
    }
}
