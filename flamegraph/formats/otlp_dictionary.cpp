#include "flamegraph/formats/otlp_dictionary.hpp"

#include "flamegraph/label.hpp"

namespace sampan {
namespace {

using protozero::pbf_writer;

// Field numbers of profiles.proto: ProfilesDictionary and its tables' messages.
namespace field {
enum Dictionary : protozero::pbf_tag_type { Mapping = 1, Location = 2, Function = 3, Link = 4, String = 5, Attribute = 6, Stack = 7 };
enum OfMapping : protozero::pbf_tag_type { Filename = 4 };
enum OfLocation : protozero::pbf_tag_type { MappingIndex = 1, Address = 2, Line = 3, AttributeIndices = 4 };
enum OfLine : protozero::pbf_tag_type { FunctionIndex = 1, LineNumber = 2 };
enum OfFunction : protozero::pbf_tag_type { Name = 1, File = 3 };
enum OfLink : protozero::pbf_tag_type { TraceId = 1, SpanId = 2 };
enum OfAttribute : protozero::pbf_tag_type { Key = 1, ValueOf = 2, Text = 1, Integer = 3 };
enum OfStack : protozero::pbf_tag_type { Locations = 1 };
}  // namespace field

// `profile.frame.type` as the semantic conventions name it; empty: not one of theirs.
std::string_view frame_type(FrameKind kind) {
  switch (kind) {
    case FrameKind::Python: return "cpython";
    case FrameKind::Ruby: return "ruby";
    case FrameKind::Php: return "php";
    case FrameKind::Java:
    case FrameKind::JavaInterpreted:
    case FrameKind::JavaInlined: return "jvm";
    case FrameKind::Node: return "v8js";
    case FrameKind::Go: return "go";
    case FrameKind::Native: return "native";
    case FrameKind::Kernel: return "kernel";
    default: return {};
  }
}

}  // namespace

OtlpDictionary::OtlpDictionary(const Profile& profile) : profile_(profile), location_of_(profile.frame_count()), codes_{{0, 0, 0}}, code_of_(profile.nodes().size()) {
  string("");
  for (Table* table : {&mappings_, &locations_, &functions_, &attributes_, &stacks_}) {
    pbf_writer(table->bytes).add_message(1, std::string());
    ++table->count;
  }
}

std::int32_t OtlpDictionary::string(std::string_view text) {
  const auto [at, fresh] = string_ids_.try_emplace(clean(text), static_cast<std::int32_t>(strings_.size()));
  if (fresh) strings_.push_back(at->first);
  return at->second;
}

std::int32_t OtlpDictionary::attribute(std::string_view key, const Value& value) {
  const auto [at, fresh] = attribute_ids_.try_emplace({std::string(key), value}, attributes_.count);
  if (!fresh) return at->second;
  const auto key_index = string(key);
  pbf_writer table(attributes_.bytes);
  pbf_writer attribute(table, 1);
  attribute.add_int32(field::Key, key_index);
  pbf_writer any(attribute, field::ValueOf);
  if (const auto* text = std::get_if<std::string>(&value)) any.add_string(field::Text, *text);
  else any.add_int64(field::Integer, std::get<std::int64_t>(value));
  return attributes_.count++;
}

std::int32_t OtlpDictionary::mapping(std::string_view file) {
  if (file.empty()) return 0;
  const auto file_index = string(file);
  const auto [at, fresh] = mapping_ids_.try_emplace(file_index, mappings_.count);
  if (!fresh) return at->second;
  pbf_writer table(mappings_.bytes);
  pbf_writer mapping(table, 1);
  mapping.add_int32(field::Filename, file_index);
  return mappings_.count++;
}

std::int32_t OtlpDictionary::function(std::string_view name, std::string_view file) {
  const auto name_index = string(name), file_index = string(file);
  const auto [at, fresh] = function_ids_.try_emplace({name_index, file_index}, functions_.count);
  if (!fresh) return at->second;
  pbf_writer table(functions_.bytes);
  pbf_writer function(table, 1);
  function.add_int32(field::Name, name_index);
  function.add_int32(field::File, file_index);
  return functions_.count++;
}

// Native code without a line names its module in Frame::file: that is its mapping.
std::int32_t OtlpDictionary::location(FrameId id) {
  if (location_of_[id] != 0) return location_of_[id];
  const Frame& frame = profile_.frame(id);
  const bool module = (frame.kind == FrameKind::Native || frame.kind == FrameKind::Kernel) && frame.line == 0;
  std::string name(frame.name);
  if (module || name.empty()) name = frame_label(frame);
  const auto function_index = function(name, module ? std::string_view() : frame.file);
  const auto mapping_index = mapping(module ? frame.file : std::string_view());
  const std::string_view type = frame_type(frame.kind);
  const auto type_index = type.empty() ? 0 : attribute("profile.frame.type", std::string(type));
  pbf_writer table(locations_.bytes);
  pbf_writer location(table, 1);
  location.add_int32(field::MappingIndex, mapping_index);
  location.add_uint64(field::Address, frame.address);
  {
    pbf_writer line(location, field::Line);
    line.add_int32(field::FunctionIndex, function_index);
    line.add_int64(field::LineNumber, frame.line);
  }
  if (type_index != 0) location.add_packed_int32(field::AttributeIndices, &type_index, &type_index + 1);
  return location_of_[id] = locations_.count++;
}

std::uint32_t OtlpDictionary::code_of(NodeId node) {
  std::vector<NodeId> path;   // up to where it is known
  for (; node != Profile::kRoot && code_of_[node] == 0; node = profile_.nodes()[node].parent) path.push_back(node);
  std::uint32_t code = code_of_[node];
  for (; !path.empty(); path.pop_back()) {
    const FrameId frame = profile_.nodes()[path.back()].frame;
    if (!is_group(profile_.frame(frame).kind)) {
      const auto at_location = location(frame);
      const auto [at, fresh] = code_ids_.try_emplace(std::uint64_t{code} << 32 | static_cast<std::uint32_t>(at_location), static_cast<std::uint32_t>(codes_.size()));
      if (fresh) codes_.push_back({code, at_location, 0});
      code = at->second;
    }
    code_of_[path.back()] = code;
  }
  return code;
}

std::int32_t OtlpDictionary::stack(NodeId node) {
  const std::uint32_t code = code_of(node);
  if (code == 0 || codes_[code].stack != 0) return codes_[code].stack;
  std::vector<std::int32_t> places;
  for (std::uint32_t at = code; at != 0; at = codes_[at].parent) places.push_back(codes_[at].location);
  pbf_writer table(stacks_.bytes);
  pbf_writer stack(table, 1);
  stack.add_packed_int32(field::Locations, places.begin(), places.end());
  return codes_[code].stack = stacks_.count++;
}

void OtlpDictionary::write(pbf_writer& data, protozero::pbf_tag_type tag) const {
  pbf_writer dictionary(data, tag);
  const auto add = [&](field::Dictionary of, const Table& table) {
    for (protozero::pbf_reader reader(table.bytes); reader.next();) dictionary.add_message(of, reader.get_view());
  };
  add(field::Mapping, mappings_);
  add(field::Location, locations_);
  add(field::Function, functions_);
  {
    pbf_writer link(dictionary, field::Link);
    link.add_bytes(field::TraceId, std::string(16, '\0'));
    link.add_bytes(field::SpanId, std::string(8, '\0'));
  }
  for (const std::string& text : strings_) dictionary.add_string(field::String, text);
  add(field::Attribute, attributes_);
  add(field::Stack, stacks_);
}

}  // namespace sampan
