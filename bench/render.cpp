// Renders folded files as the agent's render mode does, and prints how long each step took.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
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
#include "flamegraph/folded.hpp"
#include "flamegraph/pprof.hpp"
#include "flamegraph/speedscope.hpp"
#include "flamegraph/svg.hpp"

namespace {

// CPU time of this thread: other programs on the machine do not count.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
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

void measure(const char* path, int rounds, const sampan::Picture& picture) {
  const std::string_view text = map(path);
  double parse = 1e9, whole = 1e9;
  std::size_t bytes = 0, nodes = 0;
  for (int round = 0; round < rounds; ++round) {
    const double start = now();
    sampan::Profile profile;
    sampan::add_folded(profile, text);
    const double parsed = now() - start;
    bytes = sampan::render_svg(profile, picture).size();
    nodes = profile.nodes().size();
    parse = std::min(parse, parsed);
    whole = std::min(whole, now() - start);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"ms\":%.3f,\"parse_ms\":%.3f,\"bytes\":%zu,\"nodes\":%zu,\"peak_kb\":%ld}\n", whole, parse, bytes, nodes,
              usage.ru_maxrss);
}

}  // namespace

// render_bench [--rounds N] [--reverse] [--inverted] [--diff BEFORE] FILE [OUT...]
int main(int argc, char** argv) {
  sampan::Picture picture;
  int rounds = 1, at = 1;
  const char* before = nullptr;
  for (; at < argc && std::strncmp(argv[at], "--", 2) == 0; ++at) {
    const std::string_view option = argv[at];
    if (option == "--reverse") picture.reverse = true;
    else if (option == "--inverted") picture.inverted = true;
    else if (option == "--rounds" && at + 1 < argc) rounds = std::atoi(argv[++at]);
    else if (option == "--diff" && at + 1 < argc) before = argv[++at];
    else return 2;
  }
  if (at >= argc) return 2;
  const char* file = argv[at++];
  if (at == argc) measure(file, rounds, picture);
  for (; at < argc; ++at) {
    sampan::Profile profile = load(file);
    if (before != nullptr) profile = sampan::diff(load(before), profile);
    convert(profile, argv[at], picture);
  }
}
