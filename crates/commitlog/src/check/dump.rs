//! The batches of one segment as text.

use std::fmt::Write as _;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;
use tidemill_world::{Disk, OpenHow};

use super::report::CheckError;
use crate::batch::{BatchHeader, Compression, EndMarker, RecordView, TimestampType, records};
use crate::index::ActiveIndex;
use crate::scan::scan_each;

/// One batch of a segment file.
#[derive(Clone, Debug)]
pub struct DumpedBatch {
    /// Where it begins in the file.
    pub position: u64,
    /// Its header.
    pub header: BatchHeader,
    /// The transaction marker that it is, if it is one.
    pub marker: Option<EndMarker>,
    /// Its records, if they were asked for; control records are [`marker`](Self::marker).
    pub records: Vec<DumpedRecord>,
    /// Why its records are not all here.
    pub problem: Option<String>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedRecord {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since 1970 UTC.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Gives each batch of the segment file `path` to `each`, with its records if `deep`, until that breaks. Returns why the
/// file ends before its length, if it does: zeros are no reason.
///
/// # Errors
/// The disk refused. A log that is open may be dumped; its last batches may look cut short.
pub fn dump(
    disk: &dyn Disk,
    path: &Path,
    deep: bool,
    mut each: impl FnMut(&DumpedBatch) -> ControlFlow<()>,
) -> Result<Option<String>, CheckError> {
    let io = |error| CheckError::io(path)(error);
    let file = disk.open(path, OpenHow::Read).map_err(io)?;
    let mut problem: Option<io::Error> = None;
    let mut flow = ControlFlow::Continue(());
    let found = scan_each(&*file, 0, i64::MIN, &mut ActiveIndex::new(0), |header, position| {
        if flow.is_break() || problem.is_some() {
            return;
        }
        let mut batch = vec![0; header.bytes];
        match file.read_at(&mut batch, position) {
            Ok(_) => flow = each(&open(header, position, &batch.into(), deep)),
            Err(error) => problem = Some(error),
        }
    });
    let found = found.map_err(io)?;
    match problem {
        Some(error) => Err(io(error)),
        None => Ok(found.bad.map(|what| format!("at byte {}: {what}", found.end))),
    }
}

fn open(header: &BatchHeader, position: u64, batch: &Bytes, deep: bool) -> DumpedBatch {
    let marker = if header.is_control() { EndMarker::read(batch) } else { None };
    let (mut found, mut problem) = (Vec::new(), None);
    if deep && !header.is_control() {
        match records(batch) {
            Ok(opened) => {
                for record in &opened {
                    match record {
                        Ok(record) => found.push(DumpedRecord::of(&record)),
                        Err(error) => problem = Some(error.to_string()),
                    }
                }
            }
            Err(error) => problem = Some(error.to_string()),
        }
    }
    DumpedBatch { position, header: *header, marker, records: found, problem }
}

impl DumpedRecord {
    fn of(record: &RecordView<'_>) -> Self {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        Self {
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: owned(record.key),
            value: owned(record.value),
            headers: record.headers().map(|(name, value)| (name.to_vec(), owned(value))).collect(),
        }
    }
}

impl DumpedBatch {
    /// One line for the batch and one for each record, with `\n` at the end of each.
    pub fn text(&self) -> String {
        let Self { header, position, .. } = self;
        let mut text = format!(
            "offsets {} to {} at byte {position}: {} records, {} bytes, codec {}, {} {}, leader epoch {}, crc {:08x}",
            header.base_offset,
            header.last_offset(),
            header.record_count,
            header.bytes,
            self.codec(),
            time_name(header),
            header.max_timestamp_ms,
            header.leader_epoch,
            header.crc,
        );
        if header.producer_id >= 0 {
            let (id, epoch) = (header.producer_id, header.producer_epoch);
            put(
                &mut text,
                format_args!(", producer {id} epoch {epoch} sequence {}", header.base_sequence),
            );
        }
        if header.is_transactional() {
            text.push_str(", transactional");
        }
        if let Some(horizon) = header.delete_horizon_ms() {
            put(&mut text, format_args!(", delete horizon {horizon}"));
        }
        match &self.marker {
            Some(marker) => {
                let end = if marker.commit { "commit" } else { "abort" };
                put(
                    &mut text,
                    format_args!(", {end} by coordinator epoch {}", marker.coordinator_epoch),
                );
            }
            None if header.is_control() => text.push_str(", control"),
            None => {}
        }
        if let Some(problem) = &self.problem {
            put(&mut text, format_args!(", records cannot be read: {problem}"));
        }
        text.push('\n');
        for record in &self.records {
            let (offset, time) = (record.offset, record.timestamp_ms);
            put(&mut text, format_args!("  offset {offset} time {time} key "));
            put_text(&mut text, record.key.as_deref());
            text.push_str(" value ");
            put_text(&mut text, record.value.as_deref());
            for (name, value) in &record.headers {
                put(&mut text, format_args!(" {}=", name.escape_ascii()));
                put_text(&mut text, value.as_deref());
            }
            text.push('\n');
        }
        text
    }

