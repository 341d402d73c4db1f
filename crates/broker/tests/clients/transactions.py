"""Checks a broker's transactions with confluent-kafka (librdkafka). Usage: transactions.py HOST:PORT [CHECK…]

Topics, groups and transactional ids get names of this run, so a broker can be checked twice. The last line is
`N passed, N failed`.
"""

import sys
import threading
import time
import traceback
import uuid

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BROKER = sys.argv[1]
RUN = uuid.uuid4().hex[:12]
# How long anything may take. Nothing is expected to need it; it bounds a broker that hangs.
PATIENCE_S = 60
CHECKS = []


def check(function):
    """Registers a check; its docstring says what holds."""
    CHECKS.append(function)
    return function


def name(what):
    return f"txn-{what}-{RUN}"


def create(topic, partitions=1):
    # Named, because it ends what it is doing when nobody holds it.
    client = AdminClient({"bootstrap.servers": BROKER})
    client.create_topics([NewTopic(topic, partitions, 1)])[topic].result(PATIENCE_S)
    return topic


def producer(transactional_id, **settings):
    """A producer that has begun with its transactional id."""
    given = {
        "bootstrap.servers": BROKER,
        "transactional.id": transactional_id,
        "linger.ms": 0,
        **settings,
    }
    client = Producer(given)
    client.init_transactions(PATIENCE_S)
    return client


def consumer(topics, group=None, **settings):
    client = Consumer(
        {
            "bootstrap.servers": BROKER,
            "group.id": group or name(uuid.uuid4().hex),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            **settings,
        }
    )
    client.subscribe(topics)
    return client


def read_all(topic, **settings):
    """The values of a topic of one partition, up to its end."""
    client = consumer([topic], **settings)
    values, deadline = [], time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        message = client.poll(1)
        if message is None:
            continue
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            break
        values.append(message.value())
    client.close()
    return values


def send(client, topic, *values):
    for value in values:
        client.produce(topic, value)
    assert client.flush(PATIENCE_S) == 0


@check
def committed_transactions_are_read_and_aborted_ones_are_not():
    topic = create(name("outcomes"))
    client = producer(name("outcomes"))
    expected = []
    for number in range(20):
        values = [b"%d-%d" % (number, record) for record in range(10)]
        client.begin_transaction()
        send(client, topic, *values)
        if number % 3 == 0:
            client.abort_transaction(PATIENCE_S)
        else:
            client.commit_transaction(PATIENCE_S)
            expected += values
    assert read_all(topic) == expected
    everything = read_all(topic, **{"isolation.level": "read_uncommitted"})
    assert len(everything) == 200


@check
def a_transaction_is_in_all_its_topics_or_in_none():
    topics = [create(name(f"several-{number}")) for number in range(5)]
    client = producer(name("several"))
    for value, commit in ((b"kept", True), (b"dropped", False)):
        client.begin_transaction()
        for topic in topics:
            send(client, topic, value)
        client.commit_transaction(PATIENCE_S) if commit else client.abort_transaction(PATIENCE_S)
    assert [read_all(topic) for topic in topics] == [[b"kept"]] * 5


@check
def an_open_transaction_holds_readers_of_committed_ones_back():
    topic = create(name("open"))
    client = producer(name("open"))
    client.begin_transaction()
    send(client, topic, b"later")
    assert read_all(topic) == []
    assert read_all(topic, **{"isolation.level": "read_uncommitted"}) == [b"later"]
    client.commit_transaction(PATIENCE_S)
    assert read_all(topic) == [b"later"]


@check
def a_second_producer_fences_the_first():
    topic = create(name("fenced"))
    first = producer(name("fenced"))
    first.begin_transaction()
    send(first, topic, b"of the first")
    second = producer(name("fenced"))
    try:
        first.commit_transaction(PATIENCE_S)
        raise AssertionError("a fenced producer committed")
    except KafkaException as error:
        assert error.args[0].fatal(), error
    second.begin_transaction()
    send(second, topic, b"of the second")
    second.commit_transaction(PATIENCE_S)
    assert read_all(topic) == [b"of the second"]


