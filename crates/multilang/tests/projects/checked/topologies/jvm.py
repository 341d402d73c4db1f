"""Half of it is written for the JVM."""

from streamparse import JavaSpout, Topology

from bolts.counts import CountBolt


class Jvm(Topology):
    kafka = JavaSpout.spec(
        full_class_name="org.apache.storm.kafka.spout.KafkaSpout", args_list=["x"], outputs=["word"]
    )
    count = CountBolt.spec(inputs=[kafka])
