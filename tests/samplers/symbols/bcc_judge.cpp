// bcc's symbols as an independent judge of ours: the same addresses of a stripped interpreter, of libc, of this very program and
// of the kernel, its answer and ours. A program of its own, as bcc brings an ELF reader and a loader with it.
#include <bcc/bcc_syms.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>

#include "samplers/process/process.hpp"
#include "samplers/symbols/symbol_table.hpp"
#include "samplers/tiers/ebpf_program.hpp"
#include "tests/samplers/tiers/native_target.hpp"

namespace sampan {
namespace {

constexpr int kAddresses = 20'000;

class Bcc {
 public:
  // -1: the kernel.
  explicit Bcc(pid_t pid) : pid_(pid), cache_(bcc_symcache_new(pid, nullptr)) {}
  ~Bcc() { bcc_free_symcache(cache_, pid_); }
  struct Answer {
    std::string name, module;   // empty: it knows none
    std::uint64_t start = 0;    // of the function
  };
  Answer find(std::uint64_t address) {
    bcc_symbol symbol{};
    if (bcc_symcache_resolve_no_demangle(cache_, address, &symbol) != 0 || !symbol.name) return {};
    return {symbol.name, symbol.module ? symbol.module : "", address - symbol.offset};
  }

 private:
  pid_t pid_;
  void* cache_;
};

struct Judged {
  int same = 0, bcc_alone = 0, differ = 0;
  std::string first;   // that differs
};

// Random addresses of the code of each file that the process maps: where bcc names a function, ours begins at the same place.
Judged judge(pid_t pid) {
  Judged result;
  Bcc bcc(pid);
  std::minstd_rand random(1);
  auto process = open_process(*identify(pid));
  ElfCache elfs;
  for (const Mapping& mapping : process->maps) {
    const auto file = mapping.executable && mapping.file.inode != 0 ? elfs.get(*process, mapping) : nullptr;
    if (!file) continue;
    std::vector<std::shared_ptr<ElfFile>> files{file};
    if (auto debug = open_debug_file(*file, process->root.get(), mapping.path)) files.insert(files.begin(), std::move(debug));
    const SymbolTable table(std::move(files));
    const std::uint64_t bias = file->bias(mapping);
    for (int i = 0; i < kAddresses; ++i) {
      const std::uint64_t address = mapping.start + random() % (mapping.end - mapping.start);
      const auto theirs = bcc.find(address);
      if (theirs.name.empty()) continue;
      const FunctionSymbol* ours = table.find(address - bias);
      if (ours && ours->address + bias == theirs.start) ++result.same;
      else if (!ours) ++result.bcc_alone;
      else ++result.differ;
      if (!ours || ours->address + bias != theirs.start) {
        if (result.first.empty()) result.first = mapping.path + ": bcc says " + theirs.name + ", we say " + (ours ? ours->name : "nothing");
      }
    }
  }
  return result;
}

void expect_same(const Judged& judged) {
  EXPECT_GT(judged.same, 1000);
  EXPECT_EQ(judged.bcc_alone, 0) << judged.first;
  EXPECT_EQ(judged.differ, 0) << judged.first;
  std::printf("the same function at %d addresses, bcc alone at %d, another at %d\n", judged.same, judged.bcc_alone, judged.differ);
}

TEST(BccJudge, AnInterpreterAndItsLibraries) {
  Child child([] { execl("/usr/bin/python3", "python3", "-c", "import time, ssl, sqlite3\ntime.sleep(1000)", nullptr); });
  const auto loaded = [&] {
    const auto maps = read_maps(child.pid());
    return std::any_of(maps.begin(), maps.end(), [](const Mapping& m) { return m.path.find("_sqlite3") != std::string::npos && m.executable; });
  };
  while (!loaded()) usleep(1000);
  expect_same(judge(child.pid()));
}

TEST(BccJudge, AStaticProgramWithAllItsSymbols) {
  Child child([] { pause(); });
  expect_same(judge(child.pid()));
}

// As each kernel from 5.13 on names its functions itself, and as those before it print them.
TEST(BccJudge, TheKernel) {
  auto program = EbpfProgram::open(Event::Cpu);
  if (!program) GTEST_SKIP() << program.error().message;
  std::map<std::uint64_t, int> starts;   // how many names each has
  std::ifstream lines("/proc/kallsyms");
  for (std::string line; std::getline(lines, line);) {
    const char type = line.size() > 19 ? line[17] : ' ';
    if (type == 't' || type == 'T') ++starts[std::stoull(line.substr(0, 16), nullptr, 16)];
  }
  if (starts.size() < 2) GTEST_SKIP() << "/proc/kallsyms shows no addresses";
  Bcc bcc(-1);
  int same = 0, differ = 0;
  const std::size_t step = starts.size() / 500 + 1;
  std::size_t at = 0;
  for (const auto& [start, names] : starts) {
    if (++at % step != 0 || names != 1) continue;
    auto theirs = bcc.find(start);
    if (theirs.name.empty() || theirs.start != start) continue;
    const std::string name = theirs.name + (theirs.module == "kernel" ? "" : " [" + theirs.module + "]");
    const std::string own = (*program)->kernel_name(start), printed = (*program)->printed_kernel_name(start);
    EXPECT_EQ(own, name);
    EXPECT_EQ(printed, name);
    ++(own == name && printed == name ? same : differ);
  }
  EXPECT_GT(same, 100);
  std::printf("the same name at %d addresses of the kernel, another at %d\n", same, differ);
}

}  // namespace
}  // namespace sampan
