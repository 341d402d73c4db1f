/* What `cargo xtask conform kill` runs beside a broker that is killed again and again, with librdkafka:
 *
 *   kill produce BOOTSTRAP TOPIC PARTITIONS    an idempotent producer: records 0, 1, 2, …; says `acked N` or `failed N` for each
 *   kill transact BOOTSTRAP TOPIC PARTITIONS   transactions of RECORDS records `T:I`, every fourth aborted on purpose;
 *                                              says `committed T`, `aborted T`, or `unknown T` when the answer was lost for good
 *   kill read BOOTSTRAP TOPIC PARTITIONS       everything below the end, read_committed: `PARTITION OFFSET VALUE` a line
 *
 * The first two go on until their standard input ends, then finish what is under way. Whatever says `fatal` has lost a guarantee. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "rdkafka.h"

#define RECORDS 8
#define PATIENCE_MS 60000
/* Records between two pauses of a producer: the broker's files need not grow fast to be torn. */
#define BURST 40
#define PAUSE_NS 4000000

static const char *bootstrap, *topic;
static int partitions;

static void fatal(const char *what, const char *why) {
        printf("fatal %s: %s\n", what, why);
        fflush(stdout);
        exit(1);
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *const *settings, void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *)) {
        char error[512];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        /* That the broker is gone for a moment is the point. */
        const char *common[] = {"bootstrap.servers", bootstrap, "log_level", "2", "reconnect.backoff.ms", "20", "reconnect.backoff.max.ms", "200", NULL};
        for (const char *const *s = common; *s; s += 2)
                if (rd_kafka_conf_set(conf, s[0], s[1], error, sizeof(error)) != RD_KAFKA_CONF_OK) fatal(s[0], error);
        for (; *settings; settings += 2)
                if (rd_kafka_conf_set(conf, settings[0], settings[1], error, sizeof(error)) != RD_KAFKA_CONF_OK) fatal(settings[0], error);
        if (delivered) rd_kafka_conf_set_dr_msg_cb(conf, delivered);
        rd_kafka_t *rk = rd_kafka_new(type, conf, error, sizeof(error));
        if (!rk) fatal("client", error);
        return rk;
}

/* Whether whoever started us wants us to end. */
static int asked_to_end(void) {
        struct pollfd input = {.fd = 0, .events = POLLIN};
        char byte;
        return poll(&input, 1, 0) > 0 && read(0, &byte, 1) == 0;
}

static void pause_ns(long ns) {
        struct timespec t = {0, ns};
        nanosleep(&t, NULL);
}

static rd_kafka_resp_err_t send_to(rd_kafka_t *rk, int partition, const char *value, intptr_t number) {
        return rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_VALUE((void *)value, strlen(value)),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE((void *)number), RD_KAFKA_V_END);
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *unused) {
        (void)rk, (void)unused;
        printf("%s %ld\n", message->err ? "failed" : "acked", (long)(intptr_t)message->_private);
}

static void produce(void) {
        const char *settings[] = {"enable.idempotence", "true", "linger.ms", "1", "batch.num.messages", "20",
                                  "message.timeout.ms", "120000", "retry.backoff.ms", "20", NULL};
        rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, settings, delivered);
        char value[32], why[256];
        for (intptr_t number = 0; !asked_to_end(); number++) {
                snprintf(value, sizeof(value), "%ld", (long)number);
                while (send_to(rk, number % partitions, value, number) == RD_KAFKA_RESP_ERR__QUEUE_FULL) rd_kafka_poll(rk, 10);
                rd_kafka_poll(rk, 0);
                if (rd_kafka_fatal_error(rk, why, sizeof(why))) fatal("producer", why);
                if (number % BURST == 0) pause_ns(PAUSE_NS);
        }
        if (rd_kafka_flush(rk, 2 * PATIENCE_MS)) fatal("flush", "records were left");
        rd_kafka_destroy(rk);
}

static rd_kafka_t *transactional(void) {
        const char *settings[] = {"transactional.id", topic, "linger.ms", "1", "retry.backoff.ms", "20", "transaction.timeout.ms", "30000", NULL};
        rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, settings, NULL);
        rd_kafka_error_t *error;
        for (int tries = 0; (error = rd_kafka_init_transactions(rk, PATIENCE_MS)); tries++) {
                if (!rd_kafka_error_is_retriable(error) || tries == 3) fatal("init_transactions", rd_kafka_error_string(error));
                rd_kafka_error_destroy(error);
        }
        return rk;
}

/* Ends a transaction: 1 when it did as asked, 0 when it must be aborted, -1 when nobody knows. */
static int end(rd_kafka_t *rk, int commit) {
        for (int tries = 0; tries < 5; tries++) {
                rd_kafka_error_t *error = commit ? rd_kafka_commit_transaction(rk, PATIENCE_MS) : rd_kafka_abort_transaction(rk, PATIENCE_MS);
                if (!error) return 1;
                int again = rd_kafka_error_is_retriable(error), abort = rd_kafka_error_txn_requires_abort(error);
                fprintf(stderr, "%s: %s\n", commit ? "commit" : "abort", rd_kafka_error_string(error));
                rd_kafka_error_destroy(error);
                if (abort && commit) return 0;
                if (!again) return -1;
        }
        return -1;
}

static void transact(void) {
        rd_kafka_t *rk = transactional();
        char value[48];
        for (long number = 0; !asked_to_end(); number++) {
                rd_kafka_error_t *error = rd_kafka_begin_transaction(rk);
                if (error) fatal("begin", rd_kafka_error_string(error));
                for (int i = 0; i < RECORDS; i++) {
                        snprintf(value, sizeof(value), "%ld:%d", number, i);
                        if (send_to(rk, (number + i) % partitions, value, 0)) break;
                        rd_kafka_poll(rk, 0);
                }
                int wanted = number % 4 != 3, ended = end(rk, wanted);
                if (ended == 0) wanted = 0, ended = end(rk, 0);
                printf("%s %ld\n", ended != 1 ? "unknown" : wanted ? "committed" : "aborted", number);
                fflush(stdout);
                if (ended != 1) {
                        rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
                        rk = transactional();
                }
        }
        rd_kafka_destroy(rk);
}

static void read_all(void) {
        const char *settings[] = {"group.id", "reader", "enable.auto.commit", "false", "isolation.level", "read_committed", "enable.partition.eof", "true", NULL};
        rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, settings, NULL);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
        for (int i = 0; i < partitions; i++) rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
        if (rd_kafka_assign(rk, list)) fatal("assign", "refused");
        time_t deadline = time(NULL) + PATIENCE_MS / 1000;
        for (int ended = 0; ended < partitions;) {
                if (time(NULL) > deadline) fatal("read", "no end after a minute");
                rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
                if (!message) continue;
                if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ended++;
                else if (!message->err)
                        printf("%d %ld %.*s\n", message->partition, (long)message->offset, (int)message->len, (char *)message->payload);
                rd_kafka_message_destroy(message);
        }
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
}

int main(int argc, char **argv) {
        if (argc != 5) fatal("usage", "kill produce|transact|read BOOTSTRAP TOPIC PARTITIONS");
        bootstrap = argv[2], topic = argv[3], partitions = atoi(argv[4]);
        if (partitions < 1) fatal("usage", "at least one partition");
        if (!strcmp(argv[1], "produce")) produce();
        else if (!strcmp(argv[1], "transact")) transact();
        else if (!strcmp(argv[1], "read")) read_all();
        else fatal("usage", argv[1]);
        return 0;
}
