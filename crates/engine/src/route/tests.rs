//! Groupings against what their names promise.

use proptest::prelude::*;

use super::*;

fn route(kind: RouteKind, tasks: usize) -> Route {
    Route { kind, first_edge: 0, tasks: (1..=TaskId::try_from(tasks).unwrap()).collect() }
}

fn pick(route: &mut Route, fields: &[u64]) -> Picked {
    route.pick(None, |field, hasher| hasher.bits(fields[field]))
}

proptest! {
    #[test]
    fn turns_are_even(tasks in 1usize..9, start in 0usize..9, rounds in 1usize..20) {
        let kind = RouteKind::Turn { positions: (0..tasks).collect(), next: start % tasks };
        let mut route = route(kind, tasks);
        let mut counts = vec![0; tasks];
        for _ in 0..tasks * rounds {
            match pick(&mut route, &[]) {
                Picked::One(position) => counts[position] += 1,
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert!(counts.iter().all(|count| *count == rounds));
    }

    #[test]
    fn equal_fields_meet_and_others_do_not_matter(
        tasks in 1usize..9, key in any::<[u64; 2]>(), other in any::<[u64; 2]>(),
    ) {
        let mut route = route(RouteKind::Fields(vec![2, 0]), tasks);
        let first = pick(&mut route, &[key[0], other[0], key[1]]);
        prop_assert_eq!(first, pick(&mut route, &[key[0], other[1], key[1]]));
        prop_assert!(matches!(first, Picked::One(position) if position < tasks));
    }

    #[test]
    fn positions_stay_in_range(hash in any::<u64>(), count in 1usize..5000) {
        prop_assert!(position(hash, count) < count);
    }
}

#[test]
fn keys_spread_over_all_tasks() {
    let mut route = route(RouteKind::Fields(vec![0]), 4);
    let mut counts = [0; 4];
    for key in 0..4000 {
        if let Picked::One(position) = pick(&mut route, &[key]) {
            counts[position] += 1;
        }
    }
    assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
}

#[test]
fn all_global_and_direct_pick_what_they_say() {
    assert_eq!(pick(&mut route(RouteKind::All, 3), &[]), Picked::All);
    assert_eq!(pick(&mut route(RouteKind::First, 3), &[]), Picked::One(0));
    let mut direct = route(RouteKind::Direct, 3);
    assert_eq!(direct.pick(Some(2), |_, _| {}), Picked::One(1));
    assert_eq!(direct.pick(Some(9), |_, _| {}), Picked::Nobody);
    assert_eq!(direct.pick(None, |_, _| {}), Picked::Nobody);
}
