#include "samplers/symbols/inlines.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <algorithm>
#include <cstdlib>

#include "samplers/base/clock.hpp"
#include "samplers/symbols/libdw_files.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kMostDebugBytes = std::uint64_t{192} << 20;
constexpr std::size_t kMostUnits = 4'000'000;
constexpr int kMostInlined = 64;

// What this thread has worked: to wait for a processor is no time spent.
std::uint64_t worked_ns() { return now_ns(CLOCK_THREAD_CPUTIME_ID); }

const char* name_of(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  for (const unsigned wanted : {unsigned{DW_AT_linkage_name}, unsigned{DW_AT_MIPS_linkage_name}, unsigned{DW_AT_name}}) {
    if (!dwarf_attr_integrate(die, wanted, &attribute)) continue;
    const char* name = dwarf_formstring(&attribute);
    if (name && *name) return name;
  }
  return nullptr;
}

// What -gsplit-dwarf leaves in the file says only where the rest is, a .dwo or a package of such: that holds the functions.
Dwarf_Die whole_unit(Dwarf_Die die, const DwarfPackage* package) {
  std::uint8_t type = 0;
  std::uint64_t id = 0;
  if (dwarf_cu_info(die.cu, nullptr, &type, nullptr, nullptr, &id, nullptr, nullptr) != 0 || type != DW_UT_skeleton) return die;
  const LibdwUnit wanted(package, id);
  Dwarf_Die split;
  if (dwarf_cu_info(die.cu, nullptr, nullptr, nullptr, &split, nullptr, nullptr, nullptr) != 0) return die;
  return split.addr ? split : die;
}

// The child that holds an address: a block, an inlined call or a function; descends until none does.
class Descent {
 public:
  explicit Descent(std::uint64_t address) : address_(address) {}

  void run(Dwarf_Die die, std::vector<InlinedCall>& calls) {
    for (int depth = 0; depth < kMostInlined * 2; ++depth) {
      Dwarf_Die child;
      if (!child_that_holds(die, child, calls)) return;
      die = child;
    }
  }

 private:
  bool child_that_holds(Dwarf_Die& die, Dwarf_Die& found, std::vector<InlinedCall>& calls) {
    Dwarf_Die child;
    if (dwarf_child(&die, &child) != 0) return false;
    do {
      const int tag = dwarf_tag(&child);
      const bool scope = tag == DW_TAG_namespace || tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_module;
      if (scope && !inside_function_) {
        // Rust keeps functions inside namespaces: those have no addresses of their own.
        if (depth_ < 8 && in_scope(child, found, calls)) return true;
        continue;
      }
      if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) continue;
      if (dwarf_haspc(&child, address_) != 1) continue;
      inside_function_ = true;
      if (tag == DW_TAG_inlined_subroutine) {
        const char* name = name_of(&child);
        calls.push_back({name ? name : "[inlined]"});
      }
      found = child;
      return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
  }

  bool in_scope(Dwarf_Die scope, Dwarf_Die& found, std::vector<InlinedCall>& calls) {
    ++depth_;
    const bool good = child_that_holds(scope, found, calls);
    --depth_;
    return good;
  }

  std::uint64_t address_;
  bool inside_function_ = false;
  int depth_ = 0;
};

}  // namespace

std::unique_ptr<Inlines> Inlines::open(std::shared_ptr<ElfFile> file, int root, const std::string& path) {
  const LibdwRoot opens(root);
  std::uint64_t size = 0;
  bool any = false;
  for (const ElfSection& section : file->sections()) {
    if (section.name.starts_with(".debug_")) size += section.size;
    any |= section.name == ".debug_info";
  }
  if (!any || size > kMostDebugBytes) return nullptr;
  std::unique_ptr<Inlines> inlines(new Inlines);
  inlines->dwarf_ = dwarf_begin_elf(file->handle(), DWARF_C_READ, nullptr);
  inlines->file_ = std::move(file);
  if (!inlines->dwarf_) return nullptr;
  inlines->package_ = DwarfPackage::beside(root, path);
  const std::uint64_t start = worked_ns();
  inlines->index_units();
  inlines->spent_ns_ = worked_ns() - start;
  return inlines;
}

Inlines::~Inlines() {
  if (dwarf_) dwarf_end(dwarf_);
}

// Compilers other than GCC leave .debug_aranges out: each unit's own ranges are always there.
void Inlines::index_units() {
  const std::uint64_t start = worked_ns();
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  while (dwarf_get_units(dwarf_, unit, &unit, nullptr, nullptr, &die, nullptr) == 0) {
    Dwarf_Addr base = 0, from = 0, to = 0;
    std::ptrdiff_t at = 0;
    while (units_.size() < kMostUnits && (at = dwarf_ranges(&die, at, &base, &from, &to)) > 0) {
      if (from < to) units_.push_back({from, to, dwarf_dieoffset(&die)});
    }
    if (units_.size() >= kMostUnits || worked_ns() - start > kMostNs) break;
  }
  std::sort(units_.begin(), units_.end(), [](const Unit& a, const Unit& b) { return a.start < b.start; });
}

std::vector<InlinedCall> Inlines::at(std::uint64_t address, int root) {
  const LibdwRoot opens(root);
  std::vector<InlinedCall> calls;
  if (exhausted()) return calls;
  const auto after = std::upper_bound(units_.begin(), units_.end(), address, [](std::uint64_t a, const Unit& u) { return a < u.start; });
  if (after == units_.begin() || address >= std::prev(after)->end) return calls;
  Dwarf_Die die;
  const std::uint64_t start = worked_ns();
  if (dwarf_offdie(dwarf_, std::prev(after)->die, &die)) Descent(address).run(whole_unit(die, package_.get()), calls);
  spent_ns_ += worked_ns() - start;
  return calls;
}

}  // namespace sampan
