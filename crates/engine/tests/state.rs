//! Keyed state: kept over restarts of its bolt, read from outside while the topology runs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{Lab, ListSpout, Log, panic_on_purpose};
use tidemill_engine::{
    Answer, Bolt, ComponentError, Done, Emitter, OwnedValue, QueryError, Ref, Running, StateError,
    StateHandle, StateValue, TaskContext, TopologyBuilder, tuple,
};

tuple! {
    struct Word { word: str }
    struct Counted { word: str, count: i64 }
}

/// Counts words, and panics at some.
struct Count {
    counts: Option<StateHandle<String, i64>>,
    time_to_live: Option<Duration>,
    panics: Arc<AtomicU32>,
}

impl Bolt for Count {
    type In = Word;
    type Out = Counted;
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.counts = Some(context.keyed("counts", self.time_to_live)?);
        Ok(())
    }
    fn execute(
        &mut self,
        tuple: Ref<'_, Word>,
        out: &mut Emitter<'_, Counted>,
    ) -> Result<Done, ComponentError> {
        let failing = |left: u32| left.checked_sub(1);
        if tuple.word == "bad"
            && self.panics.fetch_update(Ordering::Relaxed, Ordering::Relaxed, failing).is_ok()
        {
            panic_on_purpose();
        }
        let counts = out.state(self.counts.ok_or("not prepared")?);
        let count = counts.update(tuple.word, |count| {
            *count += 1;
            *count
        });
        out.emit(Counted::borrow(tuple.word, count));
        Ok(Done::Ack)
    }
}

/// The words, counted by two tasks, from a spout that does not finish.
fn counting(lab: &Lab, words: &[&str], time_to_live: Option<Duration>, panics: u32) -> Running {
    let mut builder = TopologyBuilder::new("t");
    let rows: Vec<Vec<OwnedValue>> = words.iter().map(|word| vec![(*word).into()]).collect();
    let spout = move || {
        let mut spout = ListSpout::new(rows.clone(), &Log::default());
        spout.finish = false;
        spout
    };
    builder.dyn_spout("words", spout).output(&["word"]);
    let panics = Arc::new(AtomicU32::new(panics));
    let count = move || Count { counts: None, time_to_live, panics: Arc::clone(&panics) };
    builder.bolt("count", count).fields("words", &["word"]).parallelism(2);
    lab.submit(builder.build().unwrap())
}

/// Lets the topology run until the answer is there.
fn settled(lab: &Lab, answer: &Answer) -> Result<BTreeMap<String, i64>, QueryError> {
    lab.settle();
    let entries = answer.try_get().unwrap()?;
    let decode = |(key, value): (Vec<u8>, Vec<u8>)| {
        (String::from_bytes(&key).unwrap(), i64::from_bytes(&value).unwrap())
    };
    Ok(entries.into_iter().map(decode).collect())
}

fn counts(of: &[(&str, i64)]) -> BTreeMap<String, i64> {
    of.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}

#[test]
fn state_is_read_by_key_and_whole_while_the_topology_runs() {
    let lab = Lab::new(31, 2);
    let running = counting(&lab, &["a", "b", "a", "c", "a"], None, 0);
    lab.settle();
    let ask = |key: &str| running.ask_key("count", "counts", &key.to_owned()).unwrap();
    assert_eq!(settled(&lab, &ask("a")), Ok(counts(&[("a", 3)])));
    assert_eq!(settled(&lab, &ask("z")), Ok(counts(&[])));
    let all = running.ask_all("count", "counts", 10).unwrap();
    assert_eq!(settled(&lab, &all), Ok(counts(&[("a", 3), ("b", 1), ("c", 1)])));
    let some = running.ask_all("count", "counts", 2).unwrap();
    assert_eq!(settled(&lab, &some).unwrap().len(), 2, "no more than was asked for");
}

#[test]
fn state_outlives_the_instance_that_panicked() {
    let lab = Lab::new(32, 2);
    let running = counting(&lab, &["bad", "a", "bad", "a", "bad"], None, 2);
    lab.pass(Duration::from_secs(1));
    assert_eq!(running.stats().component("count").unwrap().restarts, 2);
    let all = running.ask_all("count", "counts", 10).unwrap();
    assert_eq!(settled(&lab, &all), Ok(counts(&[("a", 2), ("bad", 3)])));
}

#[test]
fn keys_that_are_not_written_expire() {
    let lab = Lab::new(33, 2);
    let running = counting(&lab, &["a", "b"], Some(Duration::from_secs(5)), 0);
    lab.pass(Duration::from_secs(4));
    let all = || running.ask_all("count", "counts", 10).unwrap();
    assert_eq!(settled(&lab, &all()), Ok(counts(&[("a", 1), ("b", 1)])));
    lab.pass(Duration::from_secs(2));
    assert_eq!(settled(&lab, &all()), Ok(counts(&[])));
}

#[test]
fn what_cannot_be_answered_says_so() {
    let lab = Lab::new(34, 2);
    let running = counting(&lab, &["a"], None, 0);
    lab.settle();
    let error = running.ask_all("cuont", "counts", 1).unwrap_err();
    assert_eq!(error.to_string(), "there is no component cuont; known are: words, count");
    assert!(matches!(running.ask_all("words", "x", 1), Err(QueryError::UnknownState { .. })));
    let unknown = running.ask_all("count", "sums", 1).unwrap();
    let error = settled(&lab, &unknown).unwrap_err();
    assert_eq!(error.to_string(), "component count has no state sums");
    let pending = running.ask_all("count", "counts", 1).unwrap();
    running.kill(Duration::ZERO);
    lab.settle();
    assert_eq!(pending.try_get().unwrap().is_ok(), pending.try_get().is_none(), "given once");
    let late = running.ask_all("count", "counts", 1).unwrap();
    assert_eq!(settled(&lab, &late), Err(QueryError::Ended));
}

#[test]
fn a_state_is_declared_once_and_with_one_type() {
    struct Twice(Log<StateError>);
    impl Bolt for Twice {
        type In = Word;
        type Out = ();
        fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
            let _: StateHandle<String, i64> = context.keyed("a", None)?;
            let twice = context.keyed::<String, i64>("a", None).unwrap_err();
            let again = self.0.len() > 0;
            self.0.add(twice);
            if again {
                self.0.add(context.keyed::<u64, i64>("b", None).unwrap_err());
                return Ok(());
            }
            let _: StateHandle<String, i64> = context.keyed("b", None)?;
            Err("once more".into())
        }
        fn execute(
            &mut self,
            _: Ref<'_, Word>,
            _: &mut Emitter<'_, ()>,
        ) -> Result<Done, ComponentError> {
            Ok(Done::Ack)
        }
    }
    let lab = Lab::new(35, 1);
    let mut builder = TopologyBuilder::new("t");
    builder
        .dyn_spout("words", || ListSpout::new([vec!["a".into()]], &Log::default()))
        .output(&["word"]);
    let errors = Log::default();
    let log = errors.clone();
    builder.bolt("twice", move || Twice(log.clone())).shuffle("words");
    lab.finish(&lab.submit(builder.build().unwrap()), Duration::from_secs(60));
    let errors: Vec<String> = errors.take().iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "state a is declared twice; give one of them another name",
            "state a is declared twice; give one of them another name",
            "state b was declared with other types before; use one type of key and of value",
        ]
    );
}
