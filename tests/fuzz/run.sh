#!/bin/sh
# Runs fuzzers for some seconds each, two at a time, from their seeds in tests/fuzz/corpus/NAME: run.sh [SECONDS [NAME…]].
# Prints each one's executions and their total; fails on the first finding and keeps it in build/fuzz/findings.
# What a run has learnt stays in build/fuzz/corpus, so that hours (SAMPAN_FUZZ_JOBS=1 run.sh 36000 elf_fuzz) go on from it.
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-5}
[ $# -gt 0 ] && shift
jobs=${SAMPAN_FUZZ_JOBS:-2}
seed=${SAMPAN_FUZZ_SEED:-0}   # 0: another one each time; any other: a run that can be repeated
mkdir -p build/fuzz/findings
one() {
  name=$1
  mkdir -p "build/fuzz/corpus/$name"
  seeds=tests/fuzz/corpus/$name
  [ -d "$seeds" ] || seeds=
  if "build/fuzz/tests/fuzz/$name" -seed="$seed" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -artifact_prefix="build/fuzz/findings/$name-" \
      -print_final_stats=1 "build/fuzz/corpus/$name" $seeds > "build/fuzz/$name.log" 2>&1; then
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log")
    echo "ok    $name: $executions executions in $(sed -n 's/^Done .* in \([0-9]*\) second.*/\1/p' "build/fuzz/$name.log") s"
    echo "$executions" >> build/fuzz/executions
  else
    echo "FAIL  $name"; tail -40 "build/fuzz/$name.log"; touch build/fuzz/failed
  fi
}
rm -f build/fuzz/failed build/fuzz/executions
[ $# -gt 0 ] || set -- $(cd build/fuzz/tests/fuzz && ls | grep '_fuzz$')
running=0
count=$#
for name in "$@"; do
  one "$name" &
  running=$((running + 1))
  [ $((running % jobs)) = 0 ] && wait
done
wait
echo "$count fuzzers, $(awk '{n += $1} END {print n + 0}' build/fuzz/executions) executions in all"
[ ! -e build/fuzz/failed ]
