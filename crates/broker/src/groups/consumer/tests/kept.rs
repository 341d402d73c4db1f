//! What is kept on the disk, and what a restart makes of it.

use super::super::member::{Current, MemberState, Metadata};
use super::*;

#[test]
fn records_have_kafkas_bytes() {
    let key = |change: &Change| change.encode(&group()).unwrap();
    let epoch = Change::Group(Some((7, 9)));
    assert_eq!(&key(&epoch).0[..], b"\0\x03\0\x01g");
    assert_eq!(&key(&epoch).1.unwrap()[..], b"\0\0\0\0\0\x07\x01\0\x08\0\0\0\0\0\0\0\x09");
    assert_eq!(key(&Change::Group(None)).1, None);
    let target = Change::Target("m".into(), Some([(id(1), [2, 5].into())].into()));
    assert_eq!(&key(&target).0[..], b"\0\x07\0\x01g\0\x01m");
    let mut expected = b"\0\0\x02".to_vec();
    expected.extend([1; 16]);
    expected.extend(b"\x03\0\0\0\x02\0\0\0\x05\0\0");
    assert_eq!(&key(&target).1.unwrap()[..], &expected[..]);
    let current = Current {
        epoch: 3,
        previous_epoch: 2,
        state: MemberState::Unrevoked,
        assigned: [(id(1), [(4, 3)].into())].into(),
        revoking: BTreeMap::new(),
    };
    let current = Change::Current("m".into(), Some(current));
    let mut expected = b"\0\0\0\0\0\x03\0\0\0\x02\x02\x02".to_vec();
    expected.extend([1; 16]);
    expected.extend(b"\x02\0\0\0\x04\x01\0\x05\x02\0\0\0\x03\x01\0");
    assert_eq!(&key(&current).1.unwrap()[..], &expected[..]);
}

#[test]
fn every_change_reads_back() {
    let metadata = Metadata {
        instance_id: Some("i".into()),
        rack_id: None,
        client_id: "c".into(),
        client_host: "/h".into(),
        names: ["t1".into(), "t2".into()].into(),
        regex: Some("a|b".into()),
        rebalance_timeout: Duration::from_millis(1234),
        assignor: Some("range".into()),
    };
    let changes = [
        Change::Group(Some((5, -1))),
        Change::Member("m".into(), Some(metadata)),
        Change::Member("n".into(), Some(Metadata::default())),
        Change::TargetEpoch(Some(5)),
        Change::Target("m".into(), Some([(id(1), [0, 1].into()), (id(2), [3].into())].into())),
        Change::Current("m".into(), Some(Current { epoch: -2, ..Current::default() })),
    ];
    for change in changes {
        let (key, value) = change.encode(&group()).unwrap();
        let value = value.unwrap();
        assert_eq!(Change::decode(&key, &value).unwrap(), Some((group(), change)));
        for length in 0..value.len() {
            // Cut anywhere, it is an error and no more.
            assert!(Change::decode(&key, &value.slice(..length)).is_err());
        }
    }
    let other = Bytes::from_static(b"\0\x02\0\x01g");
    assert_eq!(Change::decode(&other, &Bytes::new()).unwrap(), None);
}

#[test]
fn members_do_not_notice_a_restart() {
    let mut bench = Bench::new(&[4, 4]);
    let pattern = Client { regex: Some("t2".into()), ..Client::new("c", &[]) };
    let mut clients = [Client::new("a", &["t1"]), Client::fixed("b", "one", &["t1"]), pattern];
    converge(&mut bench, &mut clients);
    let before = format!("{:?}", bench.view());
    bench.restart();
    assert_eq!(format!("{:?}", bench.view()), before);
    let kept = bench.kept.clone();
    for client in &mut clients {
        let beaten = bench.send(&client.bare()).unwrap();
        assert_eq!((beaten.epoch, beaten.assignment), (client.epoch, None));
    }
    assert_eq!(bench.kept, kept, "nothing has changed");
    // Sessions began anew, and run.
    bench.pass(SESSION);
    assert_eq!(bench.view().members.len(), 0);
    assert_eq!(bench.view().state, "Empty");
}

#[test]
fn a_rebalance_goes_on_over_a_restart() {
    let mut bench = Bench::new(&[4]);
    let mut clients = [Client::new("a", &["t1"]), Client::new("b", &["t1"])];
    clients[0].beat(&mut bench);
    clients[1].beat(&mut bench);
    let told = bench.send(&clients[0].bare());
    bench.restart();
    // What it was told to give up is still its own.
    clients[1].beat(&mut bench);
    assert_eq!(clients[1].count(), 0);
    clients[0].take(told);
    converge(&mut bench, &mut clients);
    assert_eq!((clients[0].count(), clients[1].count()), (2, 2));
}

#[test]
fn a_topic_that_changed_while_the_broker_was_down_is_noticed() {
    let mut bench = Bench::new(&[4]);
    let mut clients = [Client::new("a", &["t1"])];
    converge(&mut bench, &mut clients);
    bench.resize(&[6]);
    bench.restart();
    converge(&mut bench, &mut clients);
    assert_eq!(clients[0].count(), 6);
}

#[test]
fn a_deleted_group_leaves_nothing() {
    let mut bench = Bench::new(&[4]);
    let mut clients = [Client::new("a", &["t1"]), Client::new("b", &["t1"])];
    converge(&mut bench, &mut clients);
    assert!(bench.coordinator.forget(&group()).is_empty(), "it has members");
    for client in &clients {
        bench.send(&client.leaving(-1)).unwrap();
    }
    assert_eq!(bench.kept.len(), 2, "the group and its target's epoch");
    let effects = bench.coordinator.forget(&group());
    bench.settle(effects);
    assert!(bench.kept.is_empty() && bench.coordinator.list().is_empty());
}
