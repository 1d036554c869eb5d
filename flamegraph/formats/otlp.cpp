#include "flamegraph/formats/otlp.hpp"

#include "flamegraph/formats.hpp"
#include "flamegraph/formats/gzip.hpp"
#include "flamegraph/formats/otlp_dictionary.hpp"

namespace sampan {
namespace {

using protozero::pbf_writer;

// Field numbers of profiles.proto, resource.proto and common.proto.
namespace field {
enum Data : protozero::pbf_tag_type { ResourceProfiles = 1, Dictionary = 2 };
enum OfResource : protozero::pbf_tag_type { Resource = 1, ScopeProfiles = 2 };
enum Attributes : protozero::pbf_tag_type { AttributeOf = 1, Key = 1, Value = 2, Text = 1 };
enum OfScope : protozero::pbf_tag_type { Scope = 1, ProfileOf = 2 };
enum ScopeFields : protozero::pbf_tag_type { Name = 1, Version = 2 };
enum Profile : protozero::pbf_tag_type { SampleType = 1, Samples = 2, Time = 3, Duration = 4, PeriodType = 5, Period = 6 };
enum ValueType : protozero::pbf_tag_type { Type = 1, Unit = 2 };
enum Sample : protozero::pbf_tag_type { StackOf = 1, AttributeIndices = 2, Values = 4, Timestamps = 5 };
}  // namespace field

// Our labels by the names of OpenTelemetry's semantic conventions; others keep theirs.
struct Convention {
  std::string_view label, attribute;
};
constexpr Convention kConventions[] = {
    {"service", "service.name"},       {"version", "service.version"},       {"namespace", "k8s.namespace.name"},
    {"pod", "k8s.pod.name"},           {"pod_uid", "k8s.pod.uid"},           {"container", "k8s.container.name"},
    {"container_id", "container.id"},  {"node", "k8s.node.name"},            {"runtime", "process.runtime.name"},
};
std::string_view attribute_of(std::string_view label) {
  for (const Convention& row : kConventions) {
    if (row.label == label) return row.attribute;
  }
  return label;
}

void add_attribute(pbf_writer& resource, std::string_view key, std::string_view text) {
  pbf_writer attribute(resource, field::AttributeOf);
  attribute.add_string(field::Key, key.data(), key.size());
  pbf_writer value(attribute, field::Value);
  value.add_string(field::Text, clean(text));
}

// Whose a sample is: frames of a process and a thread; 0: not known.
struct Owner {
  FrameId process = 0, thread = 0;
  auto operator<=>(const Owner&) const = default;
};

class Writer {
 public:
  explicit Writer(const Profile& profile)
      : profile_(profile), dictionary_(profile), of_time_(profile.description.unit == "nanoseconds"), rest_(profile.nodes().size()), of_node_(profile.nodes().size()) {
    const auto nodes = profile.nodes();
    for (NodeId id = 0; id < nodes.size(); ++id) {
      rest_[id] = static_cast<std::int64_t>(nodes[id].self - nodes[id].baseline);
      of_node_[id] = id == Profile::kRoot ? Owner{} : of_node_[nodes[id].parent];
      const FrameKind kind = profile.frame(nodes[id].frame).kind;
      if (kind == FrameKind::Process && id != Profile::kRoot) of_node_[id].process = nodes[id].frame;
      if (kind == FrameKind::Thread) of_node_[id].thread = nodes[id].frame;
    }
  }

  std::string write() {
    std::string samples;
    pbf_writer to(samples);
    const bool dated = !profile_.description.differential && !of_time_;
    for (const Lane& lane : profile_.moments.lanes()) {
      if (dated) add_lane(to, lane);
    }
    for (NodeId id = 0; id < rest_.size(); ++id) {
      if (rest_[id] != 0) add_sample(to, id, of_node_[id], rest_[id], {});
    }
    std::string out;
    pbf_writer data(out);
    add_resource(data, samples);
    dictionary_.write(data, field::Dictionary);
    return out;
  }

