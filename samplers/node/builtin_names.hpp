// V8's own names of its builtins by their numbers (`ArrayMap`, `RegExpPrototypeExec`), from the table that every program with
// V8 carries, stripped or not (src/builtins/builtins.cc: builtin_metadata). It is found by its strings.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "samplers/elf/elf_file.hpp"
#include "samplers/process/memory.hpp"

namespace sampan::node {

class BuiltinNames {
 public:
  BuiltinNames() = default;                 // none are known
  // `bias`: what to add to the file's addresses in the process. Takes some hundredths of a second of a file's first time.
  static std::shared_ptr<const BuiltinNames> of(const std::shared_ptr<ElfFile>& file, Memory& memory, std::uint64_t bias);

  // Empty: not known.
  std::string_view name(std::int64_t number) const;
  std::size_t size() const { return names_.size(); }

 private:
  void read(const ElfFile& file, Memory& memory, std::uint64_t bias);
  std::vector<std::string> names_;
};

// A builtin function's name with what it belongs to: `map` of `ArrayMap` is `Array.map`. Its own where they do not agree.
std::string qualified_builtin(std::string_view builtin, const std::string& name);

}  // namespace sampan::node
