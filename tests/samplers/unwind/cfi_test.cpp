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

// A frame's rules, in words from the CFA: of the return address where it was saved there.
struct Rules {
  sampan_row row;                            // kind and cfa; a ROOT or NONE row
  std::optional<std::int64_t> ra, fp;
};

// What libdw says of a register: where it lies, from the CFA; nothing where it is still in place or lies elsewhere.
std::optional<std::int64_t> slot_by_libdw(Dwarf_Frame* frame, int reg) {
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  Dwarf_Op memory[3];
  if (dwarf_frame_register(frame, reg, memory, &ops, &count) != 0 || count == 0 || ops[0].atom != DW_OP_call_frame_cfa) return {};
  if (count == 1) return 0;
  if (count != 2 || ops[1].atom != DW_OP_plus_uconst) return {};
  return static_cast<std::int64_t>(ops[1].number) / 8;
}

// What libdw says of an address, in the terms of a row; nothing where its rule is none that a row can hold.
std::optional<Rules> rules_by_libdw(Dwarf_CFI* cfi, Dwarf_Addr address, const sampan_architecture& cpu) {
  Dwarf_Frame* frame = nullptr;
  if (dwarf_cfi_addrframe(cfi, address, &frame) != 0) return Rules{};
  std::unique_ptr<Dwarf_Frame, decltype(&free)> keep(frame, free);
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  Dwarf_Op memory[3];
  bool signal = false;
  if (dwarf_frame_info(frame, nullptr, nullptr, &signal) == cpu.ra) {
    if (dwarf_frame_register(frame, cpu.ra, memory, &ops, &count) == 0 && count == 0 && ops == memory) return Rules{{0, 0, 0, SAMPAN_ROW_ROOT}, {}, {}};
  }
  if (signal || dwarf_frame_cfa(frame, &ops, &count) != 0 || count != 1 || ops[0].atom != DW_OP_bregx) return {};
  if (ops[0].number != cpu.fp && ops[0].number != cpu.sp) return {};
  const sampan_row row{0, static_cast<__s16>(static_cast<std::int64_t>(ops[0].number2) / 8), 0,
                       static_cast<__u8>(ops[0].number == cpu.sp ? SAMPAN_ROW_SP : SAMPAN_ROW_FP)};
  return Rules{row, slot_by_libdw(frame, cpu.ra), slot_by_libdw(frame, cpu.fp)};
}

// The same of a row of arm64.
Rules rules_of(const sampan_row& row) {
  const int slot = SAMPAN_ROW_SLOT(row.kind), base = SAMPAN_ROW_BASE(row.kind), kind = SAMPAN_ROW_KIND(row.kind);
  Rules rules{{0, row.cfa, 0, static_cast<__u8>(kind == SAMPAN_ROW_RA_REGISTER ? int{SAMPAN_ROW_SP} : kind)}, {}, {}};
  if (base == SAMPAN_BASE_NONE || kind == SAMPAN_ROW_RA_REGISTER) return rules;
  const std::int64_t at = row.fp - (base == SAMPAN_BASE_CFA ? 0 : std::int64_t{row.cfa});
  if (slot == SAMPAN_SLOT_FP) rules.fp = at;
  if (slot == SAMPAN_SLOT_RA) rules.ra = at;
  if (slot == SAMPAN_SLOT_RECORD) rules.fp = at, rules.ra = at + 1;
  if (slot == SAMPAN_SLOT_BOTH) rules.fp = -(row.fp & 15) - 1, rules.ra = -((row.fp >> 4) & 15) - 1;
  return rules;
}

