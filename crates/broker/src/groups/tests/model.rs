//! Random steps: whatever members do and in whatever order, the group keeps its promises.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Join(usize),
    Sync(usize),
    Heartbeat(usize),
    Leave(usize),
    Pass(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let member = 0usize..4;
    prop_oneof![
        4 => member.clone().prop_map(Act::Join),
        4 => member.clone().prop_map(Act::Sync),
        3 => member.clone().prop_map(Act::Heartbeat),
        1 => member.prop_map(Act::Leave),
        2 => (1u64..30).prop_map(Act::Pass),
    ]
}

/// What a client knows of itself.
#[derive(Clone, Debug, Default)]
struct Client {
    id: String,
    generation: i32,
    leader: bool,
    members: Vec<Text>,
    waiting: Option<Ticket>,
}

#[derive(Default)]
struct Seen {
    /// Who led each generation.
    leaders: BTreeMap<i32, Text>,
    /// What each member was assigned in each generation.
    assigned: BTreeMap<(i32, String), Bytes>,
    last_generation: i32,
}

fn step(bench: &mut Bench, clients: &mut [Client], act: &Act) {
    match act {
        Act::Join(index) => {
            let id = clients[*index].id.clone();
            let mut input = bench.input("m", &id);
            input.needs_known_id = index % 2 == 0;
            clients[*index].waiting = Some(bench.send(&input));
        }
        Act::Sync(index) => {
            let client = clients[*index].clone();
            let all: Vec<_> = client.members.iter().map(|id| (&**id, &**id)).collect();
            let assignments = if client.leader { &all[..] } else { &[] };
            let ticket = bench.sync(&client.id, client.generation, assignments);
            clients[*index].waiting = Some(ticket);
        }
        Act::Heartbeat(index) => {
            let client = clients[*index].clone();
            if bench.heartbeat(&client.id, client.generation) == ErrorCode::UnknownMemberId {
                clients[*index] = Client::default();
            }
        }
        Act::Leave(index) => {
            let client = std::mem::take(&mut clients[*index]);
            bench.leave(&client.id, None);
        }
        Act::Pass(seconds) => bench.pass(Duration::from_secs(*seconds)),
    }
}

/// Hands answers to the clients and checks what must hold for each.
fn deliver(bench: &mut Bench, clients: &mut [Client], seen: &mut Seen) {
    for effect in std::mem::take(&mut bench.effects) {
        let (Effect::Join(ticket, _) | Effect::Sync(ticket, _)) = &effect else { continue };
        let Some(client) = clients.iter_mut().find(|client| client.waiting == Some(*ticket)) else {
            continue;
        };
        client.waiting = None;
        match effect {
            Effect::Join(_, Ok(joined)) => {
                let leader = seen.leaders.entry(joined.generation).or_insert(joined.leader.clone());
                assert_eq!(*leader, joined.leader, "one leader in a generation");
                assert!(joined.generation >= seen.last_generation, "generations rise");
                seen.last_generation = joined.generation;
                let members = joined.members.iter().map(|member| member.member_id.clone());
                *client = Client {
                    leader: joined.leader == joined.member_id,
                    members: members.collect(),
                    id: joined.member_id.to_string(),
                    generation: joined.generation,
                    waiting: None,
                };
                assert_eq!(client.leader, !client.members.is_empty(), "only the leader is told");
            }
            Effect::Join(_, Err(refused)) => match refused.error {
                ErrorCode::MemberIdRequired => client.id = refused.member_id.to_string(),
                ErrorCode::UnknownMemberId => *client = Client::default(),
                _ => {}
            },
            Effect::Sync(_, Ok(synced)) => {
                assert_eq!(synced.assignment, client.id, "each gets its own");
                let key = (client.generation, client.id.clone());
                let before = seen.assigned.insert(key, synced.assignment.clone());
                assert!(before.is_none_or(|before| before == synced.assignment));
            }
            Effect::Sync(_, Err(_)) | Effect::Keep(..) | Effect::KeepClassic(..) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_group_keeps_its_promises(acts in prop::collection::vec(act(), 1..120)) {
        let mut bench = Bench::new(GroupLimits::default());
        let mut clients = vec![Client::default(); 4];
        let mut seen = Seen::default();
        for act in &acts {
            step(&mut bench, &mut clients, act);
            deliver(&mut bench, &mut clients, &mut seen);
            if bench.state() == "none" {
                // A group that was forgotten starts over.
                seen = Seen::default();
            }
        }
        // Whatever is still waited for is answered once everybody has fallen silent.
        for _ in 0..4 {
            bench.pass(REBALANCE);
            deliver(&mut bench, &mut clients, &mut seen);
        }
        prop_assert!(clients.iter().all(|client| client.waiting.is_none()), "{clients:?}");
        prop_assert_eq!(bench.coordinator.next_deadline(), None);
    }
}
