//! Administration over real sockets: each request, its refusals, and what holds after a restart.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Connection, Server};
use tidemill_wire::alter_client_quotas::{self, AlterClientQuotasRequest};
use tidemill_wire::alter_configs::{self, AlterConfigsRequest};
use tidemill_wire::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use tidemill_wire::alter_replica_log_dirs::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest,
};
use tidemill_wire::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use tidemill_wire::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult,
    CreateTopicsRequest,
};
use tidemill_wire::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use tidemill_wire::describe_client_quotas::{ComponentData, DescribeClientQuotasRequest};
use tidemill_wire::describe_cluster::DescribeClusterRequest;
use tidemill_wire::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResult,
};
use tidemill_wire::describe_log_dirs::DescribeLogDirsRequest;
use tidemill_wire::describe_quorum::{self, DescribeQuorumRequest};
use tidemill_wire::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, TopicRequest,
};
use tidemill_wire::elect_leaders::{ElectLeadersRequest, TopicPartitions};
use tidemill_wire::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use tidemill_wire::list_config_resources::ListConfigResourcesRequest;
use tidemill_wire::list_partition_reassignments::ListPartitionReassignmentsRequest;
use tidemill_wire::update_features::{FeatureUpdateKey, UpdateFeaturesRequest};
use tidemill_wire::{ErrorCode, Uuid};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

fn create_request(name: &str, partitions: i32, factor: i16) -> CreateTopicsRequest {
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: factor,
        ..Default::default()
    };
    CreateTopicsRequest { topics: vec![topic], ..Default::default() }
}

fn create(client: &mut Connection, request: &CreateTopicsRequest) -> CreatableTopicResult {
    client.call(request, 7).topics.remove(0)
}

fn alter(client: &mut Connection, kind: i8, name: &str, changes: &[(i8, &str, &str)]) -> i16 {
    let configs = changes.iter().map(|(operation, name, value)| AlterableConfig {
        name: (*name).into(),
        config_operation: *operation,
        value: Some((*value).into()),
    });
    let resource = AlterConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configs: configs.collect(),
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    client.call(&request, 1).responses[0].error_code
}

fn describe(client: &mut Connection, kind: i8, name: &str) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configuration_keys: None,
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    };
    client.call(&request, 4).results.remove(0)
}

/// Value and source of one setting.
fn told(client: &mut Connection, kind: i8, name: &str, setting: &str) -> (String, i8) {
    let described = describe(client, kind, name);
    let found = described.configs.iter().find(|one| &*one.name == setting).unwrap();
    (found.value.as_deref().unwrap_or_default().to_owned(), found.config_source)
}

#[test]
fn all_settings_of_a_topic_are_told_with_types_and_words() {
    let server = Server::start();
    let mut client = server.connect();
    create(&mut client, &create_request("t", 1, 1));
    let described = describe(&mut client, TOPIC, "t");
    // Kafka's 33 public ones and ours.
    assert_eq!((described.error_code, described.configs.len()), (0, 34));
    for one in &described.configs {
        assert!(one.config_type > 0 && !one.read_only && one.config_source == 5, "{}", one.name);
        assert!(!one.documentation.as_deref().unwrap().is_empty(), "{}", one.name);
    }
    assert_eq!(described.configs.iter().filter(|one| one.synonyms.is_empty()).count(), 9);
    let missing = describe(&mut client, TOPIC, "missing");
    assert_eq!(missing.error_code, ErrorCode::UnknownTopicOrPartition.code());
    assert_eq!(describe(&mut client, 99, "t").error_code, ErrorCode::InvalidRequest.code());
}

