//! Sessions against a direct computation.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Out = Vec<(u8, Vec<(i64, usize)>)>;

fn drain(sessions: &mut Sessions<usize>, out: &mut Out) {
    while let Some(session) = sessions.due() {
        let entries = session.entries.iter().map(|entry| (entry.at_ms, entry.item));
        out.push((session.key[0], entries.collect()));
    }
}

/// Cuts each key's tuples, in the order of their times, at every gap.
fn direct(tuples: &[(u8, i64, usize)], gap: i64) -> Out {
    let mut by_key: BTreeMap<u8, Vec<(i64, usize)>> = BTreeMap::new();
    for (key, at, number) in tuples {
        by_key.entry(*key).or_default().push((*at, *number));
    }
    let mut out = Out::new();
    for (key, mut tuples) in by_key {
        tuples.sort_by_key(|(at, _)| *at);
        for session in tuples.chunk_by(|a, b| b.0 - a.0 < gap) {
            out.push((key, session.to_vec()));
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn sessions_are_those_of_a_direct_computation(
        steps in proptest::collection::vec((0u8..3, 0i64..12, 0i64..9), 0..60), gap in 1i64..20,
    ) {
        let mut sessions = Sessions::new(gap);
        let (mut out, mut base, mut tuples) = (Out::new(), 100i64, Vec::new());
        for (number, (key, step, back)) in steps.into_iter().enumerate() {
            base += step;
            let at = base - back;
            sessions.add(&[key], at, number);
            tuples.push((key, at, number));
            // Nothing comes from before the watermark.
            sessions.reach(base - 9);
            drain(&mut sessions, &mut out);
        }
        sessions.reach(base + gap);
        drain(&mut sessions, &mut out);
        prop_assert_eq!(sessions.entries().count(), 0);
        prop_assert!(sessions.by_key.is_empty() && sessions.deadlines.is_empty());
        // Tuples of equal times keep the order they came in only within what was one session at the time.
        let mut sets = [direct(&tuples, gap), out];
        sets.iter_mut().flatten().for_each(|(_, session)| session.sort_unstable());
        sets.iter_mut().for_each(|out| out.sort_unstable());
        let [wanted, found] = sets;
        prop_assert_eq!(wanted, found);
    }
}
