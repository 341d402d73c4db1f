"""Checks a broker with kafka-python 3.0. Usage: kafka_python.py HOST:PORT [CHECK…]

Topics and groups get names of this run, so a broker can be checked twice. The last line is
`N passed, N failed`.
"""

import os
import subprocess
import sys
import threading
import time
import traceback
import uuid

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import (
    ConfigResource,
    ConfigResourceType,
    KafkaAdminClient,
    NewPartitions,
    NewTopic,
)
from kafka.coordinator.consumer import ConsumerCoordinator
from kafka.errors import (
    InvalidConfigurationError,
    InvalidProducerEpochError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFencedError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import OffsetAndMetadata

BROKER = sys.argv[1]
RUN = uuid.uuid4().hex[:12]
# How long anything may take. Nothing is expected to need it; it bounds a broker that hangs.
PATIENCE_S = 60
# The timestamp of the first record of `fill`; today, so that no topic's retention touches it.
FIRST_MS = int(time.time() * 1000)
# Runs this file as the member that `a_killed_member_is_put_out` kills.
MEMBER = "--member"
CHECKS = []


def finish_joins():
    """Mends a race of kafka-python 3.0.12 for this run.

    A `poll` that times out while a join is under way leaves the join to the next `poll`; but that one
    looks whether a join is *needed*, which is no longer so once the answer has come, and never takes the
    result. The member then has its answers, sends nothing and stays without partitions.
    """
    needed = ConsumerCoordinator.need_rejoin
    ConsumerCoordinator.need_rejoin = lambda self: self._join_task is not None or needed(self)


def check(function):
    """Registers a check; its docstring says what holds."""
    CHECKS.append(function)
    return function


def name(what):
    return f"py-{what}-{RUN}"


def producer(**settings):
    settings.setdefault("enable_idempotence", False)
    settings.setdefault("acks", "all")
    return KafkaProducer(bootstrap_servers=BROKER, **settings)


def consumer(*topics, **settings):
    settings.setdefault("auto_offset_reset", "earliest")
    settings.setdefault("consumer_timeout_ms", PATIENCE_S * 1000)
    return KafkaConsumer(*topics, bootstrap_servers=BROKER, **settings)


def admin():
    return KafkaAdminClient(bootstrap_servers=BROKER)


def create(topic, partitions=1, **settings):
    client = admin()
    client.create_topics([NewTopic(topic, partitions, 1, **settings)])
    client.close()
    return topic


def fill(topic, count, partitions=1, **settings):
    """Sends `count` records round robin and returns their metadata."""
    client = producer(**settings)
    futures = [
        client.send(topic, value=b"%d" % n, partition=n % partitions, timestamp_ms=FIRST_MS + n)
        for n in range(count)
    ]
    client.flush(PATIENCE_S)
    sent = [future.get(PATIENCE_S) for future in futures]
    client.close()
    return sent


def take(client, count):
    """The next `count` records, or fewer if they do not come in time."""
    taken = []
    deadline = time.monotonic() + PATIENCE_S
    while len(taken) < count and time.monotonic() < deadline:
        for records in client.poll(timeout_ms=500).values():
            taken.extend(records)
    return taken


@check
def produced_records_have_rising_offsets_and_come_back():
    topic = create(name("plain"))
    sent = fill(topic, 1000)
    assert [one.offset for one in sent] == list(range(1000))
    client = consumer(topic)
    taken = take(client, 1000)
    client.close()
    assert [one.value for one in taken] == [b"%d" % n for n in range(1000)]
    assert [one.timestamp for one in taken] == [FIRST_MS + n for n in range(1000)]


@check
def keys_headers_and_nulls_come_back():
    topic = create(name("headers"))
    client = producer()
    client.send(topic, key=b"k", value=b"v", headers=[("a", b"1"), ("b", b"")])
    client.send(topic, key=b"gone", value=None)
    client.flush(PATIENCE_S)
    client.close()
    client = consumer(topic)
    first, second = take(client, 2)
    client.close()
    assert (first.key, first.value) == (b"k", b"v")
    assert list(first.headers) == [("a", b"1"), ("b", b"")]
    assert (second.key, second.value) == (b"gone", None)


@check
def gzip_batches_come_back():
    topic = create(name("gzip"))
    fill(topic, 500, compression_type="gzip", linger_ms=50)
    client = consumer(topic)
    assert [one.value for one in take(client, 500)] == [b"%d" % n for n in range(500)]
    client.close()


@check
def every_kind_of_acknowledgement_keeps_its_records():
    topic = create(name("acks"))
    for acks in (0, 1, "all"):
        fill(topic, 10, acks=acks)
    client = consumer(topic)
    assert len(take(client, 30)) == 30
    client.close()


@check
def a_producer_with_its_defaults_is_idempotent():
    topic = create(name("idempotent"))
    client = KafkaProducer(bootstrap_servers=BROKER, batch_size=500, linger_ms=1)
    assert client.config["enable_idempotence"]
    futures = [client.send(topic, b"%d" % n, partition=0) for n in range(5000)]
    client.flush(PATIENCE_S)
    assert [future.get(PATIENCE_S).offset for future in futures] == list(range(5000))
    client.close()
    client = consumer(topic)
    assert [one.value for one in take(client, 5000)] == [b"%d" % n for n in range(5000)]
    client.close()


def transactional(what):
    """A producer that has begun with its transactional id."""
    client = KafkaProducer(bootstrap_servers=BROKER, transactional_id=name(what))
    client.init_transactions()
    return client


def transact(client, topic, *values, commit=True):
    """One transaction with these records."""
    client.begin_transaction()
    for value in values:
        client.send(topic, value, partition=0)
    client.flush(PATIENCE_S)
    client.commit_transaction() if commit else client.abort_transaction()


def values_up_to(topic, last, isolation_level):
    """The values up to the one that is `last`, which is the last that was written."""
    client = consumer(topic, isolation_level=isolation_level)
    values, deadline = [], time.monotonic() + PATIENCE_S
    while last not in values and time.monotonic() < deadline:
        values += [one.value for one in take(client, 1)]
    client.close()
    return values


@check
def only_committed_transactions_are_read_by_who_asks_for_that():
    topic = create(name("transactions"))
    client = transactional("transactions")
    transact(client, topic, b"one", b"two")
    transact(client, topic, b"dropped", commit=False)
    transact(client, topic, b"last")
    client.close()
    committed = values_up_to(topic, b"last", "read_committed")
    assert committed == [b"one", b"two", b"last"], committed
    everything = values_up_to(topic, b"last", "read_uncommitted")
    assert everything == [b"one", b"two", b"dropped", b"last"], everything


@check
def an_open_transaction_holds_its_readers_back():
    topic = create(name("open"))
    client, place = transactional("open"), TopicPartition(topic, 0)
    client.begin_transaction()
    client.send(topic, b"open", partition=0).get(PATIENCE_S)
    ends = {}
    for level in ("read_committed", "read_uncommitted"):
        reader = consumer(isolation_level=level)
        ends[level] = reader.end_offsets([place])[place]
        reader.close()
    assert ends == {"read_committed": 0, "read_uncommitted": 1}, ends
    client.commit_transaction()
    client.close()
    assert values_up_to(topic, b"open", "read_committed") == [b"open"]


@check
def offsets_count_with_their_transaction():
    source, target, group = create(name("source")), create(name("target")), name("moved-group")
    fill(source, 4)
    place, client = TopicPartition(source, 0), transactional("moved")
    reader = consumer(source, group_id=group, enable_auto_commit=False)
    taken = take(reader, 4)
    seen = []
    for offset, commit in ((2, True), (4, False)):
        client.begin_transaction()
        client.send(target, taken[offset - 1].value, partition=0)
        offsets = {place: OffsetAndMetadata(offset, "", -1)}
        client.send_offsets_to_transaction(offsets, reader.group_metadata())
        client.commit_transaction() if commit else client.abort_transaction()
        seen.append(reader.committed(place))
    assert seen == [2, 2], seen
    transact(client, target, b"last")
    client.close()
    reader.close()
    assert values_up_to(target, b"last", "read_committed") == [b"1", b"last"]


@check
def a_new_producer_with_the_id_puts_the_old_one_out():
    topic = create(name("fenced"))
    old = transactional("fenced")
    old.begin_transaction()
    old.send(topic, b"old", partition=0).get(PATIENCE_S)
    new = transactional("fenced")
    try:
        old.commit_transaction()
        raise AssertionError("the old producer committed")
    except (ProducerFencedError, InvalidProducerEpochError):
        pass
    old.close(timeout=0)
    transact(new, topic, b"new")
    new.close()
    assert values_up_to(topic, b"new", "read_committed") == [b"new"]


@check
def topics_are_made_by_producing_to_them():
    topic = name("auto")
    sent = fill(topic, 1)
    assert (sent[0].partition, sent[0].offset) == (0, 0)


@check
def a_message_above_max_message_bytes_is_refused():
    topic = create(name("large"), topic_configs={"max.message.bytes": "1000"})
    client = producer()
    try:
        client.send(topic, value=b"x" * 2000).get(PATIENCE_S)
        raise AssertionError("the message was taken")
    except MessageSizeTooLargeError:
        pass
    client.send(topic, value=b"x" * 500).get(PATIENCE_S)
    client.close()


@check
def one_message_larger_than_the_fetch_limit_comes_back():
    topic = create(name("fetch-limit"))
    client = producer()
    client.send(topic, value=b"x" * 200_000).get(PATIENCE_S)
    client.close()
    client = consumer(topic, max_partition_fetch_bytes=1000, fetch_max_bytes=1000)
    taken = take(client, 1)
    client.close()
    assert len(taken) == 1 and len(taken[0].value) == 200_000


@check
def two_members_share_the_partitions_and_one_takes_over():
    topic, group = create(name("rebalance"), 4), name("rebalance-group")
    stop = {1: threading.Event(), 2: threading.Event()}
    owned, values, lock = {1: set(), 2: set()}, [], threading.Lock()
    failures = []

    def member(number):
        try:
            client = consumer(
                topic, group_id=group, session_timeout_ms=6000, heartbeat_interval_ms=500
            )
            while not stop[number].is_set():
                for records in client.poll(timeout_ms=100).values():
                    with lock:
                        values.extend(one.value for one in records)
                with lock:
                    owned[number] = {one.partition for one in client.assignment()}
            client.close()
        except Exception as error:
            failures.append(error)

    def until(condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and not failures:
            with lock:
                if condition():
                    return
            time.sleep(0.02)
        raise AssertionError(f"{what}: owned {owned}, {len(values)} values, {failures}")

    threads = {number: threading.Thread(target=member, args=(number,)) for number in (1, 2)}
    threads[1].start()
    until(lambda: owned[1] == {0, 1, 2, 3}, "one member has everything")
    threads[2].start()
    until(
        lambda: len(owned[1]) == 2 and len(owned[2]) == 2 and not owned[1] & owned[2],
        "two members share",
    )
    fill(topic, 400, partitions=4)
    until(lambda: len(set(values)) == 400, "both read")
    stop[1].set()
    threads[1].join(PATIENCE_S)
    until(lambda: owned[2] == {0, 1, 2, 3}, "the second takes over")
    stop[2].set()
    threads[2].join(PATIENCE_S)
    assert not failures, failures


def join(topic, group):
    """A member that holds both partitions of `topic`."""
    client = consumer(topic, group_id=group, session_timeout_ms=6000, heartbeat_interval_ms=500)
    deadline = time.monotonic() + PATIENCE_S
    while len(client.assignment()) < 2 and time.monotonic() < deadline:
        client.poll(timeout_ms=100)
    assert len(client.assignment()) == 2
    return client


@check
def a_killed_member_is_put_out():
    topic, group = create(name("killed"), 2), name("killed-group")
    command = [sys.executable, __file__, BROKER, MEMBER, topic, group]
    member = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert member.stdout.readline() == b"joined\n"
    finally:
        # Killed, it neither leaves nor closes anything: its session has to end.
        member.kill()
        member.wait(PATIENCE_S)
    join(topic, group).close()


@check
def committed_offsets_are_resumed_with_their_metadata():
    topic, group = create(name("resume")), name("resume-group")
    fill(topic, 10)
    place = TopicPartition(topic, 0)
    client = consumer(topic, group_id=group, enable_auto_commit=False, max_poll_records=4)
    taken = take(client, 4)
    assert len(taken) == 4
    client.commit({place: OffsetAndMetadata(4, "so far", -1)})
    assert client.committed(place) == 4
    client.close()
    client = consumer(topic, group_id=group, enable_auto_commit=False)
    assert [one.offset for one in take(client, 6)] == [4, 5, 6, 7, 8, 9]
    assert client.committed(place, metadata=True).metadata == "so far"
    client.close()


@check
def offsets_are_found_by_time():
    topic = create(name("times"))
    fill(topic, 100)
    place = TopicPartition(topic, 0)
    client = consumer()
    found = client.offsets_for_times({place: FIRST_MS + 50})[place]
    assert (found.offset, found.timestamp) == (50, FIRST_MS + 50)
    assert client.offsets_for_times({place: 1})[place].offset == 0
    assert client.offsets_for_times({place: FIRST_MS + 100})[place] is None
    assert client.beginning_offsets([place]) == {place: 0}
    assert client.end_offsets([place]) == {place: 100}
    client.close()


@check
def a_consumer_seeks_into_the_middle_of_a_batch():
    topic = create(name("seek"))
    fill(topic, 100, linger_ms=100)
    place = TopicPartition(topic, 0)
    client = consumer()
    client.assign([place])
    for offset in (57, 3, 99):
        client.seek(place, offset)
        assert take(client, 1)[0].offset == offset
    client.close()


@check
def admin_creates_describes_and_deletes_topics():
    topic = name("admin")
    client = admin()
    client.create_topics(
        [NewTopic(topic, 3, 1, topic_configs={"retention.ms": "60000", "cleanup.policy": "compact"})]
    )
    assert topic in client.list_topics()
    assert len(client.describe_topics([topic])[0]["partitions"]) == 3
    client.delete_topics([topic])
    assert topic not in client.list_topics()
    client.close()


@check
def admin_errors_are_kafkas():
    topic = create(name("errors"))
    client = admin()
    cases = [
        (TopicAlreadyExistsError, lambda: client.create_topics([NewTopic(topic, 1, 1)])),
        (InvalidTopicError, lambda: client.create_topics([NewTopic("a/b", 1, 1)])),
        (UnknownTopicOrPartitionError, lambda: client.delete_topics([name("nothing")])),
        (
            InvalidConfigurationError,
            lambda: client.create_topics(
                [NewTopic(name("x"), 1, 1, topic_configs={"retention.ms": "soon"})]
            ),
        ),
    ]
    for expected, call in cases:
        try:
            call()
        except expected:
            continue
        raise AssertionError(f"{expected.__name__} was not raised")
    before = client.list_topics()
    client.create_topics([NewTopic(name("only-checked"), 1, 1)], validate_only=True)
    assert client.list_topics() == before
    client.close()


@check
def a_replication_factor_above_one_is_taken():
    create_with = NewTopic(name("factor"), 1, 3)
    client = admin()
    client.create_topics([create_with])
    assert name("factor") in client.list_topics()
    client.close()


@check
def settings_of_a_topic_are_told():
    topic = create(name("settings"), topic_configs={"retention.ms": "60000"})
    client = admin()
    told = str(client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]))
    assert "retention.ms" in told and "60000" in told, told
    client.close()


