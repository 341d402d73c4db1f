import json
from collections import Counter

from streamparse import BatchingBolt, Bolt


class CountBolt(Bolt):
    outputs = ["word", "count"]

    def initialize(self, conf, ctx):
        self.counts = Counter()

    def process(self, tup):
        self.counts[tup.values.word] += 1
        count = self.counts[tup.values.word]
        tasks = self.emit([tup.values.word, count], need_task_ids=count == 1)
        if tasks is not None:
            self.log("first %r to %s" % (tup.values.word, tasks))


class CheckBolt(Bolt):
    """Keeps the highest count of each word and says them all when told by a tick."""

    def initialize(self, conf, ctx):
        self.last = {}
        self.seen = 0

    def process(self, tup):
        self.seen += 1
        self.last[tup.values.word] = max(tup.values.count, self.last.get(tup.values.word, 0))

    def process_tick(self, tup):
        self.log("counts " + json.dumps({"seen": self.seen, "last": self.last}))


class BatchBolt(BatchingBolt):
    outputs = ["size"]
    ticks_between_batches = 1

    def group_key(self, tup):
        return tup.values.word

    def process_batch(self, key, tups):
        self.emit([len(tups)])


class SumBolt(Bolt):
    """Adds sizes up and says the sum when told by a tick."""

    def initialize(self, conf, ctx):
        self.sum = 0

    def process(self, tup):
        self.sum += tup.values.size

    def process_tick(self, tup):
        self.log("sum %d" % self.sum)


class RaisingBolt(Bolt):
    def process(self, tup):
        raise KeyError("no luck with " + tup.values.word)
