// The registry's row for CRuby.
#include "samplers/ruby/walker.hpp"

extern "C" const char ruby_kernel_walk[], ruby_kernel_walk_end[];   // ruby.bpf.c, compiled

namespace sampan {
namespace {

bool matches(const Process& process, Context& context) { return ruby::holds_ruby(process, context.elfs); }

Result<std::unique_ptr<Walker>> open(Process& process, Context& context) {
  auto vm = ruby::open_vm(process, context.elfs);
  if (!vm) return tl::unexpected(vm.error());
  const pid_t inner = Thread(process.id.pid, process.id.pid).inner_tid();
  return std::make_unique<ruby::RubyWalker>(context, std::move(*vm), inner);
}

}  // namespace

Runtime ruby_runtime() { return {"ruby", matches, open, true, std::as_bytes(std::span(ruby_kernel_walk, ruby_kernel_walk_end)), true}; }

}  // namespace sampan
