#include "samplers/tiers/ebpf_modules.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "samplers/tiers/ebpf.h"

namespace sampan {

UniqueFd make_bpf_array(const char* name, std::uint32_t value_size, std::size_t entries, std::uint32_t flags) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
  return UniqueFd(bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(std::uint32_t), value_size, static_cast<std::uint32_t>(entries), &options));
}

namespace {

// For each page of a module, the row that holds where it starts; one more for the end.
std::vector<std::uint64_t> page_index(const std::vector<sampan_row>& rows) {
  const std::uint64_t pages = (std::uint64_t{rows.back().pc} >> SAMPAN_PAGE_SHIFT) + 1;
  std::vector<std::uint64_t> index;
  index.reserve(pages + 1);
  std::uint64_t row = 0;
  for (std::uint64_t page = 0; page <= pages; ++page) {
    while (row + 1 < rows.size() && rows[row + 1].pc <= page << SAMPAN_PAGE_SHIFT) ++row;
    index.push_back(row);
  }
  return index;
}

// An array whose words are written by mapping it: one copy, no call a word.
UniqueFd make_module(const std::vector<std::uint64_t>& index, const std::vector<sampan_row>& rows) {
  UniqueFd fd = make_bpf_array("sampan_module", sizeof(std::uint64_t), index.size() + rows.size(), BPF_F_INNER_MAP | BPF_F_MMAPABLE);
  if (!fd) return fd;
  const std::size_t size = (index.size() + rows.size()) * sizeof(std::uint64_t);
  void* words = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (words == MAP_FAILED) return {};
  std::memcpy(words, index.data(), index.size() * sizeof(std::uint64_t));
  std::memcpy(static_cast<std::uint64_t*>(words) + index.size(), rows.data(), rows.size() * sizeof(sampan_row));
  munmap(words, size);
  return fd;
}

}  // namespace

Result<EbpfModules::Module> EbpfModules::of(const std::shared_ptr<const UnwindTable>& table) {
  if (!table || table->rows.empty()) return Module{};
  if (const auto known = held_.find(table.get()); known != held_.end()) return known->second.module;
  if (free_slots_.empty() && slots_ + 1 >= SAMPAN_MOST_MODULES) return Module{};
  const auto index = page_index(table->rows);
  UniqueFd fd = make_module(index, table->rows);
  if (!fd) return fail(Exit::Internal, "the kernel has no room for {} unwind rows: {}", table->rows.size(), std::strerror(errno));
  const std::uint32_t slot = free_slots_.empty() ? ++slots_ : free_slots_.back();
  if (!free_slots_.empty()) free_slots_.pop_back();
  made_.emplace_back(slot, std::move(fd));
  const std::size_t bytes = (index.size() + table->rows.size()) * sizeof(std::uint64_t);
  bytes_ += bytes;
  const Module module{slot, static_cast<std::uint32_t>(index.size() - 1)};
  held_[table.get()] = {module, table, bytes};
  return module;
}

// All at once: after each call that changes a map of maps the kernel waits until no program uses the old one, 8 to 16 ms.
// What it did not take is tried again with the next process: held_ counts on it.
Result<void> EbpfModules::upload() {
  std::vector<std::uint32_t> slots;
  std::vector<int> inner;
  for (const auto& [slot, fd] : std::as_const(made_)) slots.push_back(slot), inner.push_back(fd.get());
  if (slots.empty()) return {};
  auto count = static_cast<std::uint32_t>(slots.size());
  if (bpf_map_update_batch(map_, slots.data(), inner.data(), &count, nullptr) != 0) {   // an older kernel takes them one by one
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (bpf_map_update_elem(map_, &slots[i], &inner[i], BPF_ANY) == 0) continue;
      return fail(Exit::Internal, "the unwind rows could not be given to the BPF program: {}", std::strerror(errno));
    }
  }
  made_.clear();
  return {};
}

bool EbpfModules::trim() {
  constexpr int kMostAtOnce = 4;
  int freed = 0;
  std::erase_if(held_, [&](const auto& item) {
    const Held& held = item.second;
    if (freed == kMostAtOnce || held.table.use_count() > 2) return false;   // the cache's and this one
    if (bpf_map_delete_elem(map_, &held.module.slot) != 0) return false;
    free_slots_.push_back(held.module.slot);
    bytes_ -= held.bytes;
    ++freed;
    return true;
  });
  return freed == kMostAtOnce;
}

}  // namespace sampan
