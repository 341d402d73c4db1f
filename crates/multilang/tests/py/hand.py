"""Components that speak the protocol by hand, each with its own bad habit. Usage: hand.py MODE [ARG]."""

import json
import os
import sys
import time


def read():
    lines = []
    while True:
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        if line == "end\n":
            return json.loads("".join(lines))
        lines.append(line)


def send(message):
    sys.stdout.write(json.dumps(message) + "\nend\n")
    sys.stdout.flush()


def handshake():
    hello = read()
    open(os.path.join(hello["pidDir"], str(os.getpid())), "w").close()
    send({"pid": os.getpid()})
    return hello


def ack(tup, **more):
    send(dict({"command": "ack", "id": tup["id"]}, **more))


def forward(tup, **more):
    message = {"command": "emit", "tuple": tup["tuple"], "anchors": [tup["id"]], "need_task_ids": False}
    message.update(more)
    send(message)


def tuples():
    """Tuples for a bolt; heartbeats are answered on the way."""
    while True:
        tup = read()
        if isinstance(tup, list):
            continue
        if tup["stream"] == "__heartbeat":
            send({"command": "sync"})
        else:
            yield tup


def bolt_forward(_):
    for tup in tuples():
        forward(tup)
        ack(tup)


def bolt_stray(_):
    """Prints between, before and without newlines."""
    print("starting up")
    for tup in tuples():
        print("working on {tuple}", tup["tuple"])
        sys.stdout.write("50% ")
        forward(tup)
        print("E_BOLTFAILED__not really")
        print("end")
        ack(tup)


def bolt_numeric(_):
    """Numbers instead of strings; one anchor instead of a list; a quoted task 0."""
    for tup in tuples():
        forward(tup, anchors=int(tup["id"]), task="0")
        send({"command": "ack", "id": int(tup["id"])})


def bolt_dies(after):
    """Dies without a word with tuples in hand, every AFTER tuples."""
    for count, tup in enumerate(tuples(), 1):
        if count == int(after):
            os._exit(3)
        forward(tup)
        ack(tup)


def bolt_raises(_):
    """Dies with a traceback on the first life, works on the next."""
    mark = os.path.join(os.environ["HAND_DIR"], "raised")
    for tup in tuples():
        if not os.path.exists(mark):
            open(mark, "w").close()
            raise ValueError("this tuple is no good")
        forward(tup)
        ack(tup)


def bolt_hangs_once(_):
    """Hangs on its first tuple in the first life; works in the next."""
    mark = os.path.join(os.environ["HAND_DIR"], "hung")
    for tup in tuples():
        if not os.path.exists(mark):
            open(mark, "w").close()
            time.sleep(3600)
        forward(tup)
        ack(tup)


def bolt_garbage(_):
    """Bytes that are no text, braces, commands that nobody knows, acks of unknown tuples."""
    for tup in tuples():
        sys.stdout.flush()
        sys.stdout.buffer.write(b"\xff\xfe\x00{{[[\n{\"command\":\"dance\"}\nend\n")
        sys.stdout.buffer.flush()
        send({"command": "ack", "id": "no such tuple"})
        send({"command": "fail", "id": {"x": []}})
        forward(tup)
        ack(tup)


def bolt_big(size):
    """Answers with one line of SIZE bytes."""
    for tup in tuples():
        forward(tup, tuple=["x" * int(size)])
        ack(tup)


def bolt_no_heartbeat(_):
    """A client of 2014: takes the heartbeat for a tuple and crashes."""
    while True:
        tup = read()
        word = tup["tuple"][0]
        forward(tup, tuple=[word])
        ack(tup)


def bolt_task_ids(_):
    """Wants to know where each tuple went, and says it."""
    for tup in tuples():
        send({"command": "emit", "tuple": tup["tuple"], "anchors": [tup["id"]]})
        waiting = []
        while True:
            reply = read()
            if isinstance(reply, list):
                break
            waiting.append(reply)
        send({"command": "log", "msg": "went to %s" % reply})
        ack(tup)
        for other in waiting:
            if other["stream"] == "__heartbeat":
                send({"command": "sync"})
            else:
                forward(other)
                ack(other)


