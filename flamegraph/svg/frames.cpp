#include "flamegraph/svg/frames.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "flamegraph/svg/static_layer.hpp"
#include "flamegraph/svg/text_width.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

constexpr double kLeastRoom = 16;            // for text
constexpr double kBeside = 7;                // of a frame's width, left free
constexpr double kLetters = 12;
constexpr std::size_t kLongestTitle = 400;
constexpr std::size_t kBytes = 190;          // of a frame, about
constexpr std::size_t kAround = 512;         // bytes of a frame beside its name and figures, at most

}  // namespace

FramePen::FramePen(std::string& out, const Description& description, const Labels& labels, const Summary& summary, std::size_t frames)
    : out_(out), description_(description), labels_(labels), summary_(summary), drawn_(labels.all.size()) {
  out_.reserve(out_.size() + frames * kBytes);
}

void FramePen::draw(const Box& box, double x, double y, double width) {
  const Name& name = name_of(box.label);
  const Row& row = row_of(box.depth, y);
  const std::string_view figures = figures_of(box);
  line_.resize(std::max(line_.size(), 2 * name.xml.size() + name.endings.size() + figures.size() + name.looks.size() + kAround));
  at_ = line_.data();
  put("<g><title>");
  put(name.xml);
  put(figures);
  if (!name.endings.empty()) {
    put("; compiled as ");
    put(name.endings);
  }
  put(")</title><rect x=\"");
  at_ = put_fixed(at_, x, 2);
  put(row.rect);
  at_ = put_fixed(at_, std::max(width - 0.6, 0.4), 2);
  put("\" height=\"17\" rx=\"1.5\" ");
  if (description_.differential) {
    const auto step = name.may_differ ? static_cast<std::size_t>(change_step(box.base_total, box.total) + 4) : 4;
    at_ = fmt::format_to(at_, "class=\"d{}\" fill=\"{}\"/>", step, kChanges[step]);
  } else {
    put(name.looks);
  }
  put_label(box, name, row, x + 4, width - kBeside);
  put("</g>\n");
  out_.append(line_.data(), static_cast<std::size_t>(at_ - line_.data()));
}

// As much of a name as there is room for.
void FramePen::put_label(const Box& box, const Name& name, const Row& row, double x, double room) {
  if (room < kLeastRoom) return;
  std::string_view sign, xml = name.xml, rest;
  if (description_.differential && box.total != box.base_total) {
    sign = box.total > box.base_total ? "+ " : "\u2212 ";
    room -= fit(sign, room, kLetters).width;
  }
  if (name.width > room) {
    const std::size_t bytes = fit(name.text, room - 8, kLetters).bytes;
    if (bytes + sign.size() < 2) return;
    scratch_.clear();
    append_xml(scratch_, name.text.substr(0, bytes));
    xml = scratch_;
    rest = "\u2026";
  }
  put("<text x=\"");
  at_ = put_fixed(at_, x, 2);
  put(row.text);
  put(sign);
  put(xml);
  put(rest);
  put("</text>");
}

const FramePen::Name& FramePen::name_of(std::uint32_t label) {
  if (drawn_[label] != 0) return names_[drawn_[label] - 1];
  std::string_view text = labels_.all[label].text, xml = text;
  if (text.size() > kLongestTitle || !is_plain(text)) {
    text = cleaned_.emplace_back(shorten(clean(text), kLongestTitle));
    append_xml(cleaned_.emplace_back(), text);
    xml = cleaned_.back();
  }
  const auto whole = fit(text, kPageWidth, kLetters);
  const auto endings = labels_.endings.find(label);
  names_.push_back({text, xml, looks_of(label, text), whole.bytes == text.size() ? whole.width : kPageWidth, sampan::may_differ(description_, labels_.all[label].text),
                    endings == labels_.endings.end() ? std::string_view() : endings->second});
  drawn_[label] = static_cast<std::uint32_t>(names_.size());
  return names_.back();
}

std::string_view FramePen::looks_of(std::uint32_t label, std::string_view text) {
  const Hue& h = hue(label == Labels::kRoot ? FrameKind::Process : labels_.all[label].kind);
  const std::size_t step = strength(function_of(text, scratch_));
  std::string& looks = looks_[static_cast<std::size_t>(h.kind) * kStrengths.size() + step];
  if (looks.empty()) looks = fmt::format("class=\"k-{}\" fill=\"{}\" fill-opacity=\"{}\"/>", h.code, h.light, kStrengths[step]);
  return looks;
}

const FramePen::Row& FramePen::row_of(std::uint32_t depth, double y) {
  if (rows_.size() <= depth) rows_.resize(depth + std::size_t{1});
  Row& row = rows_[depth];
  if (!row.rect.empty()) return row;
  append_fixed(row.rect += "\" y=\"", y, 0);
  row.rect += "\" width=\"";
  append_fixed(row.text += "\" y=\"", y + 12.5, 1);
  row.text += "\" class=\"on\">";
  return row;
}

// ` (12 samples, 3.4 %`; of a diff both profiles' figures.
std::string_view FramePen::figures_of(const Box& box) {
  Figures& kept = figures_[box.total % figures_.size()];
  if (!description_.differential && kept.total == box.total && !kept.text.empty()) return kept.text;
  kept.total = box.total;
  kept.text = " (";
  if (description_.differential) {
    changed(box, kept.text);
  } else {
    append_amount(kept.text, box.total, description_.unit);
    append_percent(kept.text += ", ", box.total, summary_.total);
  }
  return kept.text;
}

void FramePen::changed(const Box& box, std::string& out) const {
  append_amount(out, box.base_total, description_.unit);
  append_amount(out += " \u2192 ", box.total, description_.unit);
  append_percent(out += ", ", box.base_total, summary_.base_total);
  append_percent(out += " \u2192 ", box.total, summary_.total);
}

void FramePen::put(std::string_view text) {
  if (text.empty()) return;   // it may point nowhere
  std::memcpy(at_, text.data(), text.size());
  at_ += text.size();
}

}  // namespace sampan
