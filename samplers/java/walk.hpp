// The walk itself: from registers and a stack to frames, across compiled, interpreted, stub and native code.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "samplers/java/machine_code.hpp"
#include "samplers/java/vm.hpp"
#include "samplers/symbols/native_stack.hpp"
#include "samplers/unwind/stack_view.hpp"

namespace sampan::java {

class Walk {
 public:
  Walk(Vm& vm, NativeStack& native, Context& context);

  // Appends frames, outermost first.
  Walked run(const ThreadSnapshot& thread, std::vector<FrameId>& frames);

 private:
  enum class Went : std::uint8_t { On, End, Lost };
  static constexpr unsigned kSearchSlots = 6;
  // What a compiled pc shows, innermost first; true of one reading of its blob.
  struct Shown {
    std::uint32_t serial = 0;
    std::uint64_t made_at = 0;           // monotonic nanoseconds
    bool is_call = false;                // the compiler recorded a call that returns here
    std::vector<FrameId> frames;
  };

  Walked once(const ThreadSnapshot& thread);
  bool start(const ThreadSnapshot& thread);
  Walked loop();
  Went native_frame();
  Went behind_rows();
  Went java_frame(const Blob& blob);
  Went compiled_frame(const Blob& blob);
  Went interpreted_frame(const Blob& blob);
  Went entering_frame(const MethodInfo& info);
  Went stub_frame(const Blob& blob);
  Went adapter_frame(const Blob& blob);
  Went entry_frame();
  Went barrier_frame();
  Went pass_unknown_entry();
  Went to_anchor();

  // Moves on to a caller in the code cache; Lost where the pc is not there.
  Went enter(std::uint64_t pc, std::uint64_t sp, std::uint64_t fp);
  // Where a return instruction leads.
  Went enter(const std::optional<Sender>& sender);
  std::optional<Sender> return_from(const CodeState& state);
  Went leave_fixed(std::uint64_t frame_bytes);
  // The next slots' first return address, whose caller has one too; `callee`: what may have been called unrecorded.
  Went search_return(unsigned slots, const Blob* callee = nullptr);
  bool is_code(std::uint64_t pc);
  bool is_mapped(std::uint64_t pc);
  bool is_return_address(std::uint64_t pc);
  bool calls(std::uint64_t return_pc, const Blob& callee);
  bool returns_to(std::uint64_t pc, const Blob* callee);    // a recorded call, or one of the callee if that is known
  bool leads_on(std::uint64_t pc, std::uint64_t sp);
  std::uint64_t pushed_arguments(const Blob& blob) const;   // bytes
  std::optional<Sender> follow_compiled(const Blob& blob);
  // Whether a caller with these registers has a place to return to and a caller itself.
  bool may_be(const Sender& sender, const Blob* callee);
  CodeState state() const { return {at_.registers.sp, at_.registers.fp, at_.fp_known, at_.registers.lr, at_.exact}; }
  bool overlaps_caller(std::uint64_t return_pc);   // whether an interpreted frame may, where it returns there
  // The sender's sp, as a method that is entered or an adapter has it in a register.
  std::uint64_t told_sender() const { return at_.registers.general[cpu_.sender_register(vm_.layout.major)]; }
  Shown& shown(const Blob& blob, std::uint64_t pc);
  Bytes code_of(const Blob& blob);
  void learn_continuation(const Blob& blob);
  void watch(const Blob& blob);
  void watch(std::uint64_t method, const MethodInfo& info);
  bool still_true();
  // Whether what lies there now is what ran when the sample was taken.
  bool sure(const Blob& blob);
  bool sure(const MethodInfo& info);
  bool sure(Shown& shown);
  FrameId changed() {
    doubtful_ = true;
    return note("[code that changed since]");
  }
  FrameId note(const char* text) { return context_.profile.intern({FrameKind::Note, text, {}, 0, 0}); }

  Vm& vm_;
  const MachineCode& cpu_;
  NativeStack& native_;
  Context& context_;

  StackView stack_;
  FrameState at_;                        // where the walk stands
  const VmThread* thread_ = nullptr;
  std::uint64_t taken_at_ = 0;           // monotonic nanoseconds
  std::uint64_t next_remap_ = 0;
  bool late_ = false;                    // so long ago that other code may lie there by now
  bool doubtful_ = false;                // a name was left out since it might be another's
  bool anchored_ = false;                // the thread's anchor has been used
  bool missing_ = false;                 // frames are missing somewhere
  bool java_ = false;                    // a Java frame was seen
  bool from_java_ = false;               // the callee of the frame at hand is a Java method
  std::vector<FrameId> found_;           // innermost first
  std::vector<std::uint64_t> blobs_;     // compiled blobs whose names were used
  std::vector<std::pair<std::uint64_t, Witness>> methods_;   // interpreted methods
  std::unordered_map<std::uint64_t, Shown> shown_;           // by pc
  std::unordered_map<std::uint64_t, std::vector<std::byte>> code_;   // of permanent blobs
  std::vector<std::byte> window_;
  std::vector<Scope> scopes_;
  std::uint64_t cont_return_pc_ = 0;     // learnt or told: where a continuation returns to
};

}  // namespace sampan::java
