// Where functions of code without unwind information start: told by the file, by calls, and by pointers to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_set>
#include <vector>

#include "samplers/unwind/code_bytes.hpp"

namespace sampan {

// Refers to the code, which must outlive it. Each address is decoded once; ends early, with what it has, where the
// budget (instructions) is spent.
class FunctionFinder {
 public:
  FunctionFinder(const CodeBytes& code, std::size_t budget) : code_(code), budget_(budget) {}

  // A function of which something tells: the file, a call.
  void add_start(std::uint64_t address);
  // One of which only a pointer tells: no start where it lies inside of what is known already.
  void add_pointer(std::uint64_t address);
  // Finds the functions that are called from those known so far.
  void explore();
  // Calls out of code that rows cover, from a function's start on.
  void search(std::uint64_t from, std::uint64_t to);
  // Functions whose address was loaded by code seen so far.
  void take_pointers();

  const std::set<std::uint64_t>& starts() const { return starts_; }
  std::size_t budget() const { return budget_; }   // instructions left

 private:
  const CodeBytes& code_;
  std::set<std::uint64_t> starts_;
  std::vector<std::uint64_t> unexplored_, pointers_;
  std::unordered_set<std::uint64_t> explored_;
  std::size_t budget_;
};

}  // namespace sampan
