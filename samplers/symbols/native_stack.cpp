#include "samplers/symbols/native_stack.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "samplers/symbols/perf_map.hpp"

namespace sampan {

NativeStack::NativeStack(const Process& process, Context& context)
    : process_(process),
      context_(context),
      space_(process, context.elfs, context.unwind),
      truncated_(context.profile.intern({FrameKind::Note, "[truncated]", {}})),
      inner_pid_(Thread(process.id.pid, process.id.pid).inner_tid()),
      owner_(owner_of(process.id)) {}

bool NativeStack::addresses(const ThreadSnapshot& thread, std::vector<std::uint64_t>& out) {
  if (!thread.registers) {
    out.insert(out.end(), thread.addresses.begin(), thread.addresses.end());
    context_.inferred += thread.inferred;
    return thread.rooted;
  }
  if (!observed_.empty()) {
    out.insert(out.end(), observed_.begin(), observed_.end());
    observed_.clear();
    return observed_rooted_;
  }
  const std::size_t before = out.size();
  bool inferred = false;
  Step done = unwind_copy(thread, nullptr, out, inferred);
  // Code that was mapped since the last refresh: read the mappings and try once more.
  if (done == Step::Lost && !space_.find(out.back()) && space_.refresh()) {
    out.resize(before);
    done = unwind_copy(thread, nullptr, out, inferred);
  }
  context_.inferred += inferred;
  return done == Step::Root;
}

Step NativeStack::unwind_copy(const ThreadSnapshot& thread, Memory* live, std::vector<std::uint64_t>& out, bool& inferred) {
  FrameState frame;
  frame.registers = *thread.registers;
  frame.fp_known = thread.fp_known;
  return unwind(space_, {thread.registers->sp, thread.stack, live}, frame, out, &inferred);
}

void NativeStack::observe_stopped(const ThreadSnapshot& thread) {
  observed_.clear();
  const auto& regions = space_.regions();
  const bool go = std::any_of(regions.begin(), regions.end(), [](const CodeRegion& r) { return r.table && r.table->go; });
  bool inferred = false;
  if (go) observed_rooted_ = unwind_copy(thread, process_.memory.get(), observed_, inferred) == Step::Root;
}

Walked NativeStack::walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) {
  walked_.clear();
  const bool rooted = addresses(thread, walked_);
  if (walked_.empty() && thread.kernel.empty()) return Walked::Failed;
  if (!rooted) frames.push_back(truncated_);
  for (std::size_t i = walked_.size(); i-- > 0;) frames.push_back(frame(walked_[i]));
  for (std::size_t i = thread.kernel.size(); i-- > 0;) frames.push_back(kernel_frame(thread.kernel[i] - (i != 0)));   // callers: inside the call
  return rooted ? Walked::Whole : Walked::Truncated;
}

FrameId NativeStack::frame(std::uint64_t address) {
  const auto [known, fresh] = frames_.try_emplace(address);
  if (!fresh) return known->second;
  const CodeRegion* region = space_.find(address);
  Place place{context_.profile.placeholder(FrameKind::Native, address), address, 0, kNowhere};
  if (region && region->file) {
    place.file_address = address - region->bias;
    place.origin = origin_of(*region);
  }
  places_.push_back(place);
  return known->second = place.id;
}

FrameId NativeStack::kernel_frame(std::uint64_t address) {
  const auto [known, fresh] = kernel_frames_.try_emplace(address);
  if (fresh) known->second = intern(context_.symbols.kernel(address));
  return known->second;
}

FrameId NativeStack::intern(const CodeName& name) {
  const FrameId id = context_.profile.intern(name.frame());
  if (!name.ending.empty()) context_.profile.note_ending(id, name.ending);
  return id;
}

std::size_t NativeStack::origin_of(const CodeRegion& region) {
  const auto [known, fresh] = origin_index_.try_emplace(region.file.get(), origins_.size());
  if (fresh) origins_.push_back({region.file, region.table, region.path, process_.root.get()});
  return known->second;
}

// Anyone may have put a file there: names come from the process's own user, or from root.
void NativeStack::open_perf_map() {
  if (perf_map_) return;
  if (const auto now = owner_of(process_.id)) owner_ = now;
  auto fd = open_target_file(process_.root.get(), fmt::format("/tmp/perf-{}.map", inner_pid_));
  struct stat file {};
  if (!fd || fstat(fd->get(), &file) != 0 || (file.st_uid != 0 && file.st_uid != owner_)) return;
  perf_map_ = std::move(*fd);
}

void NativeStack::refresh() {
  space_.refresh();
  if (std::any_of(places_.begin(), places_.end(), [](const Place& p) { return p.origin == kNowhere; })) open_perf_map();
}

std::map<std::uint64_t, std::string> NativeStack::jit_names() {
  std::vector<std::uint64_t> wanted;
  for (const Place& place : places_) {
    if (place.origin == kNowhere) wanted.push_back(place.address);
  }
  if (wanted.empty()) return {};
  open_perf_map();
  return perf_map_ ? read_perf_map(perf_map_.get(), std::move(wanted)) : std::map<std::uint64_t, std::string>{};
}

void NativeStack::name(const Place& place, const std::map<std::uint64_t, std::string>& jit) {
  std::vector<CodeName> names;
  if (place.origin != kNowhere) {
    context_.symbols.resolve(origins_[place.origin], place.file_address, names);
  } else if (const auto known = jit.find(place.address); known != jit.end()) {
    names.push_back({FrameKind::Native, known->second, "[jit]", 0, 0, true});
  } else {
    names.push_back({FrameKind::Native, "[anonymous code]", {}, 0, 0, false});
  }
  std::vector<FrameId> ids;
  for (CodeName& each : names) {
    if (!each.known) ++context_.unresolved;
    if (!context_.options.lines) each.line = 0;
    ids.push_back(intern(each));
  }
  context_.profile.replace(place.id, ids);
}

void NativeStack::resolve() {
  const auto jit = jit_names();
  for (const Place& place : places_) name(place, jit);
  places_.clear();
  frames_.clear();
}

}  // namespace sampan
