//! Lives of children, some by example and many at random.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct Rig {
    life: Lifecycle,
    now: Moment,
}

impl Rig {
    fn new(role: Role, heartbeats: Heartbeats) -> Self {
        let policy = Policy { heartbeats, ..Policy::default() };
        Self { life: Lifecycle::new(role, policy, Moment(0)), now: Moment(0) }
    }

    fn up(role: Role, heartbeats: Heartbeats) -> Self {
        let mut rig = Self::new(role, heartbeats);
        assert_eq!(rig.tick(Duration::ZERO, false), [Effect::Spawn]);
        assert_eq!(rig.say(FromChild::Pid(7)), [Effect::Started(7)]);
        rig
    }

    fn tick(&mut self, later: Duration, busy: bool) -> Vec<Effect> {
        self.now = self.now.after(later);
        let mut effects = Vec::new();
        self.life.tick(self.now, busy, &mut effects);
        effects
    }

    fn say(&mut self, message: FromChild) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.life.on_message(message, self.now, &mut effects);
        effects
    }

    /// The process is gone; returns whether the child was up and the pause until the next start.
    fn exit(&mut self) -> (bool, Duration) {
        let mut effects = Vec::new();
        self.life.on_exit("exit status: 1", self.now, &mut effects);
        let lost = effects.iter().find_map(|effect| match effect {
            Effect::Lost { was_up, .. } => Some(*was_up),
            _ => None,
        });
        (lost.unwrap(), self.life.deadline().unwrap().since(self.now))
    }
}

#[test]
fn silence_brings_a_heartbeat_and_its_answer_quiet_again() {
    let mut rig = Rig::up(Role::Bolt, Heartbeats::On);
    assert_eq!(rig.tick(SECOND / 2, false), []);
    assert_eq!(rig.tick(SECOND / 2, false), [Effect::Heartbeat]);
    assert_eq!(rig.tick(SECOND, false), [], "one at a time");
    assert_eq!(rig.say(FromChild::Sync), [Effect::Deliver(FromChild::Sync)]);
    assert_eq!(rig.tick(SECOND, false), [Effect::Heartbeat]);
}

#[test]
fn any_output_counts_as_alive() {
    let mut rig = Rig::up(Role::Bolt, Heartbeats::On);
    for _ in 0..100 {
        rig.tick(SECOND, true);
        let log = FromChild::Log { level: Level::Info, text: "still at it".into() };
        assert_eq!(rig.say(log).len(), 1);
    }
    assert!(rig.life.is_running());
}

#[test]
fn a_bolt_that_answers_no_heartbeat_in_time_is_killed_and_replaced() {
    let mut rig = Rig::up(Role::Bolt, Heartbeats::On);
    assert_eq!(rig.tick(SECOND, true), [Effect::Heartbeat]);
    assert_eq!(rig.tick(29 * SECOND, true), []);
    assert_eq!(rig.tick(SECOND, true), [Effect::Kill]);
    assert_eq!(rig.exit(), (true, SECOND / 10));
    assert_eq!(rig.tick(SECOND / 10, false), [Effect::Spawn]);
}

#[test]
fn auto_leaves_an_idle_child_alone_that_knows_no_heartbeats() {
    let mut rig = Rig::up(Role::Bolt, Heartbeats::Auto);
    assert_eq!(rig.tick(SECOND, false), [Effect::Heartbeat]);
    let effects = rig.tick(30 * SECOND, false);
    assert!(matches!(&effects[..], [Effect::Log(Level::Info, text)] if text.contains("off")));
    assert_eq!(rig.tick(600 * SECOND, false), []);
    // It is asked something at last: from now on an answer is due.
    assert_eq!(rig.tick(SECOND, true), []);
    assert_eq!(rig.tick(30 * SECOND, true), [Effect::Kill]);
}

