// What a Method* is called and which line a bytecode belongs to: read once, checked by witnesses from then on.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "flamegraph/profile.hpp"
#include "samplers/java/code_cache.hpp"

namespace sampan::java {

struct Line {
  std::uint32_t bci = 0, line = 0;
  bool operator==(const Line&) const = default;
};

struct MethodInfo {
  std::string name;               // `java/lang/Thread.run`
  std::string file;               // `Thread.java`; may be empty
  std::vector<Line> lines;        // by bci, rising
  std::uint64_t bytecodes = 0;    // address of the first one
  std::uint32_t code_size = 0;
  std::uint64_t read_at = 0;      // monotonic nanoseconds
  bool consistent = false;        // its class's constant pool is the method's own: it is no random memory
  std::vector<Witness> witnesses;
  std::uint32_t line_of(std::uint32_t bci) const;
};

// The table of a method (compressedLineNumberTable: share/oops/method.hpp), at most `most` entries.
std::vector<Line> decode_lines(Bytes stream, std::uint8_t unsigned5_excludes, std::size_t most = 65'536);

class Methods {
 public:
  Methods(Memory& memory, const Layout& layout, Profile& profile, bool lines)
      : memory_(memory), layout_(layout), profile_(profile), lines_(lines) {}

  // nullptr where the memory at the address is no method. Valid until forget().
  const MethodInfo* find(std::uint64_t method);
  void forget(std::uint64_t method);
  // Forgets a method that is no longer what was read (the memory of an unloaded class is used again); false then.
  bool verify(std::uint64_t method);
  // The frame of a bytecode of a method; bci -1: its line is not known. A method that cannot be read gets a Note frame.
  FrameId frame(std::uint64_t method, std::int32_t bci, FrameKind kind);
  // The text of a Symbol*, at most 1 KiB; empty where it cannot be read.
  std::string symbol(std::uint64_t symbol, Witness* witness = nullptr);

 private:
  std::optional<MethodInfo> read(std::uint64_t method);
  void read_lines(Bytes const_method, MethodInfo& info);

  struct Key {
    std::uint64_t method;
    std::uint64_t line_and_kind;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const { return std::hash<std::uint64_t>{}(key.method * 0x9e3779b97f4a7c15u ^ key.line_and_kind); }
  };

  Memory& memory_;
  const Layout& layout_;
  Profile& profile_;
  bool lines_;
  std::unordered_map<std::uint64_t, std::optional<MethodInfo>> methods_;
  std::unordered_map<Key, FrameId, Hash> frames_;
};

// `Foo$$Lambda/0x00007f…` and `Foo$$Lambda$14/0x…` name no class twice alike: the address is cut off.
std::string plain_class_name(std::string name);

}  // namespace sampan::java
