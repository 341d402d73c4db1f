//! What the assignors promise, for any members and topics.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::assign::Assignor;
use super::super::types::Subscriber;
use super::*;

fn member(name: &str, topics: &[u8]) -> Subscriber {
    let mut topics: Vec<Uuid> = topics.iter().map(|number| id(*number)).collect();
    topics.sort();
    topics.dedup();
    Subscriber { id: name.into(), instance_id: None, topics }
}

fn sizes(sizes: &[i32]) -> BTreeMap<Uuid, i32> {
    (1u8..).zip(sizes).map(|(number, size)| (id(number), *size)).collect()
}

fn numbers(partitions: &Partitions, topic: u8) -> Vec<i32> {
    partitions.get(&id(topic)).into_iter().flatten().copied().collect()
}

#[test]
fn range_cuts_topics_of_one_size_at_the_same_places() {
    let members: Vec<_> = ["a", "b", "c"].map(|name| member(name, &[1, 2, 3])).into();
    let assigned = Assignor::Range.assign(&members, &sizes(&[7, 7, 2]), &BTreeMap::new());
    for topic in [1, 2] {
        assert_eq!(numbers(&assigned[0], topic), [0, 1, 2]);
        assert_eq!(numbers(&assigned[1], topic), [3, 4]);
        assert_eq!(numbers(&assigned[2], topic), [5, 6]);
    }
    let small: Vec<_> = assigned.iter().map(|one| numbers(one, 3)).collect();
    assert_eq!(small, [vec![0], vec![1], vec![]]);
}

#[test]
fn range_takes_static_members_first_by_their_own_ids() {
    let fixed = |name: &str, instance: &str| Subscriber {
        instance_id: Some(instance.into()),
        ..member(name, &[1])
    };
    let members = [member("a", &[1]), fixed("c", "1"), fixed("b", "2")];
    let assigned = Assignor::Range.assign(&members, &sizes(&[3]), &BTreeMap::new());
    let first: Vec<_> = assigned.iter().map(|one| numbers(one, 1)[0]).collect();
    assert_eq!(first, [2, 0, 1]);
}

#[test]
fn uniform_moves_only_what_a_new_member_needs() {
    let mut before = BTreeMap::new();
    before.insert("a".into(), [(id(1), (0..3).collect())].into());
    before.insert("b".into(), [(id(1), (3..6).collect())].into());
    let members: Vec<_> = ["a", "b", "c"].map(|name| member(name, &[1])).into();
    let assigned = Assignor::Uniform.assign(&members, &sizes(&[6]), &before);
    let counts: Vec<_> = assigned.iter().map(|one| numbers(one, 1).len()).collect();
    assert_eq!(counts, [2, 2, 2]);
    assert!(numbers(&assigned[0], 1).iter().all(|index| *index < 3));
    assert!(numbers(&assigned[1], 1).iter().all(|index| *index >= 3));
}

#[test]
fn uniform_gives_those_with_less_choice_theirs_first() {
    let members = [member("a", &[1, 2]), member("b", &[2])];
    let assigned = Assignor::Uniform.assign(&members, &sizes(&[4, 4]), &BTreeMap::new());
    assert_eq!((numbers(&assigned[0], 1).len(), numbers(&assigned[1], 2).len()), (4, 4));
}

/// Every partition that somebody wants is given once, to one that wants it.
fn all_given(members: &[Subscriber], sizes: &BTreeMap<Uuid, i32>, assigned: &[Partitions]) {
    let wanted: BTreeSet<Uuid> = members.iter().flat_map(|one| one.topics.clone()).collect();
    let mut given = BTreeSet::new();
    for (member, partitions) in members.iter().zip(assigned) {
        for (topic, indexes) in partitions {
            assert!(member.topics.contains(topic), "a topic that was not asked for");
            assert!(indexes.iter().all(|index| (0..sizes[topic]).contains(index)));
            assert!(indexes.iter().all(|index| given.insert((*topic, *index))), "twice");
        }
    }
    let count: i32 = wanted.iter().map(|topic| sizes[topic]).sum();
    assert_eq!(given.len(), usize::try_from(count).unwrap());
}

fn loads(assigned: &[Partitions]) -> Vec<usize> {
    assigned.iter().map(|one| one.values().map(BTreeSet::len).sum()).collect()
}

/// Members with any topics out of four.
fn members() -> impl Strategy<Value = Vec<Subscriber>> {
    let one = prop::collection::vec(1u8..=4, 0..5);
    prop::collection::vec(one, 1..9).prop_map(|all| {
        let named = |(number, topics): (usize, Vec<u8>)| member(&format!("m{number}"), &topics);
        all.into_iter().enumerate().map(named).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn everything_is_given_once(
        members in members(),
        first in prop::collection::vec(0i32..20, 4),
        then in prop::collection::vec(0i32..20, 4),
        gone in 0usize..8,
    ) {
        let (first, then) = (sizes(&first), sizes(&then));
        for assignor in Assignor::ALL {
            let assigned = assignor.assign(&members, &first, &BTreeMap::new());
            all_given(&members, &first, &assigned);
            let ids = members.iter().map(|one| one.id.clone());
            let before: BTreeMap<_, _> = ids.zip(assigned).collect();
            let mut rest = members.clone();
            rest.remove(gone % members.len());
            let assigned = assignor.assign(&rest, &then, &before);
            all_given(&rest, &then, &assigned);
        }
    }

    #[test]
    fn uniform_is_even_and_stays_as_it_is(
        count in 1usize..12,
        first in prop::collection::vec(0i32..30, 4),
        then in prop::collection::vec(0i32..30, 4),
    ) {
        let all: Vec<_> = (0..count).map(|number| member(&format!("m{number}"), &[1, 2, 3, 4])).collect();
        let (first, then) = (sizes(&first), sizes(&then));
        let even = |assigned: &[Partitions]| {
            let loads = loads(assigned);
            loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1
        };
        let keyed = |assigned: &[Partitions]| -> BTreeMap<Text, Partitions> {
            all.iter().map(|one| one.id.clone()).zip(assigned.iter().cloned()).collect()
        };
        let one = Assignor::Uniform.assign(&all, &first, &BTreeMap::new());
        prop_assert!(even(&one));
        prop_assert_eq!(&Assignor::Uniform.assign(&all, &first, &keyed(&one)), &one);
        let two = Assignor::Uniform.assign(&all, &then, &keyed(&one));
        prop_assert!(even(&two));
        // No more is taken away than lies above the largest share.
        let share = loads(&two).into_iter().max().unwrap();
        for (before, after) in one.iter().zip(&two) {
            let left: BTreeSet<_> = before.iter().flat_map(|(topic, all)| {
                all.iter().filter(|index| **index < then[topic]).map(|index| (*topic, *index))
            }).collect();
            let kept = left.iter().filter(|(topic, index)| {
                after.get(topic).is_some_and(|all| all.contains(index))
            }).count();
            prop_assert!(kept + 1 >= left.len().min(share), "{kept} of {left:?} with a share of {share}");
        }
    }

    #[test]
    fn members_with_other_topics_are_even_where_a_move_would_help(members in members()) {
        let sizes = sizes(&[7, 3, 12, 1]);
        let assigned = Assignor::Uniform.assign(&members, &sizes, &BTreeMap::new());
        let loads = loads(&assigned);
        for (giver, partitions) in assigned.iter().enumerate() {
            for topic in partitions.keys() {
                let takers = (0..members.len()).filter(|taker| members[*taker].topics.contains(topic));
                for taker in takers {
                    prop_assert!(loads[giver] <= loads[taker] + 1, "{loads:?}");
                }
            }
        }
    }
}
