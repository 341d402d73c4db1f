#!/usr/bin/env bash
# Apache Kafka's own judge of log files over the folder of a broker that was stopped: a running one may keep room past the end of
# a segment that it writes to. Usage: kafka_dump.sh DATA JARS CLASSES RUN [NAME…], after kafka_tools.sh with the same RUN.

set -u
usage='usage: kafka_dump.sh DATA JARS CLASSES RUN [NAME…]'
data=${1:?$usage}
jars=${2:?$usage}
classes=${3:?$usage}
run=${4:?$usage}
shift 4
names=("$@")
. "$(dirname "$0")/kafka_check.sh"

dump() { j $tools.DumpLogSegments "$@"; }
logs_of() { local files; files=$(ls "$data"/$1-*/*.log | tr '\n' ','); echo "${files%,}"; }
check 'segments are dumped' 'baseOffset: 0 lastOffset' dump --files "$(logs_of "$run-a")"
check 'every record of a segment is dumped' 'offset: [0-9]* .*CreateTime: ' dump --deep-iteration --print-data-log --files "$(logs_of "$run-a")"
check 'no batch is invalid' '!isvalid: false' dump --deep-iteration --files "$(logs_of "$run-a"),$(logs_of "$run-perf")"
check 'indexes are sane' '!Exception\|mismatch\|not match' dump --index-sanity-check --files "$(ls "$data"/"$run"-*/*.index | tr '\n' ',')"
check 'indexes agree with their segments' '!Exception\|ismatch\|Found' dump --verify-index-only --files "$(ls "$data"/"$run"-perf-*/*.index | tr '\n' ',')"
check 'time indexes agree with their segments' '!Exception\|ismatch\|Found' dump --files "$(ls "$data"/"$run"-perf-*/*.timeindex | tr '\n' ',')"
check 'committed offsets are decoded' '"group":"'"$run" dump --offsets-decoder --files "$(logs_of __consumer_offsets)"
check 'transaction states are decoded' 'transactionalId.*'"$run" dump --transaction-log-decoder --files "$(logs_of __transaction_state)"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
