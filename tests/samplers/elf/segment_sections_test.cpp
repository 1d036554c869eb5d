// A program whose section headers are taken away tells by its program headers what it told before.
#include "samplers/elf/segment_sections.hpp"

#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "samplers/unwind/unwind_table.hpp"

namespace sampan {
namespace {

std::shared_ptr<ElfFile> open_elf(UniqueFd fd) {
  auto file = ElfFile::open(std::move(fd));
  return file ? *file : nullptr;
}

// A copy without section headers, as `llvm-objcopy --strip-sections` leaves it.
std::shared_ptr<ElfFile> without_headers(const char* path) {
  const UniqueFd from(::open(path, O_RDONLY | O_CLOEXEC));
  UniqueFd to(memfd_create("bare", MFD_CLOEXEC));
  std::vector<char> bytes(1 << 20);
  for (ssize_t got = 0; (got = read(from.get(), bytes.data(), bytes.size())) > 0;) EXPECT_EQ(write(to.get(), bytes.data(), static_cast<std::size_t>(got)), got);
  Elf64_Ehdr header{};
  EXPECT_EQ(pread(to.get(), &header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
  header.e_shoff = header.e_shnum = header.e_shstrndx = 0;
  EXPECT_EQ(pwrite(to.get(), &header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
  return open_elf(std::move(to));
}

std::map<std::string, std::uint64_t> symbols_of(const ElfFile& file) {
  std::map<std::string, std::uint64_t> found;
  file.each_symbol([&](const ElfSymbol& symbol) { found.emplace(symbol.name, symbol.address); });
  return found;
}

TEST(SegmentSections, TellWhatTheSectionHeadersToldOfTheCLibrary) {
  constexpr const char* kLibrary = "/lib/x86_64-linux-gnu/libc.so.6";
  UniqueFd fd(::open(kLibrary, O_RDONLY | O_CLOEXEC));
  if (!fd) GTEST_SKIP() << "no " << kLibrary;
  const auto whole = open_elf(std::move(fd)), bare = without_headers(kLibrary);
  ASSERT_TRUE(whole && bare);
  EXPECT_FALSE(whole->headerless());
  EXPECT_TRUE(bare->headerless());
  EXPECT_FALSE(bare->build_id().empty());
  EXPECT_EQ(bare->build_id(), whole->build_id());
  EXPECT_GT(symbols_of(*bare).size(), 2000u);
  EXPECT_EQ(symbols_of(*bare), symbols_of(*whole));
  const ElfSection* frames = bare->section(".eh_frame");
  ASSERT_TRUE(frames && whole->section(".eh_frame"));
  EXPECT_EQ(frames->address, whole->section(".eh_frame")->address);
  const auto told = build_unwind_table(*whole), found = build_unwind_table(*bare);
  EXPECT_GT(found.rows.size(), 10'000u);
  EXPECT_EQ(found.rows.size(), told.rows.size());
}

TEST(SegmentSections, OfNothingFindNothing) {
  const auto none = [](std::uint64_t, std::span<std::byte>) { return false; };
  EXPECT_TRUE(sections_of_segments({}, none).empty());
  // Headers that point nowhere.
  const std::vector<ProgramHeader> headers = {{PT_DYNAMIC, {~std::uint64_t{0} - 8, 0, ~std::uint64_t{0}, 0, 0}},
                                              {PT_GNU_EH_FRAME, {1, 1, 1, 1, 0}}, {PT_NOTE, {5, 5, ~std::uint64_t{0}, 0, 0}}};
  EXPECT_TRUE(sections_of_segments(headers, none).empty());
}

}  // namespace
}  // namespace sampan
