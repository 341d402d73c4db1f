//! The known name that is nearest to a mistyped one.

/// Letters that may differ for a name to count as meant.
const DISTANCE_MAX: usize = 4;
/// Longer names are not compared: the work grows with the square.
const NAME_BYTES_MAX: usize = 128;

/// The nearest of `known`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let near = known.map(|candidate| (distance(name.as_bytes(), candidate.as_bytes()), candidate));
    let (distance, candidate) = near.min()?;
    (distance <= DISTANCE_MAX.min(name.len() / 2)).then_some(candidate)
}

/// Insertions, removals and replacements between two texts.
fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, byte) in left.iter().enumerate() {
        let (mut diagonal, mut before) = (at, at + 1);
        for (cell, other) in row.iter_mut().skip(1).zip(right) {
            let above = *cell;
            before = (diagonal + usize::from(byte != other)).min(above + 1).min(before + 1);
            (*cell, diagonal) = (before, above);
        }
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
    }
    row.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted() {
        for (left, right, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("same", "same", 0),
        ] {
            assert_eq!(distance(left.as_bytes(), right.as_bytes()), expected, "{left} {right}");
        }
    }

    #[test]
    fn only_a_near_name_is_offered() {
        let known = || ["log.retention.ms", "log.roll.ms", "num.partitions"].into_iter();
        assert_eq!(nearest("log.retension.ms", known()), Some("log.retention.ms"));
        assert_eq!(nearest("num.partition", known()), Some("num.partitions"));
        assert_eq!(nearest("socket.timeout", known()), None);
        assert_eq!(nearest("x", known()), None);
        assert_eq!(nearest(&"x".repeat(1000), known()), None);
    }
}
