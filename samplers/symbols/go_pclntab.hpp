// Go's own line table (pclntab), which every Go binary keeps even when stripped: functions, frame sizes, files, lines,
// inlined calls. Formats of Go 1.2 to 1.15, 1.16, 1.18 and 1.20 (cmd/link/internal/ld/pcln.go, runtime/symtab.go).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "samplers/elf/elf_file.hpp"
#include "samplers/unwind/rows.h"

namespace sampan {

struct GoLayout;

struct GoFunction {
  std::uint64_t start = 0, end = 0;   // as the file has them
  std::uint64_t record = 0;           // its _func, an offset in the table
  std::uint8_t id = 0;                // abi.FuncID; differs between versions
  std::uint8_t flags = 0;             // abi.FuncFlag, Go 1.17 and newer
};
constexpr std::uint8_t kGoTopFrame = 1, kGoWritesSp = 2;

// One place in source; the name is the function's own, with its package.
struct GoPlace {
  std::string name, file;
  std::uint32_t line = 0;
};

class GoPclntab {
 public:
  // True where the file is of Go's own linker, or an outer linker was given Go code.
  static bool is_go(const ElfFile& file);
  // nullptr where the file is none of Go's or its table is damaged.
  static std::unique_ptr<GoPclntab> open(const ElfFile& file);
  // For fuzzing: a table alone, of code at `text`.
  static std::unique_ptr<GoPclntab> parse(std::vector<std::byte> bytes, std::uint64_t text);

  const std::vector<GoFunction>& functions() const { return functions_; }   // sorted
  const GoFunction* find(std::uint64_t address) const;
  std::string_view name(const GoFunction& function) const;
  // What runs at an address, outermost first: the function, then the callees inlined there. Empty where none holds it.
  std::vector<GoPlace> places(std::uint64_t address) const;
  // Calls `visit(start, frame_bytes)` for each change of the frame's size in a function, in order.
  template <typename Visit>
  void each_frame_size(const GoFunction& function, Visit visit) const {
    Table table = table_at(function, Field::Pcsp);
    std::uint64_t from = 0, to = 0;
    std::int32_t size = 0;
    while (table.next(size, from, to)) visit(function.start + from, size);
  }

 private:
  enum class Field { Pcsp, Pcfile, Pcline };
  // A delta-coded table of values by program counter.
  struct Table {
    Cursor cursor;
    std::uint64_t size;       // of the function: nothing beyond is told
    std::uint64_t quantum;
    std::int32_t value = -1;
    std::uint64_t pc = 0;
    bool first = true;
    bool next(std::int32_t& out, std::uint64_t& from, std::uint64_t& to);
  };

  bool read_header();
  bool read_functions();
  static std::unique_ptr<GoPclntab> at(const ElfFile& file, std::uint64_t address, std::vector<std::byte> bytes);
  Table table_at(const GoFunction& function, Field field) const;
  Table table_from(const GoFunction& function, std::uint32_t offset) const;
  std::int32_t value_at(Table table, std::uint64_t offset) const;
  std::string_view text_at(std::uint64_t base, std::uint64_t offset) const;
  void locate(const GoFunction& function, std::uint64_t offset, GoPlace& place) const;
  std::int32_t inline_index(const GoFunction& function, std::uint64_t offset) const;
  bool inlined_call(const GoFunction& function, std::int32_t index, std::uint32_t& name, std::int32_t& parent) const;

  std::vector<std::byte> bytes_;
  const GoLayout* layout_ = nullptr;
  std::uint64_t text_ = 0;
  std::uint64_t quantum_ = 1;
  std::uint64_t names_ = 0, units_ = 0, files_ = 0, tables_ = 0, records_ = 0, count_ = 0;
  std::vector<GoFunction> functions_;
  std::vector<std::byte> trees_;      // the section that holds go:func.*
  std::uint64_t trees_offset_ = 0;    // of go:func.* in it
};

}  // namespace sampan
