// Recorded stacks as people have them, read in pieces of any size: folded text (one count a line, or the two of a diff),
// what `perf script` prints, pprof, our own pictures; each as it is or gzipped. Which one it is, its first bytes tell.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "flamegraph/formats/folded.hpp"
#include "flamegraph/formats/perf_script.hpp"
#include "flamegraph/profile.hpp"

namespace sampan {

class Inflater;

// How pictures are read, which no format knows: handed in (flamegraph/svg/read.hpp); without it they are refused.
struct PictureReader {
  bool (*looks_like)(std::string_view head) = nullptr;
  std::string (*read)(std::string_view text, Profile& profile) = nullptr;   // what is wrong with it; empty: nothing
};

class RecordedStacks {
 public:
  explicit RecordedStacks(Profile& profile, PictureReader pictures = {});
  ~RecordedStacks();
  // False where it is none of these, or damaged: error() says what was seen and what to do.
  bool feed(std::string_view piece);
  // To be called once, after the last piece.
  bool finish();
  const std::string& error() const { return error_; }
  // Of folded text: its lines, and those without a count.
  const FoldedRead& folded() const { return folded_; }

 private:
  enum class Kind { Unknown, Folded, TwoCounts, PerfScript, Pprof, Picture };
  bool plain(std::string_view piece);
  bool detect(bool whole);
  bool take_lines(bool whole);
  bool take_picture();
  void take_folded(std::string_view text);
  bool refuse(std::string why);

  Profile& profile_;
  PictureReader pictures_;
  Kind kind_ = Kind::Unknown;
  std::unique_ptr<Inflater> inflater_;
  bool begun_ = false;
  std::string rest_;                       // not taken yet: up to the next line's end; of pprof and pictures all
  PerfScript script_;
  FoldedRead folded_;
  std::string error_;
};

}  // namespace sampan
