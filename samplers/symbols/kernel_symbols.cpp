#include "samplers/symbols/kernel_symbols.hpp"

#include <bcc/bcc_syms.h>

#include <utility>

#include "samplers/process/files.hpp"

namespace sampan {

KernelSymbols::~KernelSymbols() {
  if (cache_) bcc_free_symcache(cache_, -1);
}

bool KernelSymbols::readable() {
  const auto text = read_file("/proc/kallsyms", 4096);
  return text && text->find_first_of("123456789abcdef") < text->find(' ');
}

KernelName KernelSymbols::name(std::uint64_t address) {
  if (!std::exchange(opened_, true) && readable()) cache_ = bcc_symcache_new(-1, nullptr);
  bcc_symbol symbol{};
  if (!cache_ || bcc_symcache_resolve_no_demangle(cache_, address, &symbol) != 0 || !symbol.name) return {"[kernel]", "[kernel]"};
  const std::string module = symbol.module ? symbol.module : "kernel";
  return {symbol.name, module.starts_with("[") ? module : "[" + module + "]"};
}

}  // namespace sampan
