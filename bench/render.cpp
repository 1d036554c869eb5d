// Renders folded files as the agent's render mode does, and prints how long each step took.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>

#include "flamegraph/diff.hpp"
#include "flamegraph/formats/folded.hpp"
#include "flamegraph/formats/pprof.hpp"
#include "flamegraph/formats/speedscope.hpp"
#include "flamegraph/label.hpp"
#include "flamegraph/layout.hpp"
#include "flamegraph/summary.hpp"
#include "flamegraph/svg/data.hpp"
#include "flamegraph/svg/static_layer.hpp"
#include "flamegraph/svg/svg.hpp"

namespace {

// CPU time of this thread: other programs on the machine do not count.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

// Of this program only: getrusage() would count what ran before exec.
long peak_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:" && status >> word) return std::atol(word.c_str());
  }
  return 0;
}

std::string_view map(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (fd < 0 || fstat(fd, &info) != 0 || info.st_size == 0) return {};
  void* at = mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  close(fd);
  if (at == MAP_FAILED) return {};
  return {static_cast<const char*>(at), static_cast<std::size_t>(info.st_size)};
}

sampan::Profile load(const char* path) {
  sampan::Profile profile;
  sampan::add_folded(profile, map(path));
  profile.description.title = path;
  return profile;
}

void write(const char* path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// One file of each ending that is asked for.
void convert(const sampan::Profile& profile, const char* out, const sampan::Picture& picture) {
  const std::string_view name = out;
  write(out, name.ends_with(".svg")      ? sampan::render_svg(profile, picture)
             : name.ends_with(".pb.gz")  ? sampan::to_pprof(profile)
             : name.ends_with(".json")   ? sampan::to_speedscope(profile)
                                         : sampan::to_folded(profile));
}

struct Times {
  double parse = 1e9, whole = 1e9, data = 1e9, drawn = 1e9;   // the best of all rounds
  std::size_t bytes = 0, nodes = 0, frames = 0, drawn_frames = 0, drawn_bytes = 0;
};

// What inferno draws, and nothing else: the static layer alone, with frames from 0.01 % of the whole on.
void draw_alone(const sampan::Profile& profile, sampan::Picture picture, Times& times) {
  picture.min_width = 1168 * 0.0001;
  const double start = now();
  const sampan::Labels labels(profile);
  const sampan::Layout layout = sampan::lay_out(profile, labels, picture.reverse, picture.most_frames);
  const sampan::Summary summary = sampan::summarise(layout, labels, false, 10);
  std::string out;
  sampan::append_static(out, profile, labels, layout, summary, picture);
  times.drawn = std::min(times.drawn, now() - start);
  times.drawn_bytes = out.size();
  times.drawn_frames = 0;
  for (std::size_t at = out.find("<rect"); at != std::string::npos; at = out.find("<rect", at + 1)) ++times.drawn_frames;
  std::string data;
  const double begun = now();
  sampan::append_data(data, profile, labels, layout, summary, picture);
  times.data = std::min(times.data, now() - begun);
  times.frames = layout.boxes.size();
}

void measure(const char* path, int rounds, const sampan::Picture& picture, bool alone) {
  const std::string_view text = map(path);
  Times times;
  for (int round = 0; round < rounds; ++round) {
    const double start = now();
    sampan::Profile profile;
    sampan::add_folded(profile, text);
    times.parse = std::min(times.parse, now() - start);
    if (alone) {
      draw_alone(profile, picture, times);
      continue;
    }
    times.bytes = sampan::render_svg(profile, picture).size();
    times.whole = std::min(times.whole, now() - start);
    times.nodes = profile.nodes().size();
  }
  if (alone) {
    std::printf("{\"parse_ms\":%.3f,\"ms\":%.3f,\"data_ms\":%.3f,\"bytes\":%zu,\"frames\":%zu,\"drawn\":%zu}\n", times.parse,
                times.parse + times.drawn, times.data, times.drawn_bytes, times.frames, times.drawn_frames);
  } else {
    std::printf("{\"parse_ms\":%.3f,\"ms\":%.3f,\"bytes\":%zu,\"nodes\":%zu,\"peak_kb\":%ld}\n", times.parse, times.whole,
                times.bytes, times.nodes, peak_kb());
  }
}

}  // namespace

// render_bench [--rounds N] [--alone] [--reverse] [--inverted] [--diff BEFORE] FILE [OUT...]
int main(int argc, char** argv) {
  sampan::Picture picture;
  int rounds = 1, at = 1;
  bool alone = false;
  const char* before = nullptr;
  for (; at < argc && std::strncmp(argv[at], "--", 2) == 0; ++at) {
    const std::string_view option = argv[at];
    if (option == "--reverse") picture.reverse = true;
    else if (option == "--inverted") picture.inverted = true;
    else if (option == "--alone") alone = true;
    else if (option == "--rounds" && at + 1 < argc) rounds = std::atoi(argv[++at]);
    else if (option == "--diff" && at + 1 < argc) before = argv[++at];
    else return 2;
  }
  if (at >= argc) return 2;
  const char* file = argv[at++];
  if (at == argc) measure(file, rounds, picture, alone);
  for (; at < argc; ++at) {
    sampan::Profile profile = load(file);
    if (before != nullptr) profile = sampan::diff(load(before), profile);
    convert(profile, argv[at], picture);
  }
}
