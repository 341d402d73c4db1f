# Checks for kafka_tools.sh and kafka_dump.sh, which set `jars`, `classes` and `names` and read this in.
# shellcheck shell=bash
passed=0
failed=0
tools=org.apache.kafka.tools

# A tool, as a JVM that starts quickly.
j() {
    timeout 90 java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Xmx256m \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$classes:$jars/*" "$@" 2>&1
}

wanted() {
    [ ${#names[@]} = 0 ] && return 0
    local name
    for name in "${names[@]}"; do [[ $1 == *"$name"* ]] && return 0; done
    return 1
}

# check NAME PATTERN COMMAND…: it succeeds, and what it prints has the pattern (a basic regular expression; ! before it: has it not).
check() {
    local name=$1 pattern=$2 out code found
    shift 2
    wanted "$name" || return 0
    out=$("$@")
    code=$?
    if [[ $pattern == !* ]]; then
        grep -qe "${pattern#!}" <<<"$out" && found=no || found=yes
    else
        grep -qe "$pattern" <<<"$out" && found=yes || found=no
    fi
    if [ $code = 0 ] && [ $found = yes ]; then
        passed=$((passed + 1))
        [ -z "${SAY_EACH:-}" ] || echo "PASSED $name"
    else
        failed=$((failed + 1))
        echo "FAILED $name: exit $code, expected [$pattern], got [$(tr '\n' ' ' <<<"$out" | tail -c 260)]"
    fi
}

