// Calls that a C, C++ or Rust compiler inlined, from debug information, by libdw: bounded in memory and in time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "samplers/elf/elf_file.hpp"
#include "samplers/symbols/dwarf_package.hpp"

struct Dwarf;

namespace sampan {

struct InlinedCall {
  std::string name;    // of the callee, mangled where the compiler said so
};

class Inlines {
 public:
  // nullptr where the file has no debug information, or more than 192 MiB of it.
  // What belongs to it (dwz's shared file, .dwo, the .dwp beside the program, whose path it is) is looked for in `root`, a
  // descriptor of the target's root.
  static std::unique_ptr<Inlines> open(std::shared_ptr<ElfFile> file, int root, const std::string& path);
  ~Inlines();
  Inlines(const Inlines&) = delete;

  // Callees inlined at an address, outermost first, without the function that holds it. Empty where there are none, and
  // once two seconds have been spent on all addresses of the file: then `exhausted`.
  std::vector<InlinedCall> at(std::uint64_t address, int root);
  bool exhausted() const { return spent_ns_ > kMostNs; }
  std::uint64_t spent_ns() const { return spent_ns_; }

 private:
  static constexpr std::uint64_t kMostNs = 2'000'000'000;
  Inlines() = default;
  void index_units();

  struct Unit {
    std::uint64_t start, end;
    std::uint64_t die;       // offset in .debug_info
  };
  std::shared_ptr<ElfFile> file_;
  std::unique_ptr<DwarfPackage> package_;   // nullptr: none
  Dwarf* dwarf_ = nullptr;
  std::vector<Unit> units_;  // sorted
  std::uint64_t spent_ns_ = 0;
};

}  // namespace sampan