#[test]
fn settings_change_and_outlive_a_restart() {
    let mut server = Server::start();
    let mut client = server.connect();
    create(&mut client, &create_request("t", 1, 1));
    assert_eq!(alter(&mut client, TOPIC, "t", &[(SET, "retention.ms", "604800000")]), 0);
    assert_eq!(alter(&mut client, TOPIC, "t", &[(APPEND, "cleanup.policy", "compact")]), 0);
    assert_eq!(alter(&mut client, BROKER, "", &[(SET, "log.segment.bytes", "2097152")]), 0);
    assert_eq!(alter(&mut client, BROKER, "0", &[(SET, "max.connections", "500")]), 0);
    server.restart();
    let mut client = server.connect();
    // Given to the topic, also if it is the default; then by the broker; then by nobody.
    assert_eq!(told(&mut client, TOPIC, "t", "retention.ms"), ("604800000".into(), 1));
    assert_eq!(told(&mut client, TOPIC, "t", "cleanup.policy"), ("delete,compact".into(), 1));
    assert_eq!(told(&mut client, TOPIC, "t", "segment.bytes"), ("2097152".into(), 3));
    assert_eq!(told(&mut client, BROKER, "0", "max.connections"), ("500".into(), 2));
    assert_eq!(server.log().topic("t").unwrap().config.segment_bytes, Some(2 << 20));
    assert_eq!(alter(&mut client, TOPIC, "t", &[(DELETE, "retention.ms", "")]), 0);
    assert_eq!(told(&mut client, TOPIC, "t", "retention.ms"), ("604800000".into(), 5));
    let twice = [(SET, "retention.ms", "1"), (DELETE, "retention.ms", "")];
    assert_eq!(alter(&mut client, TOPIC, "t", &twice), ErrorCode::InvalidRequest.code());
    let refused = alter(&mut client, BROKER, "0", &[(SET, "node.id", "3")]);
    assert_eq!(refused, ErrorCode::InvalidRequest.code());
}

#[test]
fn the_older_request_replaces_everything() {
    let server = Server::start();
    let mut client = server.connect();
    create(&mut client, &create_request("t", 1, 1));
    alter(&mut client, TOPIC, "t", &[(SET, "retention.ms", "5"), (SET, "segment.ms", "6")]);
    let config =
        alter_configs::AlterableConfig { name: "segment.ms".into(), value: Some("7".into()) };
    let resource = alter_configs::AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".into(),
        configs: vec![config],
    };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
    assert_eq!(client.call(&request, 2).responses[0].error_code, 0);
    assert_eq!(told(&mut client, TOPIC, "t", "segment.ms"), ("7".into(), 1));
    assert_eq!(told(&mut client, TOPIC, "t", "retention.ms").1, 5);
}

#[test]
fn topics_are_made_as_kafka_makes_them() {
    let server = Server::start();
    let mut client = server.connect();
    let made = create(&mut client, &create_request("three", -1, 3));
    assert_eq!((made.error_code, made.num_partitions, made.replication_factor), (0, 1, 1));
    assert_eq!(made.configs.unwrap().len(), 34);
    let mut request = create_request("set", 2, 1);
    request.topics[0].configs =
        vec![CreatableTopicConfig { name: "retention.ms".into(), value: Some("9".into()) }];
    request.validate_only = true;
    assert_eq!(create(&mut client, &request).num_partitions, 2);
    assert!(server.log().topic("set").is_none());
    let mut placed = create_request("placed", -1, -1);
    placed.topics[0].assignments = [0, 1]
        .map(|index| CreatableReplicaAssignment { partition_index: index, broker_ids: vec![0] })
        .into();
    assert_eq!(create(&mut client, &placed).num_partitions, 2);
    placed.topics[0].name = "elsewhere".into();
    placed.topics[0].assignments[1].broker_ids = vec![7];
    for (request, error) in [
        (placed, ErrorCode::InvalidReplicaAssignment),
        (create_request("three", 1, 1), ErrorCode::TopicAlreadyExists),
        (create_request("x", 0, 1), ErrorCode::InvalidPartitions),
        (create_request("x", 1, 0), ErrorCode::InvalidReplicationFactor),
        (create_request("a/b", 1, 1), ErrorCode::InvalidTopicException),
        (create_request("__cluster_metadata", 1, 1), ErrorCode::InvalidRequest),
    ] {
        assert_eq!(create(&mut client, &request).error_code, error.code());
    }
    create(&mut client, &create_request("a.b", 1, 1));
    let collides = create(&mut client, &create_request("a_b", 1, 1));
    assert_eq!(&*collides.error_message.unwrap(), "Topic 'a_b' collides with existing topic: a.b");
}

