//! What components emit through: typed and dynamic, for spouts and for bolts.
//!
//! Each is a bundle of borrows made for one call: the component's targets, its task and its unit. An
//! emit into a fused bolt runs that bolt before it returns.

use std::collections::VecDeque;
use std::fmt::Display;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tidemill_world::Moment;

use crate::context::StreamIndex;
use crate::encode::{TupleWriter, encoded_len};
use crate::error::{EmitError, TUPLE_BYTES_MAX};
use crate::poison::Poison;
use crate::policy::MessageId;
use crate::run::{Run, Scope};
use crate::state::{Keyed, StateHandle, StateValue};
use crate::target::{AnyStreams, Outputs, Targets};
use crate::task::{Anchor, TaskState};
use crate::tracker::{Emission, To, Tracker};
use crate::tuple::{Ref, Tuple};
use crate::tuple_ref::{Repr, TaskId};
use crate::value::Value;

/// Roots per turn that an untracked spout is offered room for.
const UNTRACKED_ROOM: usize = 1024;
/// One root in so many that completes within its own chain is timed.
const AGE_SAMPLE: u64 = 64;

/// What a spout task keeps beside its targets.
pub(crate) struct SpoutState {
    pub(crate) task: TaskState,
    pub(crate) tracker: Tracker,
    /// Whether the topology tracks roots at all.
    pub(crate) tracked: bool,
    /// Roots emitted beyond the table's room, to be emitted when there is room again.
    pub(crate) backlog: VecDeque<(Emission, Vec<u8>)>,
    /// Roots emitted in this turn.
    pub(crate) burst: usize,
    /// Roots that failed in epochs of an exactly-once topology.
    pub(crate) poison: Poison,
}

impl SpoutState {
    fn room(&self) -> usize {
        let room = if self.tracked { self.tracker.room() } else { UNTRACKED_ROOM };
        if self.backlog.is_empty() { room } else { 0 }
    }

    /// Emits one tuple: `push` hands it to the targets, `encode` writes it down should that be needed.
    /// Calls `push` before it returns unless there is no room left.
    #[inline]
    pub(crate) fn emit(
        &mut self,
        run: &mut Run,
        id: Option<MessageId>,
        to: To,
        push: impl FnOnce(&mut TaskState, &mut Run) -> u64,
        encode: impl FnOnce(&mut TupleWriter<'_>),
    ) {
        self.burst += 1;
        self.task.stats.emitted.add(1);
        let Some(id) = id else { return self.emit_untracked(run, push) };
        if !self.tracked {
            self.emit_untracked(run, push);
            return self.tracker.untracked(id);
        }
        let emission = Emission { id, to };
        if self.poison.is_dead(id) {
            let mut bytes = Vec::new();
            encode(&mut TupleWriter(&mut bytes));
            return self.poison.bury(emission, bytes);
        }
        let root = if self.backlog.is_empty() { self.tracker.reserve() } else { None };
        let Some(root) = root else {
            let mut bytes = Vec::new();
            encode(&mut TupleWriter(&mut bytes));
            return self.backlog.push_back((emission, bytes));
        };
        let timed = self.task.stats.emitted.get() % AGE_SAMPLE == 1;
        let begun = timed.then(|| run.clock.now());
        run.enter_spout(root);
        let delivered = push(&mut self.task, run);
        let emitted = run.leave_spout();
        self.task.stats.transferred.add(delivered);
        if let (Some(begun), crate::run::Emitted::Complete { .. }) = (begun, &emitted) {
            self.tracker.effects.ages.push(run.clock.now().since(begun));
        }
        let table = &run.ledger()[root.spout as usize].table;
        self.tracker.emitted(emission, emitted, table, run.now, encode);
    }

    fn emit_untracked(
        &mut self,
        run: &mut Run,
        push: impl FnOnce(&mut TaskState, &mut Run) -> u64,
    ) {
        let former = run.enter(Scope::none());
        let delivered = push(&mut self.task, run);
        run.leave_unanchored(former);
        self.task.stats.transferred.add(delivered);
    }
}

/// Emits the tuples of a typed spout.
pub struct SpoutEmitter<'a, T: Tuple> {
    pub(crate) targets: &'a mut Targets<T>,
    pub(crate) state: &'a mut SpoutState,
    pub(crate) run: &'a mut Run,
}

