//! Kafka's rules for topic names.

use tidemill_wire::ErrorCode;

use crate::errors::Failure;

/// The longest topic name: its folder's name needs the rest of 255.
const NAME_BYTES_MAX: usize = 249;

/// Whether a topic may have this name.
///
/// # Errors
/// `INVALID_TOPIC_EXCEPTION` with Kafka's sentence for the rule that is broken.
pub(crate) fn check(name: &str) -> Result<(), Failure> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let why = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.len() > NAME_BYTES_MAX => format!(
            "the length of '{}' is longer than the max allowed length {NAME_BYTES_MAX}",
            // What a client sent is told back to it, but not without bound.
            name.chars().take(2 * NAME_BYTES_MAX).collect::<String>()
        ),
        _ if !name.bytes().all(allowed) => format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        ),
        _ => return Ok(()),
    };
    Err(Failure::new(ErrorCode::InvalidTopicException, format!("Topic name is invalid: {why}")))
}

/// Whether two names are one to programs that cannot tell `.` from `_` in the names of metrics.
pub(crate) fn collide(left: &str, right: &str) -> bool {
    let same = |(a, b): (u8, u8)| a == b || matches!((a, b), (b'.', b'_') | (b'_', b'.'));
    left.len() == right.len() && left != right && left.bytes().zip(right.bytes()).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_kafkas() {
        for name in ["a", "a.b-c_D9", &"x".repeat(249)] {
            assert_eq!(check(name), Ok(()));
        }
        for (name, why) in [
            ("", "the empty string is not allowed"),
            ("..", "'..' is not allowed"),
            (
                "a/b",
                "'a/b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
            ),
        ] {
            let refused = check(name).unwrap_err();
            assert_eq!(&*refused.message, format!("Topic name is invalid: {why}"));
        }
        assert!(check(&"x".repeat(250)).is_err());
    }

    #[test]
    fn points_and_underscores_collide() {
        assert!(collide("a.b", "a_b") && collide("a_b.c", "a.b_c"));
        assert!(!collide("a.b", "a.b") && !collide("a.b", "a-b") && !collide("ab", "a.b"));
    }
}
