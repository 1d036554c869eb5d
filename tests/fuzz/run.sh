#!/bin/sh
# Runs every fuzzer for some seconds, two at a time, from its seeds in tests/fuzz/corpus/NAME: run.sh [SECONDS].
# Prints each one's executions; fails on the first finding and keeps it in build/fuzz/findings.
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-5}
mkdir -p build/fuzz/findings
one() {
  fuzzer=$1; name=$(basename "$fuzzer")
  mkdir -p "build/fuzz/corpus/$name"
  seeds=tests/fuzz/corpus/$name
  [ -d "$seeds" ] || seeds=
  if "$fuzzer" -max_total_time="$2" -rss_limit_mb=2048 -timeout=10 -artifact_prefix="build/fuzz/findings/$name-" \
      -print_final_stats=1 "build/fuzz/corpus/$name" $seeds > "build/fuzz/$name.log" 2>&1; then
    echo "ok    $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log") executions"
  else
    echo "FAIL  $name"; tail -40 "build/fuzz/$name.log"; touch build/fuzz/failed
  fi
}
rm -f build/fuzz/failed
running=0
for fuzzer in build/fuzz/tests/fuzz/*_fuzz; do
  [ -x "$fuzzer" ] || continue
  one "$fuzzer" "$seconds" &
  running=$((running + 1))
  [ $((running % 2)) = 0 ] && wait
done
wait
[ ! -e build/fuzz/failed ]
