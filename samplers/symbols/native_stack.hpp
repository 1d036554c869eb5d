// A process's machine stacks as frames: walked here from registers and a stack copy, or taken as the kernel walked them.
// Each code address becomes a placeholder once; names come after sampling. Walkers of every compiled runtime use it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "samplers/sampler.hpp"
#include "samplers/symbols/symbol_cache.hpp"
#include "samplers/unwind/address_space.hpp"
#include "samplers/unwind/unwinder.hpp"

namespace sampan {

class NativeStack {
 public:
  // Process and context outlive it.
  NativeStack(const Process& process, Context& context);

  // Appends the snapshot's frames, outermost first, kernel frames last; a `[truncated]` note where frames are missing.
  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames);
  // Appends the snapshot's addresses, innermost first, each inside its call; true where the thread's start was reached.
  bool addresses(const ThreadSnapshot& thread, std::vector<std::uint64_t>& out);
  // To be called from Walker::observe_stopped: Go code moves between stacks, so its walk needs more than one copy.
  void observe_stopped(const ThreadSnapshot& thread);
  // The placeholder of an address.
  FrameId frame(std::uint64_t address);
  FrameId kernel_frame(std::uint64_t address);
  FrameId intern(const CodeName& name);
  FrameId truncated() const { return truncated_; }
  const AddressSpace& space() const { return space_; }

  void refresh();
  // Names every placeholder made so far; addresses that come later are new ones.
  void resolve();

 private:
  struct Place {
    FrameId id;
    std::uint64_t address;        // in the process
    std::uint64_t file_address;
    std::size_t origin;           // index into origins_; kNowhere: no file
  };
  static constexpr std::size_t kNowhere = ~std::size_t{0};

  Step unwind_copy(const ThreadSnapshot& thread, Memory* live, std::vector<std::uint64_t>& out, bool& inferred);
  std::size_t origin_of(const CodeRegion& region);
  void open_perf_map();
  std::map<std::uint64_t, std::string> jit_names();
  void name(const Place& place, const std::map<std::uint64_t, std::string>& jit);

  const Process& process_;
  Context& context_;
  AddressSpace space_;
  FrameId truncated_;
  std::unordered_map<std::uint64_t, FrameId> frames_;
  std::unordered_map<std::uint64_t, FrameId> kernel_frames_;
  std::vector<Place> places_;
  std::vector<FileOrigin> origins_;
  std::map<const ElfFile*, std::size_t> origin_index_;
  std::vector<std::uint64_t> walked_;
  std::vector<std::uint64_t> observed_;     // walked while the thread was stopped, of the next snapshot
  bool observed_rooted_ = false;
  pid_t inner_pid_;
  std::optional<std::uint32_t> owner_;      // the process's user, while it could be asked
  UniqueFd perf_map_;                       // kept from its first sight on: it may be gone with the process
};

}  // namespace sampan
