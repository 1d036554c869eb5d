#!/bin/sh
# All tests on a fresh Debian 12 machine, as root: dependencies, builds, unit, live, browser and container tests,
# sanitizers and short fuzzing. Ends with ctest's own summary; 0 where everything passed.
. "$(dirname "$0")/../images/setup.sh"
echo "installing what the tests run against"
install_packages $(cat tests/packages.txt)
# Interpreters, virtual machines and browsers' drivers that Debian 12 does not hold: kept in the cache folder.
for script in tests/live/get_*.sh; do
  [ -e "$script" ] || continue
  echo "fetching: $(basename "$script" .sh | tr _ ' ')"
  sh "$script" || echo "SKIP: $script could not fetch all: the tests name what is missing"
done

for preset in release asan tsan fuzz; do
  echo "building $preset"
  build $preset
done

sh images/arm64.sh                       # for the arm64 guests of tests/kernels

status=0
for preset in asan tsan; do
  echo "tests under $preset (under asan some live ones too)"
  ctest --preset $preset --output-on-failure -j "$(nproc)" > build/$preset/ctest.log 2>&1 || { status=1; tail -60 build/$preset/ctest.log; }
  grep -E 'tests passed|tests failed' build/$preset/ctest.log || true
done
echo "fuzzing each parser for ${SAMPAN_FUZZ_SECONDS:-5} seconds"
SAMPAN_FUZZ_SEED=${SAMPAN_FUZZ_SEED:-1} sh tests/fuzz/run.sh "${SAMPAN_FUZZ_SECONDS:-5}" || status=1

echo "unit and live tests of the release build"
log=build/release/ctest.log
{ ctest --preset release -j "$(nproc)" && echo 0 > build/release/status || echo 1 > build/release/status; } 2>&1 | tee $log
[ "$(cat build/release/status)" = 0 ] || status=1
echo "what could not be tested here, and why:"
grep -h '^SKIP:' build/release/Testing/Temporary/LastTest.log | sort -u || echo "nothing"
[ $status = 0 ] || echo "FAILED: see above"
sed -n '/% tests passed/,$p' $log
exit $status
