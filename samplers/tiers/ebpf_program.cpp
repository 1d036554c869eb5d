#include "samplers/tiers/ebpf_program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "samplers/base/clock.hpp"
#include "samplers/base/log.hpp"
#include "samplers/process/files.hpp"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#include "ebpf.skel.h"
#pragma GCC diagnostic pop

namespace sampan {
namespace {

int log_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  char line[1024];
  std::vsnprintf(line, sizeof line, format, arguments);
  for (char* c = line; *c; ++c) {
    if (*c == '\n') *c = ' ';
  }
  log_debug("{}", line);
  return 0;
}

auto failed(const char* what, int error) { return fail(Exit::NotPermitted, "{}", explain_ebpf_failure(what, error)); }

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

UniqueFd make_array(const char* name, std::uint32_t value_size, std::size_t entries, std::uint32_t flags) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
  return UniqueFd(bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(std::uint32_t), value_size, static_cast<std::uint32_t>(entries), &options));
}

// What the kernel says that a map takes (/proc/self/fdinfo); 0 of one that grows with its entries: those are few and small.
std::uint64_t bytes_of_map(const bpf_map* map) {
  if (bpf_map__fd(map) < 0 || (bpf_map__map_flags(map) & BPF_F_NO_PREALLOC)) return 0;
  const std::string text = read_file(fmt::format("/proc/self/fdinfo/{}", bpf_map__fd(map)), 4096).value_or("");
  constexpr std::string_view kKey = "memlock:";
  const auto at = text.find(kKey);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + kKey.size(), nullptr, 10);
}

// An array whose words are written by mapping it: one copy, no call a word.
UniqueFd make_module(const std::vector<std::uint64_t>& index, const std::vector<sampan_row>& rows) {
  UniqueFd fd = make_array("sampan_module", sizeof(std::uint64_t), index.size() + rows.size(), BPF_F_INNER_MAP | BPF_F_MMAPABLE);
  if (!fd) return fd;
  const std::size_t size = (index.size() + rows.size()) * sizeof(std::uint64_t);
  void* words = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (words == MAP_FAILED) return {};
  std::memcpy(words, index.data(), index.size() * sizeof(std::uint64_t));
  std::memcpy(static_cast<std::uint64_t*>(words) + index.size(), rows.data(), rows.size() * sizeof(sampan_row));
  munmap(words, size);
  return fd;
}

// Of periods that are set anew, how long each stays at least: nanoseconds, and samples.
constexpr double kPeriodStays = 100e6, kPeriodSamples = 10;
// By which share the rate differs meanwhile: by little, samples would stay in step with a loop as long as the mean period.
constexpr double kVariesLeast = 0.02, kVariesMost = 0.25;

std::vector<int> online_processors() {
  std::vector<int> processors;
  for (int cpu = 0; cpu < libbpf_num_possible_cpus(); ++cpu) processors.push_back(cpu);
  return processors;
}

}  // namespace

Result<std::unique_ptr<EbpfProgram>> EbpfProgram::open(Event event) {
  libbpf_set_print(log_libbpf);
  std::unique_ptr<EbpfProgram> program(new EbpfProgram);
  program->skeleton_ = ebpf__open();
  if (!program->skeleton_) return failed("opening the BPF program", errno);
  ebpf& skeleton = *program->skeleton_;
  skeleton.rodata->preemption = event == Event::Wall;
  const bool waiting = event == Event::Wall || event == Event::OffCpu;
  bpf_program__set_autoload(skeleton.progs.switched_tasks, waiting);
  bpf_map__set_autocreate(skeleton.maps.switches, waiting);
  bpf_map__set_max_entries(skeleton.maps.stack_works, static_cast<std::uint32_t>(libbpf_num_possible_cpus()));
  if (const int error = ebpf__load(&skeleton); error != 0) return failed("loading the BPF program", -error);
  program->walks_ = std::make_unique<EbpfWalks>(skeleton.obj, waiting);
  void* totals = mmap(nullptr, sizeof(sampan_totals), PROT_READ, MAP_SHARED, bpf_map__fd(skeleton.maps.totals), 0);
  if (totals == MAP_FAILED) return failed("mapping the sums", errno);
  program->totals_ = static_cast<const sampan_totals*>(totals);
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  if (const int error = bpf_prog_test_run_opts(bpf_program__fd(skeleton.progs.locate), &options); error != 0) {
    return failed("running the BPF program", -error);
  }
  const auto on_record = [](void* self, void* data, std::size_t size) {
    if (size < sizeof(sampan_record)) return 0;
    const auto& record = *static_cast<const sampan_record*>(data);
    const Bytes rest(static_cast<const std::byte*>(data) + sizeof record, size - sizeof record);
    static_cast<EbpfProgram*>(self)->take_(record, rest);
    return 0;
  };
  program->ring_ = ring_buffer__new(bpf_map__fd(skeleton.maps.records), on_record, program.get(), nullptr);
  if (!program->ring_) return failed("mapping the ring buffer", errno);
  return program;
}