 private:
  void add_resource(pbf_writer& data, const std::string& samples) {
    const Description& d = profile_.description;
    pbf_writer of_resource(data, field::ResourceProfiles);
    {
      pbf_writer resource(of_resource, field::Resource);
      if (!d.labels.contains("service")) add_attribute(resource, "service.name", d.title);
      for (const auto& [label, text] : d.labels) add_attribute(resource, attribute_of(label), text);
    }
    pbf_writer of_scope(of_resource, field::ScopeProfiles);
    {
      pbf_writer scope(of_scope, field::Scope);
      scope.add_string(field::Name, "sampan");
      scope.add_string(field::Version, SAMPAN_VERSION);
    }
    pbf_writer profile(of_scope, field::ProfileOf);
    add_type(profile, field::SampleType, of_time_ ? d.event : "samples", of_time_ ? d.unit : d.unit == "samples" ? "count" : d.unit);
    out_of(profile, samples);
    if (d.started_ns != 0) profile.add_fixed64(field::Time, d.started_ns);
    profile.add_uint64(field::Duration, d.duration_ns);
    if (of_time_ || d.rate <= 0) return;
    add_type(profile, field::PeriodType, d.event, "nanoseconds");
    profile.add_int64(field::Period, static_cast<std::int64_t>(1e9 / d.rate));
  }

  // Samples are written before what they refer to is known to be whole: as bytes of the same message.
  static void out_of(pbf_writer& profile, const std::string& samples) {
    for (protozero::pbf_reader reader(samples); reader.next();) profile.add_message(field::Samples, reader.get_view());
  }

  void add_type(pbf_writer& profile, protozero::pbf_tag_type tag, std::string_view name, std::string_view unit) {
    const auto name_index = dictionary_.string(name), unit_index = dictionary_.string(unit);
    pbf_writer type(profile, tag);
    type.add_int32(field::Type, name_index);
    type.add_int32(field::Unit, unit_index);
  }

  // A timestamp a sample; one of several samples stands several times.
  void add_lane(pbf_writer& to, const Lane& lane) {
    std::unordered_map<NodeId, std::vector<std::uint64_t>> times;
    const Moments& moments = profile_.moments;
    for (std::size_t i = 0; i < lane.moments.size(); ++i) {
      const NodeId node = lane.moments[i].node;
      const auto weight = std::min<std::int64_t>(lane.weight(i), std::max<std::int64_t>(rest_[node], 0));
      rest_[node] -= weight;
      auto& list = times[node];
      list.insert(list.end(), static_cast<std::size_t>(weight), moments.start_ns() + lane.moments[i].at * moments.tick_ns());
    }
    for (const auto& [node, list] : times) {
      Owner owner = of_node_[node];
      if (lane.process != 0) owner.process = lane.process;
      if (lane.thread != 0) owner.thread = lane.thread;
      if (!list.empty()) add_sample(to, node, owner, 0, list);
    }
  }

  void add_sample(pbf_writer& to, NodeId node, Owner owner, std::int64_t weight, const std::vector<std::uint64_t>& times) {
    const auto stack = dictionary_.stack(node);
    const auto& attributes = attributes_of(owner);
    pbf_writer sample(to, field::Samples);
    sample.add_int32(field::StackOf, stack);
    sample.add_packed_int32(field::AttributeIndices, attributes.begin(), attributes.end());
    if (times.empty()) sample.add_packed_int64(field::Values, &weight, &weight + 1);
    sample.add_packed_fixed64(field::Timestamps, times.begin(), times.end());
  }

  const std::vector<std::int32_t>& attributes_of(Owner owner) {
    const auto [at, fresh] = attributes_.try_emplace(owner);
    std::vector<std::int32_t>& attributes = at->second;
    if (!fresh) return attributes;
    const auto add = [&](FrameId id, std::string_view name_key, std::string_view id_key) {
      if (id == 0) return;
      const Frame& frame = profile_.frame(id);
      attributes.push_back(dictionary_.attribute(name_key, clean(frame.name)));
      if (frame.line != 0) attributes.push_back(dictionary_.attribute(id_key, static_cast<std::int64_t>(frame.line)));
    };
    add(owner.process, "process.command_line", "process.pid");
    add(owner.thread, "thread.name", "thread.id");
    return attributes;
  }

  const Profile& profile_;
  OtlpDictionary dictionary_;
  const bool of_time_;
  std::vector<std::int64_t> rest_;       // by node: what no moment stands for
  std::vector<Owner> of_node_;
  std::map<Owner, std::vector<std::int32_t>> attributes_;
};

}  // namespace

std::string to_otlp(const Profile& profile) { return gzip(Writer(profile).write()); }

std::string write_otlp(const Profile& profile, const Picture&) { return to_otlp(profile); }

}  // namespace sampan
