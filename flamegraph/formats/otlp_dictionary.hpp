// The tables of an OTLP profile that all its samples refer to: each thing once, and in the first place of each table the
// value that stands for none.
#pragma once

#include <cstdint>
#include <map>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "flamegraph/profile.hpp"
#include "flamegraph/text.hpp"

namespace sampan {

class OtlpDictionary {
 public:
  explicit OtlpDictionary(const Profile& profile);

  // Places in the tables, made on first sight. Texts are cleaned.
  std::int32_t string(std::string_view text);
  using Value = std::variant<std::string, std::int64_t>;
  std::int32_t attribute(std::string_view key, const Value& value);
  std::int32_t stack(NodeId node);   // without the frames of processes and threads: leaf first

  void write(protozero::pbf_writer& data, protozero::pbf_tag_type tag) const;

 private:
  // Messages of one table, written one behind another.
  struct Table {
    std::string bytes;
    std::int32_t count = 0;
  };
  std::int32_t mapping(std::string_view file);
  std::int32_t function(std::string_view name, std::string_view file);
  std::int32_t location(FrameId id);
  std::uint32_t code_of(NodeId node);

  const Profile& profile_;
  std::vector<std::string> strings_;
  std::unordered_map<std::string, std::int32_t> string_ids_;
  std::map<std::pair<std::string, Value>, std::int32_t> attribute_ids_;
  std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> function_ids_;
  std::unordered_map<std::int32_t, std::int32_t> mapping_ids_;
  std::vector<std::int32_t> location_of_;   // by frame; 0: not yet
  // Stacks of code, merged where only their process or thread differs: a tree whose root is 0.
  struct Code {
    std::uint32_t parent;
    std::int32_t location, stack;           // stack 0: not written yet
  };
  std::vector<Code> codes_;
  std::unordered_map<std::uint64_t, std::uint32_t> code_ids_;   // parent and location
  std::vector<std::uint32_t> code_of_;      // by node; 0: not yet, or none
  Table mappings_, locations_, functions_, attributes_, stacks_;
};

}  // namespace sampan