EbpfProgram::~EbpfProgram() {
  for (bpf_link* link : events_) bpf_link__destroy(link);
  bpf_link__destroy(names_);
  if (ring_) ring_buffer__free(ring_);
  if (totals_) munmap(const_cast<sampan_totals*>(totals_), sizeof(sampan_totals));
  walks_.reset();
  if (skeleton_) ebpf__destroy(skeleton_);
}

Result<void> EbpfProgram::start(unsigned rate, bool running, bool waiting) {
  ebpf& skeleton = *skeleton_;
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  rate_ = rate;
  attributes.sample_period = next_period();
  for (const int cpu : running ? online_processors() : std::vector<int>{}) {
    const int event = static_cast<int>(syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
    if (event < 0 && errno == ENODEV) continue;   // a processor that is off
    if (event < 0) return failed("perf_event_open", errno);
    bpf_link* link = bpf_program__attach_perf_event(skeleton.progs.sample, event);   // owns the event then
    if (!link) {
      const int error = errno;
      ::close(event);
      return failed("attaching to a perf event", error);
    }
    events_.push_back(link);
    event_fds_.push_back(event);
  }
  skeleton.links.forked = bpf_program__attach(skeleton.progs.forked);
  if (!skeleton.links.forked) return failed("attaching to sched_process_fork", errno);
  skeleton.links.executed = bpf_program__attach(skeleton.progs.executed);
  if (!skeleton.links.executed) return failed("attaching to sched_process_exec", errno);
  skeleton.links.exited = bpf_program__attach(skeleton.progs.exited);
  if (!skeleton.links.exited) return failed("attaching to sched_process_exit", errno);
  if (!waiting) return {};
  skeleton.links.switched_tasks = bpf_program__attach(skeleton.progs.switched_tasks);
  if (!skeleton.links.switched_tasks) return failed("attaching to sched_switch", errno);
  return {};
}

void EbpfProgram::set_rate(double rate) {
  rate_ = rate;
  vary_at_ = 0;
  vary_period();
}

void EbpfProgram::vary_period() {
  if (now_ns() < vary_at_) return;
  const std::uint64_t period = next_period();
  for (const int event : event_fds_) ioctl(event, PERF_EVENT_IOC_PERIOD, &period);
}

// Nanoseconds; each second one makes up for the one before. To set a period begins it anew, which costs half of one: the
// others are the shorter for it.
std::uint64_t EbpfProgram::next_period() {
  const double stays = std::max(kPeriodStays, kPeriodSamples * 1e9 / rate_);
  vary_at_ = now_ns() + static_cast<std::uint64_t>(stays);
  const double samples = stays * rate_ / 1e9;
  const double before = std::exchange(varied_, 0);
  if (before == 0) varied_ = std::uniform_real_distribution<double>(kVariesLeast, kVariesMost)(random_) * (random_() % 2 ? 1 : -1);
  const double more = before != 0 ? -before : varied_;
  return static_cast<std::uint64_t>(1e9 / (rate_ * (1 + more)) * samples / (samples + 0.5));
}

Result<std::uint32_t> EbpfProgram::module_of(const std::shared_ptr<const UnwindTable>& table) {
  if (!table || table->rows.empty()) return 0;
  if (const auto known = modules_.find(table.get()); known != modules_.end()) return known->second.slot;
  if (free_slots_.empty() && slots_ + 1 >= SAMPAN_MOST_MODULES) return 0;
  const auto index = page_index(table->rows);
  UniqueFd fd = make_module(index, table->rows);
  if (!fd) return fail(Exit::Internal, "the kernel has no room for {} unwind rows: {}", table->rows.size(), std::strerror(errno));
  const std::uint32_t slot = free_slots_.empty() ? ++slots_ : free_slots_.back();
  if (!free_slots_.empty()) free_slots_.pop_back();
  made_.emplace_back(slot, std::move(fd));
  const std::size_t bytes = (index.size() + table->rows.size()) * sizeof(std::uint64_t);
  module_bytes_ += bytes;
  modules_[table.get()] = {slot, static_cast<std::uint32_t>(index.size() - 1), table, bytes};
  return slot;
}

// All at once: after each call that changes a map of maps the kernel waits until no program uses the old one, 8 to 16 ms.
// What it did not take is tried again with the next process: modules_ counts on it.
Result<void> EbpfProgram::upload_modules() {
  std::vector<std::uint32_t> slots;
  std::vector<int> inner;
  for (const auto& [slot, fd] : std::as_const(made_)) slots.push_back(slot), inner.push_back(fd.get());
  if (slots.empty()) return {};
  const int modules = bpf_map__fd(skeleton_->maps.modules);
  auto count = static_cast<std::uint32_t>(slots.size());
  if (bpf_map_update_batch(modules, slots.data(), inner.data(), &count, nullptr) != 0) {   // an older kernel takes them one by one
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (bpf_map_update_elem(modules, &slots[i], &inner[i], BPF_ANY) == 0) continue;
      return fail(Exit::Internal, "the unwind rows could not be given to the BPF program: {}", std::strerror(errno));
    }
  }
  made_.clear();
  return {};
}

