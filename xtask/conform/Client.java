import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

/** What Kafka's tools do not try, tried with Kafka's Java client: Client HOST:PORT WHAT ARGUMENTS…, one line of result. */
public class Client {
    private static String broker;
    private static final Duration PATIENCE = Duration.ofSeconds(40);

    public static void main(String[] args) throws Exception {
        broker = args[0];
        String[] rest = Arrays.copyOfRange(args, 2, args.length);
        System.out.println(switch (args[1]) {
            case "transaction" -> transaction(rest[0], rest[1]);
            case "describe-live" -> describeLive(rest[0], rest[1], rest[2]);
            case "idempotent" -> idempotent(rest[0]);
            case "too-large" -> tooLarge(rest[0]);
            case "rebalance" -> rebalance(rest[0], rest[1]);
            case "static" -> staticMember(rest[0]);
            case "regex" -> regex(rest[0]);
            case "keyless" -> keyless(rest[0]);
            case "by-id" -> byId(rest[0]);
            default -> throw new IllegalArgumentException(args[1]);
        });
        System.exit(0);
    }

    // ---- Transactions.

    private static String transaction(String how, String topic) throws Exception {
        create(topic, 1, Map.of());
        return switch (how) {
            case "commit" -> ended(topic, true, "read_committed");
            case "abort" -> ended(topic, false, "read_committed");
            case "abort-uncommitted" -> ended(topic, false, "read_uncommitted");
            case "open" -> open(topic);
            case "offsets" -> offsets(topic);
            case "fence" -> fence(topic);
            case "timeout" -> timeout(topic);
            default -> throw new IllegalArgumentException(how);
        };
    }

    /** One transaction with a hundred records, ended; how many of them are read. */
    private static String ended(String topic, boolean commit, String isolation) throws Exception {
        try (Producer<String, String> producer = transactional(topic, 60_000)) {
            producer.beginTransaction();
            send(producer, topic, 100);
            // Without this an abort would drop what was not yet sent.
            producer.flush();
            if (commit) producer.commitTransaction(); else producer.abortTransaction();
        }
        return "read " + readToEnd(topic, isolation);
    }

    /** Ten plain records, then ten of a transaction that stays open. */
    private static String open(String topic) throws Exception {
        try (Producer<String, String> plain = producer(Map.of())) {
            send(plain, topic, 10);
            plain.flush();
        }
        try (Producer<String, String> producer = transactional(topic, 60_000);
                Consumer<String, String> committed = consumer(Map.of("isolation.level", "read_committed"));
                Consumer<String, String> all = consumer(Map.of())) {
            producer.beginTransaction();
            send(producer, topic, 10);
            producer.flush();
            TopicPartition partition = new TopicPartition(topic, 0);
            long stable = committed.endOffsets(List.of(partition)).get(partition);
            long end = all.endOffsets(List.of(partition)).get(partition);
            producer.commitTransaction();
            return "stable " + stable + " end " + end;
        }
    }

