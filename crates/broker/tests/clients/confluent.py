"""Checks consumer groups with librdkafka (confluent-kafka 2.16). Usage: confluent.py SERVE [CHECK…]

SERVE is the program `examples/serve.rs` of this crate. Each check starts one on a folder of its own, whose members are to
come every 200 ms, so that rebalances are quick. The last line is `N passed, N failed`.
"""

import collections
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

SERVE = sys.argv[1]
# Only bounds a run that hangs.
PATIENCE_S = 60
HEARTBEAT_MS = 200
SESSION_MS = 3_000
# Runs this file as a member of a group in a process of its own, which can be killed.
MEMBER = "--member"
CHECKS = []


def check(function):
    """Registers a check; its docstring says what holds."""
    CHECKS.append(function)
    return function


class Server:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.start()

    def start(self):
        options = ["--data", self.folder.name, "--listen", self.address]
        options += ["--consumer-heartbeat-ms", str(HEARTBEAT_MS)]
        options += ["--consumer-session-ms", str(SESSION_MS)]
        self.process = subprocess.Popen(
            [SERVE, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = self.process.stdout.readline()
        assert line.startswith("kafka="), f"the broker did not start: {line!r}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def close(self):
        self.kill()
        self.folder.cleanup()


def create(server, topic, partitions):
    client = AdminClient({"bootstrap.servers": server.address})
    client.create_topics([NewTopic(topic, partitions, 1)])[topic].result(PATIENCE_S)


def fill(server, topic, records, partitions):
    """Writes numbers, one after another to each partition."""
    client = Producer({"bootstrap.servers": server.address, "linger.ms": 5})
    for number in range(records):
        client.produce(topic, b"%d" % number, partition=number % partitions)
        client.poll(0)
    assert client.flush(PATIENCE_S) == 0, "records were not written"


def settings(address, group, **more):
    told = {
        "bootstrap.servers": address,
        "group.id": group,
        "group.protocol": "consumer",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        # That the broker is gone for a moment, or refuses, is seen by the checks.
        "log_level": 0,
    }
    told.update({name.replace("_", "."): value for name, value in more.items()})
    return told


class Member:
    """A consumer in this process with what it was assigned and how often."""

    def __init__(self, address, group, topics, **more):
        self.partitions, self.changes, self.values, self.lost = set(), 0, [], 0
        self.consumer = Consumer(settings(address, group, **more))
        self.consumer.subscribe(
            topics, on_assign=self.on_assign, on_revoke=self.on_revoke, on_lost=self.on_lost
        )

    def on_assign(self, consumer, partitions):
        self.changes += 1
        self.partitions |= {(one.topic, one.partition) for one in partitions}
        consumer.incremental_assign(partitions)

    def on_revoke(self, consumer, partitions):
        self.changes += 1
        self.partitions -= {(one.topic, one.partition) for one in partitions}
        consumer.incremental_unassign(partitions)

    def on_lost(self, consumer, partitions):
        self.lost += 1
        self.on_revoke(consumer, partitions)

    def poll(self):
        message = self.consumer.poll(0.02)
        if message is None:
            return
        if message.error():
            # That the broker is gone for a moment is no end.
            assert not message.error().fatal(), message.error()
            return
        self.values.append(int(message.value()))

    def close(self):
        self.consumer.close()


def until(members, condition, what):
    """Polls all members until the condition holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        told = [(sorted(member.partitions), len(member.values)) for member in members]
        assert time.monotonic() < end, f"{what}: {told}"
        for member in members:
            member.poll()


def settle(members, sizes, what="partitions are not shared"):
    """Waits until the members have so many partitions, sorted, and none twice."""

    def settled():
        owned = [one for member in members for one in member.partitions]
        counts = sorted(len(member.partitions) for member in members)
        return counts == sorted(sizes) and len(owned) == len(set(owned))

    until(members, settled, what)


@check
def uniform_shares_evenly_and_moves_little(server):
    """With `uniform` a member that comes takes its share and leaves the others the rest."""
    create(server, "t", 12)
    fill(server, "t", 1_200, 12)
    one = Member(server.address, "g", ["t"], group_remote_assignor="uniform")
    settle([one], [12])
    two = Member(server.address, "g", ["t"])
    settle([one, two], [6, 6])
    had = {id(member): set(member.partitions) for member in (one, two)}
    three = Member(server.address, "g", ["t"])
    settle([one, two, three], [4, 4, 4])
    for member in (one, two):
        assert member.partitions < had[id(member)], "a partition moved for nothing"
    two.close()
    settle([one, three], [6, 6])
    one.close()
    three.close()


@check
def range_keeps_equal_numbers_together(server):
    """With `range` partitions of two topics with the same number stay on one member through joins and leaves."""
    create(server, "a", 6)
    create(server, "b", 6)

    def together(members, sizes):
        settle(members, sizes)
        for member in members:
            of = collections.defaultdict(set)
            for topic, partition in member.partitions:
                of[topic].add(partition)
            assert of["a"] == of["b"], dict(of)

    join = lambda: Member(server.address, "g", ["a", "b"], group_remote_assignor="range")
    members = [join()]
    together(members, [12])
    members.append(join())
    together(members, [6, 6])
    members.append(join())
    together(members, [4, 4, 4])
    members.pop(0).close()
    together(members, [6, 6])
    for member in members:
        member.close()


@check
def topics_that_come_later_match_a_pattern(server):
    """A subscription by pattern takes a new topic and new partitions up."""
    create(server, "news-a", 2)
    create(server, "other", 2)
    member = Member(server.address, "g", ["^news-.*"])
    settle([member], [2])
    create(server, "news-b", 3)
    settle([member], [5], "the new topic was not taken up")
    client = AdminClient({"bootstrap.servers": server.address})
    client.delete_topics(["news-a"])["news-a"].result(PATIENCE_S)
    settle([member], [3], "the deleted topic was not given up")
    assert {topic for topic, _ in member.partitions} == {"news-b"}
    member.close()


@check
def a_static_member_comes_back_to_what_it_had(server):
    """A static member that is gone for a moment gets its partitions back and nobody else is disturbed."""
    create(server, "t", 6)
    join = lambda name: Member(server.address, "g", ["t"], group_instance_id=name)
    one, two = join("one"), join("two")
    settle([one, two], [3, 3])
    had, changes = set(one.partitions), two.changes
    one.close()
    one = join("one")
    settle([one, two], [3, 3])
    assert one.partitions == had, "it got others"
    assert two.changes == changes, "the other member was disturbed"
    # The same static id twice at a time: the second is told so.
    usurper = Consumer(settings(server.address, "g", group_instance_id="one"))
    usurper.subscribe(["t"])
    errors = []

    def refused():
        message = usurper.poll(0)
        if message is not None and message.error():
            errors.append(message.error())
        return errors

    until([one, two], refused, "a static id was taken twice")
    assert "instance ID is still used" in errors[0].str(), errors
    one.close()
    two.close()


def killed(server, **more):
    """Kills the broker under two members that read."""
    create(server, "t", 4)
    more["reconnect.backoff.max.ms"] = 200
    one, two = (Member(server.address, "g", ["t"], **more) for _ in range(2))
    settle([one, two], [2, 2])
    fill(server, "t", 400, 4)
    until([one, two], lambda: len(one.values) + len(two.values) == 400, "records are missing")
    for member in (one, two):
        member.consumer.commit(asynchronous=False)
    changes = (one.changes, two.changes)
    for _ in range(3):
        server.kill()
        server.start()
        fill(server, "t", 100, 4)
        count = len(one.values) + len(two.values) + 100
        until([one, two], lambda: len(one.values) + len(two.values) >= count, "reading stopped")
        # Two heartbeats are enough for a member to hear that it is not known.
        end = time.monotonic() + 5 * HEARTBEAT_MS / 1000
        until([one, two], lambda: time.monotonic() > end, "")
    assert (one.changes, two.changes, one.lost, two.lost) == (*changes, 0, 0), "they were disturbed"
    for member in (one, two):
        member.consumer.commit(asynchronous=False)
    assert len(one.values) + len(two.values) == 700, "something was read twice"
    one.close()
    two.close()


@check
def a_broker_that_is_killed_is_not_noticed(server):
    """Members keep what they have over a broker's sudden end, and go on where they were."""
    killed(server)


@check
def a_broker_that_is_killed_is_not_noticed_by_classic_members(server):
    """The same for members of the classic protocol."""
    classic = {"group.protocol": "classic", "partition.assignment.strategy": "cooperative-sticky"}
    killed(server, **classic, **{"session.timeout.ms": 6000, "heartbeat.interval.ms": 200})


def run_member(address, group, topic, assignor):
    """Reads and commits until it is told to end by its standard input; says what it does, with the time."""
    consumer = Consumer(settings(address, group, group_remote_assignor=assignor))
    ending = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ending.set()), daemon=True).start()

    def tell(*what):
        print(json.dumps([time.monotonic(), *what]), flush=True)

    def commit():
        try:
            for one in consumer.commit(asynchronous=False) or []:
                if one.error is None:
                    tell("commit", one.partition, one.offset)
        except Exception as error:
            # Nothing to commit, or the member is about to be told that it has less.
            tell("refused", str(error))

    def revoke(consumer, partitions):
        commit()
        consumer.incremental_unassign(partitions)

    def lose(consumer, partitions):
        consumer.incremental_unassign(partitions)

    consumer.subscribe(
        [topic],
        on_assign=lambda consumer, partitions: consumer.incremental_assign(partitions),
        on_revoke=revoke,
        on_lost=lose,
    )
    tell("ready")
    read = 0
    while not ending.is_set():
        message = consumer.poll(0.05)
        if message is None or message.error():
            continue
        tell("read", message.partition(), message.offset(), int(message.value()))
        read += 1
        if read % 50 == 0:
            commit()
    commit()
    consumer.close()
    tell("closed")
    sys.stdout.flush()
    os._exit(0)