    /// One JSON object, without a line's end. Bytes that are no UTF-8 text are in hexadecimal, under a name that
    /// ends in `_hex`.
    pub fn json(&self) -> String {
        let Self { header, position, .. } = self;
        let mut json = format!(
            "{{\"position\":{position},\"base_offset\":{},\"last_offset\":{},\"records\":{},\"bytes\":{},\
             \"codec\":\"{}\",\"timestamp_type\":\"{}\",\"max_timestamp_ms\":{},\"leader_epoch\":{},\"crc\":{},\
             \"producer_id\":{},\"producer_epoch\":{},\"base_sequence\":{},\"transactional\":{},\"control\":{}",
            header.base_offset,
            header.last_offset(),
            header.record_count,
            header.bytes,
            self.codec(),
            time_name(header),
            header.max_timestamp_ms,
            header.leader_epoch,
            header.crc,
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
            header.is_transactional(),
            header.is_control(),
        );
        if let Some(horizon) = header.delete_horizon_ms() {
            put(&mut json, format_args!(",\"delete_horizon_ms\":{horizon}"));
        }
        if let Some(marker) = &self.marker {
            let (commit, epoch) = (marker.commit, marker.coordinator_epoch);
            put(&mut json, format_args!(",\"commit\":{commit},\"coordinator_epoch\":{epoch}"));
        }
        if let Some(problem) = &self.problem {
            json.push_str(",\"problem\":");
            put_string(&mut json, problem);
        }
        if !self.records.is_empty() {
            json.push_str(",\"content\":[");
            for (at, record) in self.records.iter().enumerate() {
                json.push_str(if at == 0 { "" } else { "," });
                record.put_json(&mut json);
            }
            json.push(']');
        }
        json.push('}');
        json
    }

    fn codec(&self) -> &'static str {
        self.header.compression().map_or("unknown", Compression::name)
    }
}

impl DumpedRecord {
    fn put_json(&self, json: &mut String) {
        put(
            json,
            format_args!("{{\"offset\":{},\"timestamp_ms\":{}", self.offset, self.timestamp_ms),
        );
        put_bytes(json, "key", self.key.as_deref());
        put_bytes(json, "value", self.value.as_deref());
        if !self.headers.is_empty() {
            json.push_str(",\"headers\":[");
            for (at, (name, value)) in self.headers.iter().enumerate() {
                json.push_str(if at == 0 { "{" } else { ",{" });
                json.push_str("\"name\":");
                put_string(json, &String::from_utf8_lossy(name));
                put_bytes(json, "value", value.as_deref());
                json.push('}');
            }
            json.push(']');
        }
        json.push('}');
    }
}

fn time_name(header: &BatchHeader) -> &'static str {
    match header.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}

fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = out.write_fmt(arguments);
}

fn put_text(out: &mut String, bytes: Option<&[u8]>) {
    match bytes {
        None => out.push_str("null"),
        Some(bytes) => put(out, format_args!("\"{}\"", bytes.escape_ascii())),
    }
}

fn put_bytes(json: &mut String, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => put(json, format_args!(",\"{name}\":null")),
        Some((_, Ok(text))) => {
            put(json, format_args!(",\"{name}\":"));
            put_string(json, text);
        }
        Some((bytes, Err(_))) => {
            put(json, format_args!(",\"{name}_hex\":\""));
            bytes.iter().for_each(|byte| put(json, format_args!("{byte:02x}")));
            json.push('"');
        }
    }
}

fn put_string(json: &mut String, text: &str) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            letter if letter.is_control() => {
                put(json, format_args!("\\u{:04x}", u32::from(letter)));
            }
            letter => json.push(letter),
        }
    }
    json.push('"');
}
