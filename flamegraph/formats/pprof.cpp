#include "flamegraph/formats/pprof.hpp"

#include <map>
#include <protozero/pbf_writer.hpp>
#include <unordered_map>

#include "flamegraph/formats.hpp"
#include "flamegraph/formats/gzip.hpp"
#include "flamegraph/label.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

using protozero::pbf_writer;

// Field numbers of profile.proto.
namespace field {
enum Profile : protozero::pbf_tag_type {
  SampleType = 1, Sample = 2, MappingOf = 3, LocationOf = 4, FunctionOf = 5, StringTable = 6, TimeNanos = 9,
  DurationNanos = 10, PeriodType = 11, Period = 12, Comment = 13, DefaultSampleType = 14,
};
enum ValueType : protozero::pbf_tag_type { Type = 1, Unit = 2 };
enum SampleFields : protozero::pbf_tag_type { LocationId = 1, Value = 2, LabelOf = 3 };
enum Label : protozero::pbf_tag_type { Key = 1, Str = 2, Num = 3 };
enum Mapping : protozero::pbf_tag_type {
  MappingId = 1, Limit = 3, Filename = 5, BuildId = 6, HasFunctions = 7, HasFilenames = 8, HasLines = 9, HasInlines = 10,
};
enum Location : protozero::pbf_tag_type { Id = 1, MappingRef = 2, Address = 3, LineOf = 4 };
enum Line : protozero::pbf_tag_type { FunctionRef = 1, LineNumber = 2 };
enum Function : protozero::pbf_tag_type { FunctionId = 1, Name = 2, File = 4 };
}  // namespace field

class Writer {
 public:
  Writer(const Profile& profile, const BuildIdOf& build_id)
      : profile_(profile), build_id_(build_id), message_(out_), location_of_(profile.frame_count()) {
    string("");
    const Description& d = profile.description;
    counts_ = d.unit != "nanoseconds";
    if (!counts_) period_ = 1;
    else if (d.rate > 0) period_ = static_cast<std::int64_t>(1e9 / d.rate);
  }

  std::string write() {
    types();
    mapping("", {});  // the first mapping is the main binary: unknown here, and of everything that is not native code
    samples();
    const Description& d = profile_.description;
    message_.add_int64(field::TimeNanos, static_cast<std::int64_t>(d.started_ns));
    message_.add_int64(field::DurationNanos, static_cast<std::int64_t>(d.duration_ns));
    for (const std::string& note : d.notes) message_.add_int64(field::Comment, string(note));
    for (const std::string& text : strings_) message_.add_string(field::StringTable, text);
    return std::move(out_);
  }

 private:
  std::int64_t string(std::string_view text) {
    const auto [at, fresh] = string_ids_.try_emplace(clean(text), static_cast<std::int64_t>(strings_.size()));
    if (fresh) strings_.push_back(at->first);
    return at->second;
  }

  void type(protozero::pbf_tag_type tag, std::string_view name, std::string_view unit) {
    const auto name_id = string(name), unit_id = string(unit);
    pbf_writer value(message_, tag);
    value.add_int64(field::Type, name_id);
    value.add_int64(field::Unit, unit_id);
  }

  void types() {
    if (counts_) type(field::SampleType, "samples", profile_.description.unit == "samples" ? "count" : profile_.description.unit);
    if (period_ != 0) {
      type(field::SampleType, "cpu", "nanoseconds");
      type(field::PeriodType, "cpu", "nanoseconds");
      message_.add_int64(field::Period, period_);
    }
  }

  std::uint64_t mapping(std::string_view file, const Frame& first) {
    const auto [at, fresh] = mappings_.try_emplace(std::string(file), mappings_.size() + 1);
    if (!fresh) return at->second;
    const auto file_id = string(file);
    const auto build_id = string(build_id_ && !file.empty() ? build_id_(file) : "");
    pbf_writer m(message_, field::MappingOf);
    m.add_uint64(field::MappingId, at->second);
    m.add_uint64(field::Limit, file.empty() ? 0 : ~std::uint64_t{0} >> 1);
    m.add_int64(field::Filename, file_id);
    m.add_int64(field::BuildId, build_id);
    m.add_bool(field::HasFunctions, true);
    m.add_bool(field::HasFilenames, first.line != 0);
    m.add_bool(field::HasLines, first.line != 0);
    return at->second;
  }

