// Node.js processes: JavaScript's frames from V8's own heap, native ones by rows. No flag, no restart.
#include "samplers/base/log.hpp"
#include "samplers/node/walk.hpp"
#include "samplers/symbols/native_walker.hpp"

namespace sampan {
namespace {

class NodeWalker final : public Walker {
 public:
  NodeWalker(Process& process, Context& context, node::Layout layout, const std::shared_ptr<ElfFile>& file, std::uint64_t bias)
      : native_(process, context), layout_(std::move(layout)),
        builtins_(file, *context.unwind.get(file), node::BuiltinNames::of(file, *process.memory, bias)),
        walk_(layout_, builtins_, *process.memory, native_, context) {}

  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override { return walk_.run(thread, frames); }
  bool wants_stack() const override { return true; }
  void refresh() override { native_.refresh(); }
  void resolve(Profile&) override { native_.resolve(); }

 private:
  NativeStack native_;
  node::Layout layout_;
  node::Builtins builtins_;
  node::Walk walk_;
};

// The program itself, or the library of V8 that it is made of.
bool may_hold_v8(const Process& process, const Mapping& mapping, bool first) {
  const auto name = base_name(mapping.path);
  return (first && name.find("node") != std::string_view::npos) || name.rfind("libnode.so", 0) == 0 || (first && process.name.find("node") != std::string::npos);
}

struct V8 {
  const Mapping* mapping = nullptr;
  std::optional<DynamicSymbols> symbols;
};

V8 find_v8(const Process& process) {
  const Mapping* program = nullptr;
  for (const Mapping& mapping : process.maps) {
    if (mapping.file.inode == 0 || mapping.offset != 0 || mapping.path.empty()) continue;
    if (!program) program = &mapping;
    if (!may_hold_v8(process, mapping, &mapping == program)) continue;
    auto symbols = DynamicSymbols::open(*process.memory, mapping.start);
    if (symbols && symbols->find("_ZN2v88internal7Version6major_E")) return {&mapping, std::move(symbols)};
  }
  return {};
}

// Others that run JavaScript on V8 and whose V8 does not tell what it is: recognised, so that the result says why.
const char* other_v8(const Process& process) {
  const Mapping* program = nullptr;
  for (const Mapping& mapping : process.maps) {
    if (mapping.file.inode == 0) continue;
    const auto name = base_name(mapping.path);
    if (!program) {
      program = &mapping;
      if (name == "deno") return "Deno";
      if (name == "electron") return "Electron";
    }
    if (name == "v8_context_snapshot.bin" || name == "snapshot_blob.bin") return "Electron or Chromium";
  }
  return nullptr;
}

bool matches(const Process& process, Context&) { return find_v8(process).mapping || other_v8(process); }

Result<node::Layout> layout_of(const V8& v8, Process& process) {
  const char* other = other_v8(process);
  if (!v8.mapping) return fail(Exit::CannotSample, "the V8 of {} does not describe itself", other ? other : "this program");
  return node::find_layout(*v8.symbols, *process.memory);
}

Result<std::unique_ptr<Walker>> open(Process& process, Context& context) {
  const V8 v8 = find_v8(process);
  auto layout = layout_of(v8, process);
  const auto file = v8.mapping ? context.elfs.get(process, *v8.mapping) : nullptr;
  if (layout && file) {
    log_debug("process {}: V8 {}", process.id.pid, layout->version);
    return std::make_unique<NodeWalker>(process, context, std::move(*layout), file, v8.symbols->bias());
  }
  const std::string why = layout ? "its file cannot be read" : layout.error().message;
  log_warning("process {} ({}): {}; its native frames are shown", process.id.pid, process.name, why);
  return open_native_walker(process, context);
}

}  // namespace

Runtime node_runtime() { return {"node", matches, open, false}; }

}  // namespace sampan
