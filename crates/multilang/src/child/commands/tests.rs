//! The order of commands, with every policy and with rests.

use serde_json::{Value, json};

use super::*;

const MS: Duration = Duration::from_millis(1);

fn sent(commands: &mut Commands, now: Moment) -> Vec<String> {
    let mut out = Vec::new();
    commands.advance(now, &mut out);
    let text = String::from_utf8(out).unwrap();
    text.split("\nend\n")
        .filter(|frame| !frame.is_empty())
        .map(|frame| {
            serde_json::from_str::<Value>(frame).unwrap()["command"].as_str().unwrap().into()
        })
        .collect()
}

#[test]
fn one_command_at_a_time_and_acks_before_next() {
    let mut commands = Commands::new(SyncPolicy::All);
    let now = Moment(0);
    commands.push(SpoutCommand::Activate);
    commands.set_credit(10);
    assert_eq!(sent(&mut commands, now), ["activate"]);
    assert_eq!(sent(&mut commands, now), [""; 0]);
    commands.on_sync(now);
    assert_eq!(sent(&mut commands, now), ["next"]);
    commands.push(SpoutCommand::Ack(json!(1)));
    commands.push(SpoutCommand::Fail(json!(2)));
    commands.on_emit();
    assert_eq!(sent(&mut commands, now), [""; 0]);
    for expected in ["ack", "fail", "next"] {
        commands.on_sync(now);
        assert_eq!(sent(&mut commands, now), [expected]);
    }
}

#[test]
fn no_next_without_room_or_while_inactive() {
    let mut commands = Commands::new(SyncPolicy::All);
    let now = Moment(0);
    assert_eq!(sent(&mut commands, now), [""; 0]);
    commands.push(SpoutCommand::Activate);
    sent(&mut commands, now);
    commands.on_sync(now);
    assert_eq!(sent(&mut commands, now), [""; 0], "no room yet");
    commands.set_credit(1);
    assert_eq!(sent(&mut commands, now), ["next"]);
    commands.on_emit();
    commands.on_sync(now);
    assert_eq!(sent(&mut commands, now), [""; 0], "the room is used up");
    commands.set_credit(1);
    commands.push(SpoutCommand::Deactivate);
    assert_eq!(sent(&mut commands, now), ["deactivate"]);
    commands.on_sync(now);
    assert_eq!(sent(&mut commands, now), [""; 0]);
    assert!(commands.is_idle());
}

#[test]
fn an_empty_next_is_followed_by_a_rest_that_grows_and_ends() {
    let mut commands = Commands::new(SyncPolicy::All);
    commands.push(SpoutCommand::Activate);
    commands.set_credit(5);
    let mut now = Moment(0);
    sent(&mut commands, now);
    commands.on_sync(now);
    let mut rests = Vec::new();
    for _ in 0..6 {
        assert_eq!(sent(&mut commands, now), ["next"]);
        commands.on_sync(now);
        let next = commands.deadline().unwrap();
        rests.push(next.since(now) / MS.as_nanos() as u32);
        assert_eq!(sent(&mut commands, now), [""; 0]);
        now = next;
    }
    assert_eq!(rests.iter().map(Duration::as_nanos).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 16]);
    sent(&mut commands, now);
    commands.on_emit();
    commands.on_sync(now);
    assert_eq!(sent(&mut commands, now), ["next"]);
}

#[test]
fn auto_goes_on_without_the_sync_of_a_client_that_sends_none() {
    let mut commands = Commands::new(SyncPolicy::Auto);
    commands.push(SpoutCommand::Activate);
    commands.set_credit(9);
    assert_eq!(sent(&mut commands, Moment(0)), ["activate"]);
    let later = commands.deadline().unwrap();
    assert_eq!(sent(&mut commands, later), ["next"], "once proves nothing, but it goes on");
    commands.push(SpoutCommand::Ack(json!(1)));
    commands.on_emit();
    commands.on_sync(later);
    assert_eq!(sent(&mut commands, later), ["ack"]);
    let later = commands.deadline().unwrap();
    let mut out = Vec::new();
    assert_eq!(commands.advance(later, &mut out), Some("ack"));
    assert_eq!(out, b"{\"command\":\"next\",\"id\":\"\"}\nend\n");
    // From here on only `next` is waited for.
    commands.push(SpoutCommand::Ack(json!(2)));
    commands.on_emit();
    commands.on_sync(later);
    assert_eq!(sent(&mut commands, later), ["ack", "next"]);
}

#[test]
fn auto_does_not_take_a_slow_start_for_a_client_that_answers_only_next() {
    let mut commands = Commands::new(SyncPolicy::Auto);
    commands.push(SpoutCommand::Activate);
    commands.set_credit(9);
    sent(&mut commands, Moment(0));
    let later = commands.deadline().unwrap();
    assert_eq!(sent(&mut commands, later), ["next"]);
    // The answer to `activate` comes at last, then that to `next` while an ack is under way.
    commands.on_sync(later);
    commands.push(SpoutCommand::Ack(json!(1)));
    assert_eq!(sent(&mut commands, later), ["ack"]);
    commands.on_sync(later);
    // It answers acks: from here on every answer is waited for.
    commands.push(SpoutCommand::Ack(json!(2)));
    assert_eq!(sent(&mut commands, later), ["ack"]);
    assert_eq!(sent(&mut commands, Moment(u64::MAX)), [""; 0]);
}

#[test]
fn all_waits_for_every_sync() {
    let mut commands = Commands::new(SyncPolicy::All);
    commands.push(SpoutCommand::Activate);
    commands.set_credit(9);
    sent(&mut commands, Moment(0));
    assert_eq!(sent(&mut commands, Moment(u64::MAX)), [""; 0]);
    assert!(commands.is_busy());
}

#[test]
fn a_new_child_is_activated_and_hears_nothing_of_old_tuples() {
    let mut commands = Commands::new(SyncPolicy::All);
    commands.push(SpoutCommand::Activate);
    commands.push(SpoutCommand::Ack(json!("old")));
    commands.set_credit(1);
    sent(&mut commands, Moment(0));
    commands.restart();
    assert_eq!(sent(&mut commands, Moment(0)), ["activate"]);
    commands.on_sync(Moment(0));
    assert_eq!(sent(&mut commands, Moment(0)), ["next"]);
}
