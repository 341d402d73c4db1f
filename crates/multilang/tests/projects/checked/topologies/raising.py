"""A bolt that can do nothing right."""

from streamparse import Topology

from bolts.counts import RaisingBolt
from spouts.words import FiniteSpout


class Raising(Topology):
    words = FiniteSpout.spec()
    raising = RaisingBolt.spec(inputs=[words])
