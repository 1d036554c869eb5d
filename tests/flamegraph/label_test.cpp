#include "flamegraph/label.hpp"

#include <vector>
#include <gtest/gtest.h>

#include "flamegraph/formats/folded.hpp"

namespace sampan {
namespace {

TEST(Label, HasTheFormatOfItsLanguage) {
  EXPECT_EQ(frame_label({FrameKind::Python, "loads", "json/decoder.py", 12, 0}), "loads (json/decoder.py:12)");
  EXPECT_EQ(frame_label({FrameKind::Ruby, "Set#add", "set.rb", 3, 0}), "Set#add (set.rb:3)");
  EXPECT_EQ(frame_label({FrameKind::Java, "java/lang/Thread.run", "Thread.java", 840, 0}), "java/lang/Thread.run (Thread.java:840)");
  EXPECT_EQ(frame_label({FrameKind::Python, "loads", "decoder.py", 0, 0}), "loads (decoder.py)");
  EXPECT_EQ(frame_label({FrameKind::Python, "<built-in>", "", 0, 0}), "<built-in>");
  EXPECT_EQ(frame_label({FrameKind::Process, "uwsgi", "", 123, 0}), "uwsgi (pid 123)");
  EXPECT_EQ(frame_label({FrameKind::Thread, "main", "", 124, 0}), "main (tid 124)");
}

TEST(Label, NamesNativeCodeByModuleWhereItHasNoSymbol) {
  EXPECT_EQ(frame_label({FrameKind::Native, "std::f(int)", "/usr/lib/libx.so", 0, 0x1234}), "std::f(int)");
  EXPECT_EQ(frame_label({FrameKind::Native, "", "/usr/lib/libx.so", 0, 0x1234}), "libx.so!0x1234");
  EXPECT_EQ(frame_label({FrameKind::Native, "f", "a.c", 7, 0}), "f (a.c:7)");
  EXPECT_EQ(frame_label({FrameKind::Kernel, "schedule", "", 0, 0}), "schedule");
}

struct Read {
  std::string_view text;
  FrameKind kind;
  std::string_view name, file;
  std::uint32_t line;
};
class ParseLabel : public testing::TestWithParam<Read> {};

TEST_P(ParseLabel, TellsLanguageNameAndPlace) {
  const Read& expected = GetParam();
  const Frame frame = parse_label(expected.text);
  EXPECT_EQ(frame.kind, expected.kind);
  EXPECT_EQ(frame.name, expected.name);
  EXPECT_EQ(frame.file, expected.file);
  EXPECT_EQ(frame.line, expected.line);
}

INSTANTIATE_TEST_SUITE_P(Texts, ParseLabel, testing::Values(
    Read{"loads (json/decoder.py:12)", FrameKind::Python, "loads", "json/decoder.py", 12},
    Read{"block in x (a b.rb:3)", FrameKind::Ruby, "block in x", "a b.rb", 3},
    Read{"A::b (x.php:1)", FrameKind::Php, "A::b", "x.php", 1},
    Read{"java/lang/Thread.run", FrameKind::Java, "java/lang/Thread.run", "", 0},
    Read{"run (Thread.java)", FrameKind::Java, "run", "Thread.java", 0},
    Read{"main.work (main.go:9)", FrameKind::Go, "main.work", "main.go", 9},
    Read{"f (a.c:7)", FrameKind::Native, "f", "a.c", 7},
    Read{"do_syscall_64_[k]", FrameKind::Kernel, "do_syscall_64", "", 0},
    Read{"a.b_[i]", FrameKind::JavaInlined, "a.b", "", 0},
    Read{"uwsgi (pid 123)", FrameKind::Process, "uwsgi", "", 123},
    Read{"pool-1 (tid 7)", FrameKind::Thread, "pool-1", "", 7},
    Read{"[truncated]", FrameKind::Note, "[truncated]", "", 0},
    // None of these is a place, a note or Java: they are names.
    Read{"operator() (int)", FrameKind::Native, "operator() (int)", "", 0},
    Read{"f (a.py:0)", FrameKind::Native, "f (a.py:0)", "", 0},
    Read{"f (a.c:012)", FrameKind::Native, "f (a.c:012)", "", 0},
    Read{"f (a.c:99999999999)", FrameKind::Native, "f (a.c:99999999999)", "", 0},
    Read{"[libc.so.6]", FrameKind::Native, "[libc.so.6]", "", 0},
    Read{"/usr/lib/libc.so.6", FrameKind::Native, "/usr/lib/libc.so.6", "", 0},
    Read{"(pid 3)", FrameKind::Native, "(pid 3)", "", 0},
    Read{"", FrameKind::Native, "", "", 0}));

TEST(ParseLabel, ComesBackAsTheSameText) {
  for (const char* text : {"f (a.py:12)", "f (a.py:0)", "f (a.py:012)", "f (pid 12)", "f (pid 012)", "f (tid 0)", "f (:3)",
                           "f ()", " (a.py:3)", "f (a.c:1) (b.py:2)", "f (a.py)", "f (.py)", "std::f(int) (x.cc:4294967295)"}) {
    EXPECT_EQ(frame_label(parse_label(text)), text);
  }
}

TEST(Labels, MergeWhatReadsTheSame) {
  Profile profile;
  const FrameId a = profile.intern({FrameKind::Native, "f", "lib.so", 0, 0x10});
  const FrameId b = profile.intern({FrameKind::Native, "f", "lib.so", 0, 0x20});
  const FrameId k = profile.intern({FrameKind::Kernel, "f", "", 0, 0});
  const FrameId unused = profile.intern({FrameKind::Native, "never", "", 0, 0});
  profile.add(std::vector{a, b, k}, 1);
  const Labels labels(profile);
  EXPECT_EQ(labels.of_frame[unused], 0u);   // the root's
  EXPECT_EQ(labels.all.size(), 4u);
  EXPECT_TRUE(labels.merged);
  EXPECT_EQ(labels.of_frame[a], labels.of_frame[b]);
  EXPECT_NE(labels.of_frame[a], labels.of_frame[k]);
}

TEST(FunctionOf, DropsOnlyALineNumber) {
  std::string scratch;
  EXPECT_EQ(function_of("f (a.py:12)", scratch), "f (a.py)");
  EXPECT_EQ(function_of("f (a.py)", scratch), "f (a.py)");
  EXPECT_EQ(function_of("std::f(int)", scratch), "std::f(int)");
  EXPECT_EQ(function_of("f (a:)", scratch), "f (a:)");
}

}  // namespace
}  // namespace sampan
