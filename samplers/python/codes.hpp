// Code objects, resolved once: address and a check of its contents → one FrameId per line. The hot path builds no strings.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "samplers/python/frames.hpp"
#include "samplers/python/kernel_walk.h"
#include "samplers/python/lines.hpp"
#include "samplers/python/objects.hpp"
#include "samplers/sampler.hpp"

namespace sampan::python {

class Codes {
 public:
  Codes(Memory& memory, const Interpreter& python, Profile& profile, bool lines);

  // Up to 3.10 a method's class is known by its frame's first argument: of frames that stand still and whose code is not
  // known yet, notes that and its type, as a walk in the kernel does.
  void observe_stopped(std::span<FrameSite> frames);
  // Forgets the code objects of these frames whose memory now holds another; one read for all of them. Those that were
  // looked at since the last new round are taken as they are.
  void verify(std::span<const FrameSite> frames, bool new_round = true);
  // The frame's id; Profile::kNoFrame where it is no frame of a code object, or is so no more (torn). With
  // `last_try`, a method whose class could not be read for that reason goes by its bare name until it can be.
  FrameId frame(const FrameSite& site, bool last_try);
  // Shown in the place of a frame whose code object was freed before it could be looked at.
  FrameId reused() const { return reused_; }
  // Keeps the cache bounded.
  void trim();

 private:
  // What tells a code object from another at the same address.
  struct Check {
    std::uint64_t filename, name, line_table;
    std::int32_t argcount, flags, first_line;
    bool operator==(const Check&) const = default;
  };
  struct Code {
    Check check{};
    std::uint64_t checked = 0;            // verify() round
    std::uint64_t bytecode = 0;           // 3.11+: where it begins, and its size in bytes
    std::uint64_t bytecode_size = 0;
    int class_tries = 0;                  // that are left to find the class of a method
    std::string name, file;
    std::vector<LineStart> lines;
    std::vector<FrameId> ids;             // by row of lines; kNoFrame: not made yet
    std::vector<std::uint64_t> copies;    // free-threaded 3.14+: each thread's bytecode
  };

  Check check_of(Bytes head) const;
  bool resolve(const FrameSite& site, Code& code, bool last_try) const;
  bool qualify(const FrameSite& site, Code& code) const;
  std::int64_t offset_in(const FrameSite& site, Code& code) const;
  FrameId intern(Code& code, std::size_t row);

  Memory& memory_;
  const Interpreter& python_;
  const Offsets& o_;
  Objects objects_;
  Profile& profile_;
  bool lines_;
  std::uint32_t check_begin_, check_size_;
  FrameId reused_;
  std::uint64_t round_ = 0;
  std::unordered_map<std::uint64_t, Code> codes_;
  std::vector<std::byte> buffer_;
  std::vector<Read> reads_;
  std::vector<std::uint64_t> reading_;
};

// What is shown of a source file's path: the part after the last site-packages/, dist-packages/ or lib/pythonX.Y/,
// which names a module wherever it is installed; any other path whole, so that no two files merge.
std::string_view short_file(std::string_view path);

}  // namespace sampan::python
