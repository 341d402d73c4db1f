//! The window bolt of the typed face.

use tidemill_world::Moment;

use super::gather::{Collector, Gathering, millis};
use super::policy::Windows;
use super::view::Window;
use crate::component::Bolt;
use crate::context::TaskContext;
use crate::emit::Emitter;
use crate::error::ComponentError;
use crate::policy::Done;
use crate::task::Anchor;
use crate::tuple::{Ref, Tuple};

/// What is done with the tuples of one window.
#[expect(unused_variables, reason = "defaults ignore what they are told")]
pub trait WindowBolt: Send + 'static {
    /// What it receives.
    type In: Tuple;
    /// What it emits; `()` if nothing.
    type Out: Tuple;

    /// Called once before anything else.
    ///
    /// # Errors
    /// The instance is dropped and made anew after a pause.
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        Ok(())
    }
    /// The tuple's own time in milliseconds; asked only in [event time](Windows::event_time).
    ///
    /// # Errors
    /// The tuple fails with the error as its reason.
    fn timestamp_ms(&self, tuple: Ref<'_, Self::In>) -> Result<i64, ComponentError> {
        Err("windows go by event time, but the bolt has no timestamp_ms".into())
    }
    /// Writes the key whose session the tuple belongs to; asked only for [sessions](Windows::session). Group the
    /// input by the same fields, or a key's tuples go to several tasks.
    fn key(&self, tuple: Ref<'_, Self::In>, key: &mut Vec<u8>) {}
    /// Handles one window. What it emits is anchored to all of its tuples if they are
    /// [held](crate::Holding::UntilExpired).
    ///
    /// # Errors
    /// All tuples of the window fail, and no later window has them.
    fn window(
        &mut self,
        window: &Window<'_, Self::In>,
        out: &mut Emitter<'_, Self::Out>,
    ) -> Result<(), ComponentError>;
    /// A tuple came too late for its window. It is acked; what is emitted is anchored to it.
    ///
    /// # Errors
    /// The tuple fails with the error as its reason.
    fn late(
        &mut self,
        tuple: Ref<'_, Self::In>,
        out: &mut Emitter<'_, Self::Out>,
    ) -> Result<(), ComponentError> {
        Ok(())
    }
    /// Called once after everything else, unless the instance panicked.
    fn close(&mut self) {}
}

/// A bolt that calls a [`WindowBolt`] for its windows; [`TopologyBuilder::windowed`](crate::TopologyBuilder::windowed)
/// makes it.
pub(crate) struct Windowed<W: WindowBolt> {
    inner: W,
    windows: Windows,
    gathering: Option<Gathering<W::In>>,
    key: Vec<u8>,
}

impl<W: WindowBolt> Windowed<W> {
    pub(crate) fn new(inner: W, windows: Windows) -> Self {
        Self { inner, windows, gathering: None, key: Vec::new() }
    }

    fn fire(&mut self, out: &mut Emitter<'_, W::Out>) {
        if let Some(gathering) = &mut self.gathering {
            let inner = &mut self.inner;
            gathering.fire(out, |window, out| inner.window(window, out));
        }
    }
}

impl<W: WindowBolt> Bolt for Windowed<W> {
    type In = W::In;
    type Out = W::Out;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        let (inputs, now) = (context.inputs().len(), context.clock().now());
        self.gathering = Some(Gathering::new(&self.windows, inputs, now));
        self.inner.prepare(context)
    }

    fn execute(
        &mut self,
        tuple: Ref<'_, W::In>,
        out: &mut Emitter<'_, W::Out>,
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
        let done = gathering.take(W::In::from_ref(tuple), &self.key, at_ms, out);
        if !event_time {
            self.fire(out);
        }
        Ok(done)
    }

    fn end_of_batch(&mut self, out: &mut Emitter<'_, W::Out>) -> Result<(), ComponentError> {
        self.fire(out);
        Ok(())
    }

    fn tick(&mut self, out: &mut Emitter<'_, W::Out>) -> Result<(), ComponentError> {
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

macro_rules! collector {
    ($($generics:ident: $bound:ident)?, $emitter:ty) => {
        impl$(<$generics: $bound>)? Collector for $emitter {
            fn now(&self) -> Moment {
                Self::now(self)
            }
            fn defer(&mut self) -> Anchor {
                Self::defer(self)
            }
            fn ack(&mut self, anchor: Anchor) {
                Self::ack(self, anchor);
            }
            fn fail(&mut self, anchor: Anchor, reason: &str) {
                Self::fail(self, anchor, reason);
            }
            fn reset_timeout(&mut self, anchor: &Anchor) {
                Self::reset_timeout(self, anchor);
            }
            fn report_error(&mut self, error: &str) {
                Self::report_error(self, error);
            }
            fn anchored<'b, R>(
                &mut self,
                anchors: impl Iterator<Item = &'b Anchor>,
                act: impl FnOnce(&mut Self) -> R,
            ) -> R {
                Self::anchored(self, anchors, act)
            }
        }
    };
}
pub(super) use collector;

collector!(T: Tuple, Emitter<'_, T>);