#[test]
fn a_strict_broker_refuses_what_one_broker_cannot_do() {
    let server = Server::with(|config| {
        config.replication_factor_strict = true;
        config.delete_topics = false;
    });
    let mut client = server.connect();
    let refused = create(&mut client, &create_request("t", 1, 3));
    assert_eq!(refused.error_code, ErrorCode::InvalidReplicationFactor.code());
    create(&mut client, &create_request("t", 1, 1));
    let named = DeleteTopicState { name: Some("t".into()), topic_id: Uuid::ZERO };
    let request = DeleteTopicsRequest { topics: vec![named], ..Default::default() };
    let refused = &client.call(&request, 6).responses[0];
    assert_eq!(refused.error_code, ErrorCode::TopicDeletionDisabled.code());
}

#[test]
fn partitions_are_added_and_told_in_pages() {
    let server = Server::start();
    let mut client = server.connect();
    create(&mut client, &create_request("a", 1, 1));
    create(&mut client, &create_request("b", 2, 1));
    let mut add = |count, error: ErrorCode| {
        let topic = CreatePartitionsTopic { name: "a".into(), count, assignments: None };
        let request = CreatePartitionsRequest { topics: vec![topic], ..Default::default() };
        let results = client.call(&request, 3).results;
        assert_eq!((results.len(), results[0].error_code), (1, error.code()));
    };
    add(3, ErrorCode::None);
    add(3, ErrorCode::InvalidPartitions);
    add(1, ErrorCode::InvalidPartitions);
    assert!(server.log().partition("a", 2).is_some());
    let named = |name: &str| TopicRequest { name: name.into() };
    let mut request = DescribeTopicPartitionsRequest {
        topics: vec![named("b"), named("missing"), named("a")],
        response_partition_limit: 2,
        cursor: None,
    };
    let mut pages = Vec::new();
    loop {
        let page = client.call(&request, 0);
        for topic in &page.topics {
            let indexes = topic.partitions.iter().map(|one| one.partition_index);
            pages.push((topic.name.as_deref().unwrap().to_owned(), indexes.collect::<Vec<_>>()));
        }
        let Some(next) = page.next_cursor else { break };
        let (topic_name, partition_index) = (next.topic_name, next.partition_index);
        request.cursor = Some(Cursor { topic_name, partition_index });
    }
    let expected =
        [("a", vec![0, 1]), ("a", vec![2]), ("b", vec![0]), ("b", vec![1]), ("missing", vec![])];
    assert_eq!(pages, expected.map(|(name, indexes)| (name.to_owned(), indexes)));
}

#[test]
fn folders_elections_and_reassignments_are_those_of_one_broker() {
    let server = Server::start();
    let mut client = server.connect();
    create(&mut client, &create_request("t", 2, 1));
    let dirs = client.call(&DescribeLogDirsRequest { topics: None }, 5).results.remove(0);
    assert!(dirs.total_bytes > 0 && dirs.usable_bytes > 0 && !dirs.is_cordoned);
    let topic = dirs.topics.iter().find(|topic| &*topic.name == "t").unwrap();
    assert_eq!(topic.partitions.len(), 2);
    let mut move_to = |path: &str| {
        let topic = AlterReplicaLogDirTopic { name: "t".into(), partitions: vec![0, 9] };
        let dir = AlterReplicaLogDir { path: path.into(), topics: vec![topic] };
        let result = client.call(&AlterReplicaLogDirsRequest { dirs: vec![dir] }, 2);
        let partitions = &result.results[0].partitions;
        partitions.iter().map(|one| one.error_code).collect::<Vec<_>>()
    };
    assert_eq!(move_to(&dirs.log_dir), [0, ErrorCode::UnknownTopicOrPartition.code()]);
    assert_eq!(move_to("/nowhere"), [ErrorCode::LogDirNotFound.code(); 2]);
    let topic = TopicPartitions { topic: "t".into(), partitions: vec![0, 9] };
    let request = ElectLeadersRequest { topic_partitions: Some(vec![topic]), ..Default::default() };
    let elected = client.call(&request, 2).replica_election_results.remove(0).partition_result;
    let errors: Vec<i16> = elected.iter().map(|one| one.error_code).collect();
    let expected = [ErrorCode::ElectionNotNeeded, ErrorCode::UnknownTopicOrPartition];
    assert_eq!(errors, expected.map(ErrorCode::code));
    let all = ElectLeadersRequest { topic_partitions: None, ..Default::default() };
    assert!(client.call(&all, 2).replica_election_results.is_empty());
    let partitions = [Some(vec![0]), Some(vec![7]), None]
        .map(|replicas| ReassignablePartition { partition_index: 0, replicas })
        .into();
    let topic = ReassignableTopic { name: "t".into(), partitions };
    let request = AlterPartitionReassignmentsRequest { topics: vec![topic], ..Default::default() };
    let moved = client.call(&request, 1).responses.remove(0).partitions;
    let errors: Vec<i16> = moved.iter().map(|one| one.error_code).collect();
    let expected =
        [ErrorCode::None, ErrorCode::InvalidReplicaAssignment, ErrorCode::NoReassignmentInProgress];
    assert_eq!(errors, expected.map(ErrorCode::code));
    let listed = client.call(&ListPartitionReassignmentsRequest::default(), 0);
    assert_eq!((listed.error_code, listed.topics.len()), (0, 0));
}

