// The registry's row for PHP.
#include "samplers/php/walker.hpp"

extern "C" const char php_kernel_walk[], php_kernel_walk_end[];   // php.bpf.c, compiled

namespace sampan {
namespace {

bool matches(const Process& process, Context& context) { return php::holds_php(process, context.elfs); }

Result<std::unique_ptr<Walker>> open(Process& process, Context& context) {
  auto found = php::open_php(process, context.elfs);
  if (!found) return tl::unexpected(found.error());
  const pid_t inner = Thread(process.id.pid, process.id.pid).inner_tid();
  return std::make_unique<php::PhpWalker>(context, std::move(*found), inner, &process);
}

}  // namespace

Runtime php_runtime() { return {"php", matches, open, true, std::as_bytes(std::span(php_kernel_walk, php_kernel_walk_end))}; }

}  // namespace sampan
