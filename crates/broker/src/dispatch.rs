//! The table of what this broker serves. ApiVersions answers from it, requests are looked up in it, and the
//! documentation page is printed from it.

use std::fmt::Write;

use tidemill_wire::{ApiKey, Message, Reader};

use crate::answer::{Answer, Reply, RequestError};
use crate::context::{Call, Row};
use crate::handlers;

/// The oldest version of an API is also the one told.
macro_rules! row {
    ($api:ident, $versions:literal - $newest:literal, $request:ty, $module:ident, $note:literal) => {
        row!($api, $versions, $versions - $newest, $request, $module, $note)
    };
    ($api:ident, $told:literal, $oldest:literal - $newest:literal, $request:ty, $module:ident,
     $note:literal) => {
        Row {
            api: ApiKey::$api,
            told_from: $told,
            oldest: $oldest,
            newest: $newest,
            note: $note,
            start: |call, mut reader, correlation_id| {
                Box::pin(async move {
                    let version = call.version;
                    let request = <$request>::decode(&mut reader, version)?;
                    let answer = handlers::$module::handle(&call, request).await;
                    Ok(Reply::new(answer, version, correlation_id)?)
                })
            },
        }
    };
}

/// Everything that is served, in the order of API keys.
pub(crate) static TABLE: &[Row] = &[
    row!(
        Produce,
        0,
        3 - 13,
        tidemill_wire::produce::ProduceRequest,
        k00_produce,
        "record batches v2 only; versions 0-2 are told, as Apache Kafka 4 does, because clients choose their compression by it"
    ),
    row!(
        Fetch,
        4 - 18,
        tidemill_wire::fetch::FetchRequest,
        k01_fetch,
        "with sessions and long poll; no follower fetching"
    ),
    row!(
        ListOffsets,
        1 - 11,
        tidemill_wire::list_offsets::ListOffsetsRequest,
        k02_list_offsets,
        "earliest, latest, largest timestamp, by timestamp; nothing is ever in remote storage"
    ),
    row!(
        Metadata,
        0 - 13,
        tidemill_wire::metadata::MetadataRequest,
        k03_metadata,
        "tells the address that the client reached unless another is advertised"
    ),
    row!(
        OffsetCommit,
        2 - 10,
        tidemill_wire::offset_commit::OffsetCommitRequest,
        k08_offset_commit,
        "answered once the offset is on the disk"
    ),
    row!(
        OffsetFetch,
        1 - 10,
        tidemill_wire::offset_fetch::OffsetFetchRequest,
        k09_offset_fetch,
        ""
    ),
    row!(
        FindCoordinator,
        0 - 6,
        tidemill_wire::find_coordinator::FindCoordinatorRequest,
        k10_find_coordinator,
        "groups and transactional ids: this broker coordinates them all"
    ),
    row!(JoinGroup, 0 - 9, tidemill_wire::join_group::JoinGroupRequest, k11_join_group, ""),
    row!(Heartbeat, 0 - 4, tidemill_wire::heartbeat::HeartbeatRequest, k12_heartbeat, ""),
    row!(LeaveGroup, 0 - 5, tidemill_wire::leave_group::LeaveGroupRequest, k13_leave_group, ""),
    row!(SyncGroup, 0 - 5, tidemill_wire::sync_group::SyncGroupRequest, k14_sync_group, ""),
    row!(
        DescribeGroups,
        0 - 6,
        tidemill_wire::describe_groups::DescribeGroupsRequest,
        k15_describe_groups,
        ""
    ),
    row!(ListGroups, 0 - 5, tidemill_wire::list_groups::ListGroupsRequest, k16_list_groups, ""),
    row!(
        ApiVersions,
        0 - 4,
        tidemill_wire::api_versions::ApiVersionsRequest,
        k18_api_versions,
        "any newer version is answered with error 35 in version 0"
    ),
    row!(
        CreateTopics,
        2 - 7,
        tidemill_wire::create_topics::CreateTopicsRequest,
        k19_create_topics,
        "a replication factor above 1 is taken, answered as 1 and logged, because there is one copy; `tidemill.replication.strict` refuses it as Kafka does"
    ),
    row!(
        DeleteTopics,
        1 - 6,
        tidemill_wire::delete_topics::DeleteTopicsRequest,
        k20_delete_topics,
        ""
    ),
    row!(
        DeleteRecords,
        0 - 2,
        tidemill_wire::delete_records::DeleteRecordsRequest,
        k21_delete_records,
        ""
    ),
    row!(
        InitProducerId,
        0 - 5,
        tidemill_wire::init_producer_id::InitProducerIdRequest,
        k22_init_producer_id,
        ""
    ),
    row!(
        OffsetForLeaderEpoch,
        2 - 4,
        tidemill_wire::offset_for_leader_epoch::OffsetForLeaderEpochRequest,
        k23_offset_for_leader_epoch,
        ""
    ),
    row!(
        AddPartitionsToTxn,
        0 - 5,
        tidemill_wire::add_partitions_to_txn::AddPartitionsToTxnRequest,
        k24_add_partitions_to_txn,
        ""
    ),
    row!(
        AddOffsetsToTxn,
        0 - 4,
        tidemill_wire::add_offsets_to_txn::AddOffsetsToTxnRequest,
        k25_add_offsets_to_txn,
        ""
    ),
    row!(
        EndTxn,
        0 - 5,
        tidemill_wire::end_txn::EndTxnRequest,
        k26_end_txn,
        "answered once every partition's marker is on the disk"
    ),
    row!(
        WriteTxnMarkers,
        1 - 2,
        tidemill_wire::write_txn_markers::WriteTxnMarkersRequest,
        k27_write_txn_markers,
        "for whoever mends a transaction that hangs; the broker itself writes its markers without it"
    ),
    row!(
        TxnOffsetCommit,
        0 - 5,
        tidemill_wire::txn_offset_commit::TxnOffsetCommitRequest,
        k28_txn_offset_commit,
        ""
    ),
    row!(
        DescribeConfigs,
        1 - 4,
        tidemill_wire::describe_configs::DescribeConfigsRequest,
        k32_describe_configs,
        "topics, broker, groups and the root logger, with sources, synonyms, types and words; see [configuration](configuration.md)"
    ),
    row!(
        AlterConfigs,
        0 - 2,
        tidemill_wire::alter_configs::AlterConfigsRequest,
        k33_alter_configs,
        "topics and broker"
    ),
    row!(
        AlterReplicaLogDirs,
        1 - 2,
        tidemill_wire::alter_replica_log_dirs::AlterReplicaLogDirsRequest,
        k34_alter_replica_log_dirs,
        "there is one folder, and every partition is in it"
    ),
    row!(
        DescribeLogDirs,
        1 - 5,
        tidemill_wire::describe_log_dirs::DescribeLogDirsRequest,
        k35_describe_log_dirs,
        ""
    ),
    row!(
        CreatePartitions,
        0 - 3,
        tidemill_wire::create_partitions::CreatePartitionsRequest,
        k37_create_partitions,
        ""
    ),
    row!(
        DeleteGroups,
        0 - 2,
        tidemill_wire::delete_groups::DeleteGroupsRequest,
        k42_delete_groups,
        ""
    ),
    row!(
        ElectLeaders,
        0 - 2,
        tidemill_wire::elect_leaders::ElectLeadersRequest,
        k43_elect_leaders,
        "no election is ever needed"
    ),
    row!(
        IncrementalAlterConfigs,
        0 - 1,
        tidemill_wire::incremental_alter_configs::IncrementalAlterConfigsRequest,
        k44_incremental_alter_configs,
        "topics, broker and groups; loggers are set when the program starts"
    ),
    row!(
        AlterPartitionReassignments,
        0 - 1,
        tidemill_wire::alter_partition_reassignments::AlterPartitionReassignmentsRequest,
        k45_alter_partition_reassignments,
        "there is one broker: only the assignment that holds is possible"
    ),
    row!(
        ListPartitionReassignments,
        0 - 0,
        tidemill_wire::list_partition_reassignments::ListPartitionReassignmentsRequest,
        k46_list_partition_reassignments,
        "always empty"
    ),
    row!(
        OffsetDelete,
        0 - 0,
        tidemill_wire::offset_delete::OffsetDeleteRequest,
        k47_offset_delete,
        ""
    ),
    row!(
        DescribeClientQuotas,
        0 - 1,
        tidemill_wire::describe_client_quotas::DescribeClientQuotasRequest,
        k48_describe_client_quotas,
        ""
    ),
    row!(
        AlterClientQuotas,
        0 - 1,
        tidemill_wire::alter_client_quotas::AlterClientQuotasRequest,
        k49_alter_client_quotas,
        "kept and told; none is enforced yet"
    ),
    row!(
        DescribeQuorum,
        0 - 2,
        tidemill_wire::describe_quorum::DescribeQuorumRequest,
        k55_describe_quorum,
        "a quorum of one, without a metadata log"
    ),
    row!(
        UpdateFeatures,
        0 - 2,
        tidemill_wire::update_features::UpdateFeaturesRequest,
        k57_update_features,
        "levels are those this version serves; another one is refused"
    ),
    row!(
        DescribeCluster,
        0 - 2,
        tidemill_wire::describe_cluster::DescribeClusterRequest,
        k60_describe_cluster,
        ""
    ),
    row!(
        DescribeProducers,
        0 - 0,
        tidemill_wire::describe_producers::DescribeProducersRequest,
        k61_describe_producers,
        ""
    ),
    row!(
        DescribeTransactions,
        0 - 0,
        tidemill_wire::describe_transactions::DescribeTransactionsRequest,
        k65_describe_transactions,
        ""
    ),
    row!(
        ListTransactions,
        0 - 2,
        tidemill_wire::list_transactions::ListTransactionsRequest,
        k66_list_transactions,
        ""
    ),
    row!(
        ConsumerGroupHeartbeat,
        0 - 1,
        tidemill_wire::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest,
        k68_consumer_group_heartbeat,
        "assignors uniform and range; racks are kept and not used; a group with members of one protocol takes none of the other"
    ),
    row!(
        ConsumerGroupDescribe,
        0 - 1,
        tidemill_wire::consumer_group_describe::ConsumerGroupDescribeRequest,
        k69_consumer_group_describe,
        ""
    ),
    row!(
        ListConfigResources,
        0 - 1,
        tidemill_wire::list_config_resources::ListConfigResourcesRequest,
        k74_list_config_resources,
        "there are no client metrics"
    ),
    row!(
        DescribeTopicPartitions,
        0 - 0,
        tidemill_wire::describe_topic_partitions::DescribeTopicPartitionsRequest,
        k75_describe_topic_partitions,
        ""
    ),
];

