// HotSpot processes: Java's frames from the VM's own description of itself, native ones by rows.
#include "samplers/base/log.hpp"
#include "samplers/java/walk.hpp"

namespace sampan {
namespace {

class JavaWalker final : public Walker {
 public:
  JavaWalker(Process& process, Context& context, std::unique_ptr<java::Vm> vm)
      : process_(process), native_(process, context), vm_(std::move(vm)), walk_(*vm_, native_, context) {}

  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override {
    return walk_.run(thread, frames);
  }
  bool wants_stack() const override { return true; }
  std::string thread_name(pid_t tid) override {
    const java::VmThread* thread = vm_->threads.find(Thread(process_.id.pid, tid).inner_tid());
    return thread ? vm_->heap.thread_name(thread->address) : std::string();
  }
  void refresh() override {
    native_.refresh();
    vm_->refresh();
  }
  void resolve(Profile&) override { native_.resolve(); }

 private:
  const Process& process_;
  NativeStack native_;
  std::unique_ptr<java::Vm> vm_;
  java::Walk walk_;
};

// What is no HotSpot but looks like it: its machine stacks.
class PlainWalker final : public Walker {
 public:
  PlainWalker(const Process& process, Context& context) : native_(process, context) {}
  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override { return native_.walk(thread, frames); }
  void refresh() override { native_.refresh(); }
  void resolve(Profile&) override { native_.resolve(); }

 private:
  NativeStack native_;
};

// While the loader is still at work on a HotSpot, what it says of itself is not there yet: a moment later it is.
bool matches(const Process& process, Context& context) {
  const Mapping* mapping = java::find_libjvm(process);
  const auto file = mapping ? context.elfs.get(process, *mapping) : nullptr;
  if (!file) return mapping != nullptr;
  std::uint64_t tables = 0;
  file->each_symbol([&](const ElfSymbol& symbol) {
    if (symbol.name == "gHotSpotVMStructs") tables = symbol.address + file->bias(*mapping);
  });
  return !tables || process.memory->read_as<std::uint64_t>(tables) != 0;
}

Result<std::unique_ptr<Walker>> open(Process& process, Context& context) {
  auto vm = java::Vm::open(process, context);
  if (vm) return std::make_unique<JavaWalker>(process, context, std::move(*vm));
  log_warning("process {} ({}): {}; its native frames are shown", process.id.pid, process.name, vm.error().message);
  return std::make_unique<PlainWalker>(process, context);
}

}  // namespace

Runtime java_runtime() { return {"java", matches, open, false}; }

}  // namespace sampan
