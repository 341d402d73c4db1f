//! Values in and out of range, in Kafka's words.

use super::*;

fn error(kind: Kind, range: Range, text: &str) -> String {
    read("x", kind, range, text).unwrap_err()
}

#[test]
fn values_of_each_type_are_read() {
    let read = |kind, text| read("x", kind, Range::Any, text);
    assert_eq!(read(Kind::Boolean, " TRUE "), Ok(Value::Boolean(true)));
    assert_eq!(read(Kind::Int, "-7"), Ok(Value::Whole(-7)));
    assert_eq!(read(Kind::Long, "9223372036854775807"), Ok(Value::Whole(i64::MAX)));
    assert_eq!(read(Kind::Double, "1.7976931348623157E308"), Ok(Value::Double(f64::MAX)));
    assert_eq!(read(Kind::List, ""), Ok(Value::List(vec![])));
    assert_eq!(read(Kind::List, "a, b"), Ok(Value::List(vec!["a".into(), "b".into()])));
}

#[test]
fn what_does_not_fit_is_refused_as_kafka_refuses_it() {
    // Each sentence was answered by Apache Kafka 4.3.1.
    let invalid =
        |shown: &str, why: &str| format!("Invalid value {shown} for configuration x: {why}");
    for (kind, range, text, why) in [
        (Kind::Long, Range::Any, "soon", "Not a number of type LONG"),
        (Kind::Long, Range::Any, "", "Not a number of type LONG"),
        (Kind::Int, Range::Any, "99999999999", "Not a number of type INT"),
        (Kind::Boolean, Range::Any, "maybe", "Expected value to be either true or false"),
        (Kind::Int, Range::AtLeast(1_048_576), "10", "Value must be at least 1048576"),
        (
            Kind::Int,
            Range::BetweenOr(1, 9, -1),
            "0",
            "Value must be between 1 and 9 or equal to -1",
        ),
        (
            Kind::List,
            Range::OneOf(&["compact", "delete"]),
            "zip",
            "String must be one of: compact, delete",
        ),
    ] {
        assert_eq!(error(kind, range, text), invalid(text, why));
    }
    let ratio = Range::Between(0, 1);
    assert_eq!(error(Kind::Double, ratio, "2"), invalid("2.0", "Value must be no more than 1"));
    assert!(error(Kind::List, Range::Replicas, "x").contains("Invalid value [x] for"));
    for fits in ["", "*", "0:1,22:33"] {
        assert!(read("x", Kind::List, Range::Replicas, fits).is_ok(), "{fits}");
    }
}
