#include "samplers/node/builtin_names.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <mutex>
#include <optional>

#include "samplers/base/cursor.hpp"

namespace sampan::node {
namespace {

constexpr std::string_view kProbe{"ArrayForEachLoopContinuation", 29};   // of every version; with its end
constexpr std::size_t kEntry = 24, kMostNames = 4096, kLeastNames = 500;  // {name, kind, data}; 1,500 to 2,400 of them
constexpr std::size_t kLongest = 120, kMostFiles = 16;
constexpr std::uint32_t kMostKinds = 64;
constexpr std::uint64_t kMostSection = 128u << 20, kWindow = 256 * 1024, kOverlap = 64;   // bytes

// The sections with strings and words. A program's constants are read from its file, so that the process's own pages are not
// touched; what the loader relocates is as it says in the process alone.
class Table {
 public:
  Table(const ElfFile& file, Memory& memory, std::uint64_t bias) : file_(file), memory_(memory), bias_(bias) {
    for (const char* name : {".rodata", ".data.rel.ro"}) {
      const ElfSection* section = file.section(name);
      if (section && section->size <= kMostSection) parts_.push_back({section->address + bias, section->size, parts_.empty()});
    }
  }

  std::optional<std::uint64_t> find(std::string_view text, std::size_t step) const {
    std::vector<std::byte> window(kWindow);
    for (const Part& part : parts_) {
      for (std::uint64_t at = 0; at + text.size() <= part.size; at += kWindow - kOverlap) {
        const std::span<std::byte> bytes = std::span(window).first(std::min<std::uint64_t>(kWindow, part.size - at));
        if (!read(part.address + at, bytes)) break;
        const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        for (std::size_t found = all.find(text); found != std::string_view::npos; found = all.find(text, found + 1)) {
          if ((part.address + at + found) % step == 0) return part.address + at + found;
        }
      }
    }
    return {};
  }

  // The name that an entry leads to; empty where there is no entry.
  std::string entry(std::uint64_t address) const {
    std::array<std::byte, kEntry> head;
    std::array<char, kLongest> text{};
    if (!read(address, head) || read_at<std::uint32_t>(head, 8) > kMostKinds) return {};
    if (!read(read_at<std::uint64_t>(head, 0), std::as_writable_bytes(std::span(text)))) return {};
    const auto end = std::find(text.begin(), text.end(), '\0');
    const bool good = end != text.end() && std::all_of(text.begin(), end, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
    return good ? std::string(text.begin(), end) : std::string();
  }

 private:
  struct Part {
    std::uint64_t address, size;
    bool in_file;
  };
  bool read(std::uint64_t address, std::span<std::byte> into) const {
    for (const Part& part : parts_) {
      if (address < part.address || address - part.address > part.size || into.size() > part.size - (address - part.address)) continue;
      return part.in_file ? file_.read(address - bias_, into) : memory_.read(address, into);
    }
    return false;
  }

  const ElfFile& file_;
  Memory& memory_;
  std::uint64_t bias_;
  std::vector<Part> parts_;
};

std::string letters(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c))) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace

void BuiltinNames::read(const ElfFile& file, Memory& memory, std::uint64_t bias) {
  const Table table(file, memory, bias);
  const auto text = table.find(kProbe, 1);
  auto at = text ? table.find({reinterpret_cast<const char*>(&*text), sizeof *text}, sizeof *text) : std::nullopt;
  if (!at) return;
  for (std::size_t i = 0; i < kMostNames && !table.entry(*at - kEntry).empty(); ++i) *at -= kEntry;
  for (; names_.size() < kMostNames; *at += kEntry) {
    std::string name = table.entry(*at);
    if (name.empty()) break;
    names_.push_back(std::move(name));
  }
  if (names_.size() < kLeastNames) names_.clear();
}

std::shared_ptr<const BuiltinNames> BuiltinNames::of(const std::shared_ptr<ElfFile>& file, Memory& memory, std::uint64_t bias) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const BuiltinNames>> known;   // by build id
  const std::scoped_lock lock(mutex);
  const std::string& id = file->build_id();
  if (const auto found = known.find(id); !id.empty() && found != known.end()) return found->second;
  auto names = std::make_shared<BuiltinNames>();
  names->read(*file, memory, bias);
  if (known.size() >= kMostFiles) known.clear();
  if (!id.empty()) known[id] = names;
  return names;
}

std::string_view BuiltinNames::name(std::int64_t number) const {
  return number >= 0 && static_cast<std::size_t>(number) < names_.size() ? std::string_view(names_[static_cast<std::size_t>(number)]) : std::string_view();
}

std::string qualified_builtin(std::string_view builtin, const std::string& name) {
  std::string_view own = name;
  std::string_view lead;                       // `get length`, `[Symbol.iterator]`
  for (const std::string_view prefix : {"get ", "set ", "[Symbol."}) {
    if (own.substr(0, prefix.size()) == prefix) lead = prefix, own.remove_prefix(prefix.size());
  }
  const std::string wanted = letters(own);
  const std::string all = letters(builtin);
  if (wanted.empty() || all.size() != builtin.size() || all.size() <= wanted.size() || all.compare(all.size() - wanted.size(), wanted.size(), wanted) != 0) return name;
  std::string_view owner = builtin.substr(0, builtin.size() - wanted.size());
  for (const std::string_view suffix : {"Get", "Set", "Symbol", "Prototype"}) {
    if (owner.size() >= suffix.size() && owner.substr(owner.size() - suffix.size()) == suffix && owner != "Set" && owner != "Symbol") owner.remove_suffix(suffix.size());
  }
  if (owner.empty() || owner == "Global") return name;
  const std::string shown = owner == "Json" ? "JSON" : std::string(owner);
  if (lead == "[Symbol.") return shown + name;
  if (!lead.empty()) return std::string(lead) + shown + "." + std::string(own);
  return shown + "." + name;
}

}  // namespace sampan::node
