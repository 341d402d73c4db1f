"""A word count whose result is checked by a last bolt."""

from streamparse import Grouping, Topology

from bolts.counts import CheckBolt, CountBolt
from spouts.words import FiniteSpout


class Counts(Topology):
    config = {"topology.message.timeout.secs": 20}
    words = FiniteSpout.spec()
    count = CountBolt.spec(inputs={words: Grouping.fields("word")}, par={"beta": 2, "prod": 3})
    check = CheckBolt.spec(
        inputs={count: Grouping.GLOBAL}, config={"topology.tick.tuple.freq.secs": 1}
    )
