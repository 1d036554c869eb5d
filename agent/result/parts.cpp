#include "agent/result/parts.hpp"

#include <algorithm>
#include <set>

#include "agent/target/node.hpp"

namespace sampan {
namespace {

using Labels = std::map<std::string, std::string>;

// Label -> what a process says of it; empty where it is not known.
Labels labels_of(const ProcessReport& process) {
  const Container& c = process.container;
  const bool in_one = !c.id.empty() || !c.pod_uid.empty();
  return {{"namespace", c.pod_namespace}, {"pod", c.pod_name}, {"pod_uid", c.pod_uid}, {"container", !in_one ? "" : c.name.empty() ? c.id.substr(0, 12) : c.name},
          {"container_id", c.id}, {"runtime", process.runtime}};
}

// What all of them agree on; several runtimes are joined: `java+native`.
template <typename Wanted>
Labels common(const PictureOptions& options, const Sampled& sampled, Wanted wanted) {
  Labels all;
  std::set<std::string> runtimes;
  bool first = true;
  for (const ProcessReport& process : sampled.processes) {
    if (process.tier.empty() || !wanted(process)) continue;
    const Labels one = labels_of(process);
    runtimes.insert(process.runtime);
    if (first) all = one;
    else std::erase_if(all, [&](const auto& label) { return one.at(label.first) != label.second; });
    first = false;
  }
  if (!runtimes.empty()) {
    std::string joined;
    for (const std::string& runtime : runtimes) joined += (joined.empty() ? "" : "+") + runtime;
    all["runtime"] = joined;
  }
  std::erase_if(all, [](const auto& label) { return label.second.empty(); });
  all["node"] = node_name();
  for (const auto& [name, value] : options.labels) all[name] = value;
  return all;
}

bool is_of(const ProcessReport& process, FrameKind kind, const Frame& part) {
  const Container& c = process.container;
  switch (kind) {
    case FrameKind::Container: return c.id == part.file;
    case FrameKind::Pod: return c.pod_uid == part.file;
    default: return static_cast<std::uint32_t>(process.id.pid) == part.line && process.name == part.name;
  }
}

std::string at(const Labels& labels, const char* name) {
  const auto found = labels.find(name);
  return found == labels.end() ? "" : found->second;
}

}  // namespace

Labels labels_of(const PictureOptions& options, const Sampled& sampled) {
  return common(options, sampled, [](const ProcessReport&) { return true; });
}

PartNames describe_part(Description& description, const PictureOptions& options, const Sampled& sampled, FrameKind kind, const Frame& part) {
  const auto wanted = [&](const ProcessReport& process) { return is_of(process, kind, part); };
  description.labels = common(options, sampled, wanted);
  for (const ProcessReport& process : sampled.processes) {
    if (wanted(process) && process.rate != 0 && !sampled.lowered_rate) description.rate = process.rate;
  }
  PartNames names;
  description.title.clear();
  if (part.name.empty()) description.title = kind == FrameKind::Process ? "others" : "host";
  else if (kind == FrameKind::Process) description.title = part.name, names.unique = std::to_string(part.line);
  else names.unique = part.file.substr(0, 12);
  for (const char* label : {"namespace", "pod", "container"}) {
    const std::string text = at(description.labels, label);
    if (!part.name.empty() && kind != FrameKind::Process && !text.empty()) description.title += (description.title.empty() ? "" : "/") + text;
  }
  if (description.title.empty()) description.title = part.name;
  names.readable = description.title;
  std::string whose;
  for (const auto& [label, text] : description.labels) whose += (whose.empty() ? "" : ", ") + label + " " + text;
  description.notes.insert(description.notes.begin(), "Whose it is: " + whose + ". What is said of samples below is of all together.");
  return names;
}

}  // namespace sampan
