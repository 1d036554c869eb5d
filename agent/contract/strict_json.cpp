#include "agent/contract/strict_json.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace sampan {
namespace {

constexpr int kMostLevels = 16;
constexpr std::size_t kMostShown = 60;

// A key as a message shows it: on one line, cut; and the same in quotes.
std::string one_line(const std::string& key) {
  const std::string text = nlohmann::json(key.substr(0, kMostShown)).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.substr(1, text.size() - 2);
}
std::string shown_key(const std::string& key) { return '"' + one_line(key) + '"'; }

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = corner + (a[i - 1] != b[j - 1]);
      corner = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

// Whole numbers may be written as 100 or 100.0, as JSON Schema has it.
std::optional<std::int64_t> whole(const nlohmann::json& value) {
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{1} << 62) return {};
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_number_float()) return {};
  const double number = value.get<double>();
  if (std::abs(number) > 1e15 || std::floor(number) != number) return {};
  return static_cast<std::int64_t>(number);
}

struct TooDeep {};
struct Twice {
  std::string key;
};

// Line and column of a byte, both from 1; columns count bytes.
std::pair<std::size_t, std::size_t> place_of(std::string_view text, std::size_t byte) {
  const auto before = text.substr(0, std::min(byte, text.size()));
  const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  const auto start = before.rfind('\n');
  return {line, before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1};
}

// nlohmann's message without its prefix and without the content that it quotes.
std::string reason_of(std::string message) {
  if (const auto at = message.find(" - "); at != std::string::npos) message.erase(0, at + 3);
  if (const auto quoted = message.find("; last read"); quoted != std::string::npos) {
    const auto expected = message.rfind("; expected ");
    message.erase(quoted, expected == std::string::npos || expected < quoted ? std::string::npos : expected - quoted);
  }
  return message;
}

}  // namespace

std::string nearest(std::string_view word, const std::set<std::string, std::less<>>& candidates) {
  std::string best;
  std::size_t least = word.size() > 64 ? 0 : std::max<std::size_t>(2, word.size() / 2) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t d = least == 0 ? 1 : distance(word, candidate);
    if (d < least) least = d, best = candidate;
  }
  return best;
}

Result<void> parse_json(std::string_view text, nlohmann::json& into, std::string_view what, std::size_t most) {
  if (text.size() > most) return fail(Exit::BadParams, "{} has {} bytes: at most {} are allowed", what, text.size(), most);
  std::vector<std::set<std::string>> keys;
  std::string last_key;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > kMostLevels) throw TooDeep{};
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event != Event::key) return true;
    last_key = value.get<std::string>();
    if (!keys.back().insert(last_key).second) throw Twice{last_key};
    return true;
  };
  try {
    into = nlohmann::json::parse(text, watch);
  } catch (const nlohmann::json::parse_error& e) {
    const auto [line, column] = place_of(text, e.byte == 0 ? 0 : e.byte - 1);
    return fail(Exit::BadParams, "{} is not valid JSON: line {}, column {}: {}", what, line, column, reason_of(e.what()));
  } catch (const nlohmann::json::exception&) {
    return fail(Exit::BadParams, "{}: the number after the key {} is too large", what, shown_key(last_key));
  } catch (const TooDeep&) {
    return fail(Exit::BadParams, "{} nests deeper than {} levels", what, kMostLevels);
  } catch (const Twice& twice) {
    return fail(Exit::BadParams, "{}: the key {} stands twice", what, shown_key(twice.key));
  }
  return {};
}

StrictJson::StrictJson(Reading& reading, const Json& object, std::string path, bool secret)
    : reading_(reading), object_(object), path_(std::move(path)), secret_(secret) {}

const StrictJson::Json* StrictJson::find(const char* key) {
  asked_.insert(key);
  reading_.keys.insert(path_ + key);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

bool StrictJson::has(const char* key) const { return object_.is_object() && object_.contains(key); }

const StrictJson::Json* StrictJson::object(const char* key) {
  const Json* value = find(key);
  if (value && !value->is_object()) return wrong(key, "an object"), nullptr;
  return value;
}

bool StrictJson::nested(const char* key, const std::function<void(StrictJson&)>& read) {
  const Json* found = object(key);
  if (!found && has(key)) return false;
  const Json none = Json::object();
  StrictJson inner(reading_, found ? *found : none, path_ + key + ".");
  read(inner);
  inner.end();
  return found != nullptr;
}

std::string StrictJson::shown(const Json& value) const {
  if (secret_) return std::string(value.type_name()) + " (not shown)";
  std::string text = value.is_structured() ? std::string("an ") + value.type_name()
                                           : value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMostShown) text.resize(kMostShown), text += "…";
  return text;
}

