//! Random messages made from the descriptions alone, without the generated code: a third opinion.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

#[path = "../../generator/mod.rs"]
pub mod generator;

use generator::schema::{Api, Field, Kind, Scalar};

/// All APIs.
pub fn apis() -> Vec<Api> {
    generator::load(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("messages")).unwrap()
}

/// SplitMix64: enough to turn one seed into many values.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Writes a random message of `fields`.
pub fn random_message(rng: &mut Rng, fields: &[Field], version: i16, flexible: bool) -> Vec<u8> {
    let mut out = Vec::new();
    structure(rng, fields, version, flexible, &mut out);
    out
}

fn structure(rng: &mut Rng, fields: &[Field], version: i16, flexible: bool, out: &mut Vec<u8>) {
    let here = || fields.iter().filter(|field| field.versions.contains(version));
    for field in here().filter(|field| field.tag.is_none()) {
        value(rng, field, version, flexible, out);
    }
    if !flexible {
        return;
    }
    let mut tagged: Vec<_> = here().filter(|field| field.tag.is_some()).collect();
    tagged.sort_by_key(|field| field.tag);
    let mut parts = Vec::new();
    for field in tagged {
        let mut part = Vec::new();
        value(rng, field, version, flexible, &mut part);
        // A tagged field that equals its default is left out; the chance values never equal one, but a
        // null or an empty list may.
        if rng.below(2) == 0 && part != [0] && part != [1] {
            parts.push((field.tag.unwrap(), part));
        }
    }
    varint(parts.len() as u64, out);
    for (tag, part) in parts {
        varint(u64::from(tag), out);
        varint(part.len() as u64, out);
        out.extend(part);
    }
}

fn value(rng: &mut Rng, field: &Field, version: i16, flexible: bool, out: &mut Vec<u8>) {
    let nullable = field.nullable_from.is_some_and(|from| version >= from);
    if nullable && rng.below(4) == 0 {
        match (&field.kind, flexible) {
            (Kind::Struct(..), _) => out.push(0xff),
            (_, true) => varint(0, out),
            (Kind::Scalar(Scalar::String), false) => out.extend((-1i16).to_be_bytes()),
            _ => out.extend((-1i32).to_be_bytes()),
        }
    } else {
        if field.nullable_from.is_some() && matches!(field.kind, Kind::Struct(..)) {
            out.push(1);
        }
        kind(rng, &field.kind, version, flexible, out);
    }
}

fn kind(rng: &mut Rng, written: &Kind, version: i16, flexible: bool, out: &mut Vec<u8>) {
    match written {
        Kind::Scalar(scalar) => self::scalar(rng, scalar, flexible, out),
        Kind::Struct(_, fields) => structure(rng, fields, version, flexible, out),
        Kind::Array(inner) => {
            let count = rng.below(4);
            length(count, 4, flexible, out);
            (0..count).for_each(|_| kind(rng, inner, version, flexible, out));
        }
    }
}

fn scalar(rng: &mut Rng, scalar: &Scalar, flexible: bool, out: &mut Vec<u8>) {
    // At least 2, so that it is not by chance a default.
    let number = (rng.next() >> 1) + 2;
    match scalar {
        Scalar::Int8 => out.push(2 + (number % 100) as u8),
        Scalar::Int16 => out.extend((number as i16).to_be_bytes()),
        Scalar::Int32 => out.extend((number as i32).to_be_bytes()),
        Scalar::Int64 => out.extend(number.to_be_bytes()),
        Scalar::Uint16 => out.extend((number as u16 | 2).to_be_bytes()),
        // A whole number, so that it reads the same however it is printed.
        Scalar::Float64 => out.extend(((number % 1000) as f64).to_be_bytes()),
        Scalar::Bool => out.push(1),
        Scalar::Uuid => (0..16).for_each(|_| out.push(rng.below(255) as u8 + 1)),
        Scalar::String => {
            let count = rng.below(200);
            length(count, 2, flexible, out);
            out.extend((0..count).map(|_| b'a' + rng.below(26) as u8));
        }
        Scalar::Bytes | Scalar::Records => {
            let count = if rng.below(8) == 0 { rng.below(5000) } else { rng.below(20) };
            length(count, 4, flexible, out);
            out.extend((0..count).map(|_| rng.next() as u8));
        }
    }
}

