#!/usr/bin/env bash
# Fuzzes every target for so many minutes each, one after the other, and writes a log for each and a table of all.
#
#   fuzz/run-all.sh MINUTES [TARGET...]
#
# Needs a nightly toolchain and cargo-fuzz. What is found lies in fuzz/artifacts/TARGET, logs and the table in fuzz/logs,
# inputs that reach new code in fuzz/found/TARGET: a later run goes on from there. What is kept in fuzz/corpus is read,
# never written.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
exec </dev/null

minutes="${1:?how many minutes for each target}"
shift
if [ $# -gt 0 ]; then targets=("$@"); else mapfile -t targets < <(cargo +nightly fuzz list --fuzz-dir .); fi

# Readers that open paths get their bytes as files: in memory, if there is such a place.
if [ -d /dev/shm ]; then export TMPDIR="${TMPDIR:-/dev/shm}"; fi

mkdir -p logs
for target in "${targets[@]}"; do
    log="logs/$target.log"
    mkdir -p "found/$target"
    # A finding ends a target's run: what else there is shows once it is mended.
    status=0
    cargo +nightly fuzz run "$target" --fuzz-dir . "found/$target" "corpus/$target" -- \
        -max_total_time="$((minutes * 60))" -rss_limit_mb=2048 -malloc_limit_mb=2048 -timeout=20 \
        -print_final_stats=1 -verbosity=1 >"$log" 2>&1 || status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    edges=$(sed -n 's/^#.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    first=$(sed -n 's/^#.*INITED cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    found=$(find "artifacts/$target" -type f 2>/dev/null | wc -l)
    seconds=$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$log" | tail -n 1)
    printf '%s | %-16s | exit %d | %s s | %s executions | edges %s -> %s | %d files in artifacts\n' \
        "$(date -u +%FT%TZ)" "$target" "$status" "${seconds:-?}" "${executions:-?}" "${first:-?}" "${edges:-?}" "$found" |
        tee -a logs/table.txt
done
