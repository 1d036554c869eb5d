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

// What the kernel says that a map takes (/proc/self/fdinfo); 0 of one that grows with its entries: those are few and small.
std::uint64_t bytes_of_map(const bpf_map* map) {
  if (bpf_map__fd(map) < 0 || (bpf_map__map_flags(map) & BPF_F_NO_PREALLOC)) return 0;
  const std::string text = read_file(fmt::format("/proc/self/fdinfo/{}", bpf_map__fd(map)), 4096).value_or("");
  constexpr std::string_view kKey = "memlock:";
  const auto at = text.find(kKey);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + kKey.size(), nullptr, 10);
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
  program->modules_ = std::make_unique<EbpfModules>(bpf_map__fd(skeleton.maps.modules));
  program->walks_ = std::make_unique<EbpfWalks>(skeleton.obj, waiting);
  void* totals = mmap(nullptr, sizeof(sampan_totals), PROT_READ, MAP_SHARED, bpf_map__fd(skeleton.maps.totals), 0);
  if (totals == MAP_FAILED) return failed("mapping the sums", errno);
  program->totals_ = static_cast<const sampan_totals*>(totals);
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  if (const int error = bpf_prog_test_run_opts(bpf_program__fd(skeleton.progs.locate), &options); error != 0) {
    return failed("running the BPF program", -error);
  }
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton.obj) program->map_bytes_ += bytes_of_map(map);
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

Result<void> EbpfProgram::put_space(pid_t pid, const AddressSpace& space) {
  std::vector<sampan_mapping> mappings(1);
  for (const CodeRegion& region : space.regions()) {
    const auto module = modules_->of(region.table);
    if (!module) return tl::unexpected(module.error());
    sampan_mapping mapping{region.start, region.end, region.bias, module->slot, module->pages};
    if (module->slot != 0) mapping.bias += region.table->base;
    mappings.push_back(mapping);
  }
  if (auto done = modules_->upload(); !done) return done;
  mappings[0].start = mappings.size() - 1;
  mappings[0].end = space.address_bits();
  const UniqueFd fd = make_bpf_array("sampan_space", sizeof(sampan_mapping), mappings.size(), BPF_F_INNER_MAP);
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

void EbpfProgram::end(pid_t pid) {
  walks_->remove(pid);
  bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.targets), &pid);
}

void EbpfProgram::remove(pid_t pid) {
  end(pid);
  bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.spaces), &pid);
  space_bytes_.erase(pid);
}

bool EbpfProgram::trim() { return modules_->trim(); }

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
  KernelCost cost{__atomic_load_n(&totals_->nanoseconds, __ATOMIC_RELAXED), __atomic_load_n(&totals_->interrupts, __ATOMIC_RELAXED), modules_->bytes()};
  for (const auto& [pid, bytes] : space_bytes_) cost.bytes += bytes;
  cost.bytes += map_bytes_;
  return cost;
}

std::uint64_t EbpfProgram::lost() const { return __atomic_load_n(&totals_->lost, __ATOMIC_RELAXED); }

}  // namespace sampan
