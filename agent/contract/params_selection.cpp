#include "agent/contract/params_selection.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "samplers/runtimes.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostRules = 256;

SelectionRule read_rule(Reading& reading, const nlohmann::json& object, const std::string& path, bool with_rate) {
  SelectionRule rule;
  StrictJson reader(reading, object, path + ".");
  reader.text("namespace", rule.pod_namespace, 253);
  reader.text("pod", rule.pod, 253);
  reader.text("container", rule.container, 253);
  StrictJson::Choices<std::string> names;
  for (const Runtime& runtime : runtimes()) names.emplace_back(runtime.name, runtime.name);
  reader.choice("runtime", rule.runtime, names);
  if (with_rate) reader.number("rate", rule.rate, 1, 10'000);
  reader.end();
  return rule;
}

void read_rules(StrictJson& reader, const char* key, std::vector<SelectionRule>& into, bool with_rate) {
  const nlohmann::json* value = reader.find(key);
  if (!value) return void(read_rule(reader.reading(), nlohmann::json::object(), key, with_rate));
  if (!value->is_array() || value->empty() || value->size() > kMostRules) return reader.wrong(key, fmt::format("a list of 1 to {} objects", kMostRules));
  for (const auto& item : *value) {
    if (!item.is_object()) return reader.wrong(key, "a list of objects");
    into.push_back(read_rule(reader.reading(), item, key, with_rate));
  }
}

// `$(NAME)` stands for a variable, as in a manifest; where there is none it stays as it is, which is refused.
std::string expanded(Reading& reading, const std::string& name, const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto open = text.find("$(", at), close = text.find(')', open);
    if (open == std::string::npos || close == std::string::npos) return out + text.substr(at);
    out += text.substr(at, open - at);
    const std::string variable = text.substr(open + 2, close - open - 2);
    const char* value = std::getenv(variable.c_str());
    if (!value) reading.refuse("labels.{} names the variable {}, which is not set", name, variable);
    else out += value;
    at = close + 1;
  }
  return out;
}

void read_labels(StrictJson& reader, std::map<std::string, std::string>& labels) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", kDigits = "0123456789";
  reader.map("labels", labels);
  for (auto& [name, value] : labels) {
    if (name.empty() || name.find_first_not_of(std::string(kLetters) + std::string(kDigits)) != std::string::npos || kDigits.find(name[0]) != std::string_view::npos) {
      reader.reading().refuse("labels: a label's name is made of letters, digits and _, and does not begin with a digit");
    }
    value = expanded(reader.reading(), name, value);
    if (value.find_first_of("{},=\"\n") != std::string::npos) reader.reading().refuse("labels.{}: a label's value may not hold any of {{ }} , = \" or a line break", name);
  }
}

}  // namespace

void read_selection(StrictJson& reader, Selection& selection) {
  reader.flag("all_containers", selection.all_containers);
  reader.flag("host_processes", selection.host_processes);
  read_rules(reader, "include", selection.include, true);
  read_rules(reader, "exclude", selection.exclude, false);
}

void check_selection(Reading& reading, const Selection& selection, unsigned rate, SplitBy split_by) {
  if (!selection.all_containers && (selection.host_processes || !selection.include.empty() || !selection.exclude.empty())) {
    reading.refuse("include, exclude and host_processes need all_containers: true");
  }
  for (const SelectionRule& rule : selection.include) {
    if (rule.rate > rate) reading.refuse("include.rate is {}: it may not be above rate, which is {}", rule.rate, rate);
    // In one picture a sample of one container would stand for more time than one of another.
    if (rule.rate != 0 && rule.rate != rate && split_by == SplitBy::None) reading.refuse("include.rate needs split_by: one picture has one rate");
  }
}

void read_grouping(StrictJson& reader, const Selection& selection, SamplingOptions& sampling, PictureOptions& picture) {
  std::vector<SplitBy> split;
  reader.choice_list("split_by", split, {{"container", SplitBy::Container}, {"pod", SplitBy::Pod}, {"process", SplitBy::Process}});
  if (split.size() > 1) reader.reading().refuse("split_by takes one of \"container\", \"pod\", \"process\"");
  if (!split.empty()) picture.split_by = split[0];
  using enum FrameKind;
  std::vector<FrameKind> groups = {Process};
  if (selection.all_containers && split.empty()) groups = {Host, Namespace, Pod, Container, Process};
  reader.choice_list("group_by", groups,
                     {{"node", Host}, {"namespace", Namespace}, {"pod", Pod}, {"container", Container}, {"process", Process}, {"thread", Thread}, {"route", Route}});
  const auto has = [&](FrameKind kind) { return std::count(groups.begin(), groups.end(), kind) > 0; };
  const std::optional<FrameKind> parts = split_kind(picture.split_by);
  picture.split_shown = parts && has(*parts);
  if (parts && !has(*parts)) groups.push_back(*parts);
  sampling.by_process = has(Process);
  sampling.by_thread = has(Thread);
  sampling.by_route = has(Route);
  for (const FrameKind kind : {Host, Namespace, Pod, Container}) {
    if (has(kind)) sampling.above.push_back(kind);
  }
  read_labels(reader, picture.labels);
}

}  // namespace sampan
