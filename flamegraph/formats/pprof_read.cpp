// Reading pprof's protocol buffer: any tool's, and this one's own.
#include <protozero/pbf_reader.hpp>

#include <unordered_map>
#include <vector>

#include "flamegraph/formats/pprof.hpp"
#include "flamegraph/label.hpp"

namespace sampan {
namespace {

using protozero::data_view;
using protozero::pbf_reader;

constexpr std::size_t kMostStack = 16'384;

struct Function {
  std::uint64_t name = 0, file = 0;
};
struct Line {
  std::uint64_t function = 0;
  std::int64_t line = 0;
};
struct Location {
  std::uint64_t mapping = 0, address = 0;
  std::vector<Line> lines;    // innermost first
};
struct ValueType {
  std::uint64_t type = 0, unit = 0;
};

class Reader {
 public:
  explicit Reader(Profile& profile) : profile_(profile) {}

  // Throws protozero's exceptions where the bytes are damaged.
  bool read(std::string_view bytes) {
    collect(pbf_reader(data_view(bytes.data(), bytes.size())));
    if (types_.empty()) return false;
    choose();
    for (const data_view& sample : samples_) add(pbf_reader(sample));
    describe();
    return true;
  }

 private:
  void collect(pbf_reader message) {
    while (message.next()) {
      switch (message.tag()) {
        case 1: types_.push_back(value_type(message.get_message())); break;
        case 2: samples_.push_back(message.get_view()); break;
        case 3: mapping(message.get_message()); break;
        case 4: location(message.get_message()); break;
        case 5: function(message.get_message()); break;
        case 6: {
          const auto text = message.get_view();
          strings_.emplace_back(text.data(), text.size());
          break;
        }
        case 9: profile_.description.started_ns = static_cast<std::uint64_t>(message.get_int64()); break;
        case 10: profile_.description.duration_ns = static_cast<std::uint64_t>(message.get_int64()); break;
        case 12: period_ = message.get_int64(); break;
        case 14: preferred_ = static_cast<std::uint64_t>(message.get_int64()); break;
        default: message.skip();
      }
    }
  }

  static ValueType value_type(pbf_reader message) {
    ValueType type;
    while (message.next()) {
      if (message.tag() == 1) type.type = static_cast<std::uint64_t>(message.get_int64());
      else if (message.tag() == 2) type.unit = static_cast<std::uint64_t>(message.get_int64());
      else message.skip();
    }
    return type;
  }

  void mapping(pbf_reader message) {
    std::uint64_t id = 0, file = 0;
    while (message.next()) {
      if (message.tag() == 1) id = message.get_uint64();
      else if (message.tag() == 5) file = static_cast<std::uint64_t>(message.get_int64());
      else message.skip();
    }
    mappings_[id] = file;
  }

  void location(pbf_reader message) {
    std::uint64_t id = 0;
    Location location;
    while (message.next()) {
      switch (message.tag()) {
        case 1: id = message.get_uint64(); break;
        case 2: location.mapping = message.get_uint64(); break;
        case 3: location.address = message.get_uint64(); break;
        case 4: {
          Line line;
          for (auto one = message.get_message(); one.next();) {
            if (one.tag() == 1) line.function = one.get_uint64();
            else if (one.tag() == 2) line.line = one.get_int64();
            else one.skip();
          }
          location.lines.push_back(line);
          break;
        }
        default: message.skip();
      }
    }
    locations_[id] = std::move(location);
  }

  void function(pbf_reader message) {
    std::uint64_t id = 0;
    Function function;
    while (message.next()) {
      if (message.tag() == 1) id = message.get_uint64();
      else if (message.tag() == 2) function.name = static_cast<std::uint64_t>(message.get_int64());
      else if (message.tag() == 4) function.file = static_cast<std::uint64_t>(message.get_int64());
      else message.skip();
    }
    functions_[id] = function;
  }

  std::string_view text(std::uint64_t index) const { return index < strings_.size() ? strings_[index] : std::string_view{}; }

  // Of several values: the one that the file prefers, else the number of samples, else the last, as pprof does.
  void choose() {
    value_ = types_.size() - 1;
    for (std::size_t i = types_.size(); i-- > 0;) {
      if (text(types_[i].type) == "samples") value_ = i;
    }
    for (std::size_t i = 0; preferred_ != 0 && i < types_.size(); ++i) {
      if (types_[i].type == preferred_) value_ = i;
    }
  }

  void describe() {
    const auto unit = text(types_[value_].unit);
    profile_.description.unit = unit == "count" || unit.empty() ? std::string(text(types_[value_].type)) : std::string(unit);
    if (profile_.description.unit == "samples" && period_ > 0) profile_.description.rate = 1e9 / static_cast<double>(period_);
  }

