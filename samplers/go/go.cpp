// Go programs: the goroutine's entry as the root, frames and inlined calls by Go's own tables.
#include "samplers/symbols/native_stack.hpp"

namespace sampan {
namespace {

class GoWalker final : public Walker {
 public:
  GoWalker(const Process& process, Context& context) : stack_(process, context) {}
  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override { return stack_.walk(thread, frames); }
  void observe_stopped(const ThreadSnapshot& thread) override { stack_.observe_stopped(thread); }
  void refresh() override { stack_.refresh(); }
  void resolve(Profile&) override { stack_.resolve(); }

 private:
  NativeStack stack_;
};

// The program itself is Go's: a library of Go's in another program does not count.
bool matches(const Process& process, Context& context) {
  for (const Mapping& mapping : process.maps) {
    if (!mapping.executable || mapping.file.inode == 0) continue;
    const auto file = context.elfs.get(process, mapping);
    return file && (file->section(".gopclntab") || file->section(".data.rel.ro.gopclntab"));
  }
  return false;
}

Result<std::unique_ptr<Walker>> open(Process& process, Context& context) { return std::make_unique<GoWalker>(process, context); }

}  // namespace

Runtime go_runtime() { return {"go", matches, open, false}; }

}  // namespace sampan