void StrictJson::wrong(const char* key, std::string_view allowed) {
  const Json* value = find(key);
  reading_.refuse("{}{} is {}: allowed is {}", path_, key, value ? shown(*value) : "absent", allowed);
}

void StrictJson::flag(const char* key, bool& into) {
  const Json* value = find(key);
  if (!value) return;
  if (!value->is_boolean()) return wrong(key, "true or false");
  into = value->get<bool>();
}

void StrictJson::number(const char* key, unsigned& into, unsigned least, unsigned most) {
  const Json* value = find(key);
  if (!value) return;
  const auto number = whole(*value);
  if (!number || *number < least || *number > most) {
    return wrong(key, fmt::format("a whole number from {} to {}", least, most));
  }
  into = static_cast<unsigned>(*number);
}

void StrictJson::real(const char* key, double& into, double least, double most) {
  const Json* value = find(key);
  if (!value) return;
  const double number = value->is_number() ? value->get<double>() : NAN;
  if (!(number >= least && number <= most)) return wrong(key, fmt::format("a number from {} to {}", least, most));
  into = number;
}

void StrictJson::text(const char* key, std::string& into, std::size_t most) {
  const Json* value = find(key);
  if (!value) return;
  const std::string* text = value->get_ptr<const std::string*>();
  if (!text || text->empty() || text->size() > most || text->find('\0') != std::string::npos) {
    return wrong(key, fmt::format("a text of 1 to {} bytes", most));
  }
  into = *text;
}

bool StrictJson::word_of(const char* key, std::string& word) {
  const Json* value = find(key);
  if (!value) return false;
  if (const auto* text = value->get_ptr<const std::string*>()) word = *text;
  return true;
}

void StrictJson::number_or_text(const char* key, std::string& into) {
  const Json* value = find(key);
  if (!value) return;
  if (value->is_string()) return text(key, into, 256);
  if (!value->is_number_integer()) return wrong(key, "a whole number or a text");
  into = value->dump();
}

void StrictJson::texts(const char* key, std::vector<std::string>& into, std::size_t most) {
  const Json* value = find(key);
  if (!value) return;
  const auto allowed = fmt::format("a list of at most {} texts", most);
  if (!value->is_string() && (!value->is_array() || value->size() > most)) return wrong(key, allowed);
  into.clear();
  if (value->is_string()) return into.push_back(value->get<std::string>());
  for (const Json& item : *value) {
    const auto* text = item.get_ptr<const std::string*>();
    if (!text || text->empty() || text->size() > 8192 || text->find('\0') != std::string::npos) return wrong(key, allowed);
    into.push_back(*text);
  }
}

void StrictJson::numbers(const char* key, std::vector<int>& into, int least, int most) {
  const Json* value = find(key);
  if (!value) return;
  const auto allowed = fmt::format("a whole number from {} to {}, or a list of 1 to 1024 of them", least, most);
  const Json list = value->is_array() ? *value : Json::array({*value});
  if (list.empty() || list.size() > 1024) return wrong(key, allowed);
  into.clear();
  for (const Json& item : list) {
    const auto number = whole(item);
    if (!number || *number < least || *number > most) {
      return reading_.refuse("{}{} is {}: allowed is {}", path_, key, shown(item), allowed);
    }
    into.push_back(static_cast<int>(*number));
  }
}

void StrictJson::map(const char* key, std::map<std::string, std::string>& into) {
  const Json* value = object(key);
  if (!value) return;
  if (value->size() > 64) return reading_.refuse("{}{} has {} members: at most 64 are allowed", path_, key, value->size());
  for (const auto& [name, item] : value->items()) {
    const auto* text = item.get_ptr<const std::string*>();
    if (!text || text->size() > 8192 || name.empty() || name.size() > 256) {
      return reading_.refuse("{}{}.{} is {}: allowed is a text of at most 8192 bytes", path_, key,
                             one_line(name), item.type_name());
    }
    into[name] = *text;
  }
}

void StrictJson::end() {
  if (!object_.is_object()) return;
  for (const auto& [key, value] : object_.items()) {
    if (asked_.contains(key)) continue;
    const std::string near = nearest(key, asked_);
    const std::string name = shown_key(key);
    if (near.empty()) return reading_.refuse("{}{} is not a key that exists", path_, name);
    return reading_.refuse("{}{} is not a key that exists: the nearest is \"{}\"", path_, name, near);
  }
}

}  // namespace sampan
