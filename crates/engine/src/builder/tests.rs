//! What a builder refuses, and what it says.

use crate::component::{Bolt, DynBolt, DynSpout, Spout};
use crate::emit::{BoltOutput, Emitter, SpoutEmitter, SpoutOutput};
use crate::error::ComponentError;
use crate::policy::{Done, Next};
use crate::tuple::Ref;
use crate::tuple_ref::TupleRef;

use super::*;

crate::tuple! {
    struct Line { text: str }
    struct Word { word: str }
    struct Number { word: i64 }
}

struct Nothing;

impl Spout for Nothing {
    type Out = Line;
    fn next(&mut self, _: &mut SpoutEmitter<'_, Line>) -> Result<Next, ComponentError> {
        Ok(Next::Finished)
    }
}

impl DynSpout for Nothing {
    fn next(&mut self, _: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        Ok(Next::Finished)
    }
}

impl DynBolt for Nothing {
    fn execute(
        &mut self,
        _: &TupleRef<'_>,
        _: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        Ok(Done::Ack)
    }
}

struct Words;

impl Bolt for Words {
    type In = Line;
    type Out = Word;
    fn execute(
        &mut self,
        _: Ref<'_, Line>,
        _: &mut Emitter<'_, Word>,
    ) -> Result<Done, ComponentError> {
        Ok(Done::Ack)
    }
}

struct Sum;

impl Bolt for Sum {
    type In = Number;
    type Out = ();
    fn execute(
        &mut self,
        _: Ref<'_, Number>,
        _: &mut Emitter<'_, ()>,
    ) -> Result<Done, ComponentError> {
        Ok(Done::Ack)
    }
}

/// Builds a topology with a dynamic spout `s` and what `declare` adds, and returns what is refused.
fn refused(declare: impl FnOnce(&mut TopologyBuilder)) -> String {
    let mut builder = TopologyBuilder::new("t");
    builder.dyn_spout("s", || Nothing).output(&["a", "b"]).direct_stream("d", &["c"]);
    declare(&mut builder);
    builder.build().map(|_| "nothing".to_owned()).unwrap_or_else(|error| error.to_string())
}

fn bolt<'a>(builder: &'a mut TopologyBuilder, id: &str) -> DynBoltDeclarer<'a> {
    builder.dyn_bolt(id, || Nothing).output(&["x"])
}

#[test]
fn a_sound_topology_is_built() {
    let said = refused(|builder| {
        bolt(builder, "all").all("s");
        bolt(builder, "direct").direct(("s", "d"));
        bolt(builder, "fields").fields("s", &["b", "a"]).parallelism(3);
        bolt(builder, "dead").shuffle(("s", DEAD_LETTER_STREAM));
        bolt(builder, "ticks").tick(Duration::from_secs(1));
    });
    assert_eq!(said, "nothing");
}

#[test]
fn a_topology_needs_a_spout() {
    let mut builder = TopologyBuilder::new("t");
    bolt(&mut builder, "b").tick(Duration::from_secs(1));
    assert_eq!(builder.build().unwrap_err(), BuildError::NoSpout);
}

#[test]
fn ids_are_unique_and_not_reserved() {
    let twice = refused(|builder| {
        bolt(builder, "s").shuffle("s");
    });
    assert_eq!(twice, "component s is declared twice; give one of them another id");
    let reserved = refused(|builder| {
        bolt(builder, "__ack").shuffle("s");
    });
    assert_eq!(reserved, "component id __ack is reserved; ids must not start with __");
    let empty = refused(|builder| {
        bolt(builder, "").shuffle("s");
    });
    assert_eq!(empty, "a component has an empty id; give it a name");
}

#[test]
fn sizes_are_in_range() {
    let none = refused(|builder| {
        bolt(builder, "b").shuffle("s").parallelism(0);
    });
    assert_eq!(none, "component b has parallelism 0; use at least 1");
    let few = refused(|builder| {
        bolt(builder, "b").shuffle("s").parallelism(3).tasks(2);
    });
    assert_eq!(few, "component b has parallelism 3 but 2 tasks; use at least as many tasks");
    let many = refused(|builder| {
        bolt(builder, "b").shuffle("s").parallelism(5000);
    });
    assert_eq!(many, "the topology has 5001 tasks; the limit is 4096, lower some parallelism");
    let pending = refused(|builder| {
        builder.max_pending(0);
    });
    assert_eq!(pending, "max_pending is 0; use 1 to 1048576");
}

#[test]
fn streams_and_fields_are_declared_once() {
    let stream = refused(|builder| {
        bolt(builder, "b").output(&["y"]).shuffle("s");
    });
    assert_eq!(stream, "component b declares stream default twice; rename one");
    let field = refused(|b| {
        bolt(b, "b").stream("more", &["y", "z", "y"]).shuffle("s");
    });
    assert_eq!(field, "stream more of b declares field y twice; rename one");
    let reserved = refused(|builder| {
        bolt(builder, "b").stream("__tick", &[]).shuffle("s");
    });
    assert_eq!(
        reserved,
        "component b declares reserved stream __tick; names must not start with __"
    );
}

