// The walk itself: from registers and a stack to frames, across V8's code, interpreted or compiled, and C++, as often as
// they alternate. First the chain is followed on the stack alone, then each frame is named from the heap.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "samplers/node/builtins.hpp"
#include "samplers/node/codes.hpp"
#include "samplers/node/deopt.hpp"
#include "samplers/node/functions.hpp"
#include "samplers/node/wasm.hpp"
#include "samplers/process/bounded_memory.hpp"
#include "samplers/process/cached_memory.hpp"
#include "samplers/sampler.hpp"
#include "samplers/symbols/native_stack.hpp"
#include "samplers/unwind/stack_view.hpp"

namespace sampan::node {

class Walk {
 public:
  // All outlive it.
  Walk(const Layout& layout, const Builtins& builtins, Memory& memory, NativeStack& native, Context& context);

  // Appends frames, outermost first.
  Walked run(const ThreadSnapshot& thread, std::vector<FrameId>& frames);

 private:
  enum class Went : std::uint8_t { On, End, Lost };
  enum class Where : std::uint8_t { Native, Builtin, Jit };
  struct Place {
    Where where = Where::Native;
    std::uint64_t low = 0;               // where the mapping starts
  };

  Walked once(const ThreadSnapshot& thread);
  Walked loop();
  Went native_frame();
  Went v8_frame(const Place& place);
  Went v8_top(const Place& place);       // the innermost frame, where its own does not stand yet or no more
  Went standing_frame(const Place& place);
  Went leave(std::uint64_t pc, std::uint64_t sp, std::uint64_t fp);
  std::optional<Went> jit_top(const Code& code);
  std::optional<Went> pushed_over(Function& own);   // a builtin that took no frame and pushed registers
  bool stands_interpreted();
  bool belongs(const Code& code, const Function& function) const;
  std::optional<Went> link_top(const Place& place);
  bool frame_stands(std::uint64_t pc);   // where a link register is: whether code from there on takes a frame down
  bool follows_link_call(std::uint64_t pc);
  std::optional<Went> builtin_top();
  Went unframed_caller();                // of a builtin that took no frame

  Went wasm_top(const WasmFunction& function, const Place& place);
  // Of a frame that the frame pointer shows; nullptr: not known, or not known by when the sample was taken.
  const WasmFunction* wasm_function();

  void stub(std::uint64_t marker, const Place& place);
  void javascript(const Place& place);
  bool interpreted(std::uint64_t function);
  void baseline(const Code& code, std::uint64_t function, bool slots);
  void optimised(const Code& code, std::uint64_t function);
  // Whether what is known of a frame was so when the sample was taken: known by then, or the function on the stack agrees.
  bool sure(std::uint64_t known_since, std::uint64_t js_function, std::uint64_t shared);
  void unknown();
  void use(Code& code);                  // what is read from it is watched
  void bytecode_frame(std::uint64_t bytecodes, std::uint64_t function, std::optional<std::int32_t> offset);
  Function* function_of(std::uint64_t bytecodes, std::uint64_t function);
  void push(Function* function, std::uint32_t line);

  Place place_of(std::uint64_t pc);
  bool is_mapped(std::uint64_t pc);
  // Whether code may return there: it is V8's and a call lies before it.
  bool is_return_address(std::uint64_t pc);
  bool slot_pushed(std::int64_t words) const;          // of the frame that at_ stands in
  bool still_true();
  void watch(const std::vector<Witness>& witnesses, std::uint64_t shared, std::uint64_t code);
  FrameId note(const char* text) { return context_.profile.intern({FrameKind::Note, text, {}, 0, 0}); }

  const Layout& layout_;
  const Builtins& builtins_;
  BoundedMemory live_;
  CachedMemory memory_;                  // of one attempt
  NativeStack& native_;
  Context& context_;
  Heap heap_;
  Functions functions_;
  Codes codes_;
  WasmFunctions wasm_;

  StackView stack_;
  FrameState at_;                        // where the walk stands
  std::uint64_t next_remap_ = 0;
  std::unordered_set<std::uint64_t> interpreter_pcs_;   // where calls of interpreted code return to, as proven before
  bool late_ = false;                    // the sample waited in a buffer
  std::uint64_t taken_at_ = 0;
  bool doubtful_ = false;                // a frame could not be named
  std::vector<FrameId> found_;           // innermost first
  std::vector<Spot> spots_;
  struct Watched {
    Witness witness;
    std::uint64_t shared, code;          // whose, to be forgotten
  };
  std::vector<Watched> watched_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> watching_;   // whose words are in it
};

}  // namespace sampan::node
