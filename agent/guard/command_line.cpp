// Command lines for people: whose arguments hold passwords, tokens and keys, as programs take them.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/guard/redact.hpp"

namespace sampan {
namespace {

using std::string_view;

constexpr string_view kMask = "***";
constexpr string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

// What a short option's value is, by program: `-p` is a password to mysql and a port to most.
enum class Value : std::uint8_t { Secret, User };   // User: `name:password` or `name%password`
struct ShortOption {
  string_view programs;   // between blanks; a program's name begins with one of them; empty: any
  char letter;
  Value value;
  bool attached_only;     // alone it has no value
};
constexpr ShortOption kShortOptions[] = {
    {" mysql mariadb mytop mycli innobackupex xtrabackup ", 'p', Value::Secret, true},
    {" mongo sshpass cqlsh 7z ", 'p', Value::Secret, false},
    {" redis-cli keydb-cli valkey-cli influx ", 'a', Value::Secret, false},
    {" ldap kadmin ", 'w', Value::Secret, false},
    {" zip unzip sqlcmd bcp osql isql ", 'P', Value::Secret, false},
    {" openssl ", 'k', Value::Secret, false},
    {" openssl ", 'K', Value::Secret, false},
    {" snmp ", 'A', Value::Secret, false},
    {" snmp ", 'X', Value::Secret, false},
    {" curl ", 'b', Value::Secret, false},
    {" curl ", 'E', Value::User, false},
    {" http https ab ", 'a', Value::User, false},
    {" ab ", 'A', Value::User, false},
    {"", 'u', Value::User, false},
    {"", 'U', Value::User, false},
};
constexpr std::array<string_view, 6> kUserOptions = {"--user", "--proxy-user", "--auth-user", "--username", "--login", "--cert"};
// Words of a program's own language that are followed by a user and a password.
constexpr std::array<string_view, 4> kThenUserAndPassword = {"add_user", "change_password", "authenticate_user", "adduser"};
// Tokens that are known by how they begin.
constexpr std::array<string_view, 17> kTokens = {"ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xapp-", "sk_live_", "rk_live_",
                                                 "hvs.", "AIza", "npm_", "pypi-", "dop_v1_", "SG."};
constexpr std::size_t kShortestToken = 16;

bool begins_with_one_of(string_view names, string_view program) {
  for (std::size_t at = 1; at < names.size();) {
    const auto end = names.find(' ', at);
    if (program.starts_with(names.substr(at, end - at))) return true;
    at = end + 1;
  }
  return false;
}

string_view base_name(string_view path) { return path.substr(path.rfind('/') + 1); }

// `name:password` and `name%password` keep the name; with no mark it is a name alone.
std::string without_password(string_view user) {
  const auto mark = user.find_first_of(":%");
  return mark == string_view::npos ? std::string(user) : std::string(user.substr(0, mark + 1)).append(kMask);
}

// A JSON web token or another whose beginning tells.
bool is_token(string_view word) {
  if (word.size() < kShortestToken) return false;
  if (word.starts_with("eyJ") && std::count(word.begin(), word.end(), '.') == 2) return true;
  return std::any_of(kTokens.begin(), kTokens.end(), [&](string_view start) { return word.starts_with(start); });
}

// Where the value of a secret begins that is named within the text: `name=…`, `name: …`, `"name": …`; npos where none is.
std::size_t secret_value(string_view text) {
  for (std::size_t at = text.find_first_of("=:"); at != string_view::npos; at = text.find_first_of("=:", at + 1)) {
    auto end = at;
    while (end > 0 && std::string_view(" \"'\\").find(text[end - 1]) != string_view::npos) --end;
    const auto before = text.find_last_not_of(kNameCharacters, end == 0 ? 0 : end - 1);
    const auto start = before == string_view::npos || end == 0 ? 0 : before + 1;
    string_view name = text.substr(start, end - start);
    if (text[at] == ':') name = name.substr(name.rfind('.') + 1);   // `auth.wsgi:application` is a module
    if (text.substr(at).starts_with("://")) continue;
    if (!name.empty() && names_secret(name)) return std::min(text.find_first_not_of(" \"'\\", at + 1), text.size());
  }
  return string_view::npos;
}

// `scheme://user:password@host` -> `scheme://***@host`; without a scheme a password must stand there. Up to the last @: a
// password that nobody encoded may hold anything.
std::string without_credentials(string_view text) {
  const auto at = text.rfind('@');
  if (at == string_view::npos) return std::string(text);
  const auto scheme = text.find("://");
  if (scheme != string_view::npos && scheme < at) {
    const auto host = scheme + 3;
    const bool path = text.substr(host, at - host).find('/') != string_view::npos;
    if (path && text.substr(host, text.find('/', host) - host).find_first_of(":@") == string_view::npos) return std::string(text);   // http://h/a@b
    return std::string(text.substr(0, host)).append(kMask).append(text.substr(at));
  }
  auto start = text.find_last_of("=, ", at);
  start = start == string_view::npos ? 0 : start + 1;
  const auto colon = text.find(':', start);
  if (colon >= at || text.substr(start, colon - start).find('/') != string_view::npos) return std::string(text);
  return std::string(text.substr(0, colon + 1)).append(kMask).append(text.substr(at));
}

class Redactor {
 public:
  // `whole`: arguments are known by their NULs, so that a value is all of its argument; else they are a title's words.
  explicit Redactor(bool whole) : whole_(whole) {}