class Process:
    """A member in a process of its own."""

    def __init__(self, server, assignor, told):
        command = [sys.executable, __file__, MEMBER, server.address, "g", "t", assignor]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.told = told
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            # The last line of a killed member may be cut.
            if line.endswith("]\n"):
                self.told.append(json.loads(line))

    def end(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)


def churn(server, assignor):
    """Members come, leave and are killed while records are written; then what they told is held together."""
    partitions, records = 6, 6_000
    create(server, "t", partitions)
    told = []
    written = threading.Thread(target=write_slowly, args=(server, partitions, records))
    written.start()
    members = [Process(server, assignor, told)]
    for step in range(9):
        time.sleep(0.7)
        if step % 3 == 2 and len(members) > 1:
            # In turn by a word and by force.
            victim = members.pop(0)
            victim.kill() if step % 2 else victim.end()
        else:
            members.append(Process(server, assignor, told))
    written.join()
    end = time.monotonic() + PATIENCE_S
    while len({line[4] for line in list(told) if line[1] == "read"}) < records:
        assert time.monotonic() < end, "records were not read"
        time.sleep(0.1)
    for member in members:
        member.end()
    commits = collections.defaultdict(list)
    for line in told:
        if line[1] == "commit":
            commits[line[2]].append((line[0], line[3]))
    for line in told:
        if line[1] == "read":
            at, _, partition, offset, _ = line
            before = [position for done, position in commits[partition] if done < at]
            late = [position for position in before if position > offset]
            assert not late, f"t-{partition} {offset} was read again after a commit of {late[0]}"
    reads = sum(line[1] == "read" for line in told)
    print(f"{assignor}: {records} records, {reads} reads")


