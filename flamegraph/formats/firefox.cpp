#include "flamegraph/formats/firefox.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "flamegraph/formats.hpp"
#include "flamegraph/label.hpp"
#include "flamegraph/palette.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

// The Firefox Profiler's own colour names, by the kind's language.
std::string_view color_of(FrameKind kind) {
  switch (kind) {
    case FrameKind::Python: return "yellow";
    case FrameKind::Ruby: return "red";
    case FrameKind::Php: return "purple";
    case FrameKind::Java:
    case FrameKind::JavaInterpreted:
    case FrameKind::JavaInlined: return "orange";
    case FrameKind::Kernel: return "magenta";
    case FrameKind::Native: return "blue";
    default: return "green";
  }
}

// Texts of the whole file, each once.
class Strings {
 public:
  std::size_t operator()(const std::string& text) {
    const auto [found, fresh] = ids_.try_emplace(text, ids_.size());
    if (fresh) append_json(json_ += json_.empty() ? "" : ",", text);
    return found->second;
  }
  const std::string& json() const { return json_; }

 private:
  std::unordered_map<std::string, std::size_t> ids_;
  std::string json_;
};

// A column of a table.
struct Column {
  std::string json;
  template <typename T>
  void push(const T& value) {
    fmt::format_to(std::back_inserter(json), "{}{}", json.empty() ? "" : ",", value);
  }
};

std::string repeated(std::string_view value, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) (out += i == 0 ? "" : ",") += value;
  return out;
}

// One thread's tables. Frames are its functions: one each, by the profile's frames.
class ThreadTables {
 public:
  ThreadTables(const Profile& profile, Strings& strings) : profile_(profile), strings_(strings) {}

  std::size_t stack_of(NodeId node) {
    path_.clear();
    // Process and thread frames are the threads themselves here.
    for (; node != Profile::kRoot && !stacks_.contains(node); node = profile_.nodes()[node].parent) path_.push_back(node);
    std::size_t stack = node == Profile::kRoot ? kNone : stacks_[node];
    for (; !path_.empty(); path_.pop_back()) {
      const FrameId frame = profile_.nodes()[path_.back()].frame;
      const FrameKind kind = profile_.frame(frame).kind;
      if (!is_group(kind)) {
        prefix_.push(stack == kNone ? "null" : std::to_string(stack));
        stack_frame_.push(frame_of(frame));
        stack = stack_count_++;
      }
      stacks_[path_.back()] = stack;
    }
    return stack;
  }

  void append(std::string& out) const {
    const std::size_t n = funcs_.size();
    fmt::format_to(std::back_inserter(out), "\"stackTable\":{{\"length\":{},\"frame\":[{}],\"prefix\":[{}]}},", stack_count_, stack_frame_.json, prefix_.json);
    fmt::format_to(std::back_inserter(out),
                   "\"frameTable\":{{\"length\":{0},\"address\":[{1}],\"inlineDepth\":[{2}],\"category\":[{3}],\"subcategory\":[{2}],\"func\":[{4}],"
                   "\"nativeSymbol\":[{5}],\"innerWindowID\":[{2}],\"line\":[{6}],\"column\":[{5}]}},",
                   n, repeated("-1", n), repeated("0", n), category_.json, func_.json, repeated("null", n), line_.json);
    fmt::format_to(std::back_inserter(out),
                   "\"funcTable\":{{\"length\":{0},\"name\":[{1}],\"isJS\":[{2}],\"relevantForJS\":[{2}],\"resource\":[{3}],\"fileName\":[{4}],"
                   "\"lineNumber\":[{5}],\"columnNumber\":[{5}]}},",
                   n, name_.json, repeated("false", n), repeated("-1", n), file_.json, repeated("null", n));
    out += "\"resourceTable\":{\"length\":0,\"lib\":[],\"name\":[],\"host\":[],\"type\":[]},"
           "\"nativeSymbols\":{\"length\":0,\"libIndex\":[],\"address\":[],\"name\":[],\"functionSize\":[]},"
           "\"markers\":{\"length\":0,\"category\":[],\"data\":[],\"endTime\":[],\"name\":[],\"phase\":[],\"startTime\":[]}";
  }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;

  std::size_t frame_of(FrameId id) {
    const auto [found, fresh] = funcs_.try_emplace(id, funcs_.size());
    if (!fresh) return found->second;
    const Frame& frame = profile_.frame(id);
    std::string name(frame.name);
    if (name.empty()) name = frame_label(frame);
    func_.push(found->second);
    category_.push(static_cast<std::size_t>(frame.kind));
    line_.push(frame.line == 0 ? "null" : std::to_string(frame.line));
    name_.push(strings_(name));
    file_.push(frame.file.empty() ? "null" : std::to_string(strings_(std::string(frame.file))));
    return found->second;
  }

