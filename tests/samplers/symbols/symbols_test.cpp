// Names from real binaries, built here: whole, stripped, with a debug file, with MiniDebugInfo, of Go. What a compiler
// is missing for is skipped with the reason.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "samplers/symbols/go_pclntab.hpp"
#include "samplers/symbols/symbol_cache.hpp"

namespace sampan {
namespace {

namespace fs = std::filesystem;

class Symbols : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sampan-symbols-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  bool run(const std::string& command) const { return std::system(("cd " + directory_ + " && " + command + " >/dev/null 2>log").c_str()) == 0; }
  static std::string workload(const char* name) { return std::string(SOURCE_DIR) + "/tests/workloads/native/" + name; }

  std::shared_ptr<ElfFile> file(const std::string& name) const {
    auto opened = ElfFile::open(UniqueFd(::open((directory_ + "/" + name).c_str(), O_RDONLY | O_CLOEXEC)));
    return opened ? *opened : nullptr;
  }
  std::vector<CodeName> resolve(const std::string& name, std::uint64_t address) {
    const auto elf = file(name);
    const UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    std::vector<CodeName> names;
    const FileOrigin origin{elf, unwind_.get(elf), directory_ + "/" + name, root.get()};
    SymbolCache().resolve(origin, address, names);
    return names;
  }

  std::string directory_;
  UnwindCache unwind_;
};

TEST_F(Symbols, OfAProgramWholeAndStripped) {
  if (!run("g++ -g0 -O2 " + workload("split.cpp") + " -o whole")) GTEST_SKIP() << "no g++";
  const auto symbol = file("whole")->symbol("_ZN5split5sixtyEv");
  ASSERT_TRUE(symbol);
  const std::uint64_t inside = symbol->address + symbol->size / 2;
  EXPECT_EQ(resolve("whole", inside).at(0).name, "split::sixty()");

  ASSERT_TRUE(run("strip -o stripped whole"));
  const auto by_start = resolve("stripped", inside);
  char expected[64];
  std::snprintf(expected, sizeof expected, "stripped!0x%llx", static_cast<unsigned long long>(symbol->address));
  EXPECT_EQ(by_start.at(0).name, expected);
  EXPECT_FALSE(by_start.at(0).known);

  ASSERT_TRUE(run("objcopy --only-keep-debug whole linked.debug && objcopy --add-gnu-debuglink=linked.debug stripped linked"));
  EXPECT_EQ(resolve("linked", inside).at(0).name, "split::sixty()");

  if (!run("xz -k --stdout linked.debug > mini.xz && objcopy --add-section .gnu_debugdata=mini.xz stripped mini")) GTEST_SKIP() << "no xz";
  EXPECT_EQ(resolve("mini", inside).at(0).name, "split::sixty()");
}

TEST_F(Symbols, OfInlinedCalls) {
  if (!run("g++ -g -O2 " + workload("inlined.cpp") + " -o inlined")) GTEST_SKIP() << "no g++";
  const auto symbol = file("inlined")->symbol("_ZN7inlined9outermostEv");
  ASSERT_TRUE(symbol);
  const auto names = resolve("inlined", symbol->address + symbol->size / 2);
  ASSERT_EQ(names.size(), 3u);
  EXPECT_EQ(names[0].name, "inlined::outermost()");
  EXPECT_EQ(names[1].name, "inlined::Mixer::middle(unsigned long)");
  EXPECT_EQ(names[2].name, "inlined::Mixer::innermost(unsigned long)");
}

// Every 997th address of main and runtime code, against Go's own reader.
void compare_with_go(const GoPclntab& table, const std::string& binary) {
  std::ofstream input(binary + ".addresses");
  std::vector<std::uint64_t> addresses;
  const auto& functions = table.functions();
  for (std::uint64_t a = functions.front().start; a < functions.back().end && addresses.size() < 3000; a += 997) {
    if (!table.find(a)) continue;
    addresses.push_back(a);
    input << "0x" << std::hex << a << "\n";
  }
  input.close();
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("go tool addr2line " + binary + " < " + binary + ".addresses").c_str(), "r"), pclose);
  ASSERT_TRUE(pipe);
  std::array<char, 4096> name{}, place{};
  std::size_t same_place = 0, same_name = 0;
  for (const std::uint64_t address : addresses) {
    ASSERT_TRUE(std::fgets(name.data(), name.size(), pipe.get()) && std::fgets(place.data(), place.size(), pipe.get()));
    const auto places = table.places(address);
    ASSERT_FALSE(places.empty());
    // addr2line names the function that holds the address, and the place of the innermost inlined call.
    same_name += places.front().name + "\n" == name.data();
    const GoPlace& at = places.back();
    same_place += (at.line == 0 ? ":-1\n" : at.file + ":" + std::to_string(at.line) + "\n") == place.data();
  }
  EXPECT_EQ(same_name, addresses.size());
  EXPECT_EQ(same_place, addresses.size());
  EXPECT_GT(addresses.size(), 500u);
}

TEST_F(Symbols, OfGo) {
  const std::string build = "GOCACHE=${GOCACHE:-$HOME/.cache/go-build} GO111MODULE=off go build ";
  if (!run(build + "-o whole " + workload("split.go"))) GTEST_SKIP() << "no Go";
  ASSERT_TRUE(run(build + "-ldflags='-s -w' -o stripped " + workload("split.go")));
  ASSERT_TRUE(run(build + "-buildmode=pie -ldflags='-s -w' -o pie " + workload("split.go")));
  compare_with_go(*GoPclntab::open(*file("whole")), directory_ + "/whole");
  for (const char* binary : {"whole", "stripped", "pie"}) {
    SCOPED_TRACE(binary);
    const auto table = GoPclntab::open(*file(binary));
    ASSERT_TRUE(table);
    const GoFunction* sixty = nullptr;
    for (const GoFunction& f : table->functions()) {
      if (table->name(f) == "main.sixty") sixty = &f;
    }
    ASSERT_TRUE(sixty);
    bool inlined = false;
    for (std::uint64_t a = sixty->start; a < sixty->end; ++a) {
      const auto places = table->places(a);
      ASSERT_FALSE(places.empty());
      EXPECT_EQ(places.front().name, "main.sixty");
      inlined |= places.size() == 3 && places[1].name == "main.rounds" && places[2].name == "main.(*mixer).step" && places[2].line == 8;
    }
    EXPECT_TRUE(inlined);
  }
}

TEST_F(Symbols, OfNoElfAtAll) {
  ASSERT_TRUE(run("printf '\\177ELF\\2\\1\\1' > short; head -c 4096 /dev/urandom > random; : > empty"));
  for (const char* name : {"short", "random", "empty"}) {
    const auto elf = file(name);
    EXPECT_TRUE(!elf || build_unwind_table(*elf).rows.empty());
  }
}

}  // namespace
}  // namespace sampan
