// The loaded BPF program: opened by trying, with a sentence where that fails; its maps; its records.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "samplers/base/result.hpp"
#include "samplers/base/unique_fd.hpp"
#include "samplers/sampler.hpp"
#include "samplers/tiers/ebpf.h"
#include "samplers/tiers/ebpf_modules.hpp"
#include "samplers/tiers/ebpf_walks.hpp"
#include "samplers/tiers/tiers.hpp"
#include "samplers/unwind/address_space.hpp"

struct ebpf;
struct ring_buffer;
struct bpf_link;

namespace sampan {

// Ends all that runs in the kernel when it goes. For one thread.
class EbpfProgram {
 public:
  // Loads the programs; nothing runs yet.
  static Result<std::unique_ptr<EbpfProgram>> open(Event event);
  ~EbpfProgram();
  EbpfProgram(const EbpfProgram&) = delete;

  // Attaches: perf events at `rate` a second where `running`, the scheduler's switches where `waiting`.
  Result<void> start(unsigned rate, bool running, bool waiting);
  // The perf events' rate from now on.
  void set_rate(double rate);
  // Sets another period now and then, as many a second on average: samples at even distances see always the same part of a
  // loop that takes as long.
  void vary_period();
  // Uploads rows that are not there yet and replaces the process's space in one step.
  Result<void> put_space(pid_t pid, const AddressSpace& space);
  Result<void> put_target(pid_t pid, const sampan_target& target);
  // What the walk of the process's interpreter, a BPF object's bytes, is given. Returns the walk's index.
  Result<std::uint32_t> put_interpreter(pid_t pid, Bytes walk, Bytes layout);
  // No more samples of a process, whose space is kept: what ends with the program.
  void end(pid_t pid);
  void remove(pid_t pid);
  // Frees the kernel's rows of files that no process maps any more; a few at a time, since the kernel makes each wait.
  // True where there may be more.
  bool trim();

  // Hands over every record that waits in the ring; spans live until the call returns.
  void drain(const std::function<void(const sampan_record&, Bytes)>& take);
  std::uint64_t lost() const;
  // Until now; its bytes are those of the maps that are there.
  KernelCost cost() const;
  // The kernel's function at an address, `name` or `name [module]`; empty where it is none.
  std::string kernel_name(std::uint64_t address);
  // The same by an iterator, as kernels before 5.13 must; empty where there is none, before 5.9.
  std::string printed_kernel_name(std::uint64_t address);

 private:
  EbpfProgram() = default;
  std::uint64_t next_period();

  ebpf* skeleton_ = nullptr;
  std::uint64_t map_bytes_ = 0;         // of the maps that all processes share
  std::unique_ptr<EbpfModules> modules_;
  std::unique_ptr<EbpfWalks> walks_;
  ring_buffer* ring_ = nullptr;
  const sampan_totals* totals_ = nullptr;   // the kernel writes them
  bpf_link* names_ = nullptr;           // of print_kernel_name, once it was asked for
  std::vector<bpf_link*> events_;
  std::vector<int> event_fds_;          // the links own them
  double rate_ = 0;                     // of the events, a second
  double varied_ = 0;                   // by which share they are more now, where the next are to be as many less
  std::uint64_t vary_at_ = 0;           // CLOCK_MONOTONIC, ns
  std::minstd_rand random_{std::random_device{}()};

  std::unordered_map<pid_t, std::size_t> space_bytes_;
  std::function<void(const sampan_record&, Bytes)> take_;
};

// Why the ebpf tier cannot be had here, as far as looking tells: capabilities, BTF, the kernel's age. Never empty.
std::string explain_ebpf_failure(const char* what, int error);

}  // namespace sampan
