#include "samplers/node/walk.hpp"

#include <algorithm>
#include <array>

#include "samplers/base/clock.hpp"

namespace sampan::node {
namespace {

constexpr std::size_t kMostFrames = 32'768;            // V8 gives out before, at about 1 MB of stack
constexpr std::uint64_t kRemapEvery = 50'000'000;      // ns
constexpr unsigned kAttempts = 3;
// Of one sample: 10,000 frames take some 100,000 reads, the largest source that is counted through 32 MB.
constexpr std::size_t kMostReads = 400'000, kMostBytes = 64u << 20;
constexpr std::int64_t kMarkerSlot = -1, kFunctionSlot = -2, kBytecodesSlot = -4, kOffsetSlot = -5;
constexpr std::array<std::int64_t, 2> kFeedbackSlots = {-6, -5};   // of interpreted and baseline frames, by version
constexpr std::int64_t kExitFunctionSlot = 3;          // BuiltinExitFrame: the JSFunction

}  // namespace

Walk::Walk(const Layout& layout, const Builtins& builtins, Memory& memory, NativeStack& native, Context& context)
    : layout_(layout), builtins_(builtins), live_(memory, kMostReads, kMostBytes), memory_(live_), native_(native), context_(context), heap_(memory_, layout),
      functions_(heap_, builtins.names(), context.profile, context.options.lines), codes_(heap_), wasm_(heap_, context.profile) {}

Walked Walk::run(const ThreadSnapshot& thread, std::vector<FrameId>& frames) {
  functions_.trim();
  codes_.trim();
  wasm_.trim();
  live_.start();
  late_ = thread.deferred && thread.taken_at;
  taken_at_ = thread.taken_at;
  Walked result = Walked::Failed;
  for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
    result = once(thread);
    if (result == Walked::Failed || result == Walked::NoFrames || still_true()) break;
    result = Walked::Suspect;   // what was known is no longer so: it has been forgotten and is read anew
  }
  if (result == Walked::Suspect) found_.assign(1, note("[code that changed while it was read]"));
  if (found_.empty()) return result;
  if (doubtful_ && result == Walked::Whole) result = Walked::Suspect;
  if (result == Walked::Truncated) frames.push_back(native_.truncated());
  frames.insert(frames.end(), found_.rbegin(), found_.rend());
  for (std::size_t i = thread.kernel.size(); i-- > 0;) frames.push_back(native_.kernel_frame(thread.kernel[i]));
  return result;
}

Walked Walk::once(const ThreadSnapshot& thread) {
  memory_.start();
  found_.clear();
  watched_.clear();
  watching_.clear();
  doubtful_ = false;
  if (!thread.registers) return Walked::NoFrames;
  at_ = {};
  at_.registers = *thread.registers;
  at_.fp_known = thread.fp_known;
  at_.architecture = layout_.processor->architecture;
  stack_.reset(memory_, thread.registers->sp, thread.stack, 0);
  return loop();
}

Walked Walk::loop() {
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < kMostFrames; ++i) {
    if (at_.registers.sp < before || !stack_.holds(at_.registers.sp)) return Walked::Truncated;
    before = at_.registers.sp;
    const Place place = place_of(at_.lookup());
    const Went went = place.where == Where::Native ? native_frame() : v8_frame(place);
    if (went == Went::End) return Walked::Whole;
    if (went == Went::Lost) return Walked::Truncated;
  }
  return Walked::Truncated;
}

Walk::Place Walk::place_of(std::uint64_t pc) {
  if (!is_mapped(pc)) return {};
  const CodeRegion* region = native_.space().find(pc);
  if (region->path.empty()) return {Where::Jit, region->start};
  return {builtins_.hold(*region, pc) ? Where::Builtin : Where::Native, region->start};
}

// V8 maps code while it runs: mappings are read again now and then where a pc lies in none.
bool Walk::is_mapped(std::uint64_t pc) {
  if (native_.space().find(pc)) return true;
  const std::uint64_t now = now_ns();
  if (now < next_remap_) return false;
  next_remap_ = now + kRemapEvery;
  native_.refresh();
  return native_.space().find(pc) != nullptr;
}

Walk::Went Walk::native_frame() {
  if (!is_mapped(at_.lookup()) && !at_.exact) return Went::Lost;
  found_.push_back(native_.frame(at_.lookup()));
  const FrameState before = at_;
  Step done = step(native_.space(), stack_.copy(), at_);
  while (done == Step::OutOfStack && stack_.extend()) {
    at_ = before;
    done = step(native_.space(), stack_.copy(), at_);
  }
  return done == Step::Root ? Went::End : done == Step::Caller ? Went::On : Went::Lost;
}

Walk::Went Walk::leave(std::uint64_t pc, std::uint64_t sp, std::uint64_t fp) {
  pc &= native_.space().address_bits();
  if (sp < at_.registers.sp || !is_mapped(pc - 1)) return Went::Lost;
  at_.registers.pc = pc;
  at_.registers.sp = sp;
  at_.registers.fp = fp;
  at_.fp_known = true;
  at_.innermost = at_.exact = false;
  return Went::On;
}

