//! Which partitions are read outside a group, and from where.

use std::collections::BTreeMap;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::error::CliError;
use crate::records::librdkafka::client::{ANSWER_TIMEOUT, Context};
use crate::records::types::{Reading, Start};

/// Takes the partitions that are wanted, each from where reading begins. Returns where each ends, if reading does.
pub(super) fn assign(
    consumer: &BaseConsumer<Context>,
    reading: &Reading,
) -> Result<Option<BTreeMap<i32, i64>>, CliError> {
    let [topic] = &reading.topics[..] else {
        return Err(CliError::Usage("several topics can be read in a group only; give -g".into()));
    };
    let failed = |error: KafkaError| CliError::failed(format!("topic `{topic}`"), error);
    let partitions = partitions_of(consumer, topic, reading.partition)?;
    let limited = reading.stop_at_end || reading.until_ms.is_some();
    let counted = limited || matches!(reading.start, Start::Last(_) | Start::At(_));
    let since = match reading.start {
        Start::Since(ms) => Some(offsets_at(consumer, topic, &partitions, ms)?),
        _ => None,
    };
    let mut ends = BTreeMap::new();
    let mut assignment = TopicPartitionList::new();
    for partition in partitions {
        let (low, high) = if counted {
            let marks = consumer.fetch_watermarks(topic, partition, ANSWER_TIMEOUT);
            marks.map_err(failed)?
        } else {
            (0, i64::MAX)
        };
        let (offset, known) = match reading.start {
            Start::Beginning => (Offset::Beginning, low),
            Start::End => (Offset::End, high),
            Start::At(at) => (Offset::Offset(at), at),
            Start::Last(count) => {
                let at = high.saturating_sub(count).max(low);
                (Offset::Offset(at), at)
            }
            Start::Since(_) => {
                let found = since.as_ref().and_then(|found| found.get(&partition));
                let at = found.copied().flatten();
                (at.map_or(Offset::End, Offset::Offset), at.unwrap_or(high))
            }
        };
        if let Start::At(at) = reading.start
            && !(low..=high).contains(&at)
        {
            let what = format!("topic `{topic}` partition {partition}");
            let why = format!("it has offsets {low} to {high}, not {at}");
            return Err(CliError::failed(what, why));
        }
        if limited && known >= high {
            continue;
        }
        ends.insert(partition, high);
        assignment.add_partition_offset(topic, partition, offset).map_err(failed)?;
    }
    consumer.assign(&assignment).map_err(failed)?;
    Ok(limited.then_some(ends))
}

fn partitions_of(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    wanted: Option<i32>,
) -> Result<Vec<i32>, CliError> {
    let what = format!("topic `{topic}`");
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER_TIMEOUT);
    let metadata = metadata.map_err(|error| CliError::failed(&what, error))?;
    let partitions: Vec<i32> = metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions().iter().map(|partition| partition.id()))
        .collect();
    if partitions.is_empty() {
        let help = "`tidemill topic list` shows what is there";
        return Err(CliError::with_help(what, "there is no such topic", help));
    }
    match wanted {
        None => Ok(partitions),
        Some(wanted) if partitions.contains(&wanted) => Ok(vec![wanted]),
        Some(_) => {
            let why = format!("it has {} partitions, counted from 0", partitions.len());
            Err(CliError::failed(what, why))
        }
    }
}

/// The first offset that is not older, if there is one, of each partition.
fn offsets_at(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    partitions: &[i32],
    ms: i64,
) -> Result<BTreeMap<i32, Option<i64>>, CliError> {
    let failed = |error: KafkaError| CliError::failed(format!("topic `{topic}`"), error);
    let mut wanted = TopicPartitionList::new();
    for partition in partitions {
        wanted.add_partition_offset(topic, *partition, Offset::Offset(ms)).map_err(failed)?;
    }
    let found = consumer.offsets_for_times(wanted, ANSWER_TIMEOUT).map_err(failed)?;
    let offset = |offset: Offset| match offset {
        Offset::Offset(at) => Some(at),
        _ => None,
    };
    Ok(found.elements().iter().map(|e| (e.partition(), offset(e.offset()))).collect())
}
