//! What a bolt's node asks of the component, typed or dynamic.

use crate::component::{Bolt, DynBolt};
use crate::context::TaskContext;
use crate::emit::{BoltOutput, Emitter};
use crate::epochs::CommitPart;
use crate::error::ComponentError;
use crate::policy::Done;
use crate::run::Run;
use crate::target::{AnyStreams, Dynamic, Input, Outputs, Targets};
use crate::task::TaskState;
use crate::tuple_ref::TupleRef;

/// A typed or dynamic bolt under one face.
pub(crate) trait BoltCore: Send + 'static {
    type In: Input;
    type Outs: Outputs + 'static;
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError>;
    fn execute(
        &mut self,
        tuple: <Self::In as Input>::Ref<'_>,
        io: Io<'_, Self::Outs>,
    ) -> Result<Done, ComponentError>;
    fn call(&mut self, hook: Hook, io: Io<'_, Self::Outs>) -> Result<(), ComponentError>;
    fn commit_part(&mut self, epoch: u64) -> Result<Option<CommitPart>, ComponentError>;
    fn committed(&mut self, epoch: u64);
    fn taken_back(&mut self) -> Result<(), ComponentError>;
    fn close(&mut self);
}

/// The calls that carry no tuple.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    EndOfBatch,
    Poll,
    Tick,
}

/// What a call may reach: the component's outputs, its task and its unit.
pub(crate) struct Io<'a, O> {
    pub(crate) outs: &'a mut O,
    pub(crate) task: &'a mut TaskState,
    pub(crate) run: &'a mut Run,
}

pub(crate) struct TypedBolt<B>(pub(crate) B);

impl<B: Bolt> BoltCore for TypedBolt<B> {
    type In = B::In;
    type Outs = Targets<B::Out>;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.0.prepare(context)
    }

    #[inline]
    fn execute(
        &mut self,
        tuple: <B::In as Input>::Ref<'_>,
        io: Io<'_, Self::Outs>,
    ) -> Result<Done, ComponentError> {
        self.0.execute(tuple, &mut Emitter { targets: io.outs, task: io.task, run: io.run })
    }

    fn call(&mut self, hook: Hook, io: Io<'_, Self::Outs>) -> Result<(), ComponentError> {
        let out = &mut Emitter { targets: io.outs, task: io.task, run: io.run };
        match hook {
            Hook::EndOfBatch => self.0.end_of_batch(out),
            Hook::Poll => self.0.poll(out),
            Hook::Tick => self.0.tick(out),
        }
    }

    fn commit_part(&mut self, epoch: u64) -> Result<Option<CommitPart>, ComponentError> {
        self.0.commit_part(epoch)
    }

    fn committed(&mut self, epoch: u64) {
        self.0.committed(epoch);
    }

    fn taken_back(&mut self) -> Result<(), ComponentError> {
        self.0.taken_back()
    }

    fn close(&mut self) {
        self.0.close();
    }
}

pub(crate) struct AnyBolt(pub(crate) Box<dyn DynBolt>);

impl BoltCore for AnyBolt {
    type In = Dynamic;
    type Outs = AnyStreams;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.0.prepare(context)
    }

    #[inline]
    fn execute(
        &mut self,
        tuple: TupleRef<'_>,
        io: Io<'_, AnyStreams>,
    ) -> Result<Done, ComponentError> {
        self.0.execute(&tuple, &mut BoltOutput { streams: io.outs, task: io.task, run: io.run })
    }

    fn call(&mut self, hook: Hook, io: Io<'_, AnyStreams>) -> Result<(), ComponentError> {
        let out = &mut BoltOutput { streams: io.outs, task: io.task, run: io.run };
        match hook {
            Hook::EndOfBatch => self.0.end_of_batch(out),
            Hook::Poll => self.0.poll(out),
            Hook::Tick => self.0.tick(out),
        }
    }

    fn commit_part(&mut self, epoch: u64) -> Result<Option<CommitPart>, ComponentError> {
        self.0.commit_part(epoch)
    }

    fn committed(&mut self, epoch: u64) {
        self.0.committed(epoch);
    }

    fn taken_back(&mut self) -> Result<(), ComponentError> {
        self.0.taken_back()
    }

    fn close(&mut self) {
        self.0.close();
    }
}
