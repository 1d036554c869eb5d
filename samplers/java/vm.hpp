// One HotSpot VM: its layout and everything that is looked up in it, shared by the walks of its threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "samplers/java/class_unloads.hpp"
#include "samplers/java/code_cache.hpp"
#include "samplers/java/heap.hpp"
#include "samplers/java/interpreter.hpp"
#include "samplers/java/methods.hpp"
#include "samplers/java/scopes.hpp"
#include "samplers/java/vm_threads.hpp"
#include "samplers/sampler.hpp"

namespace sampan::java {

// A routine of StubRoutines, named by the VM's own variable that points to it.
struct StubName {
  std::uint64_t start = 0;
  std::string name;
};

class Vm {
 public:
  // Fails with CannotSample and a sentence where the process's libjvm is not a HotSpot that describes itself.
  static Result<std::unique_ptr<Vm>> open(Process& process, Context& context);
  // For tests: a VM in fake memory.
  Vm(Memory& memory, Layout layout, Profile& profile, bool lines);

  // Reads again what grows and moves: the heaps, the threads, the interpreter while the VM starts.
  void refresh();
  // Notes what is there now, for samples that are walked later: monotonic nanoseconds. While the VM starts, reads again.
  void look(std::uint64_t now);

  Memory& memory;
  const Layout layout;
  CodeCache code;
  Methods methods;
  ClassUnloads unloads;
  VmThreads threads;
  Heap heap;
  std::vector<Codelet> codelets;
  std::vector<StubName> stubs;               // by address
  std::uint64_t call_stub_return = 0;

  // The name of the routine that holds the pc, or of its blob.
  std::string stub_name(const Blob& blob, std::uint64_t pc) const;

 private:
  std::uint64_t next_refresh_ = 0;
  std::vector<std::pair<std::uint64_t, std::string>> stub_variables_;   // address of each `StubRoutines::_…`
};

// The mapping of libjvm.so, or nullptr.
const Mapping* find_libjvm(const Process& process);

}  // namespace sampan::java
