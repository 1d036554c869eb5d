#!/bin/sh
# A floor includes only what lies below it; runtimes never include each other nor a tier, tiers never a runtime.
cd "$1" || exit 2
status=0
forbid() { # forbid WHERE PATTERN WHY [EXCEPT]
  if grep -rnE "#include \"($2)" $1 --include='*.hpp' --include='*.cpp' --include='*.h' --include='*.c' ${4:+--exclude="$4"}; then
    echo "broken: $3"; status=1
  fi
}
forbid flamegraph 'samplers/|agent/' 'flamegraph includes a higher floor'
forbid samplers 'agent/' 'samplers includes agent'
forbid "samplers/base samplers/process samplers/elf samplers/unwind samplers/symbols" \
  'samplers/(tiers|python|ruby|php|native|go|java|node)/' 'a shared room includes a tier or a runtime'
for runtime in python ruby php native go java; do
  others=$(echo python ruby php native go java | tr ' ' '\n' | grep -v "^$runtime$" | paste -sd '|')
  forbid samplers/$runtime "samplers/($others|tiers)/" "runtime $runtime includes a tier or another runtime"
done
forbid samplers/tiers 'samplers/(python|ruby|php|native|go|java|node)/' 'a tier includes a runtime' ebpf.bpf.c   # one program walks them all in the kernel
exit $status