bool Walk::slot_pushed(std::int64_t words) const { return slot(at_.registers.fp, words) >= at_.registers.sp; }

Walk::Went Walk::v8_frame(const Place& place) {
  if (at_.exact) return v8_top(place);
  return standing_frame(place);
}

// The frame that the frame pointer shows, whose slots tell what it is.
Walk::Went Walk::standing_frame(const Place& place) {
  const std::uint64_t fp = at_.registers.fp;
  if (!at_.fp_known || fp < at_.registers.sp || fp % 8 != 0) return Went::Lost;
  const auto caller_pc = stack_.word(fp + 8);
  const auto caller_fp = stack_.word(fp);
  const auto marker = stack_.word(slot(fp, kMarkerSlot));
  if (!caller_pc || !caller_fp) return Went::Lost;
  std::uint64_t bytes = 16;
  if (marker && slot_pushed(kMarkerSlot) && !(*marker & 1)) {
    const std::uint64_t type = *marker >> 1;
    if (type == layout_.frames.entry || type == layout_.frames.construct_entry) bytes = layout_.processor->entry_bytes;
    stub(type, place);
  } else if (marker && slot_pushed(kFunctionSlot)) {
    javascript(place);
  } else if (at_.exact && place.where == Where::Builtin) {
    found_.push_back(native_.frame(at_.registers.pc));
  }
  return leave(*caller_pc, fp + bytes, *caller_fp);
}

const WasmFunction* Walk::wasm_function() {
  const WasmFunction* function = wasm_.find(at_.lookup(), stack_.word(slot(at_.registers.fp, kFunctionSlot)).value_or(0));
  return function && (!late_ || function->since <= taken_at_) ? function : nullptr;
}

void Walk::stub(std::uint64_t type, const Place& place) {
  if (type == layout_.frames.builtin_exit) {
    const auto function = stack_.word(slot(at_.registers.fp, kExitFunctionSlot));
    if (Function* known = function ? functions_.of_js_function(*function) : nullptr) push(known, 0);
  } else if (type == layout_.frames.wasm) {
    const WasmFunction* function = wasm_function();
    found_.push_back(function ? function->frame : context_.profile.intern({FrameKind::Node, "(wasm function)", {}, 0, 0}));
  } else if (at_.exact && place.where == Where::Builtin) {
    found_.push_back(native_.frame(at_.registers.pc));
  }
}

void Walk::javascript(const Place& place) {
  const std::uint64_t function = stack_.word(slot(at_.registers.fp, kFunctionSlot)).value_or(0);
  Code* code = place.where == Where::Jit ? codes_.find(at_.lookup(), place.low) : nullptr;
  if (code) {
    use(*code);
    if (code->kind == CodeKind::Baseline) return baseline(*code, function, true);
    if (code->kind >= CodeKind::Maglev) return optimised(*code, function);
    if (code->kind == CodeKind::Regexp) {
      if (at_.exact) found_.push_back(context_.profile.intern({FrameKind::Node, "(regexp)", {}, 0, 0}));
      return;
    }
  }
  if (interpreted(function)) return;
  // A builtin that JavaScript calls as a function. Those that V8 makes for itself (the closures of promises) have no name but
  // their code's.
  if (place.where == Where::Builtin) {
    Function* known = functions_.of_js_function(function);
    return known && known->named && !known->script ? push(known, 0) : found_.push_back(native_.frame(at_.lookup()));
  }
  if (code) return;   // a way from JavaScript into WebAssembly: what it calls has a frame of its own
  unknown();
}

bool Walk::interpreted(std::uint64_t function) {
  const Registers& r = at_.registers;
  if (!slot_pushed(kOffsetSlot)) return false;
  const auto bytecodes = stack_.word(slot(r.fp, kBytecodesSlot));
  auto offset = stack_.word(slot(r.fp, kOffsetSlot));
  if (!bytecodes || !offset || !heap_.is(*bytecodes, layout_.types.bytecodes)) return false;
  // What runs has its place in a register (the slot is written at calls), as long as another still holds the bytecodes.
  const std::int32_t header = layout_.row.bytecode_data - 1;
  std::int64_t at = is_smi(*offset) ? smi(*offset) - header : -1;
  if (at_.innermost && r.general[layout_.processor->bytecodes] == *bytecodes) {
    const auto length = heap_.field(*bytecodes, 8);
    const std::int64_t live = static_cast<std::int64_t>(r.general[layout_.processor->offset]) - header;
    if (is_smi(length) && live >= 0 && live < smi(length)) at = live;
  }
  if (at < 0) return false;
  const std::uint64_t pc = at_.registers.pc;
  Function* own = functions_.of_js_function(function);
  // A builtin's own slots may hold another function's bytecodes.
  if (own && !own->script) return false;
  if (own && functions_.of_bytecodes(*bytecodes, function) == own) {
    if (!at_.exact) interpreter_pcs_.insert(pc);
  } else if (own || !interpreter_pcs_.contains(pc)) {
    return false;
  }
  bytecode_frame(*bytecodes, function, static_cast<std::int32_t>(at));
  return true;
}

