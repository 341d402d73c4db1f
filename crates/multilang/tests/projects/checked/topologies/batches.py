"""Batches by tick, anchored to all their tuples."""

from streamparse import Grouping, Topology

from bolts.counts import BatchBolt, SumBolt
from spouts.words import FiniteSpout

TICK = {"topology.tick.tuple.freq.secs": 1}


class Batches(Topology):
    words = FiniteSpout.spec()
    batch = BatchBolt.spec(inputs=[words], config=TICK)
    add = SumBolt.spec(inputs={batch: Grouping.ALL}, config=TICK)
