//! One file for each API, named by its key. A handler takes a decoded request and gives an answer; the versions
//! are in [`dispatch`](crate::dispatch), the encoding is in `tidemill_wire`.

pub(crate) mod resources;

pub(crate) mod k00_produce;
pub(crate) mod k01_fetch;
pub(crate) mod k02_list_offsets;
pub(crate) mod k03_metadata;
pub(crate) mod k08_offset_commit;
pub(crate) mod k09_offset_fetch;
pub(crate) mod k10_find_coordinator;
pub(crate) mod k11_join_group;
pub(crate) mod k12_heartbeat;
pub(crate) mod k13_leave_group;
pub(crate) mod k14_sync_group;
pub(crate) mod k15_describe_groups;
pub(crate) mod k16_list_groups;
pub(crate) mod k18_api_versions;
pub(crate) mod k19_create_topics;
pub(crate) mod k20_delete_topics;
pub(crate) mod k21_delete_records;
pub(crate) mod k22_init_producer_id;
pub(crate) mod k23_offset_for_leader_epoch;
pub(crate) mod k32_describe_configs;
pub(crate) mod k33_alter_configs;
pub(crate) mod k34_alter_replica_log_dirs;
pub(crate) mod k35_describe_log_dirs;
pub(crate) mod k37_create_partitions;
pub(crate) mod k42_delete_groups;
pub(crate) mod k43_elect_leaders;
pub(crate) mod k44_incremental_alter_configs;
pub(crate) mod k45_alter_partition_reassignments;
pub(crate) mod k46_list_partition_reassignments;
pub(crate) mod k47_offset_delete;
pub(crate) mod k48_describe_client_quotas;
pub(crate) mod k49_alter_client_quotas;
pub(crate) mod k55_describe_quorum;
pub(crate) mod k57_update_features;
pub(crate) mod k60_describe_cluster;
pub(crate) mod k68_consumer_group_heartbeat;
pub(crate) mod k69_consumer_group_describe;
pub(crate) mod k74_list_config_resources;
pub(crate) mod k75_describe_topic_partitions;