#[test]
fn names_are_not_empty() {
    assert_eq!(TopologyBuilder::new("").build().unwrap_err(), BuildError::EmptyName);
    let stream = refused(|builder| {
        bolt(builder, "b").stream("", &["x"]).shuffle("s");
    });
    assert_eq!(stream, "component b declares a stream without a name; give it one");
    let field = refused(|builder| {
        bolt(builder, "b").stream("more", &["x", ""]).shuffle("s");
    });
    assert_eq!(field, "stream more of b declares a field without a name; give it one");
}

#[test]
fn times_are_not_zero() {
    let tick = refused(|builder| {
        bolt(builder, "b").tick(Duration::ZERO);
    });
    assert_eq!(tick, "the tick of component b is zero; use a longer time");
    let timeout = refused(|builder| {
        builder.message_timeout(Duration::ZERO);
    });
    assert_eq!(timeout, "message_timeout is zero; use a longer time");
}

#[test]
fn feedback_follows_the_input_it_means() {
    let said = refused(|builder| {
        bolt(builder, "b").feedback().shuffle("s");
    });
    assert_eq!(
        said,
        "bolt b declares .feedback() before any input; put it after the grouping it is meant for"
    );
}

#[test]
fn a_bolt_that_emits_nothing_has_no_stream() {
    let mut builder = TopologyBuilder::new("t");
    builder.dyn_spout("s", || Nothing).output(&["word"]);
    builder.bolt("sum", || Sum).shuffle("s");
    builder.dyn_bolt("end", || Nothing).shuffle("sum");
    assert_eq!(
        builder.build().unwrap_err().to_string(),
        "bolt end subscribes to unknown stream default of sum; known are: none"
    );
}

#[test]
fn inputs_name_what_exists() {
    let component = refused(|builder| {
        bolt(builder, "b").shuffle("spout");
    });
    assert_eq!(component, "bolt b subscribes to unknown component spout; known are: s, b");
    let stream = refused(|builder| {
        bolt(builder, "b").shuffle(("s", "errors"));
    });
    assert_eq!(stream, "bolt b subscribes to unknown stream errors of s; known are: default, d");
    let field = refused(|builder| {
        bolt(builder, "b").fields("s", &["a", "word"]);
    });
    assert_eq!(
        field,
        "bolt b groups by field word, which stream default of s lacks; its fields are: a, b"
    );
    let fields = refused(|builder| {
        bolt(builder, "b").fields("s", &[]);
    });
    assert_eq!(fields, "bolt b groups s by no fields; name some, or use .global");
    let none = refused(|builder| {
        bolt(builder, "b");
    });
    assert_eq!(none, "bolt b has neither input nor tick; subscribe it with a grouping");
    let twice = refused(|builder| {
        bolt(builder, "b").shuffle("s").all("s");
    });
    assert_eq!(twice, "bolt b subscribes to stream default of s twice; drop one grouping");
}

#[test]
fn direct_goes_with_direct() {
    let plain = refused(|builder| {
        bolt(builder, "b").direct("s");
    });
    assert_eq!(
        plain,
        "bolt b uses direct grouping on stream default of s, which is not direct; declare it with .direct_stream, or use another grouping"
    );
    let direct = refused(|builder| {
        bolt(builder, "b").shuffle(("s", "d"));
    });
    assert_eq!(
        direct,
        "bolt b uses shuffle grouping on direct stream d of s; use .direct, or declare the stream with .stream"
    );
}

#[test]
fn typed_bolts_take_what_fits() {
    let names = refused(|builder| {
        builder.bolt("words", || Words).shuffle("s");
    });
    assert_eq!(
        names,
        "bolt words takes (text: str), but stream default of s carries (a: any, b: any); change one of them"
    );
    let mut builder = TopologyBuilder::new("t");
    let lines = builder.spout("lines", || Nothing).handle();
    builder.bolt("words", || Words).shuffle(&lines);
    builder.bolt("sum", || Sum).shuffle("words");
    assert_eq!(
        builder.build().unwrap_err().to_string(),
        "bolt sum takes (word: i64), but stream default of words carries (word: str); change one of them"
    );
}

#[test]
fn a_dynamic_stream_may_feed_a_typed_bolt() {
    let mut builder = TopologyBuilder::new("t");
    builder.dyn_spout("s", || Nothing).output(&["text"]);
    let words = builder.bolt("words", || Words).shuffle("s").handle();
    builder.dyn_bolt("end", || Nothing).fields(&words, &["word"]);
    assert!(builder.build().is_ok());
}

#[test]
fn cycles_need_a_feedback() {
    let cycle = |feedback: bool| {
        refused(|builder| {
            bolt(builder, "a").shuffle("s").shuffle("c");
            bolt(builder, "b").shuffle("a");
            let last = bolt(builder, "c").shuffle("b");
            if feedback {
                last.feedback();
            }
        })
    };
    assert_eq!(
        cycle(false),
        "components a -> b -> c -> a form a cycle, whose bounded queues could lock up; break it, or declare one of its inputs with .feedback()"
    );
    assert_eq!(cycle(true), "nothing");
}

#[test]
fn a_components_configuration_lies_over_the_topologys() {
    let mut builder = TopologyBuilder::new("t");
    builder.config("a", 1i64).config("b", 1i64);
    builder.dyn_spout("s", || Nothing).config("b", 2i64);
    let topology = builder.build().unwrap();
    let config = &topology.components[0].config;
    assert_eq!(config["a"], OwnedValue::I64(1));
    assert_eq!(config["b"], OwnedValue::I64(2));
}
