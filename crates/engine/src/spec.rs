//! What a topology is made of, before anything runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::context::{DEAD_LETTER_FIELDS, DEAD_LETTER_STREAM, GroupingInfo};
use crate::epochs::Commits;
use crate::grouping::GroupingMaker;
use crate::guarantee::Guarantee;
use crate::spout_node::SpoutMaker;
use crate::target::BoltMaker;
use crate::tuple::Kind;
use crate::value::OwnedValue;
use crate::window::Windows;

#[derive(Clone)]
pub(crate) enum Maker {
    Spout(Arc<dyn SpoutMaker>),
    Bolt(Arc<dyn BoltMaker>),
}

#[derive(Clone, Debug)]
pub(crate) struct StreamDecl {
    pub(crate) name: String,
    pub(crate) fields: Arc<[String]>,
    /// One per field; `Any` in dynamic components.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) direct: bool,
}

impl StreamDecl {
    pub(crate) fn new(name: &str, fields: &[&str], kinds: Vec<Kind>, direct: bool) -> Self {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Self { name: name.to_owned(), fields, kinds, direct }
    }

    pub(crate) fn dynamic(name: &str, fields: &[&str], direct: bool) -> Self {
        Self::new(name, fields, vec![Kind::Any; fields.len()], direct)
    }

    pub(crate) fn dead_letters() -> Self {
        let kinds = vec![Kind::I64, Kind::Str, Kind::I64, Kind::Str, Kind::Any];
        Self::new(DEAD_LETTER_STREAM, &DEAD_LETTER_FIELDS, kinds, false)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct InputDecl {
    pub(crate) component: String,
    pub(crate) stream: String,
    pub(crate) grouping: GroupingInfo,
    /// Makes the instances of a custom grouping.
    pub(crate) custom: Option<GroupingMaker>,
    pub(crate) feedback: bool,
}

#[derive(Clone)]
pub(crate) struct ComponentSpec {
    pub(crate) id: String,
    pub(crate) maker: Maker,
    pub(crate) streams: Vec<StreamDecl>,
    pub(crate) inputs: Vec<InputDecl>,
    /// Its executors when the topology starts.
    pub(crate) parallelism: usize,
    /// Its tasks, if they are not as many.
    pub(crate) tasks: Option<usize>,
    pub(crate) config: BTreeMap<String, OwnedValue>,
    pub(crate) tick: Option<Duration>,
    pub(crate) blocking: bool,
    /// `.feedback()` was said before there was an input to mean.
    pub(crate) feedback_of_nothing: bool,
    /// How it cuts windows, if it does.
    pub(crate) windows: Option<Windows>,
    /// The fields and their types that a typed bolt takes.
    pub(crate) takes: Option<(&'static [&'static str], &'static [Kind])>,
}

impl ComponentSpec {
    pub(crate) fn new(id: &str, maker: Maker) -> Self {
        Self {
            id: id.to_owned(),
            maker,
            streams: Vec::new(),
            inputs: Vec::new(),
            parallelism: 1,
            tasks: None,
            config: BTreeMap::new(),
            tick: None,
            blocking: false,
            feedback_of_nothing: false,
            windows: None,
            takes: None,
        }
    }

    pub(crate) fn is_spout(&self) -> bool {
        matches!(self.maker, Maker::Spout(_))
    }

    /// How many tasks it has, for as long as the topology runs.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.unwrap_or(self.parallelism)
    }

    /// The declared stream of that name, or a spout's dead letters.
    pub(crate) fn stream(&self, name: &str) -> Option<StreamDecl> {
        if self.is_spout() && name == DEAD_LETTER_STREAM {
            return Some(StreamDecl::dead_letters());
        }
        self.streams.iter().find(|stream| stream.name == name).cloned()
    }
}

/// A checked topology, ready for [`Engine::submit`](crate::Engine::submit).
pub struct Topology {
    pub(crate) name: String,
    pub(crate) components: Vec<ComponentSpec>,
    pub(crate) guarantee: Guarantee,
    pub(crate) commits: Option<Commits>,
    pub(crate) message_timeout: Duration,
    pub(crate) pending_max: usize,
}

impl Topology {
    /// The topology's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl std::fmt::Debug for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<_> = self.components.iter().map(|component| &component.id).collect();
        f.debug_struct("Topology").field("name", &self.name).field("components", &ids).finish()
    }
}
