#include "flamegraph/formats/perf_script.hpp"

#include <algorithm>
#include <optional>

namespace sampan {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::size_t kMostFrames = 4096;

bool all_of(std::string_view text, std::string_view allowed) { return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos; }
bool is_number(std::string_view text) { return all_of(text, "0123456789"); }

std::string_view trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  text.remove_suffix(text.size() - (text.find_last_not_of(kBlanks) + 1));
  return text;
}

struct ScriptFrame {
  std::string_view name, file;
};

// `7f3a12 do_work+0x1f (/usr/lib/libx.so)`.
std::optional<ScriptFrame> parse_frame(std::string_view line) {
  line = trim(line);
  const auto blank = line.find(' ');
  const auto open = line.rfind(" (");
  if (blank == std::string_view::npos || open == std::string_view::npos || open <= blank || !line.ends_with(')')) return {};
  if (!all_of(line.substr(0, blank), "0123456789abcdef")) return {};
  ScriptFrame frame{trim(line.substr(blank, open - blank)), line.substr(open + 2, line.size() - open - 3)};
  if (const auto plus = frame.name.rfind("+0x"); plus != std::string_view::npos && plus > 0) frame.name = frame.name.substr(0, plus);
  return frame.name.empty() ? std::nullopt : std::optional(frame);
}

bool is_kernel(std::string_view file) {
  return file.starts_with("[kernel") || file.starts_with("[guest.kernel") || file.ends_with(".ko") || file.find("vmlinux") != std::string_view::npos ||
         (file.starts_with("[") && file.ends_with("]") && file != "[unknown]" && file != "[vdso]" && file != "[vsyscall]" && file != "[heap]" && file != "[stack]" && file != "[anon]");
}

// `42` and `42/43`.
bool is_id(std::string_view word) {
  const auto slash = word.find('/');
  return is_number(word.substr(0, slash)) && (slash == std::string_view::npos || is_number(word.substr(slash + 1)));
}

// `[003]` or `123.456:`: what follows the program's name and number.
bool follows_id(std::string_view word) {
  if (word.starts_with('[') && word.ends_with(']')) return is_number(word.substr(1, word.size() - 2));
  return word.ends_with(':') && all_of(word.substr(0, word.size() - 1), "0123456789.");
}

// The program's name, which may hold blanks and numbers, of `NAME ID [CPU] TIME: EVENT: …`; nothing where there is no id.
std::optional<std::string_view> parse_header(std::string_view line) {
  std::optional<std::string_view> name;
  std::size_t at = 0, before = 0;
  std::string_view last;
  while (at < line.size()) {
    const auto start = line.find_first_not_of(kBlanks, at);
    if (start == std::string_view::npos) break;
    const auto end = std::min(line.find_first_of(kBlanks, start), line.size());
    const auto word = line.substr(start, end - start);
    if (is_id(last) && before > 0 && (follows_id(word) || !name)) name = trim(line.substr(0, before));
    if (follows_id(word) && is_id(last)) break;
    last = word, before = start, at = end;
  }
  if (!name && is_id(last) && before > 0) name = trim(line.substr(0, before));
  return name;
}

}  // namespace

bool PerfScript::looks_like(std::string_view text) {
  bool header = false;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (trim(line).empty() || line.starts_with('#')) continue;
    const bool indented = line[0] == ' ' || line[0] == '\t';
    if (indented && header && parse_frame(line)) return true;
    if (!indented) header = parse_header(line).has_value();
  }
  return false;
}

void PerfScript::line(std::string_view line) {
  if (line.starts_with('#')) return;
  if (trim(line).empty()) return end();
  const bool indented = line[0] == ' ' || line[0] == '\t';
  if (const auto name = indented ? std::nullopt : parse_header(line)) {
    end();
    open_ = true;
    program_ = *name;
    const auto event = line.rfind(": ");   // without call chains the one frame stands in the header
    if (const auto frame = event == std::string_view::npos ? std::nullopt : parse_frame(line.substr(event + 2))) {
      frames_.push_back(profile_.intern({is_kernel(frame->file) ? FrameKind::Kernel : FrameKind::Native, frame->name, frame->file, 0, 0}));
    }
    return;
  }
  const auto frame = open_ && frames_.size() < kMostFrames ? parse_frame(line) : std::nullopt;
  if (!frame) return;
  std::string name(frame->name);
  if (name == "[unknown]" && frame->file != "[unknown]") name = "[" + std::string(frame->file.substr(frame->file.rfind('/') + 1)) + "]";
  frames_.push_back(profile_.intern({is_kernel(frame->file) ? FrameKind::Kernel : FrameKind::Native, name, frame->file, 0, 0}));
}

void PerfScript::end() {
  if (!open_) return;
  frames_.push_back(profile_.intern({FrameKind::Process, program_, {}, 0, 0}));
  std::reverse(frames_.begin(), frames_.end());
  profile_.add(frames_, 1);
  frames_.clear();
  open_ = false;
  ++samples_;
}

std::uint64_t PerfScript::finish() {
  end();
  return samples_;
}

}  // namespace sampan
