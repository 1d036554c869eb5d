// Reads one JSON object strictly: every key that is asked for is known, every other one is an error that names
// the nearest. The first error is kept; what is read after it does not matter.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "samplers/base/result.hpp"

namespace sampan {

// What several readers of one document share.
struct Reading {
  std::optional<Error> error;
  std::set<std::string> keys;       // every key asked for, dotted

  template <typename... Args>
  void refuse(fmt::format_string<Args...> text, Args&&... args) {
    if (!error) error = Error{Exit::BadParams, fmt::format(text, std::forward<Args>(args)...)};
  }
};

class StrictJson {
 public:
  using Json = nlohmann::json;

  // `path` is what stands before a key's name in sentences: empty, or `upload.`. Values of a secret object are never shown.
  StrictJson(Reading& reading, const Json& object, std::string path, bool secret = false);

  // The value, or nullptr where the key is absent; the key is known from now on.
  const Json* find(const char* key);
  // A value that must be an object; otherwise nullptr.
  const Json* object(const char* key);
  bool has(const char* key) const;
  // Reads an object by `read`, of nothing where the key is absent, so that its keys are known; true where it is there.
  bool nested(const char* key, const std::function<void(StrictJson&)>& read);

  void flag(const char* key, bool& into);
  void number(const char* key, unsigned& into, unsigned least, unsigned most);
  void real(const char* key, double& into, double least, double most);
  void text(const char* key, std::string& into, std::size_t most = 4096);
  void number_or_text(const char* key, std::string& into);
  // A list of texts; one text stands for a list of one.
  void texts(const char* key, std::vector<std::string>& into, std::size_t most);
  void map(const char* key, std::map<std::string, std::string>& into);
  // A list of numbers; one number stands for a list of one.
  void numbers(const char* key, std::vector<int>& into, int least, int most);

  template <typename E>
  using Choices = std::vector<std::pair<std::string_view, E>>;
  template <typename E>
  void choice(const char* key, E& into, const Choices<E>& choices) {
    std::string word;
    if (!word_of(key, word)) return;
    for (const auto& [name, value] : choices) {
      if (name == word) return void(into = value);
    }
    wrong(key, "one of " + joined(choices));
  }
  template <typename E>
  void choice_list(const char* key, std::vector<E>& into, const Choices<E>& choices) {
    std::vector<std::string> words;
    if (!has(key)) return void(find(key));
    texts(key, words, choices.size());
    into.clear();
    for (const std::string& word : words) {
      const auto before = into.size();
      for (const auto& [name, value] : choices) {
        if (name == word) into.push_back(value);
      }
      if (into.size() == before) return wrong(key, "a list of " + joined(choices));
    }
  }

  // Refuses the keys that nobody asked for.
  void end();
  // Refuses this key's value.
  void wrong(const char* key, std::string_view allowed);
  Reading& reading() { return reading_; }

 private:
  bool word_of(const char* key, std::string& word);
  std::string shown(const Json& value) const;
  template <typename E>
  static std::string joined(const Choices<E>& choices) {
    std::string text;
    for (const auto& [name, value] : choices) text += (text.empty() ? "\"" : ", \"") + std::string(name) + "\"";
    return text;
  }

  Reading& reading_;
  const Json& object_;
  std::string path_;
  bool secret_;
  std::set<std::string, std::less<>> asked_;
};

// The candidate at the least edit distance; empty where none is near.
std::string nearest(std::string_view word, const std::set<std::string, std::less<>>& candidates);

// Parses text into `into`: at most `most` bytes, 16 levels, no key twice. The sentence says line and column and
// never shows content.
Result<void> parse_json(std::string_view text, nlohmann::json& into, std::string_view what, std::size_t most);

}  // namespace sampan
