// The flight recorder's options: what it waits for, and how much before and after it is kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sampan {

// One of `when`: the first that holds fires.
struct Condition {
  enum Kind : std::uint8_t { Cpu, Throttled, Memory, OomKill, File, Signal };
  Kind kind = Cpu;
  double percent = 0;       // Cpu: of one core; Throttled: of the periods of its quota; Memory: of its limit
  double for_seconds = 1;   // of Cpu and Throttled: the time that is measured
  std::string path;         // File
  int signal = 0;           // Signal, sent to the agent
};

struct RecorderOptions {
  std::vector<Condition> when;   // none: no recorder, a profile of `seconds`
  unsigned before = 30, after = 10;   // seconds
  unsigned cooldown = 60;        // seconds from one recording to the next at least
  bool any() const { return !when.empty(); }
};

}  // namespace sampan
