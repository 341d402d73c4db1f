"""Kills a broker under idempotent producers. Usage: kill.py SERVE

SERVE is the program `examples/serve.rs` of this crate. It is started on a folder of its own, killed with signal 9 while
kcat and kafka-python write to it, and started again on the same address, several times. In the end every record
must be there once and in order. Needs kafka-python 3.0 and kcat. The last line is `N passed, N failed`.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from kafka import KafkaProducer

SERVE = sys.argv[1]
KILLS = 8
# Only bounds a run that hangs.
PATIENCE_S = 120
# Records that are written between two kills, and the pause after a few of them: the writers must outlast the kills.
RECORDS = 40_000
PAUSE_EVERY = 100
PAUSE_S = 0.02


class Server:
    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [SERVE, "--data", self.folder, "--listen", self.address],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self.process.stdout.readline()
        assert line.startswith("kafka="), f"the broker did not start: {line!r}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)


def read(address, topic):
    """The values of a topic in order."""
    command = ["kcat", "-b", address, "-C", "-t", topic, "-o", "beginning", "-e", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return [int(line) for line in done.stdout.split()]


def paced(write):
    for number in range(RECORDS):
        write(number)
        if number % PAUSE_EVERY == 0:
            time.sleep(PAUSE_S)


def write_with_kcat(address, topic):
    settings = ["enable.idempotence=true", "message.timeout.ms=100000", "linger.ms=1"]
    settings += ["reconnect.backoff.max.ms=200", "batch.num.messages=50"]
    # By -E kcat goes on when its only broker is gone for a moment.
    command = ["kcat", "-b", address, "-E", "-P", "-t", topic]
    command += [part for setting in settings for part in ("-X", setting)]
    kcat = subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    # Losing the broker for a moment is told on standard error; nobody may wait for that to be read.
    threading.Thread(target=kcat.stderr.read, daemon=True).start()
    paced(lambda number: kcat.stdin.write(f"{number}\n"))
    kcat.stdin.close()
    assert kcat.wait(PATIENCE_S) == 0, "kcat lost a record"


def write_with_kafka_python(address, topic):
    client = KafkaProducer(
        bootstrap_servers=address,
        delivery_timeout_ms=100_000,
        reconnect_backoff_max_ms=200,
        linger_ms=1,
        batch_size=500,
    )
    futures = []
    paced(lambda number: futures.append(client.send(topic, b"%d" % number, partition=0)))
    client.flush(PATIENCE_S)
    offsets = [future.get(PATIENCE_S).offset for future in futures]
    client.close()
    assert offsets == list(range(RECORDS)), "an offset that was told is not the record's"


def check(folder, write, topic):
    """Runs one writer against a broker that is killed again and again."""
    server = Server(folder)
    failures = []

    def run():
        try:
            write(server.address, topic)
        except Exception as error:
            failures.append(error)

    subprocess.run(
        ["kcat", "-b", server.address, "-L", "-t", topic], stdout=subprocess.DEVNULL, check=True
    )
    writer = threading.Thread(target=run)
    writer.start()
    kills = 0
    for _ in range(KILLS):
        # The writers are at work for eight seconds and longer; each kill comes in the middle.
        time.sleep(0.5)
        kills += writer.is_alive()
        server.kill()
        server.start()
    writer.join(PATIENCE_S)
    found = read(server.address, topic)
    server.kill()
    assert not failures, failures
    assert kills == KILLS, f"only {kills} kills met the writer"
    missing, twice = RECORDS - len(set(found)), len(found) - len(set(found))
    assert (missing, twice) == (0, 0), f"{missing} missing, {twice} twice"
    assert found == sorted(found), "records changed places"
    print(f"{topic}: {kills} kills, {len(found)} records, each once and in order")


def main():
    # That the broker is gone for a moment is the point.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    passed = failed = 0
    for write in (write_with_kcat, write_with_kafka_python):
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(folder, write, write.__name__.replace("_", "-"))
                passed += 1
            except Exception as error:
                failed += 1
                print(f"FAILED {write.__name__}: {error}")
    print(f"{passed} passed, {failed} failed", flush=True)
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main()
