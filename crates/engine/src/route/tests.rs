//! Groupings against what their names promise.

use proptest::prelude::*;

use super::*;

fn route(kind: RouteKind, tasks: usize) -> Route {
    Route::new(kind, 0, (1..=TaskId::try_from(tasks).unwrap()).collect())
}

fn pick(route: &mut Route, fields: &[u64]) -> Picked {
    route.pick(None, |field, hasher| hasher.bits(fields[field]))
}

proptest! {
    #[test]
    fn turns_are_even(tasks in 1usize..9, start in 0usize..9, rounds in 1usize..20) {
        let kind = RouteKind::Turn(Turn::new((0..tasks).collect(), start % tasks));
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

#[test]
fn a_partial_key_has_two_tasks_and_takes_the_one_with_less() {
    let kind = RouteKind::PartialKey(PartialKey::new(vec![0], 8));
    let mut route = route(kind, 8);
    let mut counts = [0; 8];
    // One key has half of all tuples: by its hash alone its task would have half of the load.
    for tuple in 0..8_000u64 {
        let key = if tuple % 2 == 0 { 0 } else { tuple };
        if let Picked::One(position) = pick(&mut route, &[key]) {
            counts[position] += 1;
        }
    }
    assert!(counts.iter().all(|count| *count < 2_400), "{counts:?}");
    let mut seen: Vec<Picked> = (0..100).map(|_| pick(&mut route, &[0])).collect();
    seen.sort_by_key(|picked| format!("{picked:?}"));
    seen.dedup();
    assert!(seen.len() <= 2, "a key never has more than two tasks");
}

#[test]
fn a_turn_passes_over_a_task_whose_queue_is_full_until_it_is_not() {
    let mut route = route(RouteKind::Turn(Turn::new(vec![0, 1, 2], 0)), 3);
    let mut round = |depths: [usize; 3]| {
        let mut counts = [0u32; 3];
        for _ in 0..LOOK_EVERY {
            route.balance(|edge| depths[edge]);
            if let Picked::One(position) = pick(&mut route, &[]) {
                counts[position] += 1;
            }
        }
        counts
    };
    assert!(round([0, 8, 1]).iter().all(|count| *count > 300), "not looked at yet");
    let [first, second, third] = round([0, 8, 1]);
    assert!(first > 500 && second < 2 && third > 500, "{first} {second} {third}");
    assert!(round([5, 5, 6])[1] < 2);
    assert!(round([5, 5, 6]).iter().all(|count| *count > 300), "all alike again");
}

struct Odd(Vec<TaskId>);

impl CustomGrouping for Odd {
    fn prepare(&mut self, context: &crate::grouping::GroupingContext) {
        self.0.clone_from(&context.tasks);
    }
    fn choose(&mut self, values: &[Value<'_>], chosen: &mut Vec<TaskId>) {
        chosen.extend(self.0.iter().filter(|task| *task % 2 == 1));
        chosen.extend(values.first().and_then(|value| value.as_i64()).map(|_| 99));
    }
}

#[test]
fn a_custom_grouping_chooses_any_of_the_tasks_and_no_others() {
    let mut route = route(RouteKind::Custom(Chooser::new(Box::new(Odd(vec![1, 2, 3])))), 3);
    assert_eq!(route.choose(&[Value::I64(5)]), Picked::Chosen);
    assert_eq!(route.chosen, [0, 2]);
    assert_eq!(pick(&mut route, &[]), Picked::Nobody, "its fields are not hashed");
}
