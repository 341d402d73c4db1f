//! Records of a topic as tuples.

use tidemill_commitlog::batch::records;
use tidemill_commitlog::{Log, Partition, ReadError, Subscription};
use tidemill_engine::{ComponentError, DynSpout, MessageId, Next, SpoutOutput, TaskContext, Value};

/// The fields.
pub const LOG_FIELDS: [&str; 5] = ["key", "value", "timestamp", "partition", "offset"];
/// Bytes of one read.
const READ_BYTES: usize = 256 << 10;

/// Where to begin.
pub enum Start {
    /// At the first record that is kept.
    Earliest,
}

/// Reads partition 0 of a topic.
pub struct LogSpout {
    log: Log,
    topic: &'static str,
    source: Option<(Partition, Subscription)>,
    next_offset: i64,
}

impl LogSpout {
    /// A spout for a topic.
    pub fn new(log: Log, topic: &'static str, _: Start) -> Self {
        Self { log, topic, source: None, next_offset: 0 }
    }
}

impl DynSpout for LogSpout {
    fn open(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        let partition = self.log.partition(self.topic, 0).ok_or("the topic is not there")?;
        self.next_offset = partition.log_start_offset();
        let subscription = partition.on_change(context.wake());
        self.source = Some((partition, subscription));
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        let Some((partition, _)) = &self.source else { return Ok(Next::Finished) };
        if self.next_offset >= partition.high_watermark() {
            return Ok(Next::Idle);
        }
        let read = match partition.read(self.next_offset, READ_BYTES) {
            Ok(read) => read,
            Err(ReadError::OutOfRange { log_start_offset, .. }) => {
                self.next_offset = log_start_offset;
                return Ok(Next::More);
            }
            Err(error) => return Err(error.into()),
        };
        for batch in read.batches() {
            for record in &records(&batch)? {
                let record = record?;
                if record.offset < self.next_offset {
                    continue;
                }
                out.emit(
                    MessageId::try_from(record.offset).ok(),
                    &[
                        record.key.map_or(Value::Null, Value::Bytes),
                        record.value.map_or(Value::Null, Value::Bytes),
                        Value::I64(record.timestamp_ms),
                        Value::I64(0),
                        Value::I64(record.offset),
                    ],
                )?;
                self.next_offset = record.offset + 1;
            }
        }
        self.next_offset = self.next_offset.max(read.next_offset);
        Ok(Next::More)
    }
}
