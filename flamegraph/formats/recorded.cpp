#include "flamegraph/formats/recorded.hpp"

#include <zlib.h>

#include <algorithm>

#include "flamegraph/formats/pprof.hpp"
#include "flamegraph/merge.hpp"
#include "flamegraph/text.hpp"

namespace sampan {

// Unpacks gzip in pieces, one member after another.
class Inflater {
 public:
  Inflater() { good_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }   // zlib.h: windowBits + 16 is gzip alone
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;

  template <typename Take>
  bool feed(std::string_view piece, Take take) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    std::string block(256 * 1024, '\0');
    while (good_ && stream_.avail_in > 0) {
      if (ended_) good_ = inflateReset(&stream_) == Z_OK;
      stream_.next_out = reinterpret_cast<Bytef*>(block.data());
      stream_.avail_out = static_cast<uInt>(block.size());
      const int done = inflate(&stream_, Z_NO_FLUSH);
      ended_ = done == Z_STREAM_END;
      good_ = (done == Z_OK || ended_) && take(std::string_view(block).substr(0, block.size() - stream_.avail_out));
    }
    return good_;
  }
  bool ended() const { return ended_; }

 private:
  z_stream stream_{};
  bool good_ = false, ended_ = false;
};

namespace {

constexpr std::size_t kLooked = 256 * 1024;                       // bytes that tell what it is
constexpr std::size_t kMostLine = std::size_t{64} << 20;
constexpr std::size_t kMostPprof = std::size_t{1} << 30, kMostPicture = std::size_t{512} << 20;

// What people hand over by mistake, and what to do with it.
struct Stranger {
  std::string_view begins, what;
};
constexpr Stranger kStrangers[] = {
    {"PERFILE2", "is perf's own recording: hand over what `perf script` prints of it"},
    {"\x7f""ELF", "is a program, no recording of one"},
    {"<", "is a page or another tool's picture: hand over the folded text that it was drawn from"},
    {"{", "is JSON: hand over folded text or pprof of the same run"},
    {"[", "is JSON: hand over folded text or pprof of the same run"},
    {"JAVA PROFILE", "is a heap dump"},
    {"FLR", "is a Java Flight Recording: hand over collapsed stacks of it (jfrconv)"},
    {std::string_view("\x28\xb5\x2f\xfd", 4), "is packed by zstd: unpack it first"},
    {"\xfd""7zXZ", "is packed by xz: unpack it first"},
    {"BZh", "is packed by bzip2: unpack it first"},
};

std::string_view first_line(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return text.substr(0, text.find('\n'));
}

}  // namespace

RecordedStacks::RecordedStacks(Profile& profile, PictureReader pictures) : profile_(profile), pictures_(pictures), script_(profile) {}
RecordedStacks::~RecordedStacks() = default;

bool RecordedStacks::refuse(std::string why) {
  error_ = std::move(why);
  return false;
}

bool RecordedStacks::feed(std::string_view piece) {
  if (!error_.empty()) return false;
  if (!begun_ && !piece.empty()) {
    begun_ = true;
    if (piece[0] == '\x1f') inflater_ = std::make_unique<Inflater>();
  }
  if (!inflater_) return plain(piece);
  if (inflater_->feed(piece, [&](std::string_view block) { return plain(block); })) return true;
  return error_.empty() ? refuse("is damaged: its gzip does not unpack") : false;
}

bool RecordedStacks::plain(std::string_view piece) {
  rest_ += piece;
  if (kind_ == Kind::Unknown && rest_.size() < kLooked) return true;
  if (kind_ == Kind::Unknown && !detect(false)) return false;
  if (kind_ == Kind::Pprof) return rest_.size() <= kMostPprof || refuse("is larger than a gigabyte");
  if (kind_ == Kind::Picture) return rest_.size() <= kMostPicture || refuse("is a picture of more than 512 MiB");
  return take_lines(false);
}