  const Profile& profile_;
  Strings& strings_;
  std::unordered_map<NodeId, std::size_t> stacks_;
  std::unordered_map<FrameId, std::size_t> funcs_;
  std::size_t stack_count_ = 0;
  Column prefix_, stack_frame_, func_, category_, line_, name_, file_;
  std::vector<NodeId> path_;
};

struct Samples {
  Column stack, delta, weight;
  std::size_t count = 0;
  double at = 0;

  void push(std::size_t stack_id, double at_ms, double weighs) {
    stack.push(stack_id == SIZE_MAX ? "null" : std::to_string(stack_id));
    delta.push(fmt::format("{:.6g}", at_ms - at));
    weight.push(fmt::format("{:.6g}", weighs));
    at = at_ms;
    ++count;
  }
};

void append_thread(std::string& out, const Profile& profile, const Lane* lane, const Samples& samples, const ThreadTables& tables, bool of_time) {
  const Frame process = lane == nullptr || lane->process == 0 ? Frame{FrameKind::Process, profile.description.title, {}} : profile.frame(lane->process);
  const Frame thread = lane == nullptr || lane->thread == 0 ? process : profile.frame(lane->thread);
  out += "{\"processType\":\"default\",\"processStartupTime\":0,\"processShutdownTime\":null,\"registerTime\":0,\"unregisterTime\":null,\"pausedRanges\":[],\"name\":";
  append_json(out, thread.name);
  out += ",\"processName\":";
  append_json(out, process.name);
  fmt::format_to(std::back_inserter(out), ",\"isMainThread\":{},\"pid\":\"{}\",\"tid\":{},", thread.line == process.line ? "true" : "false", process.line, thread.line);
  fmt::format_to(std::back_inserter(out), "\"samples\":{{\"length\":{},\"stack\":[{}],\"timeDeltas\":[{}],\"weight\":[{}],\"weightType\":\"{}\"}},", samples.count,
                 samples.stack.json, samples.delta.json, samples.weight.json, of_time ? "tracing-ms" : "samples");
  tables.append(out);
  out += '}';
}

}  // namespace

std::string to_firefox(const Profile& profile) {
  const Description& d = profile.description;
  const Moments& moments = profile.moments;
  const bool of_time = d.unit == "nanoseconds";
  const double interval = d.rate > 0 ? 1000 / d.rate : 10, tick = static_cast<double>(moments.tick_ns()) / 1e6;
  const double per_weight = !of_time ? 1 : moments.any() ? 1e-3 : 1e-6;   // milliseconds
  Strings strings;
  std::string threads;
  const auto add = [&](const Lane* lane, const Samples& samples, const ThreadTables& tables) {
    if (!threads.empty()) threads += ',';
    append_thread(threads, profile, lane, samples, tables, of_time);
  };
  for (const Lane& lane : moments.lanes()) {
    ThreadTables tables(profile, strings);
    Samples samples;
    for (std::size_t i = 0; i < lane.moments.size(); ++i) {
      samples.push(tables.stack_of(lane.moments[i].node), lane.moments[i].at * tick, lane.weight(i) * per_weight);
    }
    if (samples.count > 0) add(&lane, samples, tables);
  }
  if (!moments.any()) {
    ThreadTables tables(profile, strings);
    Samples samples;
    for (NodeId id = 0; id < profile.nodes().size(); ++id) {
      const std::uint64_t self = profile.nodes()[id].self;
      if (self != 0) samples.push(tables.stack_of(id), static_cast<double>(samples.count) * interval, static_cast<double>(self) * per_weight);
    }
    add(nullptr, samples, tables);
  }
  std::string out = fmt::format("{{\"meta\":{{\"interval\":{:.6g},\"startTime\":{:.3f},\"processType\":0,\"product\":", interval,
                                static_cast<double>(moments.any() ? moments.start_ns() : d.started_ns) / 1e6);
  append_json(out, d.title);
  out += ",\"stackwalk\":1,\"version\":30,\"preprocessedProfileVersion\":56,\"symbolicated\":true,\"debug\":false,\"markerSchema\":[],\"categories\":[";
  for (const Hue& h : kHues) {
    out += &h == &kHues[0] ? "{\"name\":" : ",{\"name\":";
    append_json(out, h.language);
    fmt::format_to(std::back_inserter(out), ",\"color\":\"{}\",\"subcategories\":[\"Other\"]}}", color_of(h.kind));
  }
  ((((out += "]},\"libs\":[],\"shared\":{\"stringArray\":[") += strings.json()) += "]},\"threads\":[") += threads) += "]}\n";
  return out;
}

std::string write_firefox(const Profile& profile, const Picture&) { return to_firefox(profile); }

}  // namespace sampan