def write_slowly(server, partitions, records):
    client = Producer({"bootstrap.servers": server.address, "linger.ms": 1})
    for number in range(records):
        client.produce("t", b"%d" % number, partition=number % partitions)
        client.poll(0)
        if number % 100 == 0:
            time.sleep(0.1)
    client.flush(PATIENCE_S)


@check
def uniform_under_churn_reads_nothing_again(server):
    """With `uniform`, under joins, leaves and kills, all is read and nothing before what was committed."""
    churn(server, "uniform")


@check
def range_under_churn_reads_nothing_again(server):
    """With `range`, under joins, leaves and kills, all is read and nothing before what was committed."""
    churn(server, "range")


@check
def groups_are_listed_and_deleted(server):
    """An administrator sees the group with its type and state, and deletes it when it is empty."""
    create(server, "t", 2)
    member = Member(server.address, "g", ["t"])
    settle([member], [2])
    client = AdminClient({"bootstrap.servers": server.address})
    listed = client.list_consumer_groups().result(PATIENCE_S).valid
    assert [(one.group_id, one.type.name, one.state.name) for one in listed] == [
        ("g", "CONSUMER", "STABLE")
    ], listed
    found = client.describe_consumer_groups(["g"])["g"].result(PATIENCE_S)
    owned = {(one.topic, one.partition) for one in found.members[0].assignment.topic_partitions}
    assert (len(found.members), owned, found.partition_assignor) == (
        1,
        {("t", 0), ("t", 1)},
        "uniform",
    )
    try:
        client.delete_consumer_groups(["g"])["g"].result(PATIENCE_S)
        raise AssertionError("a group with members was deleted")
    except Exception as error:
        assert error.args[0].code() == KafkaError.NON_EMPTY_GROUP, error
    member.consumer.commit(offsets=[TopicPartition("t", 0, 0)], asynchronous=False)
    member.close()
    client.delete_consumer_groups(["g"])["g"].result(PATIENCE_S)
    assert client.list_consumer_groups().result(PATIENCE_S).valid == []


@check
def classic_members_rebalance_cooperatively(server):
    """The classic protocol with cooperative-sticky: members give up only what another gets."""
    create(server, "t", 6)
    classic = {"group.protocol": "classic", "partition.assignment.strategy": "cooperative-sticky"}
    classic |= {"session.timeout.ms": 6000, "heartbeat.interval.ms": 200}
    one = Member(server.address, "g", ["t"], **classic)
    settle([one], [6])
    two = Member(server.address, "g", ["t"], **classic)
    settle([one, two], [3, 3])
    had = set(one.partitions)
    two.close()
    settle([one], [6])
    assert one.partitions > had and one.lost == 0
    one.close()


def main():
    wanted = sys.argv[2:]
    passed = failed = 0
    for function in CHECKS:
        if wanted and function.__name__ not in wanted:
            continue
        server = Server()
        try:
            function(server)
            passed += 1
            print(f"ok {function.__name__}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {function.__name__}: {function.__doc__}")
            traceback.print_exc(file=sys.stdout)
        finally:
            server.close()
    print(f"{passed} passed, {failed} failed", flush=True)
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    if sys.argv[1] == MEMBER:
        run_member(*sys.argv[2:])
    main()
