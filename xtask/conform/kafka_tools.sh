#!/usr/bin/env bash
# Apache Kafka's own command-line tools against a broker. Usage: kafka_tools.sh HOST:PORT JARS CLASSES RUN [NAME…]
# JARS is the folder with Kafka's jars, CLASSES that with the compiled Client.java, RUN what all names of this run begin with.
# With names, only checks whose name contains one of them. Says `PASSED name` or `FAILED name: why` for each, and the counts last.

set -u
usage='usage: kafka_tools.sh HOST:PORT JARS CLASSES RUN [NAME…]'
broker=${1:?$usage}
jars=${2:?$usage}
classes=${3:?$usage}
run=${4:?$usage}
shift 4
names=("$@")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/kafka_check.sh"

# For what has to be refused, with the exit code of its tool's own taste.
may_fail() { "$@" || true; }

topics() { j $tools.TopicCommand --bootstrap-server "$broker" "$@"; }
configs() { j kafka.admin.ConfigCommand --bootstrap-server "$broker" "$@"; }
groups() { j $tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$broker" "$@"; }
consume() { j $tools.consumer.ConsoleConsumer --bootstrap-server "$broker" --timeout-ms 15000 "$@"; }
produce() { j $tools.ConsoleProducer --bootstrap-server "$broker" "$@"; }
client() { j Client "$broker" "$@"; }

# ---- Versions, features, cluster.
check 'api versions are understood' 'Produce(0): ' j $tools.BrokerApiVersionsCommand --bootstrap-server "$broker"
check 'features are described' 'Feature: group.version' j $tools.FeatureCommand --bootstrap-server "$broker" describe
check 'group.version is finalized' 'Feature: group.version.*FinalizedVersionLevel: 1' j $tools.FeatureCommand --bootstrap-server "$broker" describe
check 'transaction.version is finalized' 'Feature: transaction.version.*FinalizedVersionLevel: 2' j $tools.FeatureCommand --bootstrap-server "$broker" describe
check 'cluster id is told' 'Cluster ID: ' j $tools.ClusterTool cluster-id --bootstrap-server "$broker"
check 'endpoints are listed' '127.0.0.1' j $tools.ClusterTool list-endpoints --bootstrap-server "$broker"
check 'the quorum has a leader' 'LeaderId:' j $tools.MetadataQuorumCommand --bootstrap-server "$broker" describe --status

# ---- Topics.
check 'a topic is created' 'Created topic' topics --create --topic "$run-a" --partitions 3 --replication-factor 1 --config retention.ms=86400000
check 'a topic is not created twice' 'TopicExistsException' may_fail topics --create --topic "$run-a" --partitions 3
check 'topics are listed' "^$run-a\$" topics --list
check 'a topic is described' 'PartitionCount: 3.*ReplicationFactor: 1.*retention.ms=86400000' topics --describe --topic "$run-a"
check 'partitions are described' 'Partition: 2.*Leader: [0-9]*.*Replicas: [0-9]*.*Isr: [0-9]*' topics --describe --topic "$run-a"
check 'partitions are added' '' topics --alter --topic "$run-a" --partitions 5
check 'added partitions are described' 'PartitionCount: 5' topics --describe --topic "$run-a"
check 'no partition is taken away' 'InvalidPartitionsException\|which would not be an increase\|decrease' may_fail topics --alter --topic "$run-a" --partitions 2
check 'a bad name is refused' 'InvalidTopicException\|Topic name\|illegal' may_fail topics --create --topic 'not/good'
check 'overridden topics are found' "$run-a" topics --describe --topics-with-overrides
check 'no partition is under-replicated' "!$run" topics --describe --under-replicated-partitions

# ---- Settings.
check 'a topic setting is changed' 'Completed updating config' configs --alter --entity-type topics --entity-name "$run-a" --add-config max.message.bytes=200000,cleanup.policy=delete
check 'a changed setting is told' 'max.message.bytes=200000.*DYNAMIC_TOPIC_CONFIG' configs --describe --entity-type topics --entity-name "$run-a"
check 'all settings of a topic are told' 'segment.bytes=1073741824.*DEFAULT_CONFIG' configs --describe --all --entity-type topics --entity-name "$run-a"
check 'a setting is taken back' 'Completed updating config' configs --alter --entity-type topics --entity-name "$run-a" --delete-config max.message.bytes
check 'a setting taken back is told no more' '!max.message.bytes' configs --describe --entity-type topics --entity-name "$run-a"
check 'a bad setting is refused' 'InvalidConfigurationException\|Invalid value' may_fail configs --alter --entity-type topics --entity-name "$run-a" --add-config retention.ms=never
check 'settings of the broker are told' 'num.partitions=' configs --describe --all --entity-type brokers --entity-name "$(topics --describe --topic "$run-a" | grep -om1 'Leader: [0-9]*' | cut -d' ' -f2)"

# ---- Records.
seq 1 500 >"$work/numbers"
produce_numbers() { produce --topic "$run-a" --command-property acks=all <"$work/numbers"; }
check 'records are produced' '' produce_numbers
check 'records are consumed' '^500$' consume --topic "$run-a" --from-beginning --max-messages 500
check 'offsets are told, latest' ":$run-a:\|$run-a:[0-9]*:[0-9]" j $tools.GetOffsetShell --bootstrap-server "$broker" --topic "$run-a"
check 'offsets are told, earliest' "$run-a:0:0" j $tools.GetOffsetShell --bootstrap-server "$broker" --topic "$run-a" --time earliest
check 'offsets are told, largest timestamp' "$run-a:[0-9]*:[0-9]" j $tools.GetOffsetShell --bootstrap-server "$broker" --topic "$run-a" --time max-timestamp
check 'producer-perf runs' '20000 records sent, .* records/sec' j $tools.ProducerPerformance --topic "$run-perf" --num-records 20000 --record-size 100 --throughput -1 --producer-props "bootstrap.servers=$broker" acks=all
check 'producer-perf with lz4 runs' '20000 records sent' j $tools.ProducerPerformance --topic "$run-perf" --num-records 20000 --record-size 100 --throughput -1 --producer-props "bootstrap.servers=$broker" acks=all compression.type=lz4
check 'producer-perf with transactions runs' '2000 records sent' j $tools.ProducerPerformance --topic "$run-txn-perf" --num-records 2000 --record-size 100 --throughput 1000 --transactional-id "$run-perf" --transaction-duration-ms 100 --producer-props "bootstrap.servers=$broker"
check 'consumer-perf runs' '[0-9], [0-9]*, ' j $tools.ConsumerPerformance --bootstrap-server "$broker" --topic "$run-perf" --messages 40000 --timeout 20000
check 'end-to-end-latency runs' 'Avg latency' j $tools.EndToEndLatency "$broker" "$run-latency" 200 all 100
log_append_time() {
    topics --create --topic "$run-time" --config message.timestamp.type=LogAppendTime >/dev/null
    echo now | produce --topic "$run-time"
    consume --topic "$run-time" --from-beginning --max-messages 1 --formatter-property print.timestamp=true
}
check 'a timestamp is chosen by the broker' 'LogAppendTime:' log_append_time

# ---- Deleting records.
printf '{"version":1,"partitions":[{"topic":"%s-perf","partition":0,"offset":10}]}' "$run" >"$work/delete.json"
check 'records are deleted' 'low_watermark: 10' j $tools.DeleteRecordsCommand --bootstrap-server "$broker" --offset-json-file "$work/delete.json"
check 'the first offset has moved' "$run-perf:0:10" j $tools.GetOffsetShell --bootstrap-server "$broker" --topic "$run-perf" --time earliest

# ---- Consumer groups, both protocols.
for protocol in classic consumer; do
    check "a $protocol group consumes" '^500$' consume --topic "$run-a" --from-beginning --max-messages 500 --group "$run-$protocol" --command-property "group.protocol=$protocol"
    check "a $protocol group is listed" "$run-$protocol" groups --list
    check "a $protocol group's offsets are told" "$run-$protocol *$run-a *[0-9]* *[0-9]* *[0-9]* *0" groups --describe --group "$run-$protocol"
    check "a $protocol group's state is told" 'Empty' groups --describe --state --group "$run-$protocol"
    check "a $protocol group is reset to the beginning" "$run-a *[0-9]* *0" groups --reset-offsets --to-earliest --execute --topic "$run-a" --group "$run-$protocol"
    check "a $protocol group is reset by time" "$run-a *[0-9]* *[0-9]" groups --reset-offsets --by-duration PT1H --execute --topic "$run-a" --group "$run-$protocol"
    check "a $protocol group's offsets are deleted" 'Successful\|successful' groups --delete-offsets --topic "$run-a" --group "$run-$protocol"
    check "a $protocol group is deleted" 'was successful' groups --delete --group "$run-$protocol"
    check "a deleted $protocol group is gone" "!$run-$protocol" groups --list
done
group_types() {
    consume --topic "$run-a" --from-beginning --max-messages 5 --group "$run-typed" >/dev/null
    j $tools.GroupsCommand --bootstrap-server "$broker" --list
}
check 'group types are told' "$run-typed *Classic\|$run-typed *Consumer" group_types
check 'a live classic group is described' 'Stable.*1' client describe-live classic "$run-live-classic" "$run-a"
check 'a live consumer group is described' 'Stable.*1' client describe-live consumer "$run-live-consumer" "$run-a"

# ---- Verifiable clients.
check 'the verifiable producer is acknowledged' '"sent":1000,"acked":1000' j $tools.VerifiableProducer --bootstrap-server "$broker" --topic "$run-verify" --max-messages 1000
check 'the verifiable consumer reads all' 'offsets_committed' j $tools.VerifiableConsumer --bootstrap-server "$broker" --topic "$run-verify" --group-id "$run-verify" --max-messages 1000 --reset-policy earliest
check 'the verifiable consumer reads all by the new protocol' 'offsets_committed' j $tools.VerifiableConsumer --bootstrap-server "$broker" --topic "$run-verify" --group-id "$run-verify-new" --max-messages 1000 --reset-policy earliest --group-protocol consumer

# ---- Transactions.
check 'the transactional copier copies' '"copied":\|"consumed":1000\|"remaining":0' j $tools.TransactionalMessageCopier --transactional-id "$run-copier" --consumer-group "$run-copier" --broker-list "$broker" --input-topic "$run-verify" --input-partition 0 --output-topic "$run-copied" --max-messages "$(j $tools.GetOffsetShell --bootstrap-server "$broker" --topic "$run-verify" --partitions 0 | cut -d: -f3)" --transaction-size 50 --use-group-metadata
check 'a committed transaction is read whole' 'read 100' client transaction commit "$run-t1"
check 'an aborted transaction is not read' 'read 0' client transaction abort "$run-t2"
check 'read_uncommitted sees what was aborted' 'read 100' client transaction abort-uncommitted "$run-t3"
check 'an open transaction holds readers back' 'stable 10 end 2[01]' client transaction open "$run-t4"
check 'offsets go with their transaction' 'committed 100, after an abort 100' client transaction offsets "$run-t5"
check 'a second producer fences the first' 'fenced' client transaction fence "$run-t6"
check 'a producer that was idle too long is aborted' 'aborted by time' client transaction timeout "$run-t7"
check 'transactions are listed' "$run-t1" j $tools.TransactionsCommand --bootstrap-server "$broker" list
check 'a transaction is described' 'CompleteCommit' j $tools.TransactionsCommand --bootstrap-server "$broker" describe --transactional-id "$run-t1"
check 'producers of a partition are described' 'ProducerId.*LatestCoordinatorEpoch' j $tools.TransactionsCommand --bootstrap-server "$broker" describe-producers --topic "$run-t1" --partition 0
check 'hanging transactions are looked for' 'Topic.*Partition\|^$' j $tools.TransactionsCommand --bootstrap-server "$broker" find-hanging --broker-id "$(topics --describe --topic "$run-a" | grep -om1 'Leader: [0-9]*' | cut -d' ' -f2)"

# ---- What the tools do not do.
check 'an idempotent producer keeps order' 'ordered 5000' client idempotent "$run-i"
check 'a record that is too large is refused' 'RecordTooLargeException' client too-large "$run-large"
check 'groups rebalance as members come and go, classic' 'all 6 partitions, then all 6' client rebalance classic "$run-rb1"
check 'groups rebalance as members come and go, cooperative' 'all 6 partitions, then all 6' client rebalance cooperative "$run-rb2"
check 'groups rebalance as members come and go, consumer' 'all 6 partitions, then all 6' client rebalance consumer "$run-rb3"
check 'a static member keeps its partitions' 'kept' client static "$run-st"
check 'a regular expression subscribes, consumer' 'read 10' client regex "$run-re"
check 'a compacted topic refuses records without key' 'InvalidRecordException' client keyless "$run-kl"
check 'a topic is named by its id' 'described by id' client by-id "$run-id"

# ---- Folders and replicas.
check 'log folders are described' "$run-a-0" j $tools.LogDirsCommand --bootstrap-server "$broker" --describe --topic-list "$run-a"
check 'leaders are elected' 'Valid replica already elected\|Successfully completed\|^$' j $tools.LeaderElectionCommand --bootstrap-server "$broker" --election-type preferred --all-topic-partitions
check 'there are no reassignments' 'No partition reassignments found' j $tools.reassign.ReassignPartitionsCommand --bootstrap-server "$broker" --list
# ---- The end of a topic.
topics --create --topic "$run-short" >/dev/null
check 'a topic is deleted' '' topics --delete --topic "$run-short"
check 'a deleted topic is listed no more' "!^$run-short\$" topics --list

echo "$passed passed, $failed failed"
[ $failed = 0 ]