  std::uint64_t function(const Frame& frame) {
    std::string name(frame.name);
    if (name.empty()) append_label(name, frame);
    const auto name_id = string(name), file_id = string(frame.file);
    const auto [at, fresh] = functions_.try_emplace({name_id, file_id}, functions_.size() + 1);
    if (!fresh) return at->second;
    pbf_writer f(message_, field::FunctionOf);
    f.add_uint64(field::FunctionId, at->second);
    f.add_int64(field::Name, name_id);
    // No SystemName: where it equals the name, pprof takes that for mangled and cuts it (`<module>`, `<A as T>::f`).
    f.add_int64(field::File, file_id);
    return at->second;
  }

  // Native code without a line names its module in Frame::file: that is its mapping.
  std::uint64_t location(FrameId id) {
    if (location_of_[id] != 0) return location_of_[id];
    const Frame& frame = profile_.frame(id);
    const bool module = (frame.kind == FrameKind::Native || frame.kind == FrameKind::Kernel) && frame.line == 0;
    const std::uint64_t in = module ? mapping(frame.file, frame) : 1;
    Frame named = frame;
    std::string label;
    if (module) {
      append_label(label, frame);
      named.name = label, named.file = {};
    }
    const std::uint64_t function_id = function(named);
    location_of_[id] = ++locations_;
    pbf_writer l(message_, field::LocationOf);
    l.add_uint64(field::Id, location_of_[id]);
    l.add_uint64(field::MappingRef, in);
    l.add_uint64(field::Address, frame.address);
    pbf_writer line(l, field::LineOf);
    line.add_uint64(field::FunctionRef, function_id);
    line.add_int64(field::LineNumber, frame.line);
    return location_of_[id];
  }

  void text_label(pbf_writer& sample, std::string_view key, std::string_view text) {
    pbf_writer l(sample, field::LabelOf);
    l.add_int64(field::Key, string(key));
    l.add_int64(field::Str, string(text));
  }

  void number_label(pbf_writer& sample, std::string_view key, std::uint64_t number) {
    pbf_writer l(sample, field::LabelOf);
    l.add_int64(field::Key, string(key));
    l.add_int64(field::Num, static_cast<std::int64_t>(number));
  }

  void samples() {
    std::vector<FrameId> stack;
    std::vector<std::uint64_t> locations;
    const auto nodes = profile_.nodes();
    for (NodeId id = 0; id < nodes.size(); ++id) {
      if (nodes[id].self == 0 && nodes[id].baseline == 0) continue;
      profile_.stack(id, stack);
      locations.clear();
      for (std::size_t at = stack.size(); at-- > 0;) {  // leaf first
        if (!is_group(profile_.frame(stack[at]).kind)) locations.push_back(location(stack[at]));
      }
      sample(static_cast<std::int64_t>(nodes[id].self - nodes[id].baseline), stack, locations);
    }
  }

  void sample(std::int64_t weight, const std::vector<FrameId>& stack, const std::vector<std::uint64_t>& locations) {
    std::vector<std::int64_t> values;
    if (counts_) values.push_back(weight);
    // Unsigned: a hostile weight may wrap, but not undefine.
    if (period_ != 0) values.push_back(static_cast<std::int64_t>(static_cast<std::uint64_t>(weight) * static_cast<std::uint64_t>(period_)));
    pbf_writer s(message_, field::Sample);
    s.add_packed_uint64(field::LocationId, locations.begin(), locations.end());
    s.add_packed_int64(field::Value, values.begin(), values.end());
    for (FrameId id : stack) {
      const Frame& frame = profile_.frame(id);
      if (!is_group(frame.kind)) continue;
      const bool process = frame.kind == FrameKind::Process;
      text_label(s, process ? "comm" : "thread_comm", frame.name);
      if (frame.line != 0) number_label(s, process ? "pid" : "tid", frame.line);
    }
  }

  const Profile& profile_;
  const BuildIdOf& build_id_;
  std::string out_;
  pbf_writer message_;
  bool counts_ = true;
  std::int64_t period_ = 0;
  std::vector<std::string> strings_;
  std::unordered_map<std::string, std::int64_t> string_ids_;
  std::map<std::string, std::uint64_t, std::less<>> mappings_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::uint64_t> functions_;
  std::vector<std::uint64_t> location_of_;
  std::uint64_t locations_ = 0;
};

}  // namespace

std::string to_pprof(const Profile& profile, const BuildIdOf& build_id) {
  return gzip(Writer(profile, build_id).write());
}

std::string write_pprof(const Profile& profile, const Picture&) { return to_pprof(profile); }

}  // namespace sampan
