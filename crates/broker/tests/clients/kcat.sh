#!/usr/bin/env bash
# Checks a broker with kcat (librdkafka). Usage: kcat.sh HOST:PORT
# Topics get names of this run, so a broker can be checked twice. The last line is `N passed, N failed`;
# with SAY_EACH set there is a line for each check.

set -u
broker=${1:?usage: kcat.sh HOST:PORT}
run=kcat-$$-$(date +%s)
passed=0
failed=0

# check NAME EXPECTED ACTUAL
check() {
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
        [ -z "${SAY_EACH:-}" ] || echo "PASSED $1"
    else
        failed=$((failed + 1))
        echo "FAILED $1: expected [$2], got [$3]"
    fi
}

k() {
    timeout 30 kcat -b "$broker" "$@" 2>&1
}

# Everything in a topic, from its beginning to its end.
all() {
    k -C -t "$1" -o beginning -e -q "${@:2}"
}

# Metadata names the address that was reached.
check "metadata names the address reached" "1" "$(k -L | grep -c " at $broker")"

# A topic is made by producing to it, and keeps records and their order.
seq 1 1000 | k -P -t "$run-plain" >/dev/null
check "records come back in order" "$(seq 1 1000 | md5sum)" "$(all "$run-plain" | md5sum)"
check "metadata lists the topic" "1" "$(k -L -t "$run-plain" | grep -c "topic \"$run-plain\" with 1 partitions")"

# Keys, headers and empty values.
printf 'a:1\nb:2\nc:\n' | k -P -t "$run-keys" -K: -H where=here >/dev/null
check "keys, values and headers come back" "a=1/where=here b=2/where=here c=/where=here " \
    "$(all "$run-keys" -f '%k=%s/%h ')"
printf 'gone:\n' | k -P -t "$run-null" -K: -Z >/dev/null
check "a null value comes back as null" "gone -1" "$(all "$run-null" -f '%k %S')"

# Compressed batches are kept as they are.
for codec in gzip snappy lz4 zstd; do
    seq 1 5000 | k -P -t "$run-$codec" -z "$codec" >/dev/null
    check "$codec comes back" "$(seq 1 5000 | md5sum)" "$(all "$run-$codec" | md5sum)"
done

# Acknowledgements: none, the leader, all.
for acks in 0 1 all; do
    seq 1 100 | k -P -t "$run-acks" -X "acks=$acks" >/dev/null
done
# With acks=0 kcat does not know when the log has it; the later ones were answered after it.
check "every kind of acknowledgement keeps its records" "300" "$(all "$run-acks" | wc -l)"

# An idempotent producer, with more batches than it may have on the way.
seq 1 20000 | k -P -t "$run-once" -X enable.idempotence=true -X batch.num.messages=100 >/dev/null
check "an idempotent producer keeps its records in order" "$(seq 1 20000 | md5sum)" "$(all "$run-once" | md5sum)"

# Offsets: the beginning, the middle of a batch, the tail, out of range.
check "a batch is read from its middle" "501" "$(k -C -t "$run-plain" -o 500 -c 1 -q)"
check "the last three" "998 999 1000 " "$(k -C -t "$run-plain" -o -3 -e -q -f '%s ')"
check "the earliest offset" "$run-plain [0] offset 0" "$(k -Q -t "$run-plain:0:-2")"
check "the latest offset" "$run-plain [0] offset 1000" "$(k -Q -t "$run-plain:0:-1")"
check "the offset of a time" "$run-plain [0] offset 0" "$(k -Q -t "$run-plain:0:1")"
check "the offset of a time to come" "$run-plain [0] offset -1" "$(k -Q -t "$run-plain:0:99999999999999")"

# Limits: small fetches still give whole batches; a message of nearly a megabyte passes, a larger one does not.
check "a limit smaller than a batch gives the batch" "1000" \
    "$(all "$run-gzip" -X fetch.message.max.bytes=1024 -c 1000 | wc -l)"
large=$(mktemp)
head -c 700000 /dev/urandom | base64 -w 0 | head -c 900000 >"$large"
k -P -t "$run-large" "$large" >/dev/null
check "a large message comes back" "$(md5sum <"$large")" "$(all "$run-large" -D '' | head -c 900000 | md5sum)"
head -c 1200000 /dev/zero | tr '\0' x >"$large"
refused=$(k -P -t "$run-large" -X message.max.bytes=2000000 -X retries=0 "$large" | grep -ci 'size too large\|too large')
check "a message above max.message.bytes is refused" "1" "$([ "$refused" -ge 1 ] && echo 1)"
rm -f "$large"

# Groups: the first run reads everything, the second only what is new.
group() {
    k -X auto.offset.reset=earliest -G "$run-group" "$run-plain" -e -q
}
check "a group reads everything" "1000" "$(group | wc -l)"
check "a group goes on where it was" "0" "$(group | wc -l)"
seq 1 7 | k -P -t "$run-plain" >/dev/null
check "a group reads what is new" "7" "$(group | wc -l)"

# A consumer that waits is given a record as soon as it is there.
follow=$(mktemp)
timeout 30 kcat -b "$broker" -C -t "$run-acks" -o end -c 1 -q -u >"$follow" 2>&1 &
waiting=$!
# The consumer starts at the end of the log, whenever that is; records go in until it has one.
for _ in $(seq 1 100); do
    echo "now" | k -P -t "$run-acks" >/dev/null
    kill -0 "$waiting" 2>/dev/null || break
done
wait "$waiting"
check "a waiting consumer is woken" "now" "$(cat "$follow")"
rm -f "$follow"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
