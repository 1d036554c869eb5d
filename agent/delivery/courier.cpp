#include "agent/delivery/courier.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>
#include <new>
#include <random>
#include <utility>

#include "agent/contract/clock.hpp"
#include "agent/contract/own_processes.hpp"
#include "agent/delivery/delivery.hpp"
#include "agent/delivery/files.hpp"
#include "agent/delivery/pace.hpp"
#include "agent/run/signals.hpp"
#include "samplers/base/log.hpp"

namespace sampan {

// What both processes see.
struct Courier::Shared {
  std::atomic<std::uint64_t> delivered, refused, failed, dropped;
};

namespace {

constexpr double kGrace = 20;        // seconds for what waits, once the agent ends
constexpr double kLongestRest = 1;   // seconds between two looks at the spool

double now_seconds() { return static_cast<double>(monotonic_ns()) / 1e9; }
std::uint64_t epoch_seconds() { return wall_ns() / 1'000'000'000; }

// Of the courier's own process: where the agent's orders come from, and when its time is over; -1: it goes on.
int orders_ = -1;
double end_ = -1;

// An order is to look at the spool; their end is the agent's.
void take_orders() {
  char bytes[64];
  ssize_t got = 1;
  while (end_ < 0 && got > 0) got = ::read(orders_, bytes, sizeof bytes);
  if (end_ < 0 && got == 0) end_ = now_seconds() + kGrace;
}

double seconds_left() {
  take_orders();
  return end_ < 0 ? -1 : std::max(0.0, end_ - now_seconds());
}

void rest_until(double time) {
  const double most = std::clamp(time - now_seconds(), 0.0, kLongestRest);
  pollfd order{end_ < 0 ? orders_ : -1, POLLIN, 0};
  ::poll(&order, 1, static_cast<int>(most * 1000) + 1);
}

// What may be different the next time without any change here: tokens rotate.
bool is_credential(long status) { return status == 401 || status == 403 || status == 407; }

double chance() {
  static std::minstd_rand engine(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

}  // namespace

Courier::Courier(const DeliveryOptions& options, Shared* shared)
    : options_(options), spool_(options.spool_dir, std::uint64_t{options.spool_mb} << 20, std::uint64_t{options.spool_hours} * 3600), shared_(shared) {}

Result<std::unique_ptr<Courier>> Courier::start(const DeliveryOptions& options, void (*restrict)(const std::string&)) {
  if (options.spool_dir.empty() || options.uploads.empty()) return nullptr;
  if (auto probed = probe_directory(options.spool_dir); !probed) return fail(Exit::DeliveryFailed, "spool_dir: {}", probed.error().message);
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int ends[2];
  if (memory == MAP_FAILED || ::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return fail(Exit::Internal, "the spool's own process cannot be started");
  std::unique_ptr<Courier> courier(new Courier(options, new (memory) Shared{}));
  UniqueFd reader(ends[0]);
  courier->writer_ = UniqueFd(ends[1]);
  const pid_t agent = ::getpid();
  courier->pid_ = ::fork();
  if (courier->pid_ < 0) return fail(Exit::Internal, "the spool's own process cannot be started");
  if (courier->pid_ > 0) return courier;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, kCourierName);
  if (::getppid() != agent) ::_exit(0);
  courier->writer_ = UniqueFd();
  orders_ = reader.get();
  restrict(options.spool_dir);
  courier->work();
  ::_exit(0);
}

// One file at a time to each destination, oldest first; what one does not take makes no other wait.
void Courier::work() {
  Progress progress(std::fopen("/dev/null", "r"));   // the agent alone speaks
  std::map<std::string, Pace> paces;
  std::map<std::string, std::vector<Waiting>> known;   // at the last look
  for (bool last = false; seconds_left() != 0;) {
    if (end_ >= 0 && !std::exchange(last, true)) paces.clear();   // each is tried once more
    std::map<std::string, std::vector<Waiting>> by_destination;
    for (Waiting& one : spool_.list()) by_destination[one.destination].push_back(std::move(one));
    if (last && by_destination.empty()) return;
    double next = now_seconds() + kLongestRest;
    for (const auto& [destination, waiting] : by_destination) {
      Pace& pace = paces[destination];
      if (!known.contains(destination)) pace.arrived(now_seconds());
      if (pace.due() <= now_seconds()) send(waiting.front(), waiting.size() > 1, pace, progress);
      next = std::min(next, pace.due());
    }
    known = std::move(by_destination);
    rest_until(next);
  }
}

void Courier::send(const Waiting& waiting, bool more, Pace& pace, Progress& progress) {
  const auto& uploads = options_.uploads;
  const auto upload = std::find_if(uploads.begin(), uploads.end(), [&](const Upload& one) { return destination_of(one) == waiting.destination; });
  const auto consignment = upload == uploads.end() ? std::nullopt : spool_.read(waiting);
  if (!consignment) {   // params name the place no more, or the file is damaged
    spool_.remove(waiting);
    ++shared_->dropped;
    return;
  }
  auto request = request_of(*upload, consignment->file, consignment->batch, progress);
  DeliveryReport report;
  if (request) {
    request->retry_seconds = 0;
    report = send_all({*request}, seconds_left).front();
  }
  const double now = now_seconds();
  const bool settled = report.delivered || (report.refused && !is_credential(report.status) && report.status != 0);
  if (!settled) {
    ++shared_->failed;
    return pace.failed(now, chance(), report.asked);
  }
  ++(report.delivered ? shared_->delivered : shared_->refused);
  spool_.remove(waiting);
  pace.succeeded(now, chance(), more);
}

void Courier::take(const std::vector<Artifact>& files, const Batch& batch) {
  for (const Upload& upload : options_.uploads) {
    for (const Artifact* file : files_for(upload, files)) shared_->dropped += spool_.put(upload, *file, batch);
  }
  shared_->dropped += spool_.trim(epoch_seconds());
  if (::write(writer_.get(), "+", 1) != 1) return;   // full: it will look anyway
}

SpoolState Courier::state() const {
  SpoolState state{.used = true, .delivered = shared_->delivered, .refused = shared_->refused, .failed = shared_->failed, .dropped = shared_->dropped};
  for (const Waiting& one : spool_.list()) ++state.waiting, state.bytes += one.bytes;
  return state;
}

void Courier::finish() {
  writer_ = UniqueFd();
  constexpr double kMargin = 2;
  const double until = now_seconds() + kGrace + kMargin;
  while (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0 && now_seconds() < until && signals_seen() < 2) ::usleep(20'000);
  pid_ = 0;
}

Courier::~Courier() {
  finish();
  ::munmap(shared_, sizeof(Shared));
}

}  // namespace sampan
