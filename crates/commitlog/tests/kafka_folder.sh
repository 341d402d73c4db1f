#!/usr/bin/env bash
# A data folder goes from Apache Kafka to us and back: topics with every codec, an idempotent producer, many segments, and
# one compacted by both. What each side reads from it must be the same, and Kafka's DumpLogSegments must find nothing wrong.
#
# Usage: kafka_folder.sh JARS LOG_FOLDER
#   JARS        a folder with Kafka's jars (`cargo xtask peers` or `cargo xtask conform kafka-tools` fetch them)
#   LOG_FOLDER  the example `log_folder`, built: `cargo build -p tidemill-commitlog --example log_folder`
# Needs java 17, kcat and python3 (for free ports).

set -euo pipefail
jars=${1:?usage: kafka_folder.sh JARS LOG_FOLDER}
ours=${2:?usage: kafka_folder.sh JARS LOG_FOLDER}
work=$(mktemp -d); data=$work/data; pid=; passed=0
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "not ok: $*"; exit 1; }
ok() { passed=$((passed + 1)); echo "ok $passed: $*"; }
tool() { java -cp "$jars/*" -Dorg.slf4j.simpleLogger.defaultLogLevel=error "$@"; }
port() { python3 -c 'import socket;s=socket.socket();s.bind(("127.0.0.1",0));print(s.getsockname()[1])'; }

broker=127.0.0.1:$(port); controller=127.0.0.1:$(port)
printf '%s\n' node.id=1 process.roles=broker,controller "controller.quorum.voters=1@$controller" controller.listener.names=CONTROLLER \
  "listeners=PLAINTEXT://$broker,CONTROLLER://$controller" "log.dirs=$data" log.initial.task.delay.ms=500 log.cleaner.backoff.ms=200 \
  listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT >"$work/server.properties"
start() {
  java -cp "$jars/*" -Dorg.slf4j.simpleLogger.defaultLogLevel=error kafka.Kafka "$work/server.properties" >>"$work/out" 2>&1 & pid=$!
  for _ in $(seq 120); do kcat -L -b "$broker" >/dev/null 2>&1 && return; sleep 0.5; done
  fail "Kafka does not start: $(tail -3 "$work/out")"
}
stop() { kill "$1" "$pid"; wait "$pid" 2>/dev/null || true; pid=; }
create() { local name=$1; shift; tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$broker" --create --topic "$name" "$@" >/dev/null 2>&1; }
# A line `topic partition count sum` of each partition, as each side reads it.
kafkas() {
  for partition in comp:0 plain:0 plain:1; do
    local topic=${partition%:*} index=${partition#*:}
    echo "$topic $index $(kcat -C -q -b "$broker" -t "$topic" -p "$index" -o beginning -e -Z -f '%o\t%k\t%s\n' | "$ours" sum)"
  done
}
own() { "$ours" list "$1" | awk '{ print $1, $2, $6, $7 }'; }

tool kafka.tools.StorageTool format -t "$(tool kafka.tools.StorageTool random-uuid)" -c "$work/server.properties" >/dev/null
start
create plain --partitions 2 --config segment.bytes=1048576
create comp --config cleanup.policy=compact --config segment.ms=600 --config min.cleanable.dirty.ratio=0.01 --config delete.retention.ms=100
for codec in none gzip snappy lz4 zstd; do
  seq 1 6000 | awk '{ print "k" $1 % 100 ":" "value-" $1 "-" sprintf("%080d", $1) }' |
    kcat -P -b "$broker" -t plain -p $((RANDOM % 2)) -K: -z $codec -X enable.idempotence=true 2>/dev/null
done
seq 1 20000 | awk '{ print "k" $1 % 100 ":" "value-" $1 "-" sprintf("%080d", $1) }' | kcat -P -b "$broker" -t plain -p 0 -K:
for round in $(seq 8); do
  seq 1 400 | awk -v round="$round" '{ print "k" $1 % 20 ":" (($1 % 20 == 7 && round > 4) ? "" : "value-" round "-" $1) }' |
    kcat -P -b "$broker" -t comp -K: -Z -X enable.idempotence=true -z lz4
  sleep 0.8
done
sleep 4
kafkas >"$work/by-kafka"
[ "$(awk '$1 == "comp" { print $3 }' "$work/by-kafka")" -lt 3200 ] || fail "Kafka did not compact"
stop -KILL
cp -r "$data" "$work/killed"
own "$work/killed" | diff "$work/by-kafka" - || fail "we read another log than Kafka wrote, after a kill"
ok "what Kafka wrote until it was killed is read as it wrote it"
start; stop -TERM
own "$data" | diff "$work/by-kafka" - || fail "we read another log than Kafka wrote, after a clean stop"
ok "what Kafka wrote until it was stopped is read as it wrote it"

"$ours" append "$data" plain 500
"$ours" clean "$data" comp
own "$data" >"$work/by-us"
[ "$(awk '$1 == "comp" { print $3 }' "$work/by-us")" -lt 300 ] || fail "we did not compact"
files() { ls "$data"/{plain,comp}-*/*."$1" | tr '\n' ',' | sed 's/,$//'; }
dump() { tool org.apache.kafka.tools.DumpLogSegments "$@" 2>&1; }
dump --deep-iteration --files "$(files log)" >"$work/dump"
grep -q 'isvalid: true' "$work/dump" && ! grep -q 'isvalid: false' "$work/dump" || fail "a batch is not valid to Kafka"
# It says of every segment but the first that "-1 is followed by" its base.
dump --deep-iteration --files "$(ls "$data"/plain-*/*.log | tr '\n' ',' | sed 's/,$//')" >"$work/dump"
! grep 'is followed by' "$work/dump" | grep -v ' -1 ' || fail "offsets are missing where nothing was compacted"
ok "every batch is valid to DumpLogSegments"
for how in --index-sanity-check --verify-index-only; do
  ! dump $how --files "$(files index)" | grep -i 'exception\|mismatch\|not match' || fail "$how finds something"
done
! dump --files "$(files timeindex)" | grep -i 'exception\|mismatch\|out of order' || fail "a time index is wrong to Kafka"
ok "every index is right to DumpLogSegments"

# Kafka takes no folder whose name is no partition's: ours are kept elsewhere meanwhile.
for folder in .topics .wal; do [ ! -e "$data/$folder" ] || mv "$data/$folder" "$work/"; done
start
kafkas | diff "$work/by-us" - || fail "Kafka reads another log than we wrote"
ok "what we wrote and compacted is read by Kafka as we wrote it"
seq 1 100 | awk '{ print "k" $1 ":back" }' | kcat -P -b "$broker" -t plain -p 0 -K: -X enable.idempotence=true
kafkas >"$work/by-kafka"
stop -TERM
own "$data" | diff "$work/by-kafka" - || fail "the way back to us"
ok "what Kafka wrote behind us is read by us"
echo "$passed passed"
