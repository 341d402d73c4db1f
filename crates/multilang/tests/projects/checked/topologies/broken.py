"""Its component's module cannot be imported by the child, only by the topology."""

from streamparse import ShellBolt, ShellSpout, Topology


class Broken(Topology):
    words = ShellSpout.spec(
        command="streamparse_run", script="spouts.nowhere.Words", outputs=["word"]
    )
    count = ShellBolt.spec(command="streamparse_run", script="bolts.counts.CountBolt", inputs=[words])
