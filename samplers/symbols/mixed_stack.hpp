// An interpreter's frames within the machine's: where its loop stands on the machine stack, the frames that it runs take
// its place.
#pragma once

#include <span>
#include <vector>

#include "samplers/symbols/native_stack.hpp"

namespace sampan {

class MixedStack {
 public:
  // Of the interpreter's frames, innermost first, those that one call of its loop runs.
  struct Segment {
    std::size_t begin, end;
  };

  // Process and context outlive it. `loop`: the interpreter's loop, and what is known to have been split off it.
  MixedStack(const Process& process, Context& context, std::vector<AddressRange> loop);

  // Appends the mixed stack, outermost first. Ids and segments are innermost first, as read in the same stop as the
  // snapshot. Truncated where the machine stack does not reach the thread's start.
  Walked weave(const ThreadSnapshot& thread, std::span<const FrameId> ids, std::span<const Segment> segments, std::vector<FrameId>& frames);
  void observe_stopped(const ThreadSnapshot& thread) { native_.observe_stopped(thread); }
  void refresh() { native_.refresh(); }
  void resolve() { native_.resolve(); }

 private:
  bool in_loop(std::uint64_t address) const;

  NativeStack native_;
  std::vector<AddressRange> loop_;      // with what the compiler split off it
  std::vector<std::uint64_t> addresses_;
};

}  // namespace sampan
