//! Groups of the consumer protocol, step by step: the coordinator is stepped by hand, time is a number.

mod assignors;
mod kept;
mod members;
mod model;
mod subscriptions;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tidemill_wire::{ErrorCode, Text, Uuid};
use tidemill_world::Moment;

use super::topics::{Topic, Topics};
use super::types::{Beaten, ConsumerView, HeartbeatInput, Partitions, Refusal};
use crate::groups::consumer::changes::Change;
use crate::groups::coordinator::Coordinator;
use crate::groups::types::{
    CommitKind, CommitScope, Effect, GroupLimits, Identity, JoinInput, SyncInput, Ticket,
};

const SESSION: Duration = Duration::from_secs(45);
const REBALANCE: Duration = Duration::from_secs(60);
const COMMIT: CommitKind = CommitKind::Plain { version: 9 };

/// A coordinator, the topics it sees, and what it has kept.
struct Bench {
    coordinator: Coordinator,
    topics: Topics,
    now: Moment,
    kept: BTreeMap<Bytes, Bytes>,
    limits: GroupLimits,
}

fn group() -> Text {
    "g".into()
}

/// The id of the topic `t1`, `t2`, …
fn id(number: u8) -> Uuid {
    Uuid([number; 16])
}

impl Bench {
    /// Topics `t1`, `t2`, … with so many partitions.
    fn new(sizes: &[i32]) -> Self {
        Self::with(GroupLimits::default(), sizes)
    }

    fn with(limits: GroupLimits, sizes: &[i32]) -> Self {
        let coordinator = Coordinator::new(limits);
        let (topics, kept) = (Topics::default(), BTreeMap::new());
        let mut bench = Self { coordinator, topics, now: Moment(1), kept, limits };
        bench.resize(sizes);
        bench
    }

    /// Other topics; one with no partitions is not there.
    fn resize(&mut self, sizes: &[i32]) {
        let topic = |(number, partitions): (u8, &i32)| {
            let topic = Topic { id: id(number), partitions: *partitions };
            (Text::from(format!("t{number}")), topic)
        };
        let there = (1u8..).zip(sizes).filter(|(_, partitions)| **partitions > 0);
        self.topics.update(there.map(topic));
    }

    fn settle(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::Keep(group, change) = effect else { continue };
            match change.encode(&group).unwrap() {
                (key, Some(value)) => drop(self.kept.insert(key, value)),
                (key, None) => drop(self.kept.remove(&key)),
            }
        }
    }

    fn send(&mut self, input: &HeartbeatInput) -> Result<Beaten, Refusal> {
        let (answer, effects) =
            self.coordinator.consumer_heartbeat(&group(), input, &self.topics, self.now);
        self.settle(effects);
        answer
    }

    fn refused(&mut self, input: &HeartbeatInput) -> ErrorCode {
        self.send(input).unwrap_err().error
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        let effects = self.coordinator.tick(self.now);
        self.settle(effects);
    }

    /// Stops the broker and starts it again with what was kept.
    fn restart(&mut self) {
        self.coordinator = Coordinator::new(self.limits);
        let kept = self.kept.iter().filter_map(|(key, value)| Change::decode(key, value).unwrap());
        self.coordinator.restore(kept, self.now);
        // The new process counts its pictures of the topics from the beginning.
        let mut topics = Topics::default();
        let there: Vec<_> = self
            .topics
            .names()
            .map(|name| (name.clone(), self.topics.get(name).unwrap()))
            .collect();
        topics.update(there.into_iter());
        self.topics = topics;
    }

    fn view(&self) -> ConsumerView {
        self.coordinator.consumer_view(&group()).unwrap()
    }

    fn commit(&mut self, id: &str, epoch: i32) -> Result<CommitScope, ErrorCode> {
        let who = Identity { member_id: id.into(), instance_id: None, generation: epoch };
        self.coordinator.commit(&group(), &who, COMMIT, self.now)
    }
}

/// A member as clients are: it says what has changed, gives up what it is told to and joins anew when it is out.
#[derive(Clone, Debug)]
struct Client {
    id: Text,
    instance_id: Option<Text>,
    names: Vec<Text>,
    regex: Option<Text>,
    assignor: Option<Text>,
    epoch: i32,
    owned: Partitions,
}

impl Client {
    fn new(id: &str, names: &[&str]) -> Self {
        Self {
            id: id.into(),
            instance_id: None,
            names: names.iter().map(|name| (*name).into()).collect(),
            regex: None,
            assignor: None,
            epoch: 0,
            owned: Partitions::new(),
        }
    }

    fn fixed(id: &str, instance: &str, names: &[&str]) -> Self {
        Self { instance_id: Some(instance.into()), ..Self::new(id, names) }
    }

    /// The next heartbeat, with all that there is to say.
    fn input(&self) -> HeartbeatInput {
        let owned = self.owned.iter().map(|(id, all)| (*id, all.iter().copied().collect()));
        HeartbeatInput {
            member_id: self.id.clone(),
            epoch: self.epoch,
            instance_id: self.instance_id.clone(),
            rack_id: None,
            rebalance_timeout: Some(REBALANCE),
            names: Some(self.names.clone()),
            regex: self.regex.clone(),
            assignor: self.assignor.clone(),
            owned: Some(owned.collect()),
            client_id: "client".into(),
            client_host: "/here".into(),
            may_lack_id: false,
            fresh_id: "fresh".into(),
        }
    }

    /// A heartbeat that only says that the member lives.
    fn bare(&self) -> HeartbeatInput {
        HeartbeatInput {
            rebalance_timeout: None,
            names: None,
            regex: None,
            assignor: None,
            owned: None,
            ..self.input()
        }
    }

    fn leaving(&self, epoch: i32) -> HeartbeatInput {
        HeartbeatInput { epoch, ..self.bare() }
    }

    fn take(&mut self, answer: Result<Beaten, Refusal>) {
        match answer {
            Ok(beaten) => {
                self.epoch = beaten.epoch;
                self.owned = beaten.assignment.unwrap_or_else(|| self.owned.clone());
            }
            Err(_) => (self.epoch, self.owned) = (0, Partitions::new()),
        }
    }

    fn beat(&mut self, bench: &mut Bench) {
        let answer = bench.send(&self.input());
        self.take(answer);
    }

    fn count(&self) -> usize {
        self.owned.values().map(std::collections::BTreeSet::len).sum()
    }
}

/// Heartbeats of all in turn until nothing moves; longer than any rebalance takes.
fn converge(bench: &mut Bench, clients: &mut [Client]) {
    for _ in 0..12 {
        for client in clients.iter_mut() {
            client.beat(bench);
        }
    }
}