bool RecordedStacks::finish() {
  if (!error_.empty()) return false;
  if (inflater_ && !inflater_->ended()) return refuse("is cut short: its gzip does not end");
  if (kind_ == Kind::Unknown && !detect(true)) return false;
  if (kind_ == Kind::Picture) return take_picture();
  profile_.moments.end();   // what has no time leaves none to the whole
  if (kind_ == Kind::Pprof) return add_pprof(profile_, rest_) || refuse("begins like pprof's protocol buffer but is none, or is damaged");
  if (!take_lines(true)) return false;
  if (kind_ == Kind::PerfScript) return script_.finish() > 0 || refuse("holds no sample");
  if (folded_.lines > 0 && folded_.bad == folded_.lines) return refuse("is no folded text: no line ends in a count");
  return true;
}

bool RecordedStacks::detect(bool whole) {
  const std::string_view text = rest_;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return refuse(text.empty() ? "is empty: nothing was recorded" : "holds nothing but blanks");
  }
  if (pictures_.read && pictures_.looks_like(text)) return kind_ = Kind::Picture, true;
  for (const Stranger& stranger : kStrangers) {
    if (!text.starts_with(stranger.begins)) continue;
    // Folded stacks may begin so: a note of the root, `[truncated];main 3`.
    if (stranger.begins.size() == 1 && first_line(text).find_last_of("0123456789") + 1 == first_line(text).size()) continue;
    return refuse(std::string(stranger.what));
  }
  const auto lines = whole ? text : text.substr(0, text.rfind('\n') + 1);
  if (text[0] == '\x0a' && text.size() > 2 && text.find_first_of(std::string_view("\0\1\2\3\4", 5)) < 16) kind_ = Kind::Pprof;
  else if (PerfScript::looks_like(lines)) kind_ = Kind::PerfScript;
  else kind_ = has_two_counts(lines) ? Kind::TwoCounts : Kind::Folded;
  if (kind_ == Kind::TwoCounts) profile_.description.differential = true;
  if (kind_ != Kind::Folded || lines.empty()) return true;
  // A first look at lines of which none is folded spares reading gigabytes.
  Profile scratch;
  const FoldedRead read = add_folded(scratch, lines.substr(0, 64 * 1024));
  if (read.lines == 0 || read.bad < read.lines) return true;
  return refuse("is neither folded text (`main;work 42` a line), nor what `perf script` prints, nor pprof: it begins with `" +
                shorten(clean(first_line(text)), 60) + "`");
}

bool RecordedStacks::take_lines(bool whole) {
  const std::size_t end = whole ? rest_.size() : rest_.rfind('\n') + 1;   // npos + 1: none
  const std::string_view text = std::string_view(rest_).substr(0, end);
  if (kind_ == Kind::PerfScript) {
    for (std::size_t at = 0; at < text.size();) {
      const auto line = text.substr(at, text.find('\n', at) - at);
      script_.line(line);
      at += line.size() + 1;
    }
  } else {
    take_folded(text);
  }
  rest_.erase(0, end);
  return rest_.size() <= kMostLine || refuse("has a line of more than 64 MiB");
}

bool RecordedStacks::take_picture() {
  Profile one;
  if (const std::string wrong = pictures_.read(rest_, one); !wrong.empty()) return refuse("is a picture, but " + wrong);
  const std::string &before = profile_.description.unit, &unit = one.description.unit;
  if (profile_.nodes().size() > 1 && before != unit) return refuse("counts " + unit + ", those before it " + before);
  merge(profile_, one);
  return true;
}

void RecordedStacks::take_folded(std::string_view text) {
  const FoldedRead read = add_folded(profile_, text, kind_ == Kind::TwoCounts ? Counts::Both : Counts::One);
  if (folded_.bad == 0 && read.bad > 0) folded_.first_bad_line = folded_.lines + read.first_bad_line;
  folded_.lines += read.lines;
  folded_.bad += read.bad;
}

}  // namespace sampan