@check
def settings_of_a_topic_change_and_go_back():
    topic = create(name("changed"))
    client = admin()

    def resource(**settings):
        return ConfigResource(ConfigResourceType.TOPIC, topic, **settings)

    client.alter_configs([resource(configs={"retention.ms": "777"})])
    told = client.describe_configs([resource(configs=["retention.ms"])])["topic"][topic]
    assert told["retention.ms"]["value"] == "777", told
    assert told["retention.ms"]["config_source"] == "DYNAMIC_TOPIC_CONFIG", told
    client.reset_configs([resource(configs=["retention.ms"])])
    told = client.describe_configs([resource()])["topic"][topic]
    assert "retention.ms" not in told, told
    # This client raises nothing here; it returns what it was told.
    refused = client.alter_configs([resource(configs={"retention.ms": "soon"})])
    assert refused["topic"][topic] != "OK", refused
    client.close()


@check
def partitions_are_added():
    topic = create(name("grown"))
    client = admin()
    client.create_partitions({topic: NewPartitions(3)})
    assert len(client.describe_topics([topic])[0]["partitions"]) == 3
    client.close()
    assert fill(topic, 3, partitions=3)[2].partition == 2


@check
def the_data_folder_and_the_cluster_are_described():
    topic = create(name("folder"), 2)
    client = admin()
    assert topic in str(client.describe_log_dirs())
    assert topic in str(client.list_config_resources())
    assert client.list_partition_reassignments() is not None
    assert client.describe_cluster()["brokers"]
    client.close()


