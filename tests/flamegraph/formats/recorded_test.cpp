#include "flamegraph/formats/recorded.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "flamegraph/formats/pprof.hpp"
#include "flamegraph/svg/read.hpp"
#include "flamegraph/svg/svg.hpp"

namespace sampan {
namespace {

using testing::HasSubstr;

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Folded again, however it came; the error where it was refused.
std::string read(const std::string& bytes, std::size_t piece = 7) {
  Profile profile;
  RecordedStacks stacks(profile, {looks_like_svg, read_svg});
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (!stacks.feed(std::string_view(bytes).substr(at, piece))) return stacks.error();
  }
  return stacks.finish() ? to_folded(profile) : stacks.error();
}

constexpr const char* kScript =
    "# perf version 6.1\n"
    "V8 Worker 12 25607/25608 [003] 4794564.109216:    10101010 cycles:ppp: \n"
    "\tffffffff8117 do_syscall_64+0x3b ([kernel.kallsyms])\n"
    "\t      5601a3 inner(int, char const*)+0x1f (/opt/my app)\n"
    "\t      5601b0 main+0x20 (/opt/my app)\n"
    "\n"
    "python 3 [000] 1.5: cycles: \n"
    "\t    7f0000001000 [unknown] (/usr/lib/libx.so)\n"
    "\n"
    "python 3 [000] 1.6: cycles:  7f0012 leaf+0x2 (/usr/lib/liby.so)\n";
constexpr const char* kScriptFolded = "V8 Worker 12;main;inner(int, char const*);do_syscall_64_[k] 1\npython;[libx.so] 1\npython;leaf 1\n";

TEST(Recorded, FoldedTextOfOneAndOfTwoCounts) {
  EXPECT_EQ(read("main;a 3\nmain;b 4\n"), "main;a 3\nmain;b 4\n");
  EXPECT_EQ(read("main;a 10 15\nmain;b 0 2\n"), "main;a 10 15\nmain;b 0 2\n");
  EXPECT_EQ(read("main;a 1\nmain;thread 12 5\n"), "main;a 1\nmain;thread 12 5\n");   // not each line: a name with a number
  EXPECT_EQ(read(gzip("main;a 3\n")), "main;a 3\n");
  EXPECT_EQ(read("[truncated];a 3\n"), "[truncated];a 3\n");
}

TEST(Recorded, WhatPerfScriptPrints) {
  EXPECT_EQ(read(kScript), kScriptFolded);
  EXPECT_EQ(read(kScript, 1 << 20), kScriptFolded);
  EXPECT_EQ(read(gzip(kScript)), kScriptFolded);
}

TEST(Recorded, PprofOfItsOwn) {
  Profile profile;
  const FrameId process = profile.intern({FrameKind::Process, "app", {}, 12, 0});
  const FrameId main = profile.intern({FrameKind::Python, "<module>", "app.py", 3, 0});
  const FrameId write = profile.intern({FrameKind::Native, "<A as B>::write(int)", "/lib/x.so", 0, 64});
  profile.add(std::vector{process, main}, 5);
  profile.add(std::vector{process, main, write}, 7);
  const std::string bytes = to_pprof(profile);
  EXPECT_EQ(read(bytes), to_folded(profile));
  EXPECT_EQ(read(gzip(bytes)).find("app (pid"), std::string::npos);   // packed twice: refused
  EXPECT_THAT(read(bytes.substr(0, bytes.size() / 2)), HasSubstr("gzip"));
}

TEST(Recorded, PicturesOfItsOwn) {
  Profile profile;
  const FrameId process = profile.intern({FrameKind::Process, "app", {}, 12, 0});
  const FrameId work = profile.intern({FrameKind::Python, "work", "app.py", 3, 0});
  profile.add(std::vector{process, work}, 5);
  const std::string picture = render_svg(profile);
  EXPECT_EQ(read(picture), to_folded(profile));
  EXPECT_EQ(read(gzip(picture)), to_folded(profile));
  EXPECT_THAT(read(picture.substr(0, 200)), HasSubstr("is a picture, but"));
  EXPECT_THAT(read("<!DOCTYPE html>\n"), HasSubstr("page"));
}

TEST(Recorded, RefusesTheRestWithASentence) {
  EXPECT_THAT(read(""), HasSubstr("is empty"));
  EXPECT_THAT(read(" \n\n"), HasSubstr("nothing but blanks"));
  EXPECT_THAT(read("PERFILE2\1\2\3"), HasSubstr("perf script"));
  EXPECT_THAT(read("<svg xmlns=\"…\">"), HasSubstr("picture"));
  EXPECT_THAT(read("{\"frames\": []}"), HasSubstr("JSON"));
  EXPECT_THAT(read("some text\nwithout counts\n"), HasSubstr("begins with `some text`"));
  EXPECT_THAT(read(std::string("\x0a\x04\x08\x01\x10\x02\xff\xff\xff\xff", 10)), HasSubstr("pprof"));
  EXPECT_THAT(read(gzip("")), HasSubstr("empty"));
  EXPECT_THAT(read("\x1f\x8bnot gzip"), HasSubstr("gzip"));
}

}  // namespace
}  // namespace sampan