    /** Consumed offsets are committed inside a transaction, then others inside one that is aborted. */
    private static String offsets(String topic) throws Exception {
        String output = topic + "-out", group = topic + "-group";
        create(output, 1, Map.of());
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Producer<String, String> plain = producer(Map.of())) {
            send(plain, topic, 200);
            plain.flush();
        }
        long[] found = new long[2];
        try (Producer<String, String> producer = transactional(topic, 60_000);
                Consumer<String, String> consumer = consumer(Map.of("group.id", group, "isolation.level", "read_committed"))) {
            consumer.subscribe(List.of(topic));
            poll(consumer, 1);
            for (int round = 0; round < 2; round++) {
                producer.beginTransaction();
                send(producer, output, 10);
                Map<TopicPartition, OffsetAndMetadata> done = Map.of(partition, new OffsetAndMetadata(100 + 50L * round));
                producer.sendOffsetsToTransaction(done, consumer.groupMetadata());
                if (round == 0) producer.commitTransaction(); else producer.abortTransaction();
                found[round] = consumer.committed(Set.of(partition)).get(partition).offset();
            }
        }
        return "committed " + found[0] + ", after an abort " + found[1];
    }

    private static String fence(String topic) {
        Producer<String, String> first = transactional(topic, 60_000);
        first.beginTransaction();
        send(first, topic, 1);
        first.flush();
        try (Producer<String, String> second = transactional(topic, 60_000)) {
            second.beginTransaction();
            send(second, topic, 1);
            second.commitTransaction();
            try {
                first.commitTransaction();
                return "the first one committed";
            } catch (ProducerFencedException | InvalidProducerEpochException fenced) {
                return "fenced";
            }
        }
    }

    /** The coordinator looks for transactions that are too old every ten seconds. */
    private static String timeout(String topic) throws Exception {
        Producer<String, String> producer = transactional(topic, 2_000);
        producer.beginTransaction();
        send(producer, topic, 1);
        producer.flush();
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Consumer<String, String> consumer = consumer(Map.of("isolation.level", "read_committed"))) {
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (System.nanoTime() < deadline) {
                // The record and the marker that ended it.
                if (consumer.endOffsets(List.of(partition)).get(partition) == 2) {
                    return readToEnd(topic, "read_committed") == 0 ? "aborted by time" : "its record is read";
                }
                Thread.sleep(200);
            }
        }
        return "still open";
    }

    // ---- Groups.

    private static String describeLive(String protocol, String group, String topic) throws Exception {
        try (Consumer<String, String> consumer = consumer(Map.of("group.id", group, "group.protocol", protocol)); Admin admin = admin()) {
            consumer.subscribe(List.of(topic));
            poll(consumer, 1);
            ConsumerGroupDescription described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            return described.groupState() + " " + described.members().size() + " " + described.type();
        }
    }

    /** Three members share six partitions; one leaves; each partition has one owner at both times. */
    private static String rebalance(String how, String topic) throws Exception {
        create(topic, 6, Map.of());
        Map<String, Object> settings = new HashMap<>(Map.of("group.id", topic));
        if (how.equals("consumer")) settings.put("group.protocol", "consumer"); else settings.put("session.timeout.ms", "6000");
        if (how.equals("cooperative")) settings.put("partition.assignment.strategy", CooperativeStickyAssignor.class.getName());
        List<Consumer<String, String>> members = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Consumer<String, String> member = consumer(settings);
            member.subscribe(List.of(topic));
            members.add(member);
        }
        int before = share(members, 6);
        members.remove(2).close();
        return "all " + before + " partitions, then all " + share(members, 6);
    }

    /** Polls all until each partition has one owner and every member some; how many have. */
    private static int share(List<Consumer<String, String>> members, int partitions) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        int owned = 0;
        while (System.nanoTime() < deadline) {
            Set<TopicPartition> all = new HashSet<>();
            int sum = 0, idle = 0;
            for (Consumer<String, String> member : members) {
                member.poll(Duration.ofMillis(50));
                all.addAll(member.assignment());
                sum += member.assignment().size();
                if (member.assignment().isEmpty()) idle++;
            }
            owned = sum == all.size() ? sum : -1;
            if (owned == partitions && idle == 0) return owned;
        }
        return owned;
    }

    /** A static member that comes back within its session has its partitions again, and nobody else noticed. */
    private static String staticMember(String topic) throws Exception {
        create(topic, 4, Map.of());
        Map<String, Object> one = Map.of("group.id", topic, "group.instance.id", "one", "session.timeout.ms", "30000");
        Map<String, Object> two = Map.of("group.id", topic, "group.instance.id", "two", "session.timeout.ms", "30000");
        Consumer<String, String> first = consumer(one);
        try (Consumer<String, String> second = consumer(two)) {
            first.subscribe(List.of(topic));
            second.subscribe(List.of(topic));
            share(List.of(first, second), 4);
            Set<TopicPartition> before = new HashSet<>(first.assignment()), others = new HashSet<>(second.assignment());
            first.close();
            first = consumer(one);
            first.subscribe(List.of(topic));
            share(List.of(first, second), 4);
            boolean kept = first.assignment().equals(before) && second.assignment().equals(others) && !before.isEmpty();
            first.close();
            return kept ? "kept" : before + " and " + others + " became " + first.assignment();
        }
    }

    /** A pattern that the broker resolves (KIP-848). */
    private static String regex(String topic) throws Exception {
        create(topic + "-1", 1, Map.of());
        create(topic + "-2", 1, Map.of());
        try (Producer<String, String> producer = producer(Map.of())) {
            send(producer, topic + "-1", 5);
            send(producer, topic + "-2", 5);
        }
        try (Consumer<String, String> consumer = consumer(Map.of("group.id", topic, "group.protocol", "consumer"))) {
            consumer.subscribe(new SubscriptionPattern(topic + "-[12]"));
            return "read " + poll(consumer, 10);
        }
    }

    // ---- Records and topics.

    private static String idempotent(String topic) throws Exception {
        create(topic, 1, Map.of());
        try (Producer<String, String> producer = producer(Map.of("batch.size", "200", "linger.ms", "0"))) {
            send(producer, topic, 5000);
        }
        try (Consumer<String, String> consumer = consumer(Map.of())) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            int next = 0;
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (next < 5000 && System.nanoTime() < deadline) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    if (Integer.parseInt(record.value()) != next++) return "out of order at " + record.offset();
                }
            }
            return "ordered " + next;
        }
    }

    private static String tooLarge(String topic) throws Exception {
        create(topic, 1, Map.of("max.message.bytes", "1000"));
        return refusal(topic, "key", "x".repeat(5000));
    }

    private static String keyless(String topic) throws Exception {
        create(topic, 1, Map.of("cleanup.policy", "compact"));
        return refusal(topic, null, "value");
    }

    private static String refusal(String topic, String key, String value) throws Exception {
        try (Producer<String, String> producer = producer(Map.of())) {
            producer.send(new ProducerRecord<>(topic, key, value)).get();
            return "taken";
        } catch (ExecutionException error) {
            return error.getCause().getClass().getSimpleName();
        }
    }

    private static String byId(String topic) throws Exception {
        create(topic, 2, Map.of());
        try (Admin admin = admin()) {
            Uuid id = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
            TopicDescription found = admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id);
            admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
            return found.name().equals(topic) ? "described by id" : found.name();
        }
    }

    // ---- Common.

    private static void create(String topic, int partitions, Map<String, String> settings) throws Exception {
        try (Admin admin = admin()) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(settings))).all().get();
        }
    }

    private static Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", broker));
    }

    private static Producer<String, String> producer(Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", broker, "acks", "all"));
        settings.putAll(more);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    private static Producer<String, String> transactional(String id, int timeout_ms) {
        Producer<String, String> producer =
            producer(Map.of("transactional.id", id, "transaction.timeout.ms", timeout_ms, "max.block.ms", 30_000));
        producer.initTransactions();
        return producer;
    }

    private static Consumer<String, String> consumer(Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", broker, "auto.offset.reset", "earliest", "enable.auto.commit", false));
        settings.putAll(more);
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    private static void send(Producer<String, String> producer, String topic, int records) {
        for (int i = 0; i < records; i++) producer.send(new ProducerRecord<>(topic, Integer.toString(i), Integer.toString(i)));
    }

    /** Polls until so many records came. */
    private static int poll(Consumer<String, String> consumer, int records) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        int read = 0;
        while (read < records && System.nanoTime() < deadline) read += consumer.poll(Duration.ofMillis(200)).count();
        return read;
    }

    /** Records of partition 0 up to what is its end now. */
    private static int readToEnd(String topic, String isolation) {
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Consumer<String, String> consumer = consumer(Map.of("isolation.level", isolation))) {
            consumer.assign(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition), deadline = System.nanoTime() + PATIENCE.toNanos();
            int read = 0;
            while (consumer.position(partition) < end && System.nanoTime() < deadline) read += consumer.poll(Duration.ofMillis(200)).count();
            return read;
        }
    }
}