/// Handles one request.
pub(crate) async fn dispatch(
    api_key: i16,
    correlation_id: i32,
    call: Call,
    reader: Reader,
) -> Result<Reply, RequestError> {
    let table = call.shared.table;
    let row = table.iter().find(|row| row.api as i16 == api_key);
    let row = row.ok_or(RequestError::Api(api_key))?;
    if !(row.oldest..=row.newest).contains(&call.version) {
        if row.api != ApiKey::ApiVersions {
            return Err(RequestError::Version { api: row.api, version: call.version });
        }
        // KIP-511: the client asks again with a version from the answer. Its request cannot be read.
        let answer = handlers::k18_api_versions::too_new(table);
        return Ok(Reply::new(Answer::Now(answer), 0, correlation_id)?);
    }
    let (peer, api, version) = (call.client.peer, row.api.name(), call.version);
    tracing::trace!(%peer, api, version, correlation_id, "request");
    (row.start)(call, reader, correlation_id).await
}

/// The head of `docs/kafka-compatibility.md`.
const PAGE_HEAD: &str = "\
# Kafka compatibility

What the broker serves, written from its dispatch table. Apache Kafka 4.3 is the measure: a version that is here is
answered as Kafka answers it.

Idempotent producers, the default of Kafka's clients, are served: a batch that is sent again is kept once, also over a
crash. So are transactions, in the protocol of KIP-890 (`transaction.version=2`) and in the older one: the coordinator's record and the
markers of all partitions are one group commit, which no crash parts. Only where a partition cannot take its
marker is it done in Kafka's two steps.

Groups are served in the classic protocol and in that of KIP-848; members of both do not mix in one group. Offsets that nobody
uses go after `offsets.retention.minutes`, by Kafka's rules (KIP-211).

Not served: TLS, SASL and ACLs; share groups and streams groups; tiered storage; replicas and other brokers. Quotas are kept
and told, and not enforced.

| API | key | versions | |
|---|---|---|---|
";

/// The page `docs/kafka-compatibility.md`.
pub fn compatibility_markdown() -> String {
    let mut page = PAGE_HEAD.to_owned();
    for row in TABLE {
        let (name, key) = (row.api.name(), row.api as i16);
        let _ = writeln!(page, "| {name} | {key} | {}-{} | {} |", row.oldest, row.newest, row.note);
    }
    page
}

#[cfg(test)]
mod tests;