#[test]
fn quotas_are_kept_and_found() {
    let mut server = Server::start();
    let mut client = server.connect();
    let mut set = |kind: &str, key: &str, value: f64| {
        let entity = alter_client_quotas::EntityData {
            entity_type: kind.into(),
            entity_name: Some("c1".into()),
        };
        let op = alter_client_quotas::OpData { key: key.into(), value, remove: false };
        let entry = alter_client_quotas::EntryData { entity: vec![entity], ops: vec![op] };
        let request = AlterClientQuotasRequest { entries: vec![entry], validate_only: false };
        client.call(&request, 1).entries[0].error_code
    };
    assert_eq!(set("client-id", "producer_byte_rate", 1000.0), 0);
    for (kind, key, value) in [
        ("zoo", "producer_byte_rate", 1.0),
        ("client-id", "nonsense", 1.0),
        ("client-id", "producer_byte_rate", -1.0),
        ("client-id", "producer_byte_rate", 1.5),
        ("client-id", "producer_byte_rate", f64::NAN),
        ("ip", "connection_creation_rate", 1.0),
    ] {
        assert_eq!(set(kind, key, value), ErrorCode::InvalidRequest.code(), "{kind} {key} {value}");
    }
    server.restart();
    let mut client = server.connect();
    let component = ComponentData { entity_type: "client-id".into(), match_type: 2, r#match: None };
    let request = DescribeClientQuotasRequest { components: vec![component], strict: true };
    let entries = client.call(&request, 1).entries.unwrap();
    assert_eq!(entries.len(), 1);
    assert!((entries[0].values[0].value - 1000.0).abs() < f64::EPSILON);
}

#[test]
fn the_cluster_is_described() {
    let server = Server::start();
    let mut client = server.connect();
    let mut cluster = |endpoint_type, version| {
        let request = DescribeClusterRequest {
            endpoint_type,
            include_cluster_authorized_operations: true,
            ..Default::default()
        };
        let answer = client.call(&request, version);
        (answer.error_code, answer.cluster_authorized_operations)
    };
    assert_eq!(cluster(1, 2), (0, 8096));
    assert_eq!(cluster(2, 2).0, ErrorCode::MismatchedEndpointType.code());
    assert_eq!(cluster(3, 2).0, ErrorCode::UnsupportedEndpointType.code());
    let partition = describe_quorum::PartitionData { partition_index: 0 };
    let topic = describe_quorum::TopicData {
        topic_name: "__cluster_metadata".into(),
        partitions: vec![partition],
    };
    let quorum = client.call(&DescribeQuorumRequest { topics: vec![topic] }, 2);
    let partition = &quorum.topics[0].partitions[0];
    assert_eq!(
        (partition.error_code, partition.current_voters.len(), quorum.nodes.len()),
        (0, 1, 1)
    );
    let listed = client.call(&ListConfigResourcesRequest { resource_types: vec![BROKER] }, 1);
    assert_eq!(listed.config_resources.len(), 1);
    let unknown = client.call(&ListConfigResourcesRequest { resource_types: vec![77] }, 1);
    assert_eq!(unknown.error_code, ErrorCode::UnsupportedVersion.code());
    let update =
        FeatureUpdateKey { feature: "nonsense".into(), max_version_level: 1, ..Default::default() };
    let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
    assert_eq!(client.call(&request, 2).error_code, ErrorCode::InvalidUpdateVersion.code());
    assert_eq!(
        client.call(&request, 1).results[0].error_code,
        ErrorCode::InvalidUpdateVersion.code()
    );
}
