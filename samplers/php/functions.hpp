// PHP functions by address: who they are, and whether they still are. A request's functions are freed at its end and
// their places taken by others, so each use is checked by what the function holds now.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "samplers/php/layout.hpp"
#include "samplers/sampler.hpp"

namespace sampan::php {

// What of a zend_function tells it from another.
struct Fingerprint {
  std::uint64_t type = 0;            // 1: internal, 2: user, 4: eval
  std::uint64_t name = 0, scope = 0; // zend_string, zend_class_entry; 0: none
  std::uint64_t file = 0;            // zend_string; user functions only
  std::uint32_t first_line = 0, last_line = 0;
  bool operator==(const Fingerprint&) const = default;
};

struct Function {
  Fingerprint is;
  std::uint64_t name_hash = 0, file_hash = 0;   // of the strings, as PHP keeps them
  std::string name, file;
  bool user() const { return is.type == SAMPAN_PHP_USER || is.type == SAMPAN_PHP_EVAL; }
  bool script() const { return is.type == SAMPAN_PHP_USER && is.name == 0; }   // a file's own code
  std::unordered_map<std::uint64_t, FrameId> frames;             // by line, and whether it is included
};

// One frame of a stack, innermost first.
struct Call {
  std::uint64_t function = 0, opline = 0;
  std::uint32_t line = 0;            // filled by check(), or sent; 0: not known
  std::uint64_t check = 0;           // sent
  Function* known = nullptr;
  bool entry = false;                // of a user function: the outermost of one call of the VM's loop
};

class Functions {
 public:
  Functions(Memory& memory, const Layout& layout) : memory_(memory), layout_(layout) {}
  // Says of each call what function it is, in one batch where all are known from before. Pointers last until the next check.
  void check(std::vector<Call>& calls);
  // The same of calls that the kernel sent a while ago, each with its check (kernel_walk.h): nullptr where the function has
  // been freed since.
  void recall(std::vector<Call>& calls);
  std::optional<std::string> string(std::uint64_t address, std::size_t most) const;

 private:
  struct Seen {
    std::uint64_t address;
    Function* function;
    std::vector<std::byte> bytes;
    std::uint64_t name_hash, file_hash;
  };
  Fingerprint fingerprint(Bytes bytes) const;
  void learn(Function& function, const Fingerprint& is);
  Function* find_sent(std::uint64_t address, std::uint64_t check);
  static void judge_line(Call& call);

  Memory& memory_;
  const Layout& layout_;
  std::unordered_map<std::uint64_t, Function> functions_;
  std::unordered_map<std::uint64_t, Function> sent_;   // by address and check
  std::vector<Seen> seen_;
  std::unordered_map<std::uint64_t, std::size_t> index_;
  std::vector<Read> reads_;
};

}  // namespace sampan::php
