//! TxnOffsetCommit (key 28): offsets of a group that count when the producer's transaction commits (KIP-98).
//!
//! Versions: 3 is flexible and says who commits, so that a member that was put out of its group is fenced
//! (KIP-447); 4 knows `TRANSACTION_ABORTABLE`; 5 adds the group to the transaction by itself (KIP-890).
//! Answered once the offsets are on the disk.

use tidemill_commitlog::offsets::CommittedOffset;
use tidemill_wire::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use tidemill_wire::{ErrorCode, Text, Uuid};

use crate::answer::Answer;
use crate::context::Call;
use crate::errors;
use crate::groups::types::{CommitKind, CommitScope, Identity};
use crate::topics::wire_id;
use crate::transactions::driver::Admission;
use crate::transactions::types::{Producer, VERSION_0, VERSION_2};

/// The first version whose clients know `TRANSACTION_ABORTABLE`.
const ABORTABLE: i16 = 4;
/// The first version that adds the group.
const ADDS: i16 = 5;

/// A topic of the answer: what became of each partition.
type Checked = (Text, Vec<(i32, Result<(), ErrorCode>)>);
type Keep = (String, i32, CommittedOffset);

/// Asks the group and the transaction, then keeps the offsets.
pub(crate) async fn handle(
    call: &Call,
    request: TxnOffsetCommitRequest,
) -> Answer<TxnOffsetCommitResponse> {
    let allowed = allow(call, &request);
    let mut keep = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let partitions = topic.partitions.into_iter().map(|asked| {
            let index = asked.partition_index;
            let checked = check(call, &allowed, &topic.name, asked);
            (index, checked.map(|offset| keep.push((topic.name.to_string(), index, offset))))
        });
        topics.push((topic.name.clone(), partitions.collect()));
    }
    if keep.is_empty() {
        return Answer::Now(answer(topics, Ok(())));
    }
    let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
    let admission = match admit(call, &request.transactional_id, producer).await {
        Ok(admission) => admission,
        Err(error) => return Answer::Now(answer(topics, Err(error))),
    };
    let keep: Vec<_> =
        keep.iter().map(|(name, index, offset): &Keep| (&**name, *index, offset.clone())).collect();
    let offsets = &call.shared.offsets;
    let kept = offsets.commit_in_transaction(&request.group_id, &keep, producer.id, producer.epoch);
    Answer::Later(Box::pin(async move {
        let kept = kept.await.map(drop).map_err(|error| {
            tracing::warn!(%error, "offsets of a transaction were not kept");
            errors::append(&error)
        });
        // Only now: what is on the way must be known before the transaction ends.
        drop(admission);
        answer(topics, kept)
    }))
}

/// Whether the group takes offsets from this member, and of which partitions.
fn allow(call: &Call, request: &TxnOffsetCommitRequest) -> Result<CommitScope, ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let who = Identity {
        member_id: request.member_id.clone(),
        instance_id: request.group_instance_id.clone(),
        generation: request.generation_id,
    };
    call.shared.groups.commit(&request.group_id, &who, CommitKind::Transactional)
}

fn check(
    call: &Call,
    allowed: &Result<CommitScope, ErrorCode>,
    topic: &str,
    asked: TxnOffsetCommitRequestPartition,
) -> Result<CommittedOffset, ErrorCode> {
    let scope = allowed.as_ref().map_err(|error| *error)?;
    call.shared.place(topic, asked.partition_index)?;
    let id = call.shared.find_topic(false, topic, Uuid::ZERO).map(|topic| wire_id(&topic))?;
    scope.check(id, asked.partition_index)?;
    let metadata = asked.committed_metadata.unwrap_or_default();
    if metadata.len() > call.shared.config.offset_metadata_bytes_max {
        return Err(ErrorCode::OffsetMetadataTooLarge);
    }
    if asked.committed_offset < 0 {
        return Err(ErrorCode::InvalidCommitOffsetSize);
    }
    Ok(CommittedOffset {
        offset: asked.committed_offset,
        leader_epoch: asked.committed_leader_epoch,
        metadata: metadata.as_str().to_owned(),
    })
}

/// Asks the transaction's coordinator; older clients get errors that they know.
async fn admit(call: &Call, id: &Text, producer: Producer) -> Result<Admission, ErrorCode> {
    let version = if call.version >= ADDS { VERSION_2 } else { VERSION_0 };
    let place = [call.shared.offsets_place()];
    let admission = call.shared.transactions.admit(id, producer, version, &place).await;
    match admission {
        Ok(admission) if admission.outside.is_empty() => Ok(admission),
        Ok(_) if call.version >= ABORTABLE => Err(ErrorCode::TransactionAbortable),
        Ok(_) => Err(ErrorCode::InvalidTxnState),
        Err(ErrorCode::ConcurrentTransactions) if call.version < ADDS => {
            Err(ErrorCode::CoordinatorLoadInProgress)
        }
        Err(error) => Err(errors::fenced(error, false)),
    }
}

fn answer(topics: Vec<Checked>, kept: Result<(), ErrorCode>) -> TxnOffsetCommitResponse {
    let topic = |(name, partitions): Checked| TxnOffsetCommitResponseTopic {
        name,
        partitions: partitions
            .into_iter()
            .map(|(partition_index, checked)| TxnOffsetCommitResponsePartition {
                partition_index,
                error_code: checked.and(kept).err().unwrap_or(ErrorCode::None).code(),
            })
            .collect(),
    };
    let topics = topics.into_iter().map(topic).collect();
    TxnOffsetCommitResponse { topics, ..Default::default() }
}