  std::string argument(string_view text) {
    if (quote_ != 0) {
      if (text.ends_with(quote_)) quote_ = 0;
      return std::string(kMask);
    }
    if (program_.empty()) program_ = base_name(text.substr(0, text.find(' ')));
    else if (auto value = expected(text)) return *value;
    return free(text);
  }

 private:
  enum class Next : std::uint8_t { Anything, Secret, User, UserThenSecret };

  // The value that the argument before asked for.
  std::optional<std::string> expected(string_view text) {
    const Next next = std::exchange(next_, Next::Anything);
    if (next == Next::Anything) return {};
    if (next == Next::UserThenSecret) return next_ = Next::Secret, std::string(text);
    if (next == Next::User) return without_password(text);
    if (text.starts_with('-') && text.size() > 1) return {};   // an option without a value
    if (text == "Bearer" || text == "Basic" || text == "Token" || text == "Digest") return next_ = Next::Secret, std::string(text);
    return std::string(kMask);
  }

  std::string free(string_view text) {
    if (auto short_option = of_short_option(text)) return *short_option;
    if (const auto value = secret_value(text); value != string_view::npos) {
      if (value == text.size()) next_ = Next::Secret;           // `Authorization:` and its value are two words of a title
      else if (const char mark = text[value - 1]; !whole_ && (mark == '"' || mark == '\'') && !text.ends_with(mark)) quote_ = mark;
      return std::string(text.substr(0, value)).append(value == text.size() && !whole_ ? string_view() : kMask);
    }
    note_option(text);
    if (is_token(text) || is_token(text.substr(std::min(text.find('=') + 1, text.size())))) return std::string(kMask);
    return without_credentials(text);
  }

  std::optional<std::string> of_short_option(string_view text) {
    if (text.size() < 2 || text[0] != '-' || text[1] == '-') return {};
    for (const ShortOption& option : kShortOptions) {
      if (text[1] != option.letter || !(option.programs.empty() || begins_with_one_of(option.programs, program_))) continue;
      if (text.size() == 2) {
        if (!option.attached_only) next_ = option.value == Value::Secret ? Next::Secret : Next::User;
        return std::string(text);
      }
      if (option.value == Value::Secret) return std::string(text.substr(0, 2)).append(kMask);
      return without_password(text);
    }
    return {};
  }

  // What the next argument is.
  void note_option(string_view text) {
    if (std::find(kThenUserAndPassword.begin(), kThenUserAndPassword.end(), text) != kThenUserAndPassword.end()) next_ = Next::UserThenSecret;
    else if (std::find(kUserOptions.begin(), kUserOptions.end(), text) != kUserOptions.end()) next_ = Next::User;
    else if (text == "Bearer" || text == "Basic" || text.ends_with("Bearer")) next_ = Next::Secret;
    else if (text.starts_with('-') && names_secret(text)) next_ = Next::Secret;
    else if (text == "requirepass" || text == "masterauth") next_ = Next::Secret;
  }

  bool whole_;
  std::string program_;
  char quote_ = 0;          // of a title: the quotation that holds a secret goes on
  Next next_ = Next::Anything;
};

}  // namespace

std::string redact_command_line(string_view line, std::size_t most) {
  // A kernel's record ends in a NUL, and a title's is often padded by many; those between arguments make the difference.
  line = line.substr(0, line.find_last_not_of(string_view("\0 ", 2)) + 1);
  const bool whole = line.find('\0') != string_view::npos;
  const string_view ends = whole ? string_view("\0", 1) : string_view(" \t\n");
  Redactor redactor(whole);
  std::string out;
  for (std::size_t at = 0; at < line.size() && out.size() <= most;) {
    const auto end = std::min(line.find_first_of(ends, at), line.size());
    const auto argument = line.substr(at, end - at);
    at = end + 1;
    if (argument.empty()) continue;   // uWSGI pads its titles with blanks
    if (!out.empty()) out += ' ';
    out += redactor.argument(argument);
  }
  return printable(out, most);
}

}  // namespace sampan
