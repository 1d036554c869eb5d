// Hostile names through every format, and the formats read by the tools that define them.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "flamegraph/diff.hpp"
#include "flamegraph/formats/folded.hpp"
#include "flamegraph/formats/pprof.hpp"
#include "flamegraph/formats/speedscope.hpp"
#include "flamegraph/svg/svg.hpp"

namespace sampan {
namespace {

Profile hostile() {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
  const std::string names[] = {bytes, "]]>", "</script><script>throw 1</script>", "\"'&<>", "\xe2\x80\xaegnp.exe", std::string(100'000, 'x'),
                               std::string(100'000, '\xff'), "\xed\xa0\x80", "&#x0;", "--><!--", "${x}`\\u0000"};
  Profile profile;
  std::vector<FrameId> stack{profile.intern({FrameKind::Process, bytes, "", 12, 0}), profile.intern({FrameKind::Thread, "]]>", "", 13, 0})};
  for (const std::string& name : names) {
    stack.push_back(profile.intern({FrameKind::Python, name, name, 3, 0}));
    profile.add(stack, 100);
    const FrameId native = profile.intern({FrameKind::Native, name, name, 0, 0x10});
    profile.add({&native, 1}, 100);
  }
  profile.description.title = bytes;
  profile.description.subtitle = "</script>]]>";
  profile.description.notes = {bytes, "<b>"};
  profile.description.rate = 99;
  profile.description.started_ns = 1'700'000'000'000'000'000;
  profile.description.duration_ns = 30'000'000'000;
  return profile;
}

// Runs a shell command on a file with these bytes; its output, or nothing where it fails.
std::string through(const std::string& bytes, const std::string& command, int& status) {
  char path[] = "/tmp/sampan-format-XXXXXX";
  const int fd = mkstemp(path);
  std::ofstream(path, std::ios::binary) << bytes;
  const std::string line = "F=" + std::string(path) + "; " + command + " 2>&1";
  std::string out;
  FILE* pipe = popen(line.c_str(), "r");
  std::array<char, 4096> buffer{};
  while (const std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), n);
  status = pclose(pipe);
  fclose(fdopen(fd, "r"));
  std::filesystem::remove(path);
  return out;
}

bool have(const char* tool) { return std::system(("command -v " + std::string(tool) + " >/dev/null").c_str()) == 0; }

TEST(Hostile, PicturesAreWellFormed) {
  if (!have("xmllint")) GTEST_SKIP() << "\nSKIP: well-formed pictures: xmllint is not installed";
  const Profile profile = hostile();
  for (const std::string& svg : {render_svg(profile), render_svg(profile, {true, true, 0, 0}), render_svg(diff(hostile(), profile))}) {
    int status = 0;
    const std::string said = through(svg, "xmllint --noout --huge $F", status);
    EXPECT_EQ(status, 0) << said.substr(0, 500);
    EXPECT_EQ(svg.find("<script", svg.find("<script") + 1), std::string::npos);
    EXPECT_EQ(svg.find("\xe2\x80\xae"), std::string::npos);
  }
}

TEST(Hostile, SpeedscopeIsValidJson) {
  if (!have("python3")) GTEST_SKIP() << "python3 is not installed";
  int status = 0;
  const std::string said = through(to_speedscope(hostile()),
      "python3 -c 'import json,sys; d=json.load(open(sys.argv[1],encoding=\"utf-8\")); n=len(d[\"shared\"][\"frames\"]);"
      "assert len(d[\"profiles\"])==2\n"
      "for p in d[\"profiles\"]:\n"
      "  assert len(p[\"samples\"])==len(p[\"weights\"]) and sum(p[\"weights\"])==p[\"endValue\"]\n"
      "  assert all(0<=i<n for s in p[\"samples\"] for i in s)' $F", status);
  EXPECT_EQ(status, 0) << said.substr(0, 1000);
}

// What speedscope's own package says that its files are.
TEST(Speedscope, IsValidByItsOwnSchema) {
  const char* const cache = std::getenv("SAMPAN_CACHE");
  const char* const home = std::getenv("HOME");
  const std::string schema = (cache != nullptr ? std::string(cache) : std::string(home != nullptr ? home : "") + "/.cache/sampan") +
                             "/browser/node_modules/speedscope/dist/release/file-format-schema.json";
  if (!std::filesystem::exists(schema)) GTEST_SKIP() << "\nSKIP: speedscope's schema: not in the cache folder (tests/live/get_browser.sh)";
  if (std::system("python3 -c 'import jsonschema' 2>/dev/null") != 0) GTEST_SKIP() << "\nSKIP: speedscope's schema: python3-jsonschema is not installed";
  Profile timed = hostile();
  timed.description.unit = "nanoseconds";
  for (const std::string& file : {to_speedscope(hostile()), to_speedscope(timed), to_speedscope(Profile())}) {
    int status = 0;
    const std::string said = through(file, "python3 -c 'import json,sys,jsonschema; s=json.load(open(sys.argv[2])); "
        "jsonschema.validators.validator_for(s).check_schema(s); jsonschema.validate(json.load(open(sys.argv[1],encoding=\"utf-8\")), s)' $F " + schema, status);
    EXPECT_EQ(status, 0) << said.substr(0, 1000);
  }
}

TEST(Hostile, FoldedStaysOneLineAStack) {
  const std::string text = to_folded(hostile());
  Profile again;
  const FoldedRead read = add_folded(again, text);
  EXPECT_EQ(read.bad, 0u);
  EXPECT_EQ(read.lines, 22u);
  EXPECT_EQ(again.total(), 2200u);
}

TEST(Pprof, IsReadByGo) {
  if (!have("go")) GTEST_SKIP() << "\nSKIP: go tool pprof: go is not installed";
  int status = 0;
  const std::string said = through(to_pprof(hostile()), "go tool pprof -top -sample_index=samples $F", status);
  EXPECT_EQ(status, 0) << said.substr(0, 1000);
  EXPECT_NE(said.find("Total samples = 2200"), std::string::npos) << said.substr(0, 1000);
  EXPECT_NE(said.find("100% of 2200 total"), std::string::npos) << said.substr(0, 1000);
}

TEST(Pprof, IsReadByProtoc) {
  const std::string folder = "/usr/share/gocode/src/github.com/google/pprof/proto";
  if (!have("protoc")) GTEST_SKIP() << "\nSKIP: protoc: protobuf-compiler is not installed";
  if (!std::filesystem::exists(folder + "/profile.proto")) GTEST_SKIP() << "\nSKIP: protoc: profile.proto: install golang-github-google-pprof-dev";
  int status = 0;
  const std::string said = through(to_pprof(hostile()), "gzip -dc $F | protoc --decode=perftools.profiles.Profile -I " + folder + " profile.proto", status);
  EXPECT_EQ(status, 0) << said.substr(0, 1000);
  EXPECT_NE(said.find("string_table: \"\"\n"), std::string::npos);
  EXPECT_NE(said.find("sample_type {"), std::string::npos);
  for (const char* unknown : {"\n1: ", "\n15: ", "\n  16: "}) EXPECT_EQ(said.find(unknown), std::string::npos) << "fields that it does not know";
}

TEST(Pprof, HoldsLabelsBuildIdsAndTimes) {
  if (!have("go")) GTEST_SKIP() << "\nSKIP: go tool pprof: go is not installed";
  Profile profile;
  const FrameId stack[] = {profile.intern({FrameKind::Process, "uwsgi", "", 12, 0}), profile.intern({FrameKind::Thread, "io", "", 13, 0}),
                           profile.intern({FrameKind::Python, "loads", "json.py", 7, 0}),
                           profile.intern({FrameKind::Native, "memcpy", "/lib/libc.so.6", 0, 0x1234})};
  profile.add(stack, 5);
  profile.description.rate = 100;
  profile.description.duration_ns = 2'000'000'000;
  int status = 0;
  const std::string raw = through(to_pprof(profile, [](std::string_view file) { return file == "/lib/libc.so.6" ? "abcdef01" : ""; }),
                                  "go tool pprof -raw $F", status);
  for (const char* expected : {"samples/count cpu/nanoseconds", "50000000", "pid:[12]", "tid:[13]", "comm:[uwsgi]", "thread_comm:[io]",
                               "loads json.py:7", "/lib/libc.so.6 abcdef01", "0x1234", "Period: 10000000", "Duration: 2"}) {
    EXPECT_NE(raw.find(expected), std::string::npos) << expected << " in:\n" << raw.substr(0, 2000);
  }
}

}  // namespace
}  // namespace sampan
