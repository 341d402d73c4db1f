//! The bolt that understands hits.

use std::sync::Arc;

use tidemill_engine::{
    BoltOutput, ComponentError, Done, DynBolt, StreamIndex, TaskContext, TupleRef, Value,
};

use super::fact::{nothing, values};
use super::works::Works;
use super::written::Written;
use crate::enrich::{Enricher, Fact};
use crate::event;
use crate::hit::Hit;
use crate::import::Sources;
use crate::metrics::Metrics;

/// Turns records of `hits` into facts and raw events.
pub(super) struct EnrichBolt {
    enricher: Enricher,
    sources: Sources,
    written: Written,
    metrics: Arc<Metrics>,
    facts: Option<StreamIndex>,
    events: Option<StreamIndex>,
    event: Vec<u8>,
}

impl EnrichBolt {
    pub(super) fn new(works: &Works) -> Self {
        Self {
            enricher: Enricher::default(),
            sources: works.sources.clone(),
            written: works.written.clone(),
            metrics: Arc::clone(&works.metrics),
            facts: None,
            events: None,
            event: Vec::new(),
        }
    }

    /// The hit of a record, unless there is none or it came before in another import.
    fn hit<'a>(&self, value: &'a [u8], offset: i64) -> Option<Hit<'a>> {
        let Some(hit) = Hit::decode(value) else {
            self.metrics.unreadable.add(1);
            return None;
        };
        match hit.source {
            Some((source, line)) if !self.sources.note(source, line, offset) => {
                self.metrics.lines_again.add(1);
                None
            }
            _ => Some(hit),
        }
    }
}

impl DynBolt for EnrichBolt {
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.facts = context.stream("facts");
        self.events = context.stream("events");
        Ok(())
    }

    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let (Some(facts), Some(events)) = (self.facts, self.events) else {
            return Err("the streams facts and events are not declared".into());
        };
        // The fields of a log spout: key, value, timestamp, partition, offset.
        let number = |at| tuple.get(at).as_i64().unwrap_or(0);
        let (at_ms, partition, offset) = (number(2), number(3), number(4));
        let Some(hit) = self.hit(tuple.get(1).as_bytes().unwrap_or_default(), offset) else {
            out.emit_to(facts, &values(&nothing(at_ms, partition, offset)))?;
            return Ok(Done::Ack);
        };
        let enriched = self.enricher.enrich(hit);
        out.emit_to(facts, &values(&Fact::of(&enriched, at_ms, partition, offset)))?;
        if !self.written.contains(partition, offset) {
            self.event.clear();
            event::encode(&enriched, at_ms, partition, offset, &mut self.event);
            out.emit_to(
                events,
                &[
                    Value::Bytes(&self.event),
                    Value::Str(&enriched.hit.site),
                    Value::I64(at_ms),
                    Value::I64(partition),
                    Value::I64(offset),
                ],
            )?;
        }
        Ok(Done::Ack)
    }
}
