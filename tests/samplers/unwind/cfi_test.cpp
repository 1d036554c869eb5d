// Rows against an independent reader (libdw) on real libraries, and hand-made sections.
#include "samplers/unwind/cfi.hpp"

#include <unistd.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "samplers/unwind/unwind_table.hpp"

namespace sampan {
namespace {

std::shared_ptr<ElfFile> open_file(const std::string& path) {
  auto file = ElfFile::open(UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  return file ? *file : nullptr;
}

// Debian's libraries: the test itself may be linked statically.
std::string library(const char* name) {
  for (const char* folder : {"/lib/x86_64-linux-gnu/", "/lib/aarch64-linux-gnu/"}) {
    if (access((folder + std::string(name)).c_str(), R_OK) == 0) return folder + std::string(name);
  }
  return {};
}

// What libdw says of an address, in the terms of a row; nothing where its rule is none that a row can hold.
std::optional<sampan_row> row_by_libdw(Dwarf_CFI* cfi, Dwarf_Addr address) {
  Dwarf_Frame* frame = nullptr;
  if (dwarf_cfi_addrframe(cfi, address, &frame) != 0) return sampan_row{};
  std::unique_ptr<Dwarf_Frame, decltype(&free)> keep(frame, free);
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  Dwarf_Op memory[3];
  bool signal = false;
  if (dwarf_frame_info(frame, nullptr, nullptr, &signal) == 16) {
    if (dwarf_frame_register(frame, 16, memory, &ops, &count) == 0 && count == 0 && ops == memory) return sampan_row{0, 0, 0, SAMPAN_ROW_ROOT};
  }
  if (signal || dwarf_frame_cfa(frame, &ops, &count) != 0 || count != 1 || ops[0].atom != DW_OP_bregx) return {};
  if (ops[0].number != 6 && ops[0].number != 7) return {};
  return sampan_row{0, static_cast<__s16>(static_cast<std::int64_t>(ops[0].number2) / 8), 0,
                    static_cast<__u8>(ops[0].number == 7 ? SAMPAN_ROW_SP : SAMPAN_ROW_FP)};
}

void compare(const std::string& path) {
  SCOPED_TRACE(path);
  const auto file = open_file(path);
  ASSERT_TRUE(file);
  const UnwindTable table = build_unwind_table(*file);
  ASSERT_GT(table.rows.size(), 100u);
  Dwarf_CFI* cfi = dwarf_getcfi_elf(file->handle());
  ASSERT_TRUE(cfi);
  std::size_t compared = 0, wrong = 0;
  for (std::size_t i = 0; i < table.rows.size(); i += 3) {
    const sampan_row& row = table.rows[i];
    const auto expected = row_by_libdw(cfi, table.base + row.pc);
    if (!expected) continue;
    ++compared;
    const int kind = SAMPAN_ROW_KIND(row.kind) == SAMPAN_ROW_RA_REGISTER ? int{SAMPAN_ROW_SP} : SAMPAN_ROW_KIND(row.kind);
    if (kind == expected->kind && row.cfa == expected->cfa) continue;
    if (++wrong < 5) ADD_FAILURE() << std::hex << table.base + row.pc << ": kind " << int{row.kind} << " cfa " << row.cfa << ", libdw " << int{expected->kind} << " " << expected->cfa;
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(compared, table.rows.size() / 4);
  EXPECT_LE(static_cast<double>(table.unknown), 0.005 * static_cast<double>(table.rows.size()) + 5);
  dwarf_cfi_end(cfi);
}

TEST(Cfi, AgreesWithLibdw) {
  compare(library("libc.so.6"));
  compare(library("libstdc++.so.6"));
  compare("/proc/self/exe");
}

TEST(Cfi, FunctionsStartWhereTheyShould) {
  const auto file = open_file(library("libc.so.6"));
  ASSERT_TRUE(file);
  const UnwindTable table = build_unwind_table(*file);
  const auto symbol = file->symbol("qsort");
  ASSERT_TRUE(symbol);
  EXPECT_EQ(table.function_start(symbol->address), symbol->address);
  EXPECT_EQ(table.function_start(symbol->address + 5), symbol->address);
}

class Section {
 public:
  template <typename T>
  Section& add(T value) {
    const auto raw = std::as_bytes(std::span(&value, 1));
    bytes.insert(bytes.end(), raw.begin(), raw.end());
    return *this;
  }
  Section& add(std::initializer_list<int> values) {
    for (int value : values) add(static_cast<std::uint8_t>(value));
    return *this;
  }
  // A CIE with absolute pointers and `cfa = sp + 8, ra at cfa - 8`, padded to 20 bytes of body.
  Section& cie() { return add(std::uint32_t{20}).add(std::uint32_t{0}).add({1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1, 0, 0, 0, 0, 0, 0}); }
  Section& fde(std::uint64_t start, std::uint64_t size, std::initializer_list<int> instructions) {
    const auto at = static_cast<std::uint32_t>(bytes.size());
    add(static_cast<std::uint32_t>(20 + instructions.size())).add(at + 4).add(start).add(size);
    return add(instructions);
  }
  std::vector<std::byte> bytes;
};

TEST(Cfi, OrdersFunctionsAndMarksGaps) {
  Section s;
  s.cie().fde(0x2000, 0x10, {0x41, 0x0e, 16}).fde(0x1000, 0x10, {});
  const Cfi cfi = compile_cfi({s.bytes, 0, false}, 0x1000);
  ASSERT_EQ(cfi.rows.size(), 5u);
  const std::uint32_t pcs[] = {0, 0x10, 0x1000, 0x1001, 0x1010};
  const int kinds[] = {SAMPAN_ROW_SP, SAMPAN_ROW_NONE, SAMPAN_ROW_SP, SAMPAN_ROW_SP, SAMPAN_ROW_NONE};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(cfi.rows[i].pc, pcs[i]);
    EXPECT_EQ(cfi.rows[i].kind, kinds[i]);
  }
  EXPECT_EQ(cfi.rows[3].cfa, 2);
  EXPECT_EQ(cfi.functions, (std::vector<std::uint32_t>{0, 0x1000}));
}

TEST(Cfi, UnderstandsPltVforkRootAndRealignedFrames) {
  Section s;
  s.cie();
  s.fde(0x1000, 0x10, {0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22});   // PLT
  s.fde(0x1010, 0x10, {0x09, 16, 5});                                                         // RA in rdi
  s.fde(0x1020, 0x10, {0x07, 16});                                                            // RA undefined
  s.fde(0x1030, 0x10, {0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0});                      // CFA *(fp-8), fp at *fp
  s.fde(0x1040, 0x10, {0x0f, 2, 0x03, 0x00});                                                 // another expression
  s.fde(0x1050, 0x10, {0x0c, 10, 0});                                                         // CFA = r10
  const Cfi cfi = compile_cfi({s.bytes, 0, false}, 0x1000);
  ASSERT_EQ(cfi.rows.size(), 7u);
  const sampan_row expected[] = {{0, 1, 11, SAMPAN_ROW_PLT}, {0x10, 1, 5, SAMPAN_ROW_RA_REGISTER}, {0x20, 0, 0, SAMPAN_ROW_ROOT},
                                 {0x30, -1, 0, int{SAMPAN_ROW_DEREF_FP} | int{SAMPAN_FP_AT_FP}}, {0x40, 0, 0, SAMPAN_ROW_UNKNOWN},
                                 {0x50, 0, 10, SAMPAN_ROW_REGISTER}, {0x60, 0, 0, SAMPAN_ROW_NONE}};
  for (std::size_t i = 0; i < 7; ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(cfi.rows[i].pc, expected[i].pc);
    EXPECT_EQ(cfi.rows[i].cfa, expected[i].cfa);
    EXPECT_EQ(cfi.rows[i].fp, expected[i].fp);
    EXPECT_EQ(cfi.rows[i].kind, expected[i].kind);
  }
  EXPECT_EQ(cfi.unknown, 1u);
}

TEST(Cfi, SurvivesEveryCut) {
  Section s;
  s.cie().fde(0x1000, 0x20, {0x41, 0x0e, 16, 0x0a, 0x42, 0x0b}).fde(0x1040, 0x20, {0x02, 5, 0x0e, 32});
  for (std::size_t size = 0; size <= s.bytes.size(); ++size) {
    const Cfi cfi = compile_cfi({Bytes(s.bytes).first(size), 0, false}, 0x1000);
    EXPECT_LE(cfi.functions.size(), 2u);
  }
}

TEST(Cfi, OverlayFillsGapsOnly) {
  const sampan_row a[] = {{10, 1, 0, SAMPAN_ROW_SP}, {20, 0, 0, SAMPAN_ROW_NONE}};
  const sampan_row b[] = {{0, 2, 0, SAMPAN_ROW_SP}, {15, 3, 0, SAMPAN_ROW_SP}, {30, 0, 0, SAMPAN_ROW_NONE}};
  const auto rows = overlay_rows(a, b);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(find_row(rows, 5)->cfa, 2);
  EXPECT_EQ(find_row(rows, 16)->cfa, 1);
  EXPECT_EQ(find_row(rows, 25)->cfa, 3);
  EXPECT_EQ(find_row(rows, 40)->kind, SAMPAN_ROW_NONE);
}

}  // namespace
}  // namespace sampan
