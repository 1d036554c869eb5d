#!/bin/sh
# All tests on a fresh Debian 12 machine, as root: dependencies, builds, unit, live, browser, container and guest tests,
# sanitizers and short fuzzing; what fails most often comes first. Ends with ctest's own summary; 0 where everything passed.
# `quick` as argument: the release build, unit tests, layering and one live test a runtime, for while one works.
. "$(dirname "$0")/../images/setup.sh"

if [ "${1:-}" = quick ]; then
  echo "building release"
  build release
  ctest --preset release -j "$(nproc)" -LE live -E '^(manifests|kubernetes.*|image_digest|sbom|Day\..*)$' && ctest --preset release -R '^live\.runtimes_test$'
  exit
fi

echo "installing what the tests run against"
install_packages $(cat tests/packages.txt)
command -v npm > /dev/null || install_packages npm # conflicts with other builds of nodejs, which bring their own
# Interpreters, virtual machines, kernels and browsers' drivers that Debian 12 does not hold: kept in the cache folder, fetched
# while the compilers run.
fetched=$(mktemp)
fetch() {
  for script in tests/live/get_*.sh; do
    echo "fetching: $(basename "$script" .sh | tr _ ' ')"
    sh "$script" || echo "SKIP: $script could not fetch all: the tests name what is missing"
  done
}
fetch > "$fetched" 2>&1 &
fetching=$!

status=0
echo "building release, asan, tsan and the fuzzers"
build release
for preset in asan tsan fuzz; do
  build $preset || status=1
done
wait $fetching
cat "$fetched"
rm -f "$fetched"
# For the arm64 guests of tests/kernels; in the long form their unit tests too.
sh images/arm64.sh ${SAMPAN_LONG:+flamegraph_tests samplers_tests agent_tests} || status=1

echo "unit and live tests"
log=build/release/ctest.log
{ ctest --preset release -j "$(nproc)" && echo 0 > build/release/status || echo 1 > build/release/status; } 2>&1 | tee $log
[ "$(cat build/release/status)" = 0 ] || status=1
echo "what could not be tested here, and why:"
python3 tests/skips.py build/release || status=1

for preset in asan tsan; do
  echo "unit tests under $preset (under asan some live ones too)"
  ctest --preset $preset --output-on-failure -j "$(nproc)" > build/$preset/ctest.log 2>&1 || { status=1; tail -60 build/$preset/ctest.log; }
  grep -E 'tests passed|tests failed' build/$preset/ctest.log || true
done
echo "each fuzzer for ${SAMPAN_FUZZ_SECONDS:-5} seconds"
SAMPAN_FUZZ_SEED=${SAMPAN_FUZZ_SEED:-1} sh tests/fuzz/run.sh "${SAMPAN_FUZZ_SECONDS:-5}" || status=1

[ $status = 0 ] || echo "FAILED: see above"
sed -n '/% tests passed/,$p' $log
exit $status
