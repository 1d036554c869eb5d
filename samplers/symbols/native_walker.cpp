#include "samplers/symbols/native_walker.hpp"

#include "samplers/symbols/native_stack.hpp"

namespace sampan {
namespace {

class NativeWalker final : public Walker {
 public:
  NativeWalker(const Process& process, Context& context) : stack_(process, context) {}
  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override { return stack_.walk(thread, frames); }
  void observe_stopped(const ThreadSnapshot& thread) override { stack_.observe_stopped(thread); }
  void refresh() override { stack_.refresh(); }
  void resolve(Profile&) override { stack_.resolve(); }

 private:
  NativeStack stack_;
};

}  // namespace

Result<std::unique_ptr<Walker>> open_native_walker(Process& process, Context& context) {
  return std::make_unique<NativeWalker>(process, context);
}

}  // namespace sampan