void compare(const std::string& path) {
  SCOPED_TRACE(path);
  const auto file = open_file(path);
  ASSERT_TRUE(file);
  const UnwindTable table = build_unwind_table(*file);
  ASSERT_GT(table.rows.size(), 100u);
  Dwarf_CFI* cfi = dwarf_getcfi_elf(file->handle());
  ASSERT_TRUE(cfi);
  const sampan_architecture& cpu = file->architecture();
  const ElfSection* plt = file->section(".plt");   // arm64's is described by no one but us
  std::size_t compared = 0, wrong = 0;
  for (std::size_t i = 0; i < table.rows.size(); i += 3) {
    const sampan_row& row = table.rows[i];
    const std::uint64_t address = table.base + row.pc;
    if (cpu.link_register && row.kind == SAMPAN_ROW_UNKNOWN) continue;   // counted below
    if (sampan_row_inferred(&row)) continue;                             // told from the code, where libdw has nothing
    if (cpu.link_register && plt && address >= plt->address && address <= plt->address + plt->size) continue;
    const auto expected = rules_by_libdw(cfi, address, cpu);
    if (!expected) continue;
    ++compared;
    const Rules rules = rules_of(row);
    const bool saved = !cpu.link_register || (rules.ra == expected->ra && rules.fp == expected->fp);
    if (saved && rules.row.kind == expected->row.kind && rules.row.cfa == expected->row.cfa) continue;
    if (++wrong < 5) ADD_FAILURE() << std::hex << address << ": kind " << int{row.kind} << " cfa " << row.cfa << " fp " << int{row.fp} << ", libdw " << int{expected->row.kind} << " " << expected->row.cfa;
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

// Debian's cross compiler brings libraries of the other processor.
TEST(Cfi, OfArm64AgreesWithLibdw) {
  const std::string folder = "/usr/aarch64-linux-gnu/lib/";
  if (access((folder + "libc.so.6").c_str(), R_OK) != 0) GTEST_SKIP() << "SKIP: rows of arm64: no libraries of it (libc6-arm64-cross)";
  compare(folder + "libc.so.6");
  if (access((folder + "libstdc++.so.6").c_str(), R_OK) == 0) compare(folder + "libstdc++.so.6");
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
  const Cfi cfi = compile_cfi({s.bytes, 0, false, sampan_x86_64}, 0x1000);
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
  const Cfi cfi = compile_cfi({s.bytes, 0, false, sampan_x86_64}, 0x1000);
  ASSERT_EQ(cfi.rows.size(), 7u);
  const sampan_row expected[] = {{0, 1, 11, SAMPAN_ROW_PLT}, {0x10, 1, 5, SAMPAN_ROW_RA_REGISTER}, {0x20, 0, 0, SAMPAN_ROW_ROOT},
                                 {0x30, -1, 0, int{SAMPAN_ROW_DEREF_FP} | int{SAMPAN_BASE_FP}}, {0x40, 0, 0, SAMPAN_ROW_UNKNOWN},
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

class ArmSection : public Section {
 public:
  // A CIE of arm64: `cfa = sp + 0`, the return address in x30, signed with key B.
  ArmSection& arm_cie() {
    add(std::uint32_t{20}).add(std::uint32_t{0}).add({1, 'z', 'R', 'B', 0, 4, 0x78, 30, 1, 0, 0x0c, 31, 0, 0, 0, 0});
    return *this;
  }
  void arm_fde(std::uint64_t start, std::initializer_list<int> instructions) {
    const auto at = static_cast<std::uint32_t>(bytes.size());
    add(static_cast<std::uint32_t>(21 + instructions.size())).add(at + 4).add(start).add(std::uint64_t{0x10}).add({0}).add(instructions);
  }
};

int kind(int kind, int base, int slot) { return kind | base | slot; }

TEST(Cfi, OfArm64KnowsWhereTheReturnAddressIs) {
  ArmSection s;
  s.arm_cie();
  s.arm_fde(0x1000, {0x2d, 0x41, 0x0e, 48, 0x9d, 6, 0x9e, 5, 0x42, 0xdd, 0xde, 0x0e, 0});   // signed; record; popped
  s.arm_fde(0x1010, {0x0e, 32, 0x9e, 4});                          // x30 alone
  s.arm_fde(0x1020, {0x0e, 32, 0x9e, 2, 0x9d, 4});                 // two slots
  s.arm_fde(0x1030, {0x0e, 0x80, 0x20, 0x9d, 0x80, 4, 0x9e, 0xff, 3});   // 4 KiB: from sp
  s.arm_fde(0x1040, {0x0c, 29, 16, 0x9d, 2, 0x9e, 1});             // by the frame pointer
  s.arm_fde(0x1050, {0x07, 30});                                   // the thread's start
  s.arm_fde(0x1060, {0x0e, 16, 0x9d, 2});                          // x29 saved, x30 not yet
  s.arm_fde(0x1070, {0x0e, 0x80, 2, 0x9d, 1, 0x9e, 0x20});         // slots too far from each other
  const Cfi cfi = compile_cfi({s.bytes, 0, false, sampan_aarch64}, 0x1000);
  const sampan_row expected[] = {
      {0, 0, 0, SAMPAN_ROW_SP},
      {4, 6, -6, static_cast<__u8>(kind(SAMPAN_ROW_SP, SAMPAN_BASE_CFA, SAMPAN_SLOT_RECORD))},
      {12, 0, 0, SAMPAN_ROW_SP},
      {0x10, 4, -4, static_cast<__u8>(kind(SAMPAN_ROW_SP, SAMPAN_BASE_CFA, SAMPAN_SLOT_RA))},
      {0x20, 4, 0x13, static_cast<__u8>(kind(SAMPAN_ROW_SP, SAMPAN_BASE_CFA, SAMPAN_SLOT_BOTH))},
      {0x30, 512, 0, static_cast<__u8>(kind(SAMPAN_ROW_SP, SAMPAN_BASE_SP, SAMPAN_SLOT_RECORD))},
      {0x40, 2, -2, static_cast<__u8>(kind(SAMPAN_ROW_FP, SAMPAN_BASE_CFA, SAMPAN_SLOT_RECORD))},
      {0x50, 0, 0, SAMPAN_ROW_ROOT},
      {0x60, 2, -2, static_cast<__u8>(kind(SAMPAN_ROW_SP, SAMPAN_BASE_CFA, SAMPAN_SLOT_FP))},
      {0x70, 0, 0, SAMPAN_ROW_UNKNOWN},
      {0x80, 0, 0, SAMPAN_ROW_NONE}};
  ASSERT_EQ(cfi.rows.size(), std::size(expected));
  EXPECT_EQ(cfi.malformed, 0u);
  for (std::size_t i = 0; i < cfi.rows.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(cfi.rows[i].pc, expected[i].pc);
    EXPECT_EQ(cfi.rows[i].cfa, expected[i].cfa);
    EXPECT_EQ(cfi.rows[i].fp, expected[i].fp);
    EXPECT_EQ(cfi.rows[i].kind, expected[i].kind);
  }
}

TEST(Cfi, SurvivesEveryCut) {
  Section s;
  s.cie().fde(0x1000, 0x20, {0x41, 0x0e, 16, 0x0a, 0x42, 0x0b}).fde(0x1040, 0x20, {0x02, 5, 0x0e, 32});
  for (std::size_t size = 0; size <= s.bytes.size(); ++size) {
    const Cfi cfi = compile_cfi({Bytes(s.bytes).first(size), 0, false, sampan_x86_64}, 0x1000);
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
