//! The window bolt of the dynamic face: any number of input streams with fields of their own.

use tidemill_world::Moment;

use super::gather::{Collector, Gathering, millis};
use super::policy::Windows;
use super::typed::collector;
use super::view::Window;
use crate::component::DynBolt;
use crate::context::{StreamIndex, TaskContext};
use crate::emit::BoltOutput;
use crate::error::ComponentError;
use crate::policy::Done;
use crate::task::Anchor;
use crate::tuple_ref::{TupleMeta, TupleRef};
use crate::value::{OwnedValue, Value};

/// A tuple as a window keeps it.
#[derive(Clone, Debug)]
pub struct WindowTuple {
    meta: TupleMeta,
    values: Vec<OwnedValue>,
}

impl WindowTuple {
    fn of(tuple: &TupleRef<'_>) -> Self {
        Self { meta: tuple.meta.clone(), values: tuple.to_owned_values() }
    }

    /// The field at `index`; null if there is no such field.
    pub fn get(&self, index: usize) -> Value<'_> {
        self.values.get(index).map_or(Value::Null, OwnedValue::as_value)
    }

    /// The field of that name; `None` if the stream declares no such field.
    pub fn by_name(&self, name: &str) -> Option<Value<'_>> {
        let index = self.meta.fields.iter().position(|field| field == name)?;
        Some(self.get(index))
    }

    /// All fields in order.
    pub fn values(&self) -> &[OwnedValue] {
        &self.values
    }

    /// The component that emitted it.
    pub fn component(&self) -> &str {
        &self.meta.component
    }

    /// The stream it was emitted on.
    pub fn stream(&self) -> &str {
        &self.meta.stream
    }
}

/// What is done with the tuples of one window, of any streams.
#[expect(unused_variables, reason = "defaults ignore what they are told")]
pub trait DynWindowBolt: Send {
    /// Called once before anything else.
    ///
    /// # Errors
    /// The instance is dropped and made anew after a pause.
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        Ok(())
    }
    /// The tuple's own time in milliseconds; asked only in [event time](Windows::event_time). Unless written it is the
    /// field `timestamp`.
    ///
    /// # Errors
    /// The tuple fails with the error as its reason.
    fn timestamp_ms(&self, tuple: &TupleRef<'_>) -> Result<i64, ComponentError> {
        let field = tuple.by_name("timestamp").and_then(|value| value.as_i64());
        field.ok_or_else(|| "the tuple has no whole number in a field `timestamp`".into())
    }
    /// Writes the key whose session the tuple belongs to; asked only for [sessions](Windows::session).
    fn key(&self, tuple: &TupleRef<'_>, key: &mut Vec<u8>) {}
    /// Handles one window. What it emits is anchored to all of its tuples if they are
    /// [held](crate::Holding::UntilExpired).
    ///
    /// # Errors
    /// All tuples of the window fail, and no later window has them.
    fn window(
        &mut self,
        window: &Window<'_, WindowTuple>,
        out: &mut BoltOutput<'_>,
    ) -> Result<(), ComponentError>;
    /// A tuple came too late for its window. Unless written it goes to the stream [`LATE_STREAM`] if the bolt declares
    /// it, its fields in one list.
    ///
    /// # Errors
    /// The tuple fails with the error as its reason.
    fn late(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<(), ComponentError> {
        if let Some(stream) = out.stream(LATE_STREAM) {
            emit_late(tuple, stream, out)?;
        }
        Ok(())
    }
    /// Called once after everything else, unless the instance panicked.
    fn close(&mut self) {}
}

/// The stream for tuples that came too late, to be declared with one field.
pub const LATE_STREAM: &str = "late";

fn emit_late(
    tuple: &TupleRef<'_>,
    stream: StreamIndex,
    out: &mut BoltOutput<'_>,
) -> Result<(), ComponentError> {
    let list = OwnedValue::List(tuple.to_owned_values());
    Ok(out.emit_to(stream, &[list.as_value()])?)
}

/// A bolt that calls a [`DynWindowBolt`] for its windows.
pub(crate) struct DynWindowed<W> {
    inner: W,
    windows: Windows,
    gathering: Option<Gathering<WindowTuple>>,
    key: Vec<u8>,
}

impl<W: DynWindowBolt> DynWindowed<W> {
    pub(crate) fn new(inner: W, windows: Windows) -> Self {
        Self { inner, windows, gathering: None, key: Vec::new() }
    }

    fn fire(&mut self, out: &mut BoltOutput<'_>) {
        if let Some(gathering) = &mut self.gathering {
            let inner = &mut self.inner;
            gathering.fire(out, |window, out| inner.window(window, out));
        }
    }
}

impl<W: DynWindowBolt> DynBolt for DynWindowed<W> {
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        let (inputs, now) = (context.inputs().len(), context.clock().now());
        self.gathering = Some(Gathering::new(&self.windows, inputs, now));
        self.inner.prepare(context)
    }

    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let Some(gathering) = &mut self.gathering else { return Ok(Done::Fail) };
        let event_time = gathering.is_event_time();
        let now = out.now();
        let at_ms = if event_time { self.inner.timestamp_ms(tuple)? } else { millis(now) };
        if !gathering.track(out.input(), at_ms, now) {
            return self.inner.late(tuple, out).map(|()| Done::Ack);
        }
        self.key.clear();
        self.inner.key(tuple, &mut self.key);
        let done = gathering.take(WindowTuple::of(tuple), &self.key, at_ms, out);
        if !event_time {
            self.fire(out);
        }
        Ok(done)
    }

    fn end_of_batch(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        self.fire(out);
        Ok(())
    }

    fn tick(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        self.fire(out);
        if let Some(gathering) = &self.gathering {
            gathering.reset_timeouts(out);
        }
        Ok(())
    }

    fn close(&mut self) {
        self.inner.close();
    }
}

collector!(, BoltOutput<'_>);
