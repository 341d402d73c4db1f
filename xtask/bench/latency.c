/* End-to-end latency at a low rate, with librdkafka: latency BOOTSTRAP TOPIC PER_SECOND SECONDS BYTES.
 *
 * One producer (acks=all, no linger) and one consumer in a process. A record is due at a time that is fixed beforehand; its
 * latency is counted from then, so that a stall is not hidden by records that were not sent meanwhile. The first second
 * is not counted. Prints one JSON line a figure, in microseconds. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "rdkafka.h"

static int64_t *due_us, *took_us;
static int total;
static const char *bootstrap, *topic;

static int64_t now_us(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void fail(const char *what, const char *why) {
        fprintf(stderr, "%s: %s\n", what, why);
        exit(1);
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *const *settings) {
        char error[512];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        for (; *settings; settings += 2)
                if (rd_kafka_conf_set(conf, settings[0], settings[1], error, sizeof(error)) != RD_KAFKA_CONF_OK)
                        fail(settings[0], error);
        rd_kafka_t *rk = rd_kafka_new(type, conf, error, sizeof(error));
        if (!rk) fail("client", error);
        return rk;
}

static void *produce(void *unused) {
        const char *settings[] = {"bootstrap.servers", bootstrap, "acks", "all", "linger.ms", "0", "socket.nagle.disable", "true", NULL};
        rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, settings);
        size_t bytes = *(size_t *)unused;
        char *value = calloc(1, bytes);
        for (int i = 0; i < total; i++) {
                struct timespec until = {due_us[i] / 1000000, due_us[i] % 1000000 * 1000};
                clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
                memcpy(value, &i, sizeof(i));
                rd_kafka_resp_err_t error = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                    RD_KAFKA_V_VALUE(value, bytes), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
                if (error) fail("produce", rd_kafka_err2str(error));
                rd_kafka_poll(rk, 0);
        }
        rd_kafka_flush(rk, 30000);
        free(value);
        rd_kafka_destroy(rk);
        return NULL;
}

static int by_size(const void *a, const void *b) {
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
        return (x > y) - (x < y);
}

int main(int argc, char **argv) {
        if (argc != 6) fail("usage", "latency BOOTSTRAP TOPIC PER_SECOND SECONDS BYTES");
        bootstrap = argv[1], topic = argv[2];
        int per_second = atoi(argv[3]), seconds = atoi(argv[4]);
        size_t bytes = (size_t)atoi(argv[5]);
        if (per_second < 1 || seconds < 2 || bytes < sizeof(int)) fail("usage", "a rate, two seconds and four bytes at least");
        total = per_second * seconds;
        due_us = calloc(total, sizeof(*due_us)), took_us = calloc(total, sizeof(*took_us));
        const char *settings[] = {"bootstrap.servers", bootstrap, "group.id", "latency", "enable.auto.commit", "false",
                                  "fetch.wait.max.ms", "500", "fetch.min.bytes", "1", "socket.nagle.disable", "true", NULL};
        rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, settings);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
        if (rd_kafka_assign(rk, list)) fail("assign", "refused");
        rd_kafka_topic_partition_list_destroy(list);
        /* The consumer is there before the first record is due. */
        int64_t start = now_us() + 1500000;
        for (int i = 0; i < total; i++) due_us[i] = start + (int64_t)i * 1000000 / per_second;
        pthread_t producer;
        pthread_create(&producer, NULL, produce, &bytes);
        int64_t deadline = start + (int64_t)(seconds + 30) * 1000000;
        for (int seen = 0; seen < total && now_us() < deadline;) {
                rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
                if (!message) continue;
                if (!message->err && message->len == bytes) {
                        int number;
                        memcpy(&number, message->payload, sizeof(number));
                        if (number != seen) fail("order", "a record came twice or not at all");
                        took_us[seen] = now_us() - due_us[seen];
                        seen++;
                }
                rd_kafka_message_destroy(message);
        }
        pthread_join(producer, NULL);
        int counted = total - per_second;
        int64_t *counted_us = took_us + per_second;
        qsort(counted_us, counted, sizeof(*counted_us), by_size);
        if (counted_us[0] == 0) fail("consume", "not every record came");
        printf("{\"p50\": %" PRId64 ", \"p99\": %" PRId64 ", \"p99.9\": %" PRId64 ", \"max\": %" PRId64 "}\n", counted_us[counted / 2],
               counted_us[counted * 99 / 100], counted_us[(int64_t)counted * 999 / 1000], counted_us[counted - 1]);
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
        return 0;
}