#[test]
fn auto_sends_no_more_to_a_child_that_died_over_its_first_heartbeat() {
    let mut rig = Rig::up(Role::Bolt, Heartbeats::Auto);
    assert_eq!(rig.tick(SECOND, false), [Effect::Heartbeat]);
    let mut effects = Vec::new();
    rig.life.on_text("IndexError: list index out of range".into(), rig.now, &mut effects);
    rig.exit();
    assert_eq!(rig.tick(SECOND, false), [Effect::Spawn]);
    rig.say(FromChild::Pid(8));
    assert_eq!(rig.tick(20 * SECOND, false), []);
}

#[test]
fn off_waits_for_ever() {
    let mut rig = Rig::up(Role::Bolt, Heartbeats::Off);
    assert_eq!(rig.tick(9_999 * SECOND, true), []);
}

#[test]
fn a_spout_is_watched_only_while_it_owes_an_answer() {
    let mut rig = Rig::up(Role::Spout, Heartbeats::Auto);
    assert_eq!(rig.tick(600 * SECOND, false), []);
    assert_eq!(rig.tick(SECOND, true), []);
    assert_eq!(rig.tick(29 * SECOND, true), []);
    assert_eq!(rig.tick(SECOND, true), [Effect::Kill]);
}

#[test]
fn pauses_double_and_a_healthy_life_makes_them_short_again() {
    let mut rig = Rig::new(Role::Bolt, Heartbeats::Off);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert_eq!(rig.tick(10 * SECOND, false), [Effect::Spawn]);
        let (was_up, pause) = rig.exit();
        assert!(!was_up);
        pauses.push(pause.as_millis());
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    rig.tick(10 * SECOND, false);
    rig.say(FromChild::Pid(1));
    rig.tick(10 * SECOND, false);
    assert_eq!(rig.exit(), (true, SECOND / 10));
}

#[test]
fn the_last_words_name_the_cause() {
    let mut rig = Rig::new(Role::Bolt, Heartbeats::Off);
    rig.tick(Duration::ZERO, false);
    let mut effects = Vec::new();
    rig.life.on_text("ImportError: no module named x".into(), rig.now, &mut effects);
    rig.life.on_exit("exit status: 1", rig.now, &mut effects);
    let Some(Effect::Lost { reason, was_up: false }) = effects.last() else {
        panic!("{effects:?}")
    };
    assert_eq!(
        reason,
        "it ended with exit status: 1; last said: ImportError: no module named x before the handshake"
    );
}

#[test]
fn nothing_but_logs_passes_before_the_handshake() {
    let mut rig = Rig::new(Role::Bolt, Heartbeats::Off);
    rig.tick(Duration::ZERO, false);
    let effects = rig.say(FromChild::Ack(json!("1")));
    assert!(matches!(effects[..], [Effect::Log(Level::Warn, _)]));
    assert_eq!(rig.tick(60 * SECOND, false), [Effect::Kill]);
    assert!(!rig.exit().0);
}

#[test]
fn a_broken_message_costs_the_child_its_life() {
    let mut rig = Rig::up(Role::Bolt, Heartbeats::On);
    let mut effects = Vec::new();
    rig.life.on_broken(&BrokenFrame::TooLarge { bytes: 9, limit: 1 }, rig.now, &mut effects);
    assert_eq!(effects.last(), Some(&Effect::Kill));
    assert!(rig.exit().0);
}

#[test]
fn stopping_gets_harder_until_the_child_is_gone() {
    let mut rig = Rig::up(Role::Bolt, Heartbeats::On);
    let mut effects = Vec::new();
    rig.life.stop(rig.now, &mut effects);
    assert_eq!(effects, [Effect::CloseInput]);
    let last_word = FromChild::Log { level: Level::Info, text: "parent went away".into() };
    assert!(matches!(rig.say(last_word)[..], [Effect::Log(Level::Debug, _)]));
    assert_eq!(rig.tick(SECOND, true), [Effect::Terminate]);
    assert_eq!(rig.tick(2 * SECOND, true), [Effect::Kill]);
    let mut effects = Vec::new();
    rig.life.on_exit("signal: 9", rig.now, &mut effects);
    assert_eq!(effects, [Effect::Ended]);
    assert!(rig.life.has_ended());
}

