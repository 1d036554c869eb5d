// The kernel's functions by address, by bcc_syms from /proc/kallsyms, read on first use.
#pragma once

#include <cstdint>
#include <string>

namespace sampan {

struct KernelName {
  std::string name;     // `[kernel]` where it may not be told (no SYSLOG)
  std::string module;   // `[kernel]` or the module's name in brackets
};

class KernelSymbols {
 public:
  KernelSymbols() = default;
  ~KernelSymbols();
  KernelSymbols(const KernelSymbols&) = delete;
  KernelSymbols& operator=(const KernelSymbols&) = delete;

  KernelName name(std::uint64_t address);
  // True where /proc/kallsyms shows addresses: it reads zeros without SYSLOG or with kptr_restrict 2.
  static bool readable();

 private:
  void* cache_ = nullptr;
  bool opened_ = false;
};

}  // namespace sampan
