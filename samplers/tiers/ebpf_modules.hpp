// The unwind rows of files in the kernel: an array a file, in slots of a map of maps that the walk looks up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "samplers/base/result.hpp"
#include "samplers/base/unique_fd.hpp"
#include "samplers/unwind/unwind_table.hpp"

namespace sampan {

// An array map of the kernel's; no descriptor where it refuses, and errno says why.
UniqueFd make_bpf_array(const char* name, std::uint32_t value_size, std::size_t entries, std::uint32_t flags);

// For one thread.
class EbpfModules {
 public:
  struct Module {
    std::uint32_t slot = 0, pages = 0;   // slot 0: without rows
  };

  // `map`, the descriptor of the tier's map of modules, outlives this.
  explicit EbpfModules(int map) : map_(map) {}

  // Where a table's rows are; new ones wait for upload(). Slot 0 where it has none, or no slot is free.
  Result<Module> of(const std::shared_ptr<const UnwindTable>& table);
  Result<void> upload();
  // Frees the rows of files that no process maps any more; a few at a time, since the kernel makes each wait. True where
  // there may be more.
  bool trim();
  std::uint64_t bytes() const { return bytes_; }   // that the kernel holds for all of them

 private:
  struct Held {
    Module module;
    std::shared_ptr<const UnwindTable> table;
    std::size_t bytes = 0;
  };

  int map_;
  std::unordered_map<const UnwindTable*, Held> held_;
  std::vector<std::uint32_t> free_slots_;
  std::uint32_t slots_ = 0;             // given so far, free ones included
  std::vector<std::pair<std::uint32_t, UniqueFd>> made_;
  std::uint64_t bytes_ = 0;
};

}  // namespace sampan