#[test]
fn stopping_between_two_lives_ends_at_once() {
    let mut rig = Rig::up(Role::Bolt, Heartbeats::On);
    rig.exit();
    let mut effects = Vec::new();
    rig.life.stop(rig.now, &mut effects);
    assert_eq!(effects, [Effect::Ended]);
}

/// Something that may happen to a child.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Time { millis: u64, busy: bool },
    Pid,
    Sync,
    Ack,
    Text,
    Broken,
    Exit,
    HeldBack,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0u64..40_000, any::<bool>()).prop_map(|(millis, busy)| Happening::Time { millis, busy }),
        2 => Just(Happening::Pid),
        1 => Just(Happening::Sync),
        1 => Just(Happening::Ack),
        1 => Just(Happening::Text),
        1 => Just(Happening::Broken),
        1 => Just(Happening::Exit),
        1 => Just(Happening::HeldBack),
    ]
}

/// What the driver would have seen: whether a process runs, and how many lives began and ended.
#[derive(Default)]
struct Watcher {
    process: bool,
    spawned: usize,
    lost: usize,
}

impl Watcher {
    fn see(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Spawn => {
                    assert!(!self.process, "a second process beside the first");
                    self.process = true;
                    self.spawned += 1;
                }
                Effect::Lost { .. } => self.lost += 1,
                Effect::Heartbeat | Effect::Started(_) | Effect::Deliver(_) => {
                    assert!(self.process, "{effect:?} without a process");
                }
                _ => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_each_life_ends_in_one_loss_and_a_stop_ends_all(
        role in prop_oneof![Just(Role::Bolt), Just(Role::Spout)],
        heartbeats in prop_oneof![
            Just(Heartbeats::On), Just(Heartbeats::Off), Just(Heartbeats::Auto)
        ],
        happenings in prop::collection::vec(happening(), 0..80),
    ) {
        let mut rig = Rig::new(role, heartbeats);
        let mut watcher = Watcher::default();
        for happening in happenings {
            let mut effects = Vec::new();
            match happening {
                Happening::Time { millis, busy } => {
                    effects = rig.tick(Duration::from_millis(millis), busy);
                }
                Happening::HeldBack => rig.life.on_held_back(rig.now),
                // Without a process nothing of it can be heard.
                _ if !watcher.process => {}
                Happening::Pid => effects = rig.say(FromChild::Pid(1)),
                Happening::Sync => effects = rig.say(FromChild::Sync),
                Happening::Ack => effects = rig.say(FromChild::Ack(json!("1"))),
                Happening::Text => rig.life.on_text("x".into(), rig.now, &mut effects),
                Happening::Broken => {
                    let frame = BrokenFrame::TooLarge { bytes: 9, limit: 1 };
                    rig.life.on_broken(&frame, rig.now, &mut effects);
                }
                Happening::Exit => {
                    watcher.process = false;
                    rig.life.on_exit("signal: 9", rig.now, &mut effects);
                    prop_assert_eq!(watcher.lost + 1, watcher.spawned);
                }
            }
            watcher.see(&effects);
            prop_assert_eq!(watcher.spawned - watcher.lost, usize::from(watcher.process));
        }
        let mut effects = Vec::new();
        rig.life.stop(rig.now, &mut effects);
        if watcher.process {
            // Within the graces it is killed, whatever it does.
            let killed = (0..4).any(|_| rig.tick(3 * SECOND, true).contains(&Effect::Kill))
                || effects.contains(&Effect::Kill);
            prop_assert!(killed);
            rig.life.on_exit("signal: 9", rig.now, &mut effects);
        }
        prop_assert_eq!(effects.last(), Some(&Effect::Ended));
        prop_assert!(rig.life.has_ended());
        prop_assert_eq!(rig.tick(600 * SECOND, true), []);
    }
}
