// /tmp/perf-PID.map, as JITs write it: `START SIZE name` a line, hexadecimal. Only what is asked for is kept,
// so a map of any size costs no more memory than the addresses.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sampan {

class PerfMapReader {
 public:
  // `addresses`: those whose names are wanted.
  explicit PerfMapReader(std::vector<std::uint64_t> addresses);
  // Takes the next piece of the file, cut anywhere.
  void feed(std::string_view piece);
  // Names by address; the last line that covers an address holds, as JITs append.
  const std::map<std::uint64_t, std::string>& finish();

 private:
  void line(std::string_view text);

  std::vector<std::uint64_t> addresses_;
  std::map<std::uint64_t, std::string> names_;
  std::string rest_;         // of a line that was cut
  bool overlong_ = false;
  std::uint64_t budget_ = 10'000'000;   // namings, so that no map costs more than seconds
};

// Names from an open perf map, of which at most 256 MiB are read.
std::map<std::uint64_t, std::string> read_perf_map(int fd, std::vector<std::uint64_t> addresses);

}  // namespace sampan