impl<T: Tuple> SpoutEmitter<'_, T> {
    /// How many more roots may be in flight. Emitting more is no error: the engine keeps them until there
    /// is room.
    pub fn room(&self) -> usize {
        self.state.room()
    }

    /// Emits a tuple. With an id it is tracked: `ack` or `fail` is called with that id in the end.
    #[inline]
    pub fn emit(&mut self, id: impl Into<Option<MessageId>>, tuple: Ref<'_, T>) {
        let targets = &mut *self.targets;
        self.state.emit(
            self.run,
            id.into(),
            To::new(0, None),
            |_, run| targets.push(tuple, run),
            |writer| T::encode(tuple, writer),
        );
    }

    /// Counts and logs an error that is not worth failing for.
    pub fn report_error(&mut self, error: impl Display) {
        self.state.task.report(&error, self.run.now);
    }

    /// The time at which this turn began.
    pub fn now(&self) -> Moment {
        self.run.now
    }
}

/// Emits the tuples of a dynamic spout.
pub struct SpoutOutput<'a> {
    pub(crate) streams: &'a mut AnyStreams,
    pub(crate) state: &'a mut SpoutState,
    pub(crate) run: &'a mut Run,
}

impl SpoutOutput<'_> {
    /// How many more roots may be in flight. Emitting more is no error: the engine keeps them until there
    /// is room.
    pub fn room(&self) -> usize {
        self.state.room()
    }

    /// Emits on the default stream. With an id the tuple is tracked: `ack` or `fail` is called with
    /// that id in the end.
    ///
    /// # Errors
    /// The stream or the number of values is wrong; nothing was emitted.
    pub fn emit(
        &mut self,
        id: impl Into<Option<MessageId>>,
        values: &[Value<'_>],
    ) -> Result<(), EmitError> {
        self.emit_to(StreamIndex::DEFAULT, id, values)
    }

    /// Emits on a stream of this component.
    ///
    /// # Errors
    /// The stream or the number of values is wrong; nothing was emitted.
    pub fn emit_to(
        &mut self,
        stream: StreamIndex,
        id: impl Into<Option<MessageId>>,
        values: &[Value<'_>],
    ) -> Result<(), EmitError> {
        self.send(stream, None, id.into(), values, false)
    }

    /// Emits to one task on a direct stream.
    ///
    /// # Errors
    /// The task, the stream or the number of values is wrong; nothing was emitted.
    pub fn emit_direct(
        &mut self,
        task: TaskId,
        stream: StreamIndex,
        id: impl Into<Option<MessageId>>,
        values: &[Value<'_>],
    ) -> Result<(), EmitError> {
        self.send(stream, Some(task), id.into(), values, false)
    }

    /// Emits on a stream and tells which tasks received the tuple: none if there was no room.
    ///
    /// # Errors
    /// The stream or the number of values is wrong; nothing was emitted.
    pub fn emit_with_tasks(
        &mut self,
        stream: StreamIndex,
        id: impl Into<Option<MessageId>>,
        values: &[Value<'_>],
    ) -> Result<&[TaskId], EmitError> {
        self.send(stream, None, id.into(), values, true)?;
        Ok(&self.state.task.receivers)
    }

    fn send(
        &mut self,
        index: StreamIndex,
        direct: Option<TaskId>,
        id: Option<MessageId>,
        values: &[Value<'_>],
        told: bool,
    ) -> Result<(), EmitError> {
        let place = check(self.streams, &self.state.task, index, direct, values)?;
        let stream = &mut self.streams.list[place];
        self.state.task.receivers.clear();
        let repr = Repr::Values(values);
        self.state.emit(
            self.run,
            id,
            To::new(place, direct),
            |task, run| stream.push(direct, repr, run, told.then_some(&mut task.receivers)),
            |writer| repr.encode(writer),
        );
        Ok(())
    }

    /// The stream of that name.
    pub fn stream(&self, name: &str) -> Option<StreamIndex> {
        self.state.task.context.stream(name)
    }

    /// Counts and logs an error that is not worth failing for.
    pub fn report_error(&mut self, error: impl Display) {
        self.state.task.report(&error, self.run.now);
    }

    /// The time at which this turn began.
    pub fn now(&self) -> Moment {
        self.run.now
    }
}

/// Emits the tuples of a typed bolt, and keeps, acks and fails its tuples.
pub struct Emitter<'a, T: Tuple> {
    pub(crate) targets: &'a mut Targets<T>,
    pub(crate) task: &'a mut TaskState,
    pub(crate) run: &'a mut Run,
}

/// What typed and dynamic bolts can do alike.
macro_rules! anchor_methods {
    () => {
        /// Runs `act` with `anchors` in the place of the tuple in hand: what it emits is anchored to
        /// all of them, or to nothing if there are none.
        pub fn anchored<'b, R>(
            &mut self,
            anchors: impl IntoIterator<Item = &'b Anchor>,
            act: impl FnOnce(&mut Self) -> R,
        ) -> R {
            let scope = self.task.anchored_scope(anchors.into_iter());
            let former = self.run.enter(scope);
            // The former scope must come back even if the component panics in `act`.
            let result = catch_unwind(AssertUnwindSafe(|| act(self)));
            self.run.leave_anchored(former);
            result.unwrap_or_else(|panic| resume_unwind(panic))
        }

        /// Keeps the tuple in hand beyond this call: its root waits for the anchor's `ack` or `fail`.
        pub fn defer(&mut self) -> Anchor {
            self.task.defer(self.run)
        }

        /// A tuple kept before is done.
        pub fn ack(&mut self, anchor: Anchor) {
            self.task.ack(&anchor, self.run);
        }

        /// A tuple kept before has failed: its root is to be replayed.
        pub fn fail(&mut self, anchor: Anchor, reason: &str) {
            self.task.fail(&anchor, reason, self.run);
        }

        /// Restarts the message timeout of a tuple kept before.
        pub fn reset_timeout(&mut self, anchor: &Anchor) {
            self.task.touch(anchor, self.run);
        }

        /// Counts and logs an error that is not worth failing for.
        pub fn report_error(&mut self, error: impl Display) {
            self.task.report(&error, self.run.now);
        }

        /// The time at which this turn began.
        pub fn now(&self) -> Moment {
            self.run.now
        }

        /// Ends the epoch as soon as may be, because it has grown large; nothing in topologies that are not
        /// exactly-once.
        pub fn end_epoch(&self) {
            if let Some(epochs) = &self.run.control.epochs {
                epochs.request();
            }
        }

        /// A keyed state of this task, by the handle that [`TaskContext::keyed`](crate::TaskContext::keyed) gave
        /// this very task.
        #[inline]
        pub fn state<K: StateValue + Hash + Eq, V: StateValue>(
            &mut self,
            handle: StateHandle<K, V>,
        ) -> &mut Keyed<K, V> {
            match self.task.stores.get(handle) {
                Some(state) => state,
                None => unreachable!("a handle of a state is used by another task than its own"),
            }
        }

        /// Which of the component's [inputs](crate::TaskContext::inputs) the tuple in hand came from; outside of
        /// `execute` the one before.
        pub fn input(&self) -> usize {
            self.task.input
        }
    };
}

impl<T: Tuple> Emitter<'_, T> {
    /// Emits a tuple anchored to the tuple in hand; outside of `execute` it is anchored to nothing.
    #[inline]
    pub fn emit(&mut self, tuple: Ref<'_, T>) {
        self.task.stats.emitted.add(1);
        let delivered = self.targets.push(tuple, self.run);
        self.task.stats.transferred.add(delivered);
    }

    /// Emits a tuple that nobody tracks.
    pub fn emit_unanchored(&mut self, tuple: Ref<'_, T>) {
        let former = self.run.enter(Scope::none());
        self.emit(tuple);
        self.run.leave_unanchored(former);
    }

    /// Emits a tuple anchored to tuples kept before.
    pub fn emit_anchored<'b>(
        &mut self,
        anchors: impl IntoIterator<Item = &'b Anchor>,
        tuple: Ref<'_, T>,
    ) {
        let scope = self.task.anchored_scope(anchors.into_iter());
        let former = self.run.enter(scope);
        self.emit(tuple);
        self.run.leave_anchored(former);
    }

    anchor_methods!();
}

