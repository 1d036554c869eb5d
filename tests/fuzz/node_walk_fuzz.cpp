// A V8 whose heap, code and stack are hostile: the walk of a thread ends, in bounds, whatever its memory holds.
#include "samplers/node/walk.hpp"
#include "tests/samplers/node/fake_v8.hpp"

using namespace sampan;

namespace {

// This process's own memory, over which pieces of the input are laid; what is not mapped is the input's too.
class HostileMemory final : public Memory {
 public:
  HostileMemory(const node::FakeV8& v8, Bytes input) : v8_(v8), input_(input) {}
  std::size_t read_batch(std::span<const Read> reads) override {
    std::size_t done = 0;
    for (const Read& read : reads) {
      const bool known = read.address >= v8_.base && read.address - v8_.base < node::FakeV8::kSize - read.into.size() && read.into.size() < node::FakeV8::kSize;
      if ((!known && read.address < 4096) || read.into.size() > 1 << 20) return done;
      if (known) std::memcpy(read.into.data(), reinterpret_cast<const void*>(read.address), read.into.size());
      for (std::size_t i = 0; i < read.into.size(); ++i) {
        const auto place = static_cast<std::size_t>((read.address + i) * 0x9e3779b97f4a7c15u % (input_.size() * 64));
        if (place < input_.size()) read.into[i] = input_[place];
        else if (!known) read.into[i] = input_[place % input_.size()];
      }
      ++done;
    }
    return done;
  }

 private:
  const node::FakeV8& v8_;
  Bytes input_;
};

struct World {
  node::FakeV8 v8;
  std::vector<std::uint64_t> words;      // objects and code
  std::uint64_t baseline = 0, optimised = 0;
  Process process;
  Options options;
  std::uint64_t end;

  World() {
    process.id.pid = getpid();
    process.memory = std::make_unique<LiveMemory>(getpid());
    const auto script = v8.script(v8.string("/a.js"), v8.string("one\ntwo\nthree\n"), 7);
    const auto code = v8.bytecodes(std::vector<std::uint8_t>(20, 12), node::position_table({{0, 0, -1}, {10, 5, -1}}));
    const auto shared = v8.shared(v8.scope(v8.string("f"), 0, 0, 3), script, code);
    const auto deopt = v8.array({v8.bytes({12, 0, 4, 4, 1, 6, 0, 0}), node::FakeV8::smi(1), v8.array({shared}), 0, 0, node::FakeV8::smi(5), shared,
                                 v8.bytes(std::vector<std::uint8_t>(16)), node::FakeV8::smi(150), 0, 0, node::FakeV8::smi(3), node::FakeV8::smi(0), 0});
    baseline = v8.stream(200, 10, code, v8.bytes({20, 10, 10, 10}));
    optimised = v8.stream(200, 12, deopt, v8.bytes(node::position_table({{0, 4, -1}, {50, 15, 0}})));
    words = {code, shared, script, v8.function(shared), deopt, v8.rope(v8.cons_map, 8, v8.string("left"), v8.string("side"))};
    end = v8.next;
  }
};

// What is known of this program's own files, whose rows take seconds to make.
ElfCache elfs;
UnwindCache tables;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  Process process;
  process.id.pid = getpid();
  process.memory = std::make_unique<LiveMemory>(getpid());
  Profile profile;
  const Options options;
  Context context{profile, options, elfs, tables};
  NativeStack native(process, context);
  native.refresh();
  elfs = context.elfs, tables = context.unwind;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size < 64) return 0;
  const Bytes input = std::as_bytes(std::span(data, size));
  node::FakeV8& v8 = world.v8;
  Profile profile;
  Context context{profile, world.options, elfs, tables};   // this program's own rows are made once
  HostileMemory memory(v8, input.subspan(32));
  node::Layout layout = v8.layout;
  // Every version's row takes its turn.
  const std::pair<int, int> versions[] = {{9, 0}, {9, 4}, {10, 1}, {10, 2}, {11, 3}, {12, 4}, {12, 4}, {12, 4}, {13, 6}, {14, 1}, {14, 6}};
  const auto& [major, minor] = versions[data[0] % std::size(versions)];
  layout.row = *node::find_row(major, minor);
  NativeStack native(world.process, context);
  const node::Builtins builtins;
  node::Walk walk(layout, builtins, memory, native, context);

  constexpr std::uint64_t kStack = 0x7ffd00000000;
  std::vector<std::byte> stack(input.begin(), input.end());
  for (std::size_t at = 0; at + 8 <= stack.size(); at += 8) {
    auto word = read_at<std::uint64_t>(stack, at);
    if ((word & 7) == 1) word = ((word & 8) ? world.baseline : world.optimised) + (word >> 8) % 210;
    else if ((word & 7) == 2) word = kStack + (word >> 8) % (stack.size() + 64) / 8 * 8;
    else if ((word & 7) == 3) word = world.words[(word >> 8) % world.words.size()];
    else if ((word & 7) == 4) word = ((word >> 8) % 128) << 32;
    else if ((word & 7) == 5) word = (word >> 8) % 64 << 1;
    std::memcpy(&stack[at], &word, 8);
  }
  Registers registers;
  registers.pc = ((data[1] & 1) ? world.baseline : world.optimised) + data[2] % 210;
  registers.fp = read_at<std::uint64_t>(stack, 8);
  registers.sp = kStack;
  for (std::size_t i = 0; i < 16; ++i) registers.general[i] = read_at<std::uint64_t>(stack, 16 + i % 4 * 8);
  ThreadSnapshot snapshot;
  snapshot.registers = &registers;
  snapshot.stack = stack;
  for (int i = 0; i < 2; ++i) {
    std::vector<FrameId> frames;
    walk.run(snapshot, frames);
  }
  elfs = context.elfs, tables = context.unwind;
  return 0;
}
