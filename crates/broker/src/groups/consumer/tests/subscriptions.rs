//! What members want: names, patterns, and topics that come, grow and go.

use super::*;

fn matching(id: &str, pattern: &str) -> Client {
    Client { regex: Some(pattern.into()), ..Client::new(id, &[]) }
}

#[test]
fn a_changed_subscription_raises_the_epoch_and_an_unchanged_one_does_not() {
    let mut bench = Bench::new(&[2, 3]);
    let mut a = Client::new("a", &["t1"]);
    a.beat(&mut bench);
    a.beat(&mut bench);
    assert_eq!((bench.view().epoch, a.count()), (1, 2));
    a.names = vec!["t2".into()];
    a.beat(&mut bench);
    assert_eq!((bench.view().epoch, a.count()), (2, 0), "the old topic must be given up first");
    a.beat(&mut bench);
    assert_eq!((a.epoch, a.count()), (2, 3));
}

#[test]
fn a_topic_that_comes_grows_or_goes_raises_the_epoch() {
    let mut bench = Bench::new(&[2, 2]);
    let mut clients = [Client::new("a", &["t1", "t3"]), Client::new("b", &["t1", "t3"])];
    converge(&mut bench, &mut clients);
    let total = |clients: &[Client]| clients.iter().map(Client::count).sum::<usize>();
    assert_eq!(total(&clients), 2);
    let epoch = bench.view().epoch;
    bench.resize(&[2, 9]);
    converge(&mut bench, &mut clients);
    assert_eq!(bench.view().epoch, epoch, "nobody reads the topic that grew");
    bench.resize(&[2, 9, 3]);
    converge(&mut bench, &mut clients);
    assert_eq!((total(&clients), bench.view().epoch), (5, epoch + 1));
    bench.resize(&[4, 9, 3]);
    converge(&mut bench, &mut clients);
    assert_eq!((total(&clients), bench.view().epoch), (7, epoch + 2));
    bench.resize(&[0, 9, 3]);
    converge(&mut bench, &mut clients);
    assert_eq!((total(&clients), bench.view().epoch), (3, epoch + 3));
    assert_eq!(bench.view().state, "Stable");
}

#[test]
fn a_pattern_matches_whole_names_and_topics_that_come_later() {
    let mut bench = Bench::new(&[2, 2]);
    let mut a = matching("a", "t[13]|x");
    a.beat(&mut bench);
    assert_eq!(a.owned.keys().copied().collect::<Vec<_>>(), [id(1)]);
    bench.resize(&[2, 2, 5]);
    a.beat(&mut bench);
    assert_eq!(a.count(), 7);
    assert!(bench.coordinator.is_subscribed(&group(), &"t3".into()));
    assert!(!bench.coordinator.is_subscribed(&group(), &"t2".into()));
    // Taken back by an empty one.
    a.regex = Some(Text::default());
    a.names = vec!["t2".into()];
    a.beat(&mut bench);
    a.beat(&mut bench);
    assert_eq!(a.owned.keys().copied().collect::<Vec<_>>(), [id(2)]);
}

#[test]
fn names_and_patterns_add_up_and_members_may_want_different_things() {
    let mut bench = Bench::new(&[2, 2, 2]);
    let mut a = matching("a", "t1");
    a.names = vec!["t2".into()];
    let mut clients = [a, Client::new("b", &["t3"])];
    converge(&mut bench, &mut clients);
    assert_eq!(clients[0].owned.keys().copied().collect::<Vec<_>>(), [id(1), id(2)]);
    assert_eq!(clients[1].owned.keys().copied().collect::<Vec<_>>(), [id(3)]);
}

#[test]
fn patterns_that_are_wrong_or_too_large_are_refused() {
    let mut bench = Bench::new(&[2]);
    for pattern in ["(", "a)|(b", "t1(?=x)", "\\p{Nothing}", "(((a{100}){100}){100}){100}"] {
        let refused = bench.refused(&matching("a", pattern).input());
        assert_eq!(refused, ErrorCode::InvalidRegularExpression, "{pattern}");
    }
    let long = "t1|".repeat(20_000);
    let refused = bench.refused(&matching("a", &long).input());
    assert_eq!(refused, ErrorCode::InvalidRegularExpression);
    // A member that is there keeps what it had.
    let mut a = matching("a", "t1");
    a.beat(&mut bench);
    let bad = HeartbeatInput { regex: Some("(".into()), ..a.input() };
    assert_eq!(bench.refused(&bad), ErrorCode::InvalidRegularExpression);
    a.beat(&mut bench);
    assert_eq!((a.epoch, a.count()), (1, 2));
}

#[test]
fn the_assignor_that_most_wish_for_is_used() {
    let mut bench = Bench::new(&[2]);
    let wish = |name: &str, assignor: &str| Client {
        assignor: Some(assignor.into()),
        ..Client::new(name, &["t1"])
    };
    let mut clients = [Client::new("a", &["t1"]), wish("b", "range"), wish("c", "uniform")];
    clients[0].beat(&mut bench);
    assert_eq!(bench.view().assignor, "uniform");
    clients[1].beat(&mut bench);
    assert_eq!(bench.view().assignor, "range");
    clients[2].beat(&mut bench);
    assert_eq!(bench.view().assignor, "uniform", "of equals the default");
}
