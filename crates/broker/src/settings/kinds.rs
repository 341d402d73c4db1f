//! Types and ranges of settings, and what they say of a value that does not fit.
//!
//! The sentences are the ones Kafka's tools and clients look for (`ConfigDef`): scripts match on them.

/// The type of a setting. The numbers are DescribeConfigs' own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean = 1,
    /// Text.
    String = 2,
    /// 32 bits.
    Int = 3,
    /// 16 bits.
    Short = 4,
    /// 64 bits.
    Long = 5,
    /// A floating-point number.
    Double = 6,
    /// Texts with commas between them.
    List = 7,
    /// The name of a Java class, which is never loaded here.
    Class = 8,
    /// A secret, which is never told.
    Password = 9,
}

impl Kind {
    /// The name, as Kafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// Which values of a type are possible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// All.
    Any,
    /// This number and larger ones.
    AtLeast(i64),
    /// Numbers from here to there.
    Between(i64, i64),
    /// Numbers from here to there, and one other.
    BetweenOr(i64, i64, i64),
    /// One of these words; each word of a list.
    OneOf(&'static [&'static str]),
    /// `*`, or `partition:broker` pairs (`*.replication.throttled.replicas`).
    Replicas,
}

/// A checked value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Boolean(bool),
    Whole(i64),
    Double(f64),
    Text(String),
    List(Vec<String>),
}

/// Reads a value of a setting.
///
/// # Errors
/// Kafka's sentence for a value that is of another type or out of range.
pub(crate) fn read(name: &str, kind: Kind, range: Range, text: &str) -> Result<Value, String> {
    let value = typed(name, kind, text)?;
    check(name, range, &value)?;
    Ok(value)
}

fn typed(name: &str, kind: Kind, text: &str) -> Result<Value, String> {
    let refuse = |why: &str| Err(format!("Invalid value {text} for configuration {name}: {why}"));
    let trimmed = text.trim();
    let whole = |least: i64, most: i64| match trimmed.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(Value::Whole(number)),
        _ => refuse(&format!("Not a number of type {}", kind.name())),
    };
    match kind {
        Kind::Boolean if trimmed.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
        Kind::Boolean if trimmed.eq_ignore_ascii_case("false") => Ok(Value::Boolean(false)),
        Kind::Boolean => refuse("Expected value to be either true or false"),
        Kind::Short => whole(i16::MIN.into(), i16::MAX.into()),
        Kind::Int => whole(i32::MIN.into(), i32::MAX.into()),
        Kind::Long => whole(i64::MIN, i64::MAX),
        Kind::Double => match trimmed.parse::<f64>() {
            Ok(number) if !number.is_nan() => Ok(Value::Double(number)),
            _ => refuse("Not a number of type DOUBLE"),
        },
        Kind::List => Ok(Value::List(list(trimmed))),
        Kind::String | Kind::Class => Ok(Value::Text(trimmed.to_owned())),
        Kind::Password => Ok(Value::Text(text.to_owned())),
    }
}

/// The words of a list; none in an empty text.
pub(crate) fn list(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|word| word.trim().to_owned()).collect()
}

fn check(name: &str, range: Range, value: &Value) -> Result<(), String> {
    let refuse = |shown: &str, why: String| {
        Err(format!("Invalid value {shown} for configuration {name}: {why}"))
    };
    match (range, value) {
        (Range::AtLeast(least), Value::Whole(number)) if *number < least => {
            refuse(&number.to_string(), format!("Value must be at least {least}"))
        }
        (Range::Between(least, most), Value::Whole(number)) => match number {
            _ if *number < least => {
                refuse(&number.to_string(), format!("Value must be at least {least}"))
            }
            _ if *number > most => {
                refuse(&number.to_string(), format!("Value must be no more than {most}"))
            }
            _ => Ok(()),
        },
        (Range::Between(least, most), Value::Double(number)) => {
            // The bounds of fractions are small whole numbers, so nothing is lost here.
            let (low, high) = (least as f64, most as f64);
            match number {
                _ if *number < low => {
                    refuse(&format!("{number:?}"), format!("Value must be at least {least}"))
                }
                _ if *number > high => {
                    refuse(&format!("{number:?}"), format!("Value must be no more than {most}"))
                }
                _ => Ok(()),
            }
        }
        (Range::BetweenOr(least, most, other), Value::Whole(number))
            if *number != other && !(least..=most).contains(number) =>
        {
            let why = format!("Value must be between {least} and {most} or equal to {other}");
            refuse(&number.to_string(), why)
        }
        (Range::OneOf(words), Value::Text(text)) => check_word(name, words, text),
        (Range::OneOf(words), Value::List(list)) => {
            list.iter().try_for_each(|word| check_word(name, words, word))
        }
        (Range::Replicas, Value::List(list)) if !are_replicas(list) => {
            let shown = format!("[{}]", list.join(", "));
            let why = format!(
                "{name} must be the literal '*' or a list of replicas in the following format: \
                 [partitionId]:[brokerId],[partitionId]:[brokerId],..."
            );
            refuse(&shown, why)
        }
        _ => Ok(()),
    }
}

fn check_word(name: &str, words: &[&str], word: &str) -> Result<(), String> {
    if words.contains(&word) {
        return Ok(());
    }
    let words = words.join(", ");
    Err(format!("Invalid value {word} for configuration {name}: String must be one of: {words}"))
}

fn are_replicas(list: &[String]) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_pair = |word: &String| {
        word.split_once(':').is_some_and(|(left, right)| is_number(left) && is_number(right))
    };
    list.iter().map(String::as_str).eq(["*"]) || list.iter().all(is_pair)
}

impl Range {
    /// The range in words, for the documentation; empty if every value is possible.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Any => String::new(),
            Self::AtLeast(least) => format!("{least} or more"),
            Self::Between(least, most) => format!("{least} to {most}"),
            Self::BetweenOr(least, most, other) => format!("{least} to {most}, or {other}"),
            Self::OneOf(words) => words.join(", "),
            Self::Replicas => "`*` or partition:broker, …".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
