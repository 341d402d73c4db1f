import json

from streamparse import Spout

WORDS = ["dog", "cat", "zebra", "elephant", "søløve", "the \"quoted\" one", "end"]


class FiniteSpout(Spout):
    """Emits a known number of words, each until it is acked, and says when all are."""

    outputs = ["word"]

    def initialize(self, conf, ctx):
        self.total = conf["words.total"]
        self.next_number = 0
        self.waiting = {}
        self.acked = set()

    def next_tuple(self):
        if self.next_number < self.total:
            number, self.next_number = self.next_number, self.next_number + 1
            word = WORDS[number % len(WORDS)]
            self.waiting[number] = word
            self.emit([word], tup_id=number)

    def ack(self, tup_id):
        del self.waiting[tup_id]
        self.acked.add(tup_id)
        if len(self.acked) == self.total:
            self.log("all acked")

    def fail(self, tup_id):
        self.emit([self.waiting[tup_id]], tup_id=tup_id)