@check
def a_transaction_that_takes_too_long_is_aborted():
    topic = create(name("slow"))
    client = producer(name("slow"), **{"transaction.timeout.ms": 1000})
    client.begin_transaction()
    send(client, topic, b"too late")
    # Readers that wait for it go on when the broker has aborted it: the end of the partition is reached then.
    deadline = time.monotonic() + PATIENCE_S
    place = TopicPartition(topic, 0)
    watcher = consumer([topic])
    while watcher.get_watermark_offsets(place, PATIENCE_S)[1] < 2:
        assert time.monotonic() < deadline, "no marker came"
    watcher.close()
    try:
        client.commit_transaction(PATIENCE_S)
        raise AssertionError("a transaction that had been aborted was committed")
    except KafkaException:
        pass
    assert read_all(topic) == []


@check
def a_timeout_above_the_brokers_is_refused():
    try:
        producer(name("long"), **{"transaction.timeout.ms": 2**31 - 1})
        raise AssertionError("the timeout was taken")
    except KafkaException as error:
        assert error.args[0].code() == KafkaError.INVALID_TRANSACTION_TIMEOUT, error


def transform(source, target, group, transactional_id, fail_at):
    """Moves each record once from one topic to another, its offset in the same transaction. `fail_at` aborts."""
    client = producer(transactional_id)
    reader = consumer([source], group)
    moved, idle = 0, 0
    while True:
        message = reader.poll(1)
        if message is None:
            idle += 1
            assert idle < PATIENCE_S
            continue
        if message.error():
            break
        client.begin_transaction()
        client.produce(target, message.value())
        offsets = [TopicPartition(source, 0, message.offset() + 1)]
        client.send_offsets_to_transaction(
            offsets, reader.consumer_group_metadata(), PATIENCE_S
        )
        moved += 1
        if moved == fail_at:
            client.abort_transaction(PATIENCE_S)
            break
        client.commit_transaction(PATIENCE_S)
    reader.close()


@check
def consume_transform_produce_moves_every_record_once():
    source, target, group = create(name("source")), create(name("target")), name("movers")
    feeder = Producer({"bootstrap.servers": BROKER})
    expected = [b"%d" % number for number in range(60)]
    send(feeder, source, *expected)
    # The first two give up in the middle of a transaction; what follows goes on from what was committed.
    for fail_at in (7, 20, 0):
        transform(source, target, group, name("mover"), fail_at)
    assert read_all(target) == expected
    reader = consumer([source], group)
    committed = reader.committed([TopicPartition(source, 0)], PATIENCE_S)
    assert committed[0].offset == 60
    reader.close()


@check
def a_member_that_was_put_out_commits_no_offsets():
    source, group = create(name("zombies")), name("zombie-group")
    feeder = Producer({"bootstrap.servers": BROKER})
    send(feeder, source, b"one")
    client = producer(name("zombie"))
    reader = consumer([source], group)
    while reader.poll(1) is None:
        pass
    metadata = reader.consumer_group_metadata()
    reader.close()
    client.begin_transaction()
    send(client, source, b"two")
    try:
        client.send_offsets_to_transaction(
            [TopicPartition(source, 0, 1)], metadata, PATIENCE_S
        )
        raise AssertionError("offsets of a member that is gone were taken")
    except KafkaException as error:
        assert error.args[0].txn_requires_abort(), error
    client.abort_transaction(PATIENCE_S)


@check
def transactions_of_many_producers_at_once_stay_whole():
    topics = [create(name(f"many-{number}")) for number in range(2)]
    failures = []

    def work(number):
        try:
            client = producer(name(f"many-{number}"))
            for step in range(20):
                client.begin_transaction()
                for topic in topics:
                    client.produce(topic, b"%d-%d" % (number, step))
                if step % 4 == 3:
                    client.abort_transaction(PATIENCE_S)
                else:
                    client.commit_transaction(PATIENCE_S)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    expected = sorted(b"%d-%d" % (number, step) for number in range(6) for step in range(20) if step % 4 != 3)
    for topic in topics:
        assert sorted(read_all(topic)) == expected


def main():
    passed = failed = 0
    wanted = sys.argv[2:]
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
    sys.exit(1 if failed else 0)


main()
