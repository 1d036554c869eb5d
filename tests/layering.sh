#!/bin/sh
# A floor includes only what lies below it; runtimes never include each other nor a tier, tiers never a runtime.
cd "$1" || exit 2
status=0
forbid() { # forbid WHERE PATTERN WHY [EXCEPT-FILE [EXCEPT-INCLUDE]]
  if grep -rnE "#include \"($2)" $1 --include='*.hpp' --include='*.cpp' --include='*.h' --include='*.c' ${4:+--exclude="$4"} | grep -vF "${5:-nothing is excepted}"; then
    echo "broken: $3"; status=1
  fi
}
forbid flamegraph 'samplers/|agent/' 'flamegraph includes a higher floor'
forbid samplers 'agent/' 'samplers includes agent'
# rooms FLOOR ROOM…: from the top; a room includes what stands behind it in the list, never what stands before.
rooms() {
  floor=$1; shift
  above=""
  for room in "$@"; do
    [ -z "$above" ] || forbid $floor/$room "$floor/($above)" "$floor/$room includes a room above it"
    above=$above${above:+|}$room/
  done
}
rooms agent modes delivery run result target contract
forbid "agent/contract agent/guard" 'agent/(modes|delivery|run|result|target)/|agent/session' 'a room at the bottom includes one above it'
forbid agent/guard 'agent/' 'guard includes agent' "" '"agent/guard/'
forbid "$(ls -d agent/*/)" 'agent/(session|main)' 'a room includes the session'
forbid "agent/modes agent/delivery agent/run agent/result agent/target agent/guard" 'agent/contract/params.hpp' 'a room takes whole params: each takes its own stage of contract/stages.hpp'
forbid flamegraph/svg 'flamegraph/formats/' 'the picture includes a format'
forbid flamegraph/formats 'flamegraph/svg/' 'a format includes the picture'
forbid "$(ls flamegraph/*.?pp)" 'flamegraph/(svg|formats)/' 'the ground of flamegraph includes a room'
runtimes=$(sed -n 's/^RUNTIME(\([a-z]*\),.*/\1/p' flamegraph/kinds.def)
any=$(echo $runtimes | tr ' ' '|')
forbid "samplers/base samplers/kernel samplers/process samplers/elf samplers/unwind samplers/symbols" "samplers/(tiers|$any)/" 'a shared room includes a tier or a runtime'
for runtime in $runtimes; do
  others=$(echo $runtimes | tr ' ' '\n' | grep -v "^$runtime$" | paste -sd '|')
  forbid samplers/$runtime "samplers/($others|tiers)/" "runtime $runtime includes a tier or another runtime"
done
forbid samplers/tiers "samplers/($any)/" 'a tier includes a runtime'
# A target's files are opened by one room: nothing else opens anything, and no one names /proc/PID/root but that room.
opens='(::open|::openat|::openat2|SYS_open[a-z0-9]*|fopen|freopen|opendir|[a-z]*fstream|directory_iterator|file_size|readlink|::stat|::lstat)\('
if grep -rnE "$opens" samplers --include='*.hpp' --include='*.cpp' | grep -vE '^samplers/process/(files|records|threads)\.cpp:|^samplers/[a-z]*/[a-z_]*\.cpp:.*(ElfFile|GoPclntab|Inlines|Vm|EbpfProgram|DynamicSymbols)::open\('; then
  echo "broken: samplers opens files elsewhere than in samplers/process"; status=1
fi
if grep -rnE '/root\b' samplers agent --include='*.hpp' --include='*.cpp' | grep -vE '^[^:]*:[0-9]+:.*// .*/root|^samplers/process/files\.(cpp|hpp):'; then
  echo "broken: /proc/PID/root is named elsewhere than in samplers/process/files"; status=1
fi
# ThreadSanitizer looks at the agent alone: nothing below starts a thread.
if grep -rnE 'std::(jthread|thread\b|async)|pthread_create' flamegraph samplers --include='*.hpp' --include='*.cpp'; then
  echo "broken: a thread is started below the agent, where ThreadSanitizer does not look"; status=1
fi
exit $status
