#include "samplers/tiers/ebpf_walks.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

#include "samplers/tiers/ebpf.h"
#include "samplers/tiers/ebpf_program.hpp"

namespace sampan {
namespace {

constexpr std::uint32_t kMostPreallocated = 2048;   // processes whose interpreter is walked: each takes its room at once

// Maps of the same name are one: the work area, the ring, the sums.
int share_maps(bpf_object* object, bpf_object* tier) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const bpf_map* own = bpf_map__is_internal(map) ? nullptr : bpf_object__find_map_by_name(tier, bpf_map__name(map));
    if (!own) continue;
    if (const int error = bpf_map__reuse_fd(map, bpf_map__fd(own)); error != 0) return error;
  }
  return 0;
}

// Puts a program of `object` into the tier's array of that name.
int enter(bpf_object* tier, const char* array, std::uint32_t index, bpf_object* object, const char* program) {
  const int fd = bpf_program__fd(bpf_object__find_program_by_name(object, program));
  return bpf_map_update_elem(bpf_object__find_map_fd_by_name(tier, array), &index, &fd, BPF_ANY) == 0 ? 0 : -errno;
}

}  // namespace

void EbpfWalks::Close::operator()(bpf_object* object) const { bpf_object__close(object); }

Result<EbpfWalks::Walk> EbpfWalks::load(Bytes bytes, std::uint32_t index, bool preallocated) {
  const auto failed = [](const char* what, int error) { return fail(Exit::NotPermitted, "{}", explain_ebpf_failure(what, error)); };
  Walk walk{bytes.data(), std::unique_ptr<bpf_object, Close>(bpf_object__open_mem(bytes.data(), bytes.size(), nullptr)), -1};
  if (!walk.object) return failed("opening the BPF program of a runtime", errno);
  bpf_object* object = walk.object.get();
  bpf_program__set_autoload(bpf_object__find_program_by_name(object, "walk_switch"), waiting_);
  if (preallocated) {
    bpf_map* processes = bpf_object__find_map_by_name(object, "processes");
    bpf_map__set_map_flags(processes, 0);
    bpf_map__set_max_entries(processes, kMostPreallocated);
  }
  int error = share_maps(object, tier_);
  if (error == 0) error = bpf_object__load(object);
  if (error == 0) error = enter(tier_, "sample_walks", index, object, "walk_sample");
  if (error == 0 && waiting_) error = enter(tier_, "switch_walks", index, object, "walk_switch");
  if (error == -EINVAL && !preallocated) return load(bytes, index, true);
  if (error != 0) return failed("loading the BPF program", -error);
  walk.processes = bpf_object__find_map_fd_by_name(object, "processes");
  return walk;
}

Result<std::uint32_t> EbpfWalks::index_of(Bytes object) {
  for (std::size_t i = 0; i < walks_.size(); ++i) {
    if (walks_[i].bytes == object.data()) return static_cast<std::uint32_t>(i + 1);
  }
  const auto index = static_cast<std::uint32_t>(walks_.size() + 1);
  if (index >= SAMPAN_MOST_WALKS) return fail(Exit::Internal, "more than {} runtimes have a walk in the kernel", SAMPAN_MOST_WALKS - 1);
  auto walk = load(object, index, false);
  if (!walk) return tl::unexpected(walk.error());
  walks_.push_back(std::move(*walk));
  return index;
}

Result<void> EbpfWalks::put(std::uint32_t index, pid_t pid, Bytes layout) {
  const Walk& walk = walks_[index - 1];
  const bpf_map* map = bpf_object__find_map_by_name(walk.object.get(), "processes");
  if (layout.size() == bpf_map__value_size(map) && bpf_map_update_elem(walk.processes, &pid, layout.data(), BPF_ANY) == 0) return {};
  return fail(Exit::Internal, "the interpreter of process {} could not be given to the BPF program: {}", pid, std::strerror(errno));
}

void EbpfWalks::remove(pid_t pid) {
  for (const Walk& walk : walks_) bpf_map_delete_elem(walk.processes, &pid);
}

}  // namespace sampan