def bolt_ticks(_):
    """Says every tick."""
    for tup in tuples():
        if tup["stream"] == "__tick":
            send({"command": "log", "msg": "tick from %s" % tup["comp"], "level": 3})
        ack(tup)


def bolt_fails_once(_):
    """Fails each tuple the first time it is seen."""
    seen = set()
    for tup in tuples():
        key = json.dumps(tup["tuple"])
        if key in seen:
            forward(tup)
            ack(tup)
        else:
            seen.add(key)
            send({"command": "fail", "id": tup["id"]})


def bolt_joins(_):
    """Makes one tuple of two, anchored to both."""
    first = None
    for tup in tuples():
        if first is None:
            first = tup
            continue
        anchors = [first["id"], tup["id"]]
        values = [first["tuple"][0] * 1000 + tup["tuple"][0]]
        send({"command": "emit", "tuple": values, "anchors": anchors, "need_task_ids": False})
        ack(first)
        ack(tup)
        first = None


def bolt_wrong_arity(_):
    for tup in tuples():
        forward(tup, tuple=[1, 2, 3])
        ack(tup)


def bolt_direct(context):
    """Sends every tuple to the last task of the component named by its argument."""
    tasks = [int(task) for task, name in HELLO["context"]["task->component"].items() if name == context]
    for tup in tuples():
        forward(tup, task=max(tasks), stream="direct")
        ack(tup)


def bolt_tells_context(_):
    """Says its handshake."""
    send({"command": "log", "msg": "context " + json.dumps(HELLO["context"], sort_keys=True)})
    for tup in tuples():
        ack(tup)


def bolt_slow(seconds):
    for tup in tuples():
        time.sleep(float(seconds))
        ack(tup)


def bolt_never_greets(_):
    time.sleep(3600)


def bolt_ignores_the_end(_):
    """Does not end with its input nor on SIGTERM, and leaves a grandchild behind."""
    import signal
    import subprocess

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "3600"])
    send({"command": "log", "msg": "grandchild %d" % child.pid})
    while True:
        time.sleep(3600)


def bolt_deaf(_):
    """Reads nothing and heeds no signal that can be ignored."""
    import signal

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    send({"command": "log", "msg": "deaf now"})
    while True:
        time.sleep(3600)


def spout(count, reliable, sync_all=True):
    """Emits COUNT numbered tuples, emits failed ones again, and says when all are acked."""
    numbers = iter(range(int(count)))
    acked = set()
    while True:
        command = read()
        kind = command["command"]
        if kind == "next":
            for number in numbers:
                message = {"command": "emit", "tuple": [number], "need_task_ids": False}
                if reliable:
                    message["id"] = {"n": number} if number % 2 else number
                send(message)
                break
        elif kind == "ack":
            key = json.dumps(command["id"])
            acked.add(key)
            if len(acked) == int(count):
                send({"command": "log", "msg": "all acked"})
        elif kind == "fail":
            failed = command["id"]
            number = failed["n"] if isinstance(failed, dict) else failed
            send({"command": "emit", "tuple": [number], "id": failed, "need_task_ids": False})
        else:
            send({"command": "log", "msg": kind})
        if kind == "next" or sync_all:
            send({"command": "sync"})


def spout_reliable(count):
    spout(count, True)


def spout_unreliable(count):
    spout(count, False)


def spout_next_only(count):
    """Answers nothing but next with sync."""
    spout(count, True, sync_all=False)


def spout_slow_start(count):
    """Answers everything, but its first command late."""
    time.sleep(2.5)
    spout(count, True)


def spout_dies(after):
    """Dies in the midst of a next, every AFTER tuples."""
    for number in range(int(after) + 1):
        command = read()
        while command["command"] != "next":
            send({"command": "sync"})
            command = read()
        if number == int(after):
            os._exit(4)
        message = {"command": "emit", "tuple": [os.getpid() * 1000 + number], "id": number}
        send(dict(message, need_task_ids=False))
        send({"command": "sync"})


if __name__ == "__main__":
    mode, arg = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    if mode != "bolt_never_greets":
        HELLO = handshake()
    globals()[mode](arg)
