// Where V8's own precompiled code lies in the program's file: machine code that no unwind row covers. The kernel may have it
// mapped twice (V8 puts a copy near its just-in-time code), hence file addresses.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "samplers/node/builtin_names.hpp"
#include "samplers/unwind/address_space.hpp"

namespace sampan::node {

class Builtins {
 public:
  Builtins() = default;                 // none are known
  // Finds the code in the file that holds V8; `table` are its rows.
  Builtins(const std::shared_ptr<ElfFile>& file, const UnwindTable& table, std::shared_ptr<const BuiltinNames> names);

  bool hold(const CodeRegion& region, std::uint64_t pc) const { return region.file == file_ && find(pc - region.bias) != nullptr; }
  bool empty() const { return ranges_.empty(); }
  const BuiltinNames& names() const { return *names_; }

 private:
  struct Range {
    std::uint64_t start, end;      // as the file has them
  };
  const Range* find(std::uint64_t address) const;

  std::shared_ptr<ElfFile> file_;
  std::shared_ptr<const BuiltinNames> names_ = std::make_shared<BuiltinNames>();
  std::vector<Range> ranges_;      // sorted
};

}  // namespace sampan::node
