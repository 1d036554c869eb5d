#include "samplers/python/codes.hpp"

#include <algorithm>

namespace sampan::python {
namespace {

constexpr std::size_t kMostCodes = 200'000;
constexpr std::uint32_t kMostCopies = 4096;
constexpr int kClassTries = 64;

bool is_version(std::string_view text) {   // `3.11`
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

std::string_view short_file(std::string_view path) {
  std::size_t cut = 0;
  for (const std::string_view root : {"/site-packages/", "/dist-packages/"}) {
    if (const auto at = path.rfind(root); at != std::string_view::npos) cut = std::max(cut, at + root.size());
  }
  constexpr std::string_view kLib = "/lib/python";
  for (auto at = path.find(kLib, cut); at != std::string_view::npos; at = path.find(kLib, at + 1)) {
    const auto end = path.find('/', at + kLib.size());
    if (end == std::string_view::npos) break;
    if (is_version(path.substr(at + kLib.size(), end - at - kLib.size()))) cut = end + 1;
  }
  return path.substr(cut);
}

Codes::Codes(Memory& memory, const Interpreter& python, Profile& profile, bool lines)
    : memory_(memory), python_(python), o_(python.offsets), objects_(memory, o_), profile_(profile), lines_(lines),
      reused_(profile.intern({FrameKind::Note, "[code freed]", {}, 0, 0})) {
  check_begin_ = std::min({o_.code_filename, o_.code_name, o_.code_line_table, o_.code_argcount, o_.code_flags, o_.code_first_line});
  const auto end = std::max({o_.code_filename, o_.code_name, o_.code_line_table, o_.code_argcount, o_.code_flags, o_.code_first_line});
  check_size_ = end + 8 - check_begin_;
}

Codes::Check Codes::check_of(Bytes head) const {
  const auto pointer = [&](std::uint32_t at) { return read_at<std::uint64_t>(head, at - check_begin_); };
  const auto number = [&](std::uint32_t at) { return read_at<std::int32_t>(head, at - check_begin_); };
  return {pointer(o_.code_filename), pointer(o_.code_name), pointer(o_.code_line_table),
          number(o_.code_argcount), number(o_.code_flags), number(o_.code_first_line)};
}

void Codes::observe_stopped(std::span<FrameSite> frames) {
  if (o_.code_qualname) return;
  std::vector<FrameSite*> fresh;
  reads_.clear();
  for (FrameSite& site : frames) {
    if (const auto known = codes_.find(site.code); known != codes_.end() && known->second.class_tries == 0) continue;
    fresh.push_back(&site);
    reads_.push_back({site.address + o_.frame_locals, std::as_writable_bytes(std::span(&site.argument, 1))});
  }
  memory_.read_each(reads_);
  reads_.clear();
  std::erase_if(fresh, [](const FrameSite* site) { return site->argument == 0; });
  for (FrameSite* site : fresh) reads_.push_back({site->argument + o_.object_type, std::as_writable_bytes(std::span(&site->address, 1))});
  memory_.read_each(reads_);
}

void Codes::verify(std::span<const FrameSite> frames, bool new_round) {
  if (new_round) ++round_;
  reading_.clear();
  for (const FrameSite& site : frames) {
    const auto known = codes_.find(site.code);
    if (known == codes_.end() || known->second.checked == round_) continue;
    known->second.checked = round_;
    reading_.push_back(site.code);
  }
  if (reading_.empty()) return;
  buffer_.resize(reading_.size() * check_size_);
  reads_.clear();
  for (std::size_t i = 0; i < reading_.size(); ++i) {
    reads_.push_back({reading_[i] + check_begin_, std::span(buffer_).subspan(i * check_size_, check_size_)});
  }
  const std::size_t done = memory_.read_batch(reads_);
  for (std::size_t i = 0; i < reading_.size(); ++i) {
    const auto known = codes_.find(reading_[i]);
    const Bytes head = Bytes(buffer_).subspan(i * check_size_, check_size_);
    if (i >= done || !(check_of(head) == known->second.check)) codes_.erase(known);
  }
}

FrameId Codes::frame(const FrameSite& site, bool last_try) {
  auto [known, fresh] = codes_.try_emplace(site.code);
  Code& code = known->second;
  if (fresh && !resolve(site, code, last_try)) {
    codes_.erase(known);
    return Profile::kNoFrame;
  }
  if (code.class_tries > 0 && !fresh && (--code.class_tries, qualify(site, code))) {
    code.class_tries = 0;
    code.ids.assign(code.lines.size(), Profile::kNoFrame);
  }
  code.checked = round_;
  const auto check = sampan_py_check(static_cast<std::uint32_t>(code.check.argcount), static_cast<std::uint32_t>(code.check.flags),
                                     static_cast<std::uint32_t>(code.check.first_line));
  if (site.check && site.check != check) {
    codes_.erase(known);
    return fresh ? reused_ : frame(site, last_try);
  }
  const std::int64_t offset = lines_ ? offset_in(site, code) : 0;
  // No call stands at the start of a function: a position there was never moved.
  if (lines_ && !site.placed && offset == 0) return profile_.intern({FrameKind::Python, code.name, code.file, 0, 0});
  const std::size_t row = lines_ ? find_line(code.lines, offset) : 0;
  return code.ids[row] != Profile::kNoFrame ? code.ids[row] : intern(code, row);
}

FrameId Codes::intern(Code& code, std::size_t row) {
  Frame frame;
  frame.kind = FrameKind::Python;
  frame.name = code.name;
  frame.file = code.file;
  frame.line = lines_ && row < code.lines.size() ? code.lines[row].line : 0;
  return code.ids[row] = profile_.intern(frame);
}

bool Codes::resolve(const FrameSite& site, Code& code, bool last_try) const {
  std::vector<std::byte> head(check_size_);
  if (python_.code_type && memory_.read_as<std::uint64_t>(site.code + o_.object_type) != python_.code_type) return false;
  if (!memory_.read(site.code + check_begin_, head)) return false;
  code.check = check_of(head);
  const auto name = objects_.string(code.check.name);
  const auto file = objects_.string(code.check.filename);
  if (!name || !file || code.check.first_line < 0) return false;
  code.name = *name;
  code.file = short_file(*file);
  if (o_.code_qualname) {
    code.name = objects_.string(memory_.read_as<std::uint64_t>(site.code + o_.code_qualname)).value_or(code.name);
  } else if (code.check.argcount > 0 && !qualify(site, code)) {
    if (!last_try) return false;
    code.class_tries = kClassTries;
  }
  if (o_.code_bytecode) {
    code.bytecode = site.code + o_.code_bytecode;
    code.bytecode_size = std::min<std::uint64_t>(memory_.read_as<std::uint64_t>(site.code + o_.var_size), 1u << 30) * 2;
  }
  const auto table = lines_ ? objects_.bytes(code.check.line_table) : std::nullopt;
  const auto first = static_cast<std::uint32_t>(code.check.first_line);
  if (table) code.lines = decode_lines(static_cast<sampan_py_lines>(o_.lines), *table, first);
  // No table: code that runs elsewhere (Nuitka's), whose position is not known. Up to 3.9 that is all code of one line.
  const bool told = !lines_ || o_.lines <= SAMPAN_PY_LNOTAB;
  if (code.lines.empty()) code.lines.push_back({0, told ? first : 0});
  code.ids.assign(code.lines.size(), Profile::kNoFrame);
  return true;
}

// Finds a method's class by the frame's first argument; false where the frame has ended meanwhile.
bool Codes::qualify(const FrameSite& site, Code& code) const {
  std::uint64_t argument = site.argument, runs = 0;
  if (argument) {   // sent by the kernel; the class is one that holds this very code, or none
    if (auto full = objects_.qualified_name(site.code, code.check.name, argument, site.address); !full.empty()) code.name = std::move(full);
    return true;
  }
  const auto stands = [&](std::uint64_t& first) {
    const Read reads[] = {{site.address + o_.frame_locals, std::as_writable_bytes(std::span(&first, 1))},
                          {site.address + o_.frame_code, std::as_writable_bytes(std::span(&runs, 1))}};
    return memory_.read_batch(reads) == 2 && runs == site.code && first != 0;
  };
  if (!stands(argument)) return false;
  auto full = objects_.qualified_name(site.code, code.check.name, argument);
  // An argument that has gone meanwhile proves nothing: its memory may be another's.
  if (std::uint64_t now = 0; full.empty()) return stands(now) && now == argument;
  code.name = std::move(full);
  return true;
}

// Bytes from the start of the code's bytecode, of which free-threaded builds keep a copy for each thread.
std::int64_t Codes::offset_in(const FrameSite& site, Code& code) const {
  if (o_.position != SAMPAN_PY_INSTR_POINTER) return site.position;
  const std::int64_t offset = site.position - static_cast<std::int64_t>(code.bytecode);
  const auto size = static_cast<std::int64_t>(code.bytecode_size);
  if (!o_.code_tlbc || site.tlbc == 0 || site.tlbc >= kMostCopies || (offset >= -2 && offset < size)) return offset;
  if (site.tlbc >= code.copies.size()) code.copies.resize(site.tlbc + 1);
  std::uint64_t& copy = code.copies[site.tlbc];
  const auto within = [&] { return copy && site.position >= static_cast<std::int64_t>(copy) - 2 && site.position < static_cast<std::int64_t>(copy) + size; };
  if (!within()) {   // _PyCodeArray: size, entries
    const auto array = memory_.read_as<std::uint64_t>(site.code + o_.code_tlbc);
    if (site.tlbc < memory_.read_as<std::uint64_t>(array)) copy = memory_.read_as<std::uint64_t>(array + 8 + std::uint64_t{site.tlbc} * 8);
  }
  return within() ? site.position - static_cast<std::int64_t>(copy) : -1;
}

void Codes::trim() {
  if (codes_.size() > kMostCodes) codes_.clear();
}

}  // namespace sampan::python
