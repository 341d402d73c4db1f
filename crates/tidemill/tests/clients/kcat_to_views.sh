#!/usr/bin/env bash
# A topology reads what kcat wrote: page views go in through the Kafka port and come out of the API.
# usage: kcat_to_views.sh KAFKA_HOST:PORT http://HOST:PORT
set -u
kafka=$1 http=$2 passed=0 failed=0
site="kcat-$$.example"

check() { # NAME COMMAND…
    local name=$1
    shift
    if "$@"; then passed=$((passed + 1)); echo "ok    $name"; else failed=$((failed + 1)); echo "FAIL  $name"; fi
}

for number in 1 2 3 4 5; do
    echo "idsite=$site&url=https%3A%2F%2F$site%2Fpost&urlref=https%3A%2F%2Ft.co%2Fx&action=pageview&pvid=$number"
done | kcat -P -b "$kafka" -t hits -X acks=all
check "kcat wrote to the topic of hits" test ${PIPESTATUS[1]} -eq 0

views() {
    curl -sf "$http/v2/analytics/post/detail?apikey=$site&url=https://$site/post&period_start=1h&bots=include" |
        grep -o '"views":[0-9]*' | head -1
}
counted() {
    for _ in $(seq 100); do
        [ "$(views)" = '"views":5' ] && return 0
        sleep 0.05
    done
    echo "      the API says $(views)"
    return 1
}
check "the topology counted what kcat wrote" counted

events() {
    kcat -C -b "$kafka" -t events -o beginning -e -q 2>/dev/null | grep -c "\"apikey\":\"$site\""
}
written() {
    for _ in $(seq 100); do
        [ "$(events)" = 5 ] && return 0
        sleep 0.05
    done
    echo "      the topic of events has $(events)"
    return 1
}
check "kcat reads the raw events that the topology wrote" written

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
