// Finding PHP in a process: its release by the entries of its built-in modules, which name the API that they were
// compiled for, and the executor's globals of each thread.
#pragma once

#include <map>
#include <optional>

#include "samplers/php/layout.hpp"
#include "samplers/process/pthread.hpp"
#include "samplers/sampler.hpp"
#include "samplers/unwind/address_space.hpp"

namespace sampan::php {

struct Php {
  Memory& memory;
  const Layout& layout;
  bool thread_safe = false;
  std::uint64_t globals = 0;         // executor_globals; of a thread-safe build, their offset in a thread's storage
  std::uint64_t table = 0;           // thread-safe: address of the pointer to TSRM's table of threads; 0: not found yet
  std::vector<std::uint64_t> variables;   // thread-safe: where that pointer may lie
  std::optional<std::uint64_t> descriptor = {};   // thread-safe: elf/thread_pointer.hpp
  std::vector<AddressRange> loop = {};   // of the VM
  sampan_php_registers registers = {};   // while that runs
};

bool holds_php(const Process& process, ElfCache& elfs);
// Fails with a sentence where the release is not known.
Result<Php> open_php(const Process& process, ElfCache& elfs);

// The executor's globals by thread (its id in the process's own PID namespace). `inner_pid` is the main thread's.
std::map<pid_t, std::uint64_t> list_globals(Php& php, PthreadIds& pthreads, pid_t inner_pid);

}  // namespace sampan::php
