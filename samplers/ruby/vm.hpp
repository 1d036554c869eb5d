// Finding CRuby in a process: which release it is, where its one VM lies, and its threads. Stripped libraries hide the
// VM's address (from 3.3 on always): then the library's own variables are searched for a VM whose pointers close.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "samplers/ruby/objects.hpp"
#include "samplers/sampler.hpp"

namespace sampan::ruby {

struct Vm {
  Memory& memory;
  const Layout& layout;
  std::uint64_t address;        // rb_vm_t
  Objects objects;
  std::optional<std::uint64_t> descriptor = {};   // elf/thread_pointer.hpp
};

// True where one of the process's files is CRuby's.
bool holds_ruby(const Process& process, ElfCache& elfs);
// Fails with a sentence where the release is not known or nothing in memory looks like its VM.
Result<std::unique_ptr<Vm>> open_vm(const Process& process, ElfCache& elfs);
// "3.1.2" and the like.
std::optional<Version> parse_version(std::string_view text);

struct RubyThread {
  std::uint64_t address = 0;    // rb_thread_t
  std::uint64_t context = 0;    // its rb_execution_context_t now: a fiber's own
  std::uint64_t native = 0;     // rb_native_thread_t, from 3.2
  std::uint64_t descriptor = 0; // pthread_t
  std::uint64_t running = 0;    // address of its ractor's word for who holds the lock
  pid_t tid = 0;                // as Ruby notes it, stale after some forks; 0: it notes none
};
// Every thread of every ractor, the first one first.
std::vector<RubyThread> list_threads(const Vm& vm);
// What a thread's own structure says of it; false where it cannot be read or is none.
bool read_thread(const Vm& vm, RubyThread& thread);

// True where the words at `address` are a VM whose main thread and execution context point back to it.
bool is_vm(Memory& memory, const Layout& layout, std::uint64_t address);

}  // namespace sampan::ruby
