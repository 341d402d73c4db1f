//! Groupings that users write (Storm's `CustomStreamGrouping`).

use std::fmt;
use std::sync::Arc;

use crate::tuple_ref::TaskId;
use crate::value::Value;

/// What a custom grouping is told before its first tuple.
#[derive(Clone, Debug)]
pub struct GroupingContext {
    /// The component that emits.
    pub component: String,
    /// The stream.
    pub stream: String,
    /// The stream's fields.
    pub fields: Arc<[String]>,
    /// The receiving component's tasks, in order.
    pub tasks: Vec<TaskId>,
}

/// Chooses the tasks that receive a tuple. Each emitting task has an instance of its own.
pub trait CustomGrouping: Send {
    /// Called once before anything else.
    fn prepare(&mut self, context: &GroupingContext);
    /// Adds the tasks that receive a tuple with these fields to `chosen`, which is empty. A task that is not among the
    /// context's is passed over; a tuple that nobody receives is done.
    fn choose(&mut self, values: &[Value<'_>], chosen: &mut Vec<TaskId>);
}

/// Makes the instances of one custom grouping.
#[derive(Clone)]
pub(crate) struct GroupingMaker(pub(crate) Arc<dyn Fn() -> Box<dyn CustomGrouping> + Send + Sync>);

impl fmt::Debug for GroupingMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupingMaker")
    }
}
