// Python's frames within the machine's: where the interpreter's loop stands on the machine stack, the Python frames
// that it runs take its place.
#pragma once

#include <span>
#include <vector>

#include "samplers/python/frames.hpp"
#include "samplers/symbols/native_stack.hpp"

namespace sampan::python {

class MixedStack {
 public:
  // All outlive it.
  MixedStack(const Process& process, Context& context, const Interpreter& python);

  // Appends the mixed stack, outermost first. Sites and their ids are innermost first, as read in the same stop as the
  // snapshot. Truncated where the machine stack does not reach the thread's start.
  Walked weave(const ThreadSnapshot& thread, std::span<const FrameSite> sites, std::span<const FrameId> ids, std::vector<FrameId>& frames);
  void observe_stopped(const ThreadSnapshot& thread) { native_.observe_stopped(thread); }
  void refresh() { native_.refresh(); }
  void resolve() { native_.resolve(); }

 private:
  struct Segment {
    std::size_t begin, end;   // of the sites
  };
  bool in_loop(std::uint64_t address) const;
  void split(std::span<const FrameSite> sites);

  NativeStack native_;
  std::vector<AddressRange> loop_;      // the interpreter's loop, with what the compiler split off it
  std::vector<std::uint64_t> addresses_;
  std::vector<Segment> segments_;
};

}  // namespace sampan::python
