//! A fact as a tuple.

use std::borrow::Cow;

use tidemill_engine::{TupleRef, Value};

use crate::agent::Device;
use crate::enrich::Fact;
use crate::hit::Action;
use crate::referrer::Class;

#[cfg(test)]
mod tests;

/// The fields, in the order of [`values`].
pub const FACT_FIELDS: [&str; 16] = [
    "partition",
    "offset",
    "timestamp",
    "site",
    "post",
    "action",
    "bot",
    "generated",
    "class",
    "domain",
    "device",
    "visitor",
    "title",
    "engaged_s",
    "heartbeat",
    "metadata",
];

/// The tuple of a fact.
pub fn values<'a>(fact: &'a Fact<'_>) -> [Value<'a>; 16] {
    let action = match fact.action {
        Action::PageView => 0,
        Action::Heartbeat => 1,
        Action::Other => 2,
    };
    [
        Value::I64(fact.partition),
        Value::I64(fact.offset),
        Value::I64(fact.at_ms),
        Value::Str(&fact.site),
        Value::Str(&fact.post),
        Value::I64(action),
        Value::Bool(fact.bot),
        Value::Bool(fact.generated),
        Value::I64(fact.class as i64),
        Value::Str(&fact.domain),
        Value::I64(fact.device as i64),
        Value::I64(fact.visitor.cast_signed()),
        Value::Str(&fact.title),
        Value::F64(fact.engaged_s),
        Value::I64(fact.heartbeat.cast_signed()),
        Value::Str(&fact.metadata),
    ]
}

/// The fact of a tuple. What is missing or of another type is empty: only our own bolt makes these. The values are
/// taken in one walk: each `get` by place would walk over those before it.
pub fn read<'a>(tuple: &TupleRef<'a>) -> Fact<'a> {
    let mut values = tuple.values();
    let mut next = || values.next().unwrap_or(Value::Null);
    Fact {
        partition: number(next()),
        offset: number(next()),
        at_ms: number(next()),
        site: text(next()),
        post: text(next()),
        action: match number(next()) {
            0 => Action::PageView,
            1 => Action::Heartbeat,
            _ => Action::Other,
        },
        bot: flag(next()),
        generated: flag(next()),
        class: Class::by_number(number(next())),
        domain: text(next()),
        device: Device::by_number(number(next())),
        visitor: number(next()).cast_unsigned(),
        title: text(next()),
        engaged_s: next().as_f64().unwrap_or(0.0),
        heartbeat: number(next()).cast_unsigned(),
        metadata: text(next()),
    }
}

fn number(value: Value<'_>) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn text<'a>(value: Value<'a>) -> Cow<'a, str> {
    Cow::Borrowed(value.as_str().unwrap_or(""))
}

fn flag(value: Value<'_>) -> bool {
    value.as_bool().unwrap_or(false)
}

/// The fact of a record that counts nowhere: only its place is noted.
pub fn nothing(at_ms: i64, partition: i64, offset: i64) -> Fact<'static> {
    Fact {
        partition,
        offset,
        at_ms,
        site: "".into(),
        post: "".into(),
        action: Action::Other,
        bot: false,
        generated: false,
        class: Class::Other,
        domain: "".into(),
        device: Device::Desktop,
        visitor: 0,
        title: "".into(),
        engaged_s: 0.0,
        heartbeat: 0,
        metadata: "".into(),
    }
}