fn length(length: u64, bytes: usize, flexible: bool, out: &mut Vec<u8>) {
    if flexible {
        varint(length + 1, out);
    } else {
        out.extend(&(length as u32).to_be_bytes()[4 - bytes..]);
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Calls `$check!(request or response types of ours, of theirs)` for each API.
#[macro_export]
macro_rules! for_each_api {
    ($check:ident) => {
        $check!(ProduceRequest, ProduceResponse, produce);
        $check!(FetchRequest, FetchResponse, fetch);
        $check!(ListOffsetsRequest, ListOffsetsResponse, list_offsets);
        $check!(MetadataRequest, MetadataResponse, metadata);
        $check!(OffsetCommitRequest, OffsetCommitResponse, offset_commit);
        $check!(OffsetFetchRequest, OffsetFetchResponse, offset_fetch);
        $check!(FindCoordinatorRequest, FindCoordinatorResponse, find_coordinator);
        $check!(JoinGroupRequest, JoinGroupResponse, join_group);
        $check!(HeartbeatRequest, HeartbeatResponse, heartbeat);
        $check!(LeaveGroupRequest, LeaveGroupResponse, leave_group);
        $check!(SyncGroupRequest, SyncGroupResponse, sync_group);
        $check!(DescribeGroupsRequest, DescribeGroupsResponse, describe_groups);
        $check!(ListGroupsRequest, ListGroupsResponse, list_groups);
        $check!(ApiVersionsRequest, ApiVersionsResponse, api_versions);
        $check!(CreateTopicsRequest, CreateTopicsResponse, create_topics);
        $check!(DeleteTopicsRequest, DeleteTopicsResponse, delete_topics);
        $check!(DeleteRecordsRequest, DeleteRecordsResponse, delete_records);
        $check!(InitProducerIdRequest, InitProducerIdResponse, init_producer_id);
        $check!(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, offset_for_leader_epoch);
        $check!(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, add_partitions_to_txn);
        $check!(AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, add_offsets_to_txn);
        $check!(EndTxnRequest, EndTxnResponse, end_txn);
        $check!(WriteTxnMarkersRequest, WriteTxnMarkersResponse, write_txn_markers);
        $check!(TxnOffsetCommitRequest, TxnOffsetCommitResponse, txn_offset_commit);
        $check!(DescribeConfigsRequest, DescribeConfigsResponse, describe_configs);
        $check!(AlterConfigsRequest, AlterConfigsResponse, alter_configs);
        $check!(AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, alter_replica_log_dirs);
        $check!(DescribeLogDirsRequest, DescribeLogDirsResponse, describe_log_dirs);
        $check!(CreatePartitionsRequest, CreatePartitionsResponse, create_partitions);
        $check!(DeleteGroupsRequest, DeleteGroupsResponse, delete_groups);
        $check!(ElectLeadersRequest, ElectLeadersResponse, elect_leaders);
        $check!(
            IncrementalAlterConfigsRequest,
            IncrementalAlterConfigsResponse,
            incremental_alter_configs
        );
        $check!(
            AlterPartitionReassignmentsRequest,
            AlterPartitionReassignmentsResponse,
            alter_partition_reassignments
        );
        $check!(
            ListPartitionReassignmentsRequest,
            ListPartitionReassignmentsResponse,
            list_partition_reassignments
        );
        $check!(OffsetDeleteRequest, OffsetDeleteResponse, offset_delete);
        $check!(DescribeClientQuotasRequest, DescribeClientQuotasResponse, describe_client_quotas);
        $check!(AlterClientQuotasRequest, AlterClientQuotasResponse, alter_client_quotas);
        $check!(DescribeQuorumRequest, DescribeQuorumResponse, describe_quorum);
        $check!(UpdateFeaturesRequest, UpdateFeaturesResponse, update_features);
        $check!(DescribeClusterRequest, DescribeClusterResponse, describe_cluster);
        $check!(DescribeProducersRequest, DescribeProducersResponse, describe_producers);
        $check!(DescribeTransactionsRequest, DescribeTransactionsResponse, describe_transactions);
        $check!(ListTransactionsRequest, ListTransactionsResponse, list_transactions);
        $check!(
            ConsumerGroupHeartbeatRequest,
            ConsumerGroupHeartbeatResponse,
            consumer_group_heartbeat
        );
        $check!(
            ConsumerGroupDescribeRequest,
            ConsumerGroupDescribeResponse,
            consumer_group_describe
        );
        $check!(ListConfigResourcesRequest, ListConfigResourcesResponse, list_config_resources);
        $check!(
            DescribeTopicPartitionsRequest,
            DescribeTopicPartitionsResponse,
            describe_topic_partitions
        );
    };
}
