#include "samplers/process/identity.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "samplers/base/clock.hpp"
#include "samplers/process/files.hpp"
#include "samplers/process/records.hpp"

namespace sampan {

std::optional<ProcessStat> parse_stat(std::string_view text) {
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  ProcessStat stat;
  stat.comm = text.substr(open + 1, close - open - 1);
  std::string_view rest = text.substr(close + 1);
  for (int field = 3; field <= 22; ++field) {
    const auto begin = rest.find_first_not_of(" \n");
    if (begin == std::string_view::npos) return {};
    const auto end = rest.find_first_of(" \n", begin);
    const auto word = rest.substr(begin, end == std::string_view::npos ? end : end - begin);
    rest.remove_prefix(begin + word.size());
    std::uint64_t number = 0;
    std::from_chars(word.data(), word.data() + word.size(), number);
    if (field == 3) stat.state = word[0];
    if (field == 4) stat.parent = static_cast<pid_t>(number);
    if (field == 14 || field == 15) stat.cpu_ticks += number;
    if (field == 16 || field == 17) stat.child_ticks += number;
    if (field == 22) stat.start_time = number;
  }
  return stat;
}

std::optional<ProcessStat> read_stat(pid_t pid) {
  const auto text = read_record("/proc/" + std::to_string(pid) + "/stat", 4096);
  return text ? parse_stat(*text) : std::nullopt;
}

std::optional<Identity> identify(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat || stat->state == 'Z' || stat->state == 'X') return {};
  return Identity{pid, stat->start_time};
}

std::uint64_t age_ns(Identity id) {
  const double age = static_cast<double>(now_ns(CLOCK_BOOTTIME)) / 1e9 - static_cast<double>(id.start_time) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return age <= 0 ? 0 : static_cast<std::uint64_t>(age * 1e9);
}

std::optional<std::uint32_t> owner_of(Identity id) {
  struct stat status {};
  const bool there = stat(("/proc/" + std::to_string(id.pid)).c_str(), &status) == 0;
  if (!there || identify(id.pid) != id) return {};
  return status.st_uid;
}

std::string read_command_line(pid_t pid) {
  std::string line = read_file("/proc/" + std::to_string(pid) + "/cmdline", 4096).value_or("");
  for (char& c : line) {
    if (c == '\0') c = ' ';
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace sampan
