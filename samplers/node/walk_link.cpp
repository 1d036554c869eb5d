// The innermost frame of V8's code where calls leave the return address in a register (arm64): until its own frame stands, and
// from where it has been torn down, that register tells the caller and the frame pointer is the caller's.
#include <array>

#include "samplers/node/walk.hpp"

namespace sampan::node {
namespace {

constexpr unsigned kMostInstructions = 1024, kWindow = 64;   // instructions
constexpr unsigned kLink = 30;
constexpr std::int64_t kBytecodesSlot = -4;

enum class Event : std::uint8_t { None, FrameEnds, NoFrame, Unknown };

// The two registers of a frame record, stored or loaded by sp.
bool is_record(std::uint32_t word) { return (word & 0x7fff) == 0x7bfd; }

// What an instruction ahead says of the frame: it takes it down; it sets it up or returns without it.
Event event_of(std::uint32_t word, std::uint32_t before) {
  const std::uint32_t pair = word >> 22;
  if (is_record(word) && (pair == 0x2a4 || pair == 0x2a6)) return Event::NoFrame;          // stp
  if ((word & 0xff8003ff) == 0x910003fd) return Event::NoFrame;                            // add x29, sp, #n
  if (is_record(word) && (pair == 0x2a3 || pair == 0x2a5)) return Event::FrameEnds;        // ldp
  if (word == 0x910003bf) return Event::FrameEnds;                                         // mov sp, x29
  if (word == 0xd65f03c0) return Event::NoFrame;                                           // ret
  if ((word & 0xfffffc1f) == 0xd61f0000) return (before & 0xffe00000) == 0x8b200000 ? Event::Unknown : Event::NoFrame;   // br: a table's, a tail call
  if ((word & 0xffe00000) == 0xd4200000 || (word & 0xffff0000) == 0 || word == 0xcccccccc) return Event::Unknown;   // brk, udf, padding
  return Event::None;
}

}  // namespace

// Follows the code straight on, over its jumps, to where that shows.
bool Walk::frame_stands(std::uint64_t pc) {
  std::array<std::byte, kWindow * 4> window;
  std::uint64_t start = 0;
  std::uint32_t before = 0;
  for (unsigned i = 0; i < kMostInstructions; ++i) {
    if (pc < start || pc - start >= window.size() || start == 0) {
      start = pc;
      if (!memory_.read(start, window)) return true;
    }
    const auto word = read_at<std::uint32_t>(window, pc - start);
    const Event event = event_of(word, before);
    if (event != Event::None) return event != Event::NoFrame;
    before = word;
    if ((word & 0xfc000000) != 0x14000000) pc += 4;
    else pc += static_cast<std::uint64_t>(static_cast<std::int64_t>(std::uint64_t{word} << 38) >> 36);   // b
  }
  return true;
}

bool Walk::follows_link_call(std::uint64_t pc) {
  std::uint32_t word = 0;
  if (pc < 4 || pc % 4 != 0 || !is_mapped(pc - 1) || !memory_.read_into(pc - 4, word)) return false;
  return (word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000;   // bl, blr
}

std::optional<Walk::Went> Walk::link_top(const Place& place) {
  const Registers& r = at_.registers;
  const std::uint64_t link = r.general[kLink] & native_.space().address_bits();
  // A frame that stands and has called nothing yet keeps what the register holds.
  if (r.fp >= r.sp && stack_.word(r.fp + 8) == link) return {};
  // The handler of a bytecode works in the frame of the function that it interprets.
  if (place.where == Where::Builtin && stack_.word(slot(r.fp, kBytecodesSlot)) == r.general[layout_.processor->bytecodes]) return {};
  if (!follows_link_call(link) || frame_stands(r.pc)) return {};
  return leave(link, r.sp, r.fp);
}

}  // namespace sampan::node
