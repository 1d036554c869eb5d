#include "samplers/ruby/names.hpp"

#include <array>

#include "samplers/ruby/lines.hpp"

namespace sampan::ruby {
namespace {

constexpr std::size_t kMostNames = 1 << 18;
constexpr auto kTrimEvery = std::chrono::seconds(60);
constexpr std::uint64_t kMagicMask = 0x7fff0001;           // VM_FRAME_MAGIC_*
constexpr std::uint64_t kBlock = 0x22220001, kCfunc = 0x55550001, kIfunc = 0x66660001, kDummy = 0x79990001;

}  // namespace

std::size_t Names::Hash::operator()(const Key& key) const {
  return (key.iseq * 0x9e3779b97f4a7c15u) ^ (key.method * 0xc2b2ae3d27d4eb4fu) ^ (key.pc * 0x165667b19e3779f9u);
}

Names::Names(Context& context, const Vm& vm) : context_(context), vm_(vm), memory_(vm.memory), layout_(vm.layout) {
  torn_note_ = context_.profile.intern({.kind = FrameKind::Note, .name = "[torn frame]", .file = {}});
}

void Names::refresh() {
  methods_.clear();
  const auto now = std::chrono::steady_clock::now();
  if (now - trimmed_ < kTrimEvery && names_.size() < kMostNames) return;
  trimmed_ = now;
  qualified_.clear();
  names_.clear();   // what garbage collection freed may bear another method now
}

bool Names::is_method(std::uint64_t word) {
  if (!is_object(word)) return false;
  const auto [known, fresh] = methods_.try_emplace(word, false);
  if (fresh) known->second = method_of(word).entry != 0;
  return known->second;
}

Names::Method Names::method_of(std::uint64_t word) const {
  std::array<std::uint64_t, 5> object{};   // rb_method_entry_t: flags, defined_class, def, called_id, owner
  for (int i = 0; i < 2; ++i) {
    if (!is_object(word) || !memory_.read(word, bytes_of(object)) || type_of(object[0]) != kImemo) return {};
    if (imemo_type_of(object[0]) == kMethodEntry) {
      std::array<std::uint64_t, 5> definition{};   // rb_method_definition_t: type, body (three words), original_id
      if (!memory_.read(object[2], bytes_of(definition))) return {};
      return {word, object[4], definition[4], definition[1]};
    }
    if (imemo_type_of(object[0]) != kSvar) return {};
    word = object[1];                      // vm_svar.cref_or_me
  }
  return {};
}

// Machine code keeps the frame's pc only where it calls: of the innermost frame it says nothing then.
bool Names::runs_compiled(const ControlFrame& frame) const {
  if (!compiles_ || layout_.body.jit_code == kNone) return false;
  const auto body = memory_.read_as<std::uint64_t>(frame.iseq + 16);
  return body != 0 && memory_.read_as<std::uint64_t>(body + layout_.body.jit_code) != 0;
}

FrameId Names::of(const ControlFrame& frame, bool innermost) {
  compiles_ |= frame.jit_return != 0;
  const std::uint64_t magic = frame.kind & kMagicMask;
  const bool function = magic == kCfunc;
  if (!function && (!is_object(frame.iseq) || frame.pc == 0 || magic == kIfunc || magic == kDummy)) return Profile::kNoFrame;
  const bool with_line = !function && context_.options.lines && !(innermost && runs_compiled(frame));
  const Key key{function ? 0 : frame.iseq, frame.method, with_line ? frame.pc : frame.own_method};
  const auto [known, fresh] = names_.try_emplace(key, Profile::kNoFrame);
  if (fresh) known->second = function ? name_function(frame) : name_method(frame, with_line);
  return known->second;
}

FrameId Names::name_function(const ControlFrame& frame) {
  const Method method = method_of(frame.method);
  const auto symbol = method.id == 0 ? std::nullopt : vm_.objects.symbol(method.id);
  const std::string name = symbol ? vm_.objects.qualify(method.owner, *symbol) : "[C function]";
  return context_.profile.intern({.kind = FrameKind::Ruby, .name = name, .file = {}});
}

// The label with its method qualified by the class that defines it. An environment that was torn names another method:
// then the name counts that was found for the same instructions before.
std::string Names::qualified_name(const ControlFrame& frame, std::uint64_t local_iseq, const std::string& label) {
  const Objects& objects = vm_.objects;
  const Method method = method_of(frame.method);
  if (method.entry != 0 && frame.own_method && (frame.kind & kMagicMask) == kBlock) {   // define_method
    const auto defined = objects.symbol(method.id);
    return defined ? objects.qualify(method.owner, *defined) : label;
  }
  const auto local = memory_.read_as<std::uint64_t>(local_iseq + 16);
  const auto name = objects.string(local == 0 ? 0 : memory_.read_as<Value>(local + 64 + 16)).value_or("");
  if (name.empty() || name[0] == '<' || !label.ends_with(name)) return label;   // `<main>`, `<class:Name>`
  const bool whole = method.entry != 0 && method.iseq == local_iseq;
  if (whole) qualified_[local_iseq] = objects.qualify(method.owner, name);
  const auto known = qualified_.find(local_iseq);
  return known == qualified_.end() ? label : label.substr(0, label.size() - name.size()) + known->second;
}

FrameId Names::name_method(const ControlFrame& frame, bool with_line) {
  std::array<std::byte, 192> body;   // rb_iseq_constant_body up to local_iseq
  const auto at = memory_.read_as<std::uint64_t>(frame.iseq + 16);
  if (!is_object(at) || !memory_.read(at, body)) return torn_note_;
  const Objects& objects = vm_.objects;
  auto label = objects.string(read_at<Value>(body, 64 + 16));
  // From 3.4 on evaluated text bears the label of what it is evaluated in.
  auto parent = read_at<std::uint64_t>(body, layout_.body.local_iseq - sizeof(Value));
  for (int i = 0; i < 8 && label == "<compiled>" && is_object(parent); ++i) {
    const auto outer = memory_.read_as<std::uint64_t>(parent + 16);
    label = objects.string(memory_.read_as<Value>(outer + 64 + 16));
    parent = memory_.read_as<std::uint64_t>(outer + layout_.body.local_iseq - sizeof(Value));
  }
  const Value path_object = read_at<Value>(body, 64);
  auto path = objects.string(path_object, 4096);
  if (!path) {
    const auto pair = objects.array(path_object);   // path and real path
    path = pair ? objects.string(objects.element(*pair, 0), 4096) : std::nullopt;
  }
  if (!label || !path) return torn_note_;

  std::uint32_t line = 0;
  const auto first = read_at<std::uint64_t>(body, 8);
  const auto size = read_at<std::uint32_t>(body, 4);
  const bool inside = frame.pc >= first && frame.pc - first <= std::uint64_t{size} * 8;
  if (frame.sent && !inside) return torn_note_;   // freed since, and another's by now
  if (with_line && inside) {
    const std::uint64_t next = (frame.pc - first) / 8;   // pc is that of the next instruction
    line = find_line(memory_, layout_, at, next == 0 ? 0 : next - 1).value_or(0);
  }

  const std::string name = qualified_name(frame, read_at<std::uint64_t>(body, layout_.body.local_iseq), *label);
  return context_.profile.intern({.kind = FrameKind::Ruby, .name = name, .file = *path, .line = line});
}

}  // namespace sampan::ruby