@check
def records_are_given_up_from_the_beginning():
    topic = create(name("given-up"))
    fill(topic, 10)
    place = TopicPartition(topic, 0)
    client = admin()
    client.delete_records({place: 4})
    client.close()
    client = consumer(topic)
    assert client.beginning_offsets([place]) == {place: 4}
    assert [one.offset for one in take(client, 6)] == [4, 5, 6, 7, 8, 9]
    client.close()


@check
def groups_without_members_are_deleted_with_their_offsets():
    topic, group = create(name("forgotten")), name("forgotten-group")
    fill(topic, 3)
    client = consumer(topic, group_id=group)
    take(client, 3)
    client.close()
    watcher = admin()
    assert group in str(watcher.list_groups())
    watcher.delete_groups([group])
    assert group not in str(watcher.list_groups())
    watcher.close()


@check
def groups_are_listed_and_described():
    topic, group = create(name("listed")), name("listed-group")
    fill(topic, 1)
    client = consumer(topic, group_id=group)
    take(client, 1)
    watcher = admin()
    described = watcher.describe_groups([group])
    text = str(described)
    assert "Stable" in text and group in text, text
    assert group in str(watcher.list_groups())
    client.close()
    assert "Empty" in str(watcher.describe_groups([group]))
    watcher.close()


def main():
    finish_joins()
    passed = failed = 0
    wanted = sys.argv[2:]
    if wanted[:1] == [MEMBER]:
        client = join(*wanted[1:])
        print("joined", flush=True)
        while True:
            client.poll(timeout_ms=100)
    for function in CHECKS:
        if wanted and function.__name__ not in wanted:
            continue
        try:
            function()
            passed += 1
        except Exception:
            failed += 1
            print(f"FAILED {function.__name__}")
            traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed", flush=True)
    # A client that a failed check left open has threads; they must not keep the run from ending.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main()
