// HotSpot processes: Java's frames from the VM's own description of itself, native ones by rows.
#include <algorithm>
#include <optional>

#include "samplers/base/clock.hpp"
#include "samplers/base/log.hpp"
#include "samplers/java/walk.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kFirstTry = 5'000'000, kLastTry = 500'000'000;   // ns between looks at a VM that is not there yet
constexpr std::uint64_t kGivenUp = 120'000'000'000;                         // ns: a process that old has no VM to come

// libjvm is mapped long before what it says of itself is there (relocations, static constructors): until then, and where it
// is no HotSpot, the machine's frames are shown.
class JavaWalker final : public Walker {
 public:
  JavaWalker(Process& process, Context& context) : process_(process), context_(context), native_(process, context), begun_(now_ns()) { look(begun_); }

  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override {
    look(now_ns());
    return walk_ ? walk_->run(thread, frames) : native_.walk(thread, frames);
  }
  bool wants_stack() const override { return vm_ || !given_up_; }
  std::string thread_name(pid_t tid) override {
    const java::VmThread* thread = vm_ ? vm_->threads.find(Thread(process_.id.pid, tid).inner_tid()) : nullptr;
    return thread ? vm_->heap.thread_name(thread->address) : std::string();
  }
  void refresh() override {
    native_.refresh();
    if (vm_) vm_->refresh();
    else look(now_ns());
  }
  void resolve(Profile&) override { native_.resolve(); }

 private:
  void look(std::uint64_t now) {
    if (vm_ || given_up_ || now < next_) return;
    wait_ = std::min(wait_ * 2, kLastTry);
    next_ = now + wait_;
    auto vm = java::Vm::open(process_, context_);
    if (vm && (*vm)->code.empty() && now - begun_ <= kGivenUp) return;
    // What it says of itself may have come while it was read: once more, now that it is all there.
    if (vm) vm = java::Vm::open(process_, context_);
    if (vm) {
      vm_ = std::move(*vm);
      walk_.emplace(*vm_, native_, context_);
    } else if (now - begun_ > kGivenUp) {
      given_up_ = true;
      log_warning("process {} ({}): {}; its native frames are shown", process_.id.pid, process_.name, vm.error().message);
    }
  }

  Process& process_;
  Context& context_;
  NativeStack native_;
  std::unique_ptr<java::Vm> vm_;        // null until the VM describes itself
  std::optional<java::Walk> walk_;
  std::uint64_t begun_, next_ = 0, wait_ = kFirstTry;
  bool given_up_ = false;
};

bool matches(const Process& process, Context&) { return java::find_libjvm(process) != nullptr; }

Result<std::unique_ptr<Walker>> open(Process& process, Context& context) { return std::make_unique<JavaWalker>(process, context); }

}  // namespace

Runtime java_runtime() { return {"java", matches, open, false}; }

}  // namespace sampan