  void add(pbf_reader message) {
    std::vector<std::uint64_t> locations;
    std::vector<std::int64_t> values;
    stack_.clear();
    Group process, thread;
    while (message.next()) {
      if (message.tag() == 1) each(message, [&] { return message.get_packed_uint64(); }, [&] { return message.get_uint64(); }, locations);
      else if (message.tag() == 2) each(message, [&] { return message.get_packed_int64(); }, [&] { return message.get_int64(); }, values);
      else if (message.tag() == 3) label(message.get_message(), process, thread);
      else message.skip();
    }
    if (process.name) stack_.push_back(profile_.intern({FrameKind::Process, text(process.name), {}, process.id, 0}));
    if (thread.name) stack_.push_back(profile_.intern({FrameKind::Thread, text(thread.name), {}, thread.id, 0}));
    for (std::size_t i = locations.size(); i-- > 0 && stack_.size() < kMostStack;) append(locations[i]);
    const std::int64_t value = value_ < values.size() ? values[value_] : 0;
    if (value == 0) return;
    profile_.description.differential |= value < 0;
    const NodeId node = profile_.add_at(Profile::kRoot, stack_, value > 0 ? static_cast<std::uint64_t>(value) : 0);
    if (value < 0) profile_.node(node).baseline += 0 - static_cast<std::uint64_t>(value);
  }

  // Repeated numbers are packed, or one a field in what older writers made.
  template <typename Packed, typename One, typename T>
  static void each(const pbf_reader& message, Packed packed, One one, std::vector<T>& out) {
    if (message.wire_type() != protozero::pbf_wire_type::length_delimited) return out.push_back(one());
    for (const auto value : packed()) {
      if (out.size() < kMostStack) out.push_back(value);
    }
  }

  struct Group {
    std::uint64_t name = 0;
    std::uint32_t id = 0;
  };

  void label(pbf_reader message, Group& process, Group& thread) const {
    std::uint64_t key = 0, value = 0;
    std::int64_t number = 0;
    while (message.next()) {
      if (message.tag() == 1) key = static_cast<std::uint64_t>(message.get_int64());
      else if (message.tag() == 2) value = static_cast<std::uint64_t>(message.get_int64());
      else if (message.tag() == 3) number = message.get_int64();
      else message.skip();
    }
    if (text(key) == "comm") process.name = value;
    else if (text(key) == "thread_comm") thread.name = value;
    else if (text(key) == "pid") process.id = static_cast<std::uint32_t>(number);
    else if (text(key) == "tid") thread.id = static_cast<std::uint32_t>(number);
  }

  void append(std::uint64_t id) {
    const auto found = locations_.find(id);
    if (found == locations_.end()) return;
    const Location& location = found->second;
    const auto module = mappings_.find(location.mapping);
    const std::string_view file = module == mappings_.end() ? std::string_view{} : text(module->second);
    const FrameKind kind = file.starts_with("[kernel") ? FrameKind::Kernel : FrameKind::Native;
    if (location.lines.empty()) return stack_.push_back(profile_.intern({kind, {}, file.empty() ? "[unknown]" : file, 0, location.address}));
    for (std::size_t i = location.lines.size(); i-- > 0;) stack_.push_back(named(location.lines[i], kind, file));
  }

  // The language shows in the source file's name, as in folded text.
  FrameId named(const Line& line, FrameKind kind, std::string_view module) {
    const auto function = functions_.find(line.function);
    const Function known = function == functions_.end() ? Function{} : function->second;
    const std::string_view name = text(known.name), source = text(known.file);
    if (source.empty()) {
      Frame frame = parse_label(name);
      if (kind == FrameKind::Kernel) frame.kind = kind;
      if (frame.kind == FrameKind::Native && frame.file.empty()) frame.file = module;
      return profile_.intern(frame);
    }
    const auto number = line.line > 0 ? static_cast<std::uint32_t>(line.line) : 0;
    const std::string label = frame_label({FrameKind::Python, "f", source, 1, 0});
    return profile_.intern({parse_label(label).kind, name, source, number, 0});
  }

  Profile& profile_;
  std::vector<ValueType> types_;
  std::vector<data_view> samples_;
  std::vector<std::string_view> strings_;
  std::unordered_map<std::uint64_t, std::uint64_t> mappings_;   // id -> file name
  std::unordered_map<std::uint64_t, Location> locations_;
  std::unordered_map<std::uint64_t, Function> functions_;
  std::int64_t period_ = 0;
  std::uint64_t preferred_ = 0;
  std::size_t value_ = 0;
  std::vector<FrameId> stack_;
};

}  // namespace

bool add_pprof(Profile& profile, std::string_view bytes) {
  try {
    return Reader(profile).read(bytes);
  } catch (const protozero::exception&) {
    return false;
  }
}

}  // namespace sampan