/// Emits the tuples of a dynamic bolt, and keeps, acks and fails its tuples.
pub struct BoltOutput<'a> {
    pub(crate) streams: &'a mut AnyStreams,
    pub(crate) task: &'a mut TaskState,
    pub(crate) run: &'a mut Run,
}

impl BoltOutput<'_> {
    /// Emits on the default stream, anchored to the tuple in hand; outside of `execute` to nothing.
    ///
    /// # Errors
    /// The stream or the number of values is wrong; nothing was emitted.
    pub fn emit(&mut self, values: &[Value<'_>]) -> Result<(), EmitError> {
        self.emit_to(StreamIndex::DEFAULT, values)
    }

    /// Emits on a stream of this component, anchored to the tuple in hand.
    ///
    /// # Errors
    /// The stream or the number of values is wrong; nothing was emitted.
    pub fn emit_to(&mut self, stream: StreamIndex, values: &[Value<'_>]) -> Result<(), EmitError> {
        self.send(stream, None, values, false)
    }

    /// Emits to one task on a direct stream, anchored to the tuple in hand.
    ///
    /// # Errors
    /// The task, the stream or the number of values is wrong; nothing was emitted.
    pub fn emit_direct(
        &mut self,
        task: TaskId,
        stream: StreamIndex,
        values: &[Value<'_>],
    ) -> Result<(), EmitError> {
        self.send(stream, Some(task), values, false)
    }

    /// Emits on a stream, anchored to the tuple in hand, and tells which tasks received the tuple.
    ///
    /// # Errors
    /// The stream or the number of values is wrong; nothing was emitted.
    pub fn emit_with_tasks(
        &mut self,
        stream: StreamIndex,
        values: &[Value<'_>],
    ) -> Result<&[TaskId], EmitError> {
        self.send(stream, None, values, true)?;
        Ok(&self.task.receivers)
    }

    /// Emits a tuple that nobody tracks.
    ///
    /// # Errors
    /// The stream or the number of values is wrong; nothing was emitted.
    pub fn emit_unanchored(
        &mut self,
        stream: StreamIndex,
        values: &[Value<'_>],
    ) -> Result<(), EmitError> {
        self.anchored([], |out| out.emit_to(stream, values))
    }

    /// Emits a tuple anchored to tuples kept before.
    ///
    /// # Errors
    /// The stream or the number of values is wrong; nothing was emitted.
    pub fn emit_anchored(
        &mut self,
        anchors: &[&Anchor],
        stream: StreamIndex,
        values: &[Value<'_>],
    ) -> Result<(), EmitError> {
        self.anchored(anchors.iter().copied(), |out| out.emit_to(stream, values))
    }

    fn send(
        &mut self,
        index: StreamIndex,
        direct: Option<TaskId>,
        values: &[Value<'_>],
        told: bool,
    ) -> Result<(), EmitError> {
        let place = check(self.streams, self.task, index, direct, values)?;
        let stream = &mut self.streams.list[place];
        self.task.receivers.clear();
        self.task.stats.emitted.add(1);
        let receivers = told.then_some(&mut self.task.receivers);
        let delivered = stream.push(direct, Repr::Values(values), self.run, receivers);
        self.task.stats.transferred.add(delivered);
        Ok(())
    }

    /// The stream of that name.
    pub fn stream(&self, name: &str) -> Option<StreamIndex> {
        self.task.context.stream(name)
    }

    anchor_methods!();
}

/// Refuses an emit that does not fit the stream; returns the stream's place.
#[inline]
fn check(
    streams: &AnyStreams,
    task: &TaskState,
    index: StreamIndex,
    direct: Option<TaskId>,
    values: &[Value<'_>],
) -> Result<usize, EmitError> {
    let component = || task.context.component().to_owned();
    let place = streams.place(index);
    let Some(stream) = streams.list.get(place) else {
        return Err(EmitError::UnknownStream { component: component() });
    };
    let name = || stream.name.clone();
    if values.len() != stream.arity {
        let (given, declared) = (values.len(), stream.arity);
        return Err(EmitError::WrongArity {
            component: component(),
            stream: name(),
            given,
            declared,
        });
    }
    if direct.is_some() != stream.direct {
        let direct = stream.direct;
        return Err(EmitError::Directness { component: component(), stream: name(), direct });
    }
    if let Some(task) = direct.filter(|task| !stream.takes_direct(*task)) {
        return Err(EmitError::UnknownTask { component: component(), stream: name(), task });
    }
    let bytes: usize = values.iter().map(|value| encoded_len(*value)).sum();
    if bytes > TUPLE_BYTES_MAX {
        return Err(EmitError::TooLarge { bytes });
    }
    Ok(place)
}

/// Emits again what the backlog kept, as long as there is room.
pub(crate) fn emit_backlog<O: Outputs>(
    outs: &mut O,
    state: &mut SpoutState,
    run: &mut Run,
) -> bool {
    let mut moved = false;
    while !run.is_stalled()
        && state.tracker.room() > 0
        && let Some((emission, bytes)) = state.backlog.pop_front()
    {
        let waiting = std::mem::take(&mut state.backlog);
        state.emit(
            run,
            Some(emission.id),
            emission.to,
            |_, run| outs.push_again(emission.to, &bytes, run),
            |writer| writer.0.extend_from_slice(&bytes),
        );
        // It was counted when the spout emitted it.
        state.task.stats.emitted.add(u64::MAX);
        state.backlog = waiting;
        moved = true;
    }
    moved
}
