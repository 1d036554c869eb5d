// Address within a file → frames, for all processes of a run: tables are built once per file, only for files seen in samples.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flamegraph/profile.hpp"
#include "samplers/elf/elf_file.hpp"
#include "samplers/symbols/symbol_table.hpp"
#include "samplers/unwind/unwind_table.hpp"

namespace sampan {

class Inlines;

// A frame that owns its text.
struct CodeName {
  FrameKind kind = FrameKind::Native;
  std::string name;
  std::string file;
  std::uint32_t line = 0;
  std::uint64_t address = 0;
  bool known = true;     // false: named by where it lies only
  std::string ending{};  // of the symbol, which the name leaves out: `.isra.0`
  Frame frame() const { return {kind, name, file, line, address}; }
};

// Where a file was found, for its debug files and its own name.
struct FileOrigin {
  std::shared_ptr<ElfFile> file;
  std::shared_ptr<const UnwindTable> table;
  std::string path;
  int root = -1;
};

// Not for two threads at once. Files named in it outlive it.
class SymbolCache {
 public:
  SymbolCache();
  ~SymbolCache();
  SymbolCache(const SymbolCache&) = delete;
  SymbolCache& operator=(const SymbolCache&) = delete;

  // Appends what runs at a file address, outermost first: one frame, or more where callees were inlined.
  void resolve(const FileOrigin& origin, std::uint64_t address, std::vector<CodeName>& out);
  // Names the kernel's functions from now on: `name` or `name [module]`, empty where it cannot tell.
  void tell_kernel(std::function<std::string(std::uint64_t)> teller) { kernel_ = std::move(teller); }
  CodeName kernel(std::uint64_t address) const;

 private:
  struct PerFile;
  PerFile& of(const FileOrigin& origin);
  Inlines* inlines_of(PerFile& file, const FileOrigin& origin) const;   // opened by the first that asks; null where there are none
  std::uint64_t spent_on_inlines() const;

  std::map<const ElfFile*, std::unique_ptr<PerFile>> files_;
  std::function<std::string(std::uint64_t)> kernel_;
};

// The last part of a path.
std::string_view base_name(std::string_view path);

}  // namespace sampan
