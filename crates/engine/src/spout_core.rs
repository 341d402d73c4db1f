//! What a spout's node asks of the component, typed or dynamic.

use crate::component::{DynSpout, Spout};
use crate::context::TaskContext;
use crate::emit::{SpoutEmitter, SpoutOutput, SpoutState};
use crate::epochs::CommitPart;
use crate::error::{ComponentError, FailReason};
use crate::policy::{MessageId, Next, Retries};
use crate::run::Run;
use crate::target::{AnyStreams, Outputs, Targets};

/// A typed or dynamic spout under one face.
pub(crate) trait SpoutCore: Send + 'static {
    type Outs: Outputs + 'static;
    fn open(&mut self, context: &TaskContext) -> Result<(), ComponentError>;
    fn next(
        &mut self,
        outs: &mut Self::Outs,
        state: &mut SpoutState,
        run: &mut Run,
    ) -> Result<Next, ComponentError>;
    fn ack(&mut self, id: MessageId);
    fn fail(&mut self, id: MessageId, reason: &FailReason);
    fn commit(&mut self, low_water: MessageId) -> Result<(), ComponentError>;
    fn retries(&self) -> Retries;
    fn activate(&mut self, active: bool);
    fn commit_part(&mut self, epoch: u64) -> Result<Option<CommitPart>, ComponentError>;
    fn committed(&mut self, epoch: u64);
    fn taken_back(&mut self) -> Result<(), ComponentError>;
    fn close(&mut self);
}

macro_rules! forward_spout {
    ($emitter:ident { $targets:ident }) => {
        fn open(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
            self.0.open(context)
        }
        fn next(
            &mut self,
            outs: &mut Self::Outs,
            state: &mut SpoutState,
            run: &mut Run,
        ) -> Result<Next, ComponentError> {
            self.0.next(&mut $emitter { $targets: outs, state, run })
        }
        fn ack(&mut self, id: MessageId) {
            self.0.ack(id);
        }
        fn fail(&mut self, id: MessageId, reason: &FailReason) {
            self.0.fail(id, reason);
        }
        fn commit(&mut self, low_water: MessageId) -> Result<(), ComponentError> {
            self.0.commit(low_water)
        }
        fn retries(&self) -> Retries {
            self.0.retries()
        }
        fn activate(&mut self, active: bool) {
            if active { self.0.activate() } else { self.0.deactivate() }
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
    };
}

pub(crate) struct TypedSpout<S>(pub(crate) S);

impl<S: Spout> SpoutCore for TypedSpout<S> {
    type Outs = Targets<S::Out>;
    forward_spout!(SpoutEmitter { targets });
}

pub(crate) struct AnySpout(pub(crate) Box<dyn DynSpout>);

impl SpoutCore for AnySpout {
    type Outs = AnyStreams;
    forward_spout!(SpoutOutput { streams });
}