void Walk::bytecode_frame(std::uint64_t bytecodes, std::uint64_t js_function, std::optional<std::int32_t> offset) {
  Function* function = function_of(bytecodes, js_function);
  if (!function || !sure(function->since, js_function, function->shared)) return unknown();
  push(function, offset ? functions_.line_of_bytecode(*function, *offset) : 0);
}

// A function that a collection has moved since leaves a slot that leads nowhere; its feedback stays where it is.
Function* Walk::function_of(std::uint64_t bytecodes, std::uint64_t js_function) {
  if (Function* function = functions_.of_bytecodes(bytecodes, js_function)) return function;
  for (const std::int64_t words : kFeedbackSlots) {
    const auto vector = slot_pushed(words) ? stack_.word(slot(at_.registers.fp, words)) : std::nullopt;
    if (Function* function = vector ? functions_.of_feedback(bytecodes, *vector) : nullptr) return function;
  }
  return nullptr;
}

void Walk::baseline(const Code& code, std::uint64_t js_function, bool slots) {
  std::uint64_t bytecodes = functions_.bytecodes_of(code.deopt);
  if (!bytecodes && slots && slot_pushed(kBytecodesSlot)) bytecodes = stack_.word(slot(at_.registers.fp, kBytecodesSlot)).value_or(0);
  Function* function = slots ? function_of(bytecodes, js_function) : functions_.of_bytecodes(bytecodes, js_function);
  if (!function) return bytecode_frame(bytecodes, js_function, {});
  if (!sure(code.since, js_function, function->shared)) return unknown();
  const auto pc = static_cast<std::uint32_t>(at_.registers.pc - code.start) + (at_.exact ? 1 : 0);
  const auto offset = baseline_bytecode(code.offsets, functions_.code_of(*function), layout_.row.bytecodes, pc);
  push(function, offset ? functions_.line_of_bytecode(*function, *offset) : 0);
}

void Walk::use(Code& code) {
  codes_.read_tables(code);
  watch(code.witnesses, 0, code.start);
}

bool Walk::sure(std::uint64_t known_since, std::uint64_t js_function, std::uint64_t shared) {
  if (!late_ || known_since <= taken_at_) return true;
  const Function* own = functions_.of_js_function(js_function);
  return own && own->shared == shared;
}

void Walk::unknown() {
  doubtful_ = true;
  found_.push_back(note("[unknown function]"));
}

void Walk::optimised(const Code& code, std::uint64_t js_function) {
  // Where code was moved away, other code may lie by now.
  if (!sure(code.since, js_function, outer_function(heap_, code))) return unknown();

  spots_.clear();
  if (!find_spots(heap_, code, at_.registers.pc, at_.exact, spots_)) return unknown();
  for (const Spot& spot : spots_) {
    Function* function = spot.shared ? functions_.find(spot.shared) : nullptr;
    if (!function) {
      unknown();
      continue;
    }
    std::uint32_t line = 0;
    if (spot.bytecode != Spot::kNone) line = functions_.line_of_bytecode(*function, spot.bytecode);
    else if (spot.source != Spot::kNone && function->script) line = function->script->line_of(spot.source);
    push(function, line);
  }
}

void Walk::push(Function* function, std::uint32_t line) {
  watch(function->witnesses, function->shared, 0);
  found_.push_back(functions_.frame(*function, line));
}

void Walk::watch(const std::vector<Witness>& witnesses, std::uint64_t shared, std::uint64_t code) {
  const std::pair whose(shared, code);
  if (std::find(watching_.begin(), watching_.end(), whose) != watching_.end()) return;
  watching_.push_back(whose);
  for (const Witness& witness : witnesses) watched_.push_back({witness, shared, code});
}

// Reads every witness of this walk in one batch, those of one object together; forgets what is no longer true.
bool Walk::still_true() {
  constexpr std::uint64_t kTogether = 128, kPage = 4096;   // bytes
  std::sort(watched_.begin(), watched_.end(), [](const Watched& a, const Watched& b) { return a.witness.address < b.witness.address; });
  std::vector<std::array<std::byte, kTogether>> now(watched_.size());
  std::vector<Read> reads;
  std::vector<std::size_t> read_of(watched_.size());
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    const std::uint64_t address = watched_[i].witness.address, end = address + sizeof(Witness::value);
    const std::uint64_t start = reads.empty() ? 0 : reads.back().address;
    const bool joins = !reads.empty() && end - start <= kTogether && start / kPage == (end - 1) / kPage;
    if (!joins) reads.push_back({address, {}});
    reads.back().into = std::span(now[reads.size() - 1]).first(end - reads.back().address);
    read_of[i] = reads.size() - 1;
  }
  live_.read_each(reads);
  bool good = true;
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    const Read& read = reads[read_of[i]];
    if (read_at<std::uint64_t>(read.into, watched_[i].witness.address - read.address) == watched_[i].witness.value) continue;
    good = false;
    if (watched_[i].shared) functions_.forget(watched_[i].shared);
    if (watched_[i].code) codes_.forget(watched_[i].code);
  }
  return good;
}

}  // namespace sampan::node
