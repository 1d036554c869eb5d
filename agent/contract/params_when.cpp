#include "agent/contract/params_when.hpp"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

namespace sampan {
namespace {

constexpr std::size_t kMostConditions = 16;

struct Row {
  const char* key;
  Condition::Kind kind;
  double most;   // percent; 0: it is none
};
constexpr Row kRows[] = {
    {"cpu_percent", Condition::Cpu, 102'400},    {"throttled_percent", Condition::Throttled, 100}, {"memory_percent", Condition::Memory, 100},
    {"oom_kill", Condition::OomKill, 0},         {"file", Condition::File, 0},                     {"signal", Condition::Signal, 0},
};

std::string all_keys() {
  std::string text;
  for (const Row& row : kRows) text += (text.empty() ? "" : ", ") + std::string(row.key);
  return text;
}

void read_value(StrictJson& reader, const Row& row, Condition& condition) {
  if (row.most > 0) return reader.real(row.key, condition.percent, 1, row.most);
  if (row.kind == Condition::File) {
    reader.text(row.key, condition.path);
    if (!condition.path.empty() && condition.path[0] != '/') reader.wrong(row.key, "an absolute path");
  }
  if (row.kind == Condition::Signal) reader.choice(row.key, condition.signal, {{"USR1", SIGUSR1}, {"USR2", SIGUSR2}});
  if (row.kind == Condition::OomKill) {
    bool on = true;
    reader.flag(row.key, on);
    if (!on) reader.wrong(row.key, "true");
  }
}

void read_condition(StrictJson& reader, std::vector<Condition>& into) {
  Condition condition;
  unsigned kinds = 0;
  for (const Row& row : kRows) {
    if (reader.has(row.key)) ++kinds, condition.kind = row.kind;
    read_value(reader, row, condition);
  }
  reader.real("for_seconds", condition.for_seconds, 0.2, 3600);
  reader.end();
  if (kinds != 1) reader.reading().refuse("each of when names one of {}", all_keys());
  const bool measured = condition.kind == Condition::Cpu || condition.kind == Condition::Throttled;
  if (!measured && reader.has("for_seconds")) reader.reading().refuse("for_seconds goes with cpu_percent or throttled_percent");
  into.push_back(std::move(condition));
}

}  // namespace

void read_recorder(StrictJson& reader, RecorderOptions& options) {
  const nlohmann::json* found = reader.find("when");
  const nlohmann::json list = !found ? nlohmann::json::array() : found->is_object() ? nlohmann::json::array({*found}) : *found;
  const bool right = list.is_array() && list.size() <= kMostConditions && std::all_of(list.begin(), list.end(), [](const auto& one) { return one.is_object(); });
  if (!right || (found && list.empty())) reader.wrong("when", fmt::format("an object, or a list of 1 to {} objects", kMostConditions));
  else for (const nlohmann::json& one : list) {
    StrictJson inner(reader.reading(), one, "when.");
    read_condition(inner, options.when);
  }
  if (!found) {   // so that its keys are known
    Reading unread;
    const nlohmann::json none = nlohmann::json::object();
    StrictJson inner(unread, none, "when.");
    std::vector<Condition> nothing;
    read_condition(inner, nothing);
    reader.reading().keys.merge(unread.keys);
  }
  reader.number("before", options.before, 1, 3600);
  reader.number("after", options.after, 0, 3600);
  reader.number("cooldown", options.cooldown, 0, 604'800);
  if (options.any()) return;
  for (const char* key : {"before", "after", "cooldown"}) {
    if (reader.has(key)) reader.reading().refuse("{} goes with when, which says what to wait for", key);
  }
}

}  // namespace sampan