Result<void> EbpfProgram::put_space(pid_t pid, const AddressSpace& space) {
  std::vector<sampan_mapping> mappings(1);
  for (const CodeRegion& region : space.regions()) {
    const auto module = module_of(region.table);
    if (!module) return tl::unexpected(module.error());
    sampan_mapping mapping{region.start, region.end, region.bias, *module, 0};
    if (*module != 0) {
      mapping.bias += region.table->base;
      mapping.pages = modules_[region.table.get()].pages;
    }
    mappings.push_back(mapping);
  }
  if (auto done = upload_modules(); !done) return done;
  mappings[0].start = mappings.size() - 1;
  mappings[0].end = space.address_bits();
  const UniqueFd fd = make_array("sampan_space", sizeof(sampan_mapping), mappings.size(), BPF_F_INNER_MAP);
  const int inner = fd.get();
  bool good = inner >= 0;
  for (std::uint32_t i = 0; good && i < mappings.size(); ++i) good = bpf_map_update_elem(inner, &i, &mappings[i], BPF_ANY) == 0;
  if (!good || bpf_map_update_elem(bpf_map__fd(skeleton_->maps.spaces), &pid, &inner, BPF_ANY) != 0) {
    return fail(Exit::Internal, "the mappings of process {} could not be given to the BPF program: {}", pid, std::strerror(errno));
  }
  space_bytes_[pid] = mappings.size() * sizeof(sampan_mapping);
  return {};
}

Result<void> EbpfProgram::put_target(pid_t pid, const sampan_target& target) {
  if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.targets), &pid, &target, BPF_ANY) == 0) return {};
  return fail(Exit::Internal, "process {} could not be given to the BPF program: {}", pid, std::strerror(errno));
}

Result<std::uint32_t> EbpfProgram::put_interpreter(pid_t pid, Bytes walk, Bytes layout) {
  const auto index = walks_->index_of(walk);
  if (!index) return index;
  if (auto done = walks_->put(*index, pid, layout); !done) return tl::unexpected(done.error());
  return index;
}

void EbpfProgram::remove(pid_t pid) {
  walks_->remove(pid);
  bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.targets), &pid);
  bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.spaces), &pid);
  space_bytes_.erase(pid);
}

bool EbpfProgram::trim() {
  constexpr int kMostAtOnce = 4;
  int freed = 0;
  std::erase_if(modules_, [&](const auto& item) {
    const Module& module = item.second;
    if (freed == kMostAtOnce || module.table.use_count() > 2) return false;   // the cache's and this one
    if (bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.modules), &module.slot) != 0) return false;
    free_slots_.push_back(module.slot);
    module_bytes_ -= module.bytes;
    ++freed;
    return true;
  });
  return freed == kMostAtOnce;
}

void EbpfProgram::drain(const std::function<void(const sampan_record&, Bytes)>& take) {
  take_ = take;
  ring_buffer__consume(ring_);
  take_ = nullptr;
}

std::string EbpfProgram::kernel_name(std::uint64_t address) {
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.ctx_in = &address;
  options.ctx_size_in = sizeof address;
  if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.name_kernel), &options) != 0) return {};
  const char (&text)[sizeof skeleton_->bss->kernel_name] = skeleton_->bss->kernel_name;
  std::string name(text, strnlen(text, sizeof text));
  if (name.empty()) name = printed_kernel_name(address);
  return name.starts_with("0x") ? std::string() : name;   // an address that no function has
}

// `name+offset/size` or `name+offset/size [module]`, less what lies between.
std::string EbpfProgram::printed_kernel_name(std::uint64_t address) {
  if (!names_) names_ = bpf_program__attach_iter(skeleton_->progs.print_kernel_name, nullptr);
  if (!names_) return {};
  skeleton_->bss->kernel_address = address;
  const UniqueFd fd(bpf_iter_create(bpf_link__fd(names_)));
  char text[256];
  const ssize_t size = fd ? ::read(fd.get(), text, sizeof text) : -1;
  std::string name(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::size_t offset = name.find("+0x");
  if (offset != std::string::npos) name.erase(offset, name.find(' ', offset) - offset);
  return name;
}

KernelCost EbpfProgram::cost() const {
  KernelCost cost{__atomic_load_n(&totals_->nanoseconds, __ATOMIC_RELAXED), __atomic_load_n(&totals_->interrupts, __ATOMIC_RELAXED), module_bytes_};
  for (const auto& [pid, bytes] : space_bytes_) cost.bytes += bytes;
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) cost.bytes += bytes_of_map(map);
  return cost;
}

std::uint64_t EbpfProgram::lost() const { return __atomic_load_n(&totals_->lost, __ATOMIC_RELAXED); }

}  // namespace sampan
