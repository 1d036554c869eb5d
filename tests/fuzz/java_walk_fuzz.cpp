// A HotSpot whose every byte is hostile: the walk of a thread ends, in bounds, whatever its memory holds.
#include "samplers/java/walk.hpp"
#include "tests/samplers/java/fake_vm.hpp"

using namespace sampan;

namespace {

// A well-formed VM, over which pieces of the input are laid: the first bytes of each say where.
class HostileMemory final : public Memory {
 public:
  HostileMemory(Memory& below, Bytes input) : below_(below), input_(input) {}
  std::size_t read_batch(std::span<const Read> reads) override {
    std::size_t done = 0;
    for (const Read& read : reads) {
      const bool known = below_.read(read.address, read.into);
      if (!known && (input_.empty() || read.address < 4096)) return done;
      for (std::size_t i = 0; i < read.into.size() && !input_.empty(); ++i) {
        const auto place = static_cast<std::size_t>((read.address + i) * 0x9e3779b97f4a7c15u % (input_.size() * 4));
        if (place < input_.size() && (!known || (place & 7) == 0)) read.into[i] = input_[place];
        else if (!known) read.into[i] = std::byte{0};
      }
      ++done;
    }
    return done;
  }

 private:
  Memory& below_;
  Bytes input_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 64) return 0;
  const Bytes input = std::as_bytes(std::span(data, size));
  java::FakeVm fake;
  fake.layout.call_stub_return = 0x9000;
  fake.layout.wrapper_anchor = 0x20;
  const std::uint64_t method = fake.add_method("Main", "main", "Main.java", {0xff, 0, 20, 0});
  const char* names[] = {"nmethod", "Interpreter", "StubRoutines (1)", "StubRoutines (continuation stubs)", "vtable chunks", "native nmethod"};
  std::vector<std::uint64_t> blobs;
  for (std::size_t i = 0; i < std::size(names); ++i) {
    blobs.push_back(fake.add_block(8 + i * 10, 8));
    fake.put_blob(blobs.back(), names[i], 1000, static_cast<std::uint32_t>(i * 2), 7, method);
  }
  fake.memory.put_value<std::uint64_t>(0x9000, blobs[2] + 200);
  HostileMemory memory(fake.memory, input.subspan(32));

  Profile profile;
  Options options;
  options.native = (data[0] & 1) != 0;
  Context context{profile, options, {}};
  Process process;
  process.id.pid = 0;   // none: no libraries are mapped
  process.memory = std::make_unique<FakeMemory>();
  java::Vm vm(memory, fake.layout, profile, true);
  vm.refresh();
  NativeStack native(process, context);
  java::Walk walk(vm, native, context);

  constexpr std::uint64_t kStack = 0x7ffd00000000;
  std::vector<std::byte> stack(input.begin(), input.end());
  // Words that look like places in the blobs and on the stack, where the input says so.
  for (std::size_t at = 0; at + 8 <= stack.size(); at += 8) {
    auto word = read_at<std::uint64_t>(stack, at);
    if ((word & 3) == 1) word = blobs[(word >> 8) % blobs.size()] + (word >> 16) % 1000;
    else if ((word & 3) == 2) word = kStack + (word >> 8) % (stack.size() + 64) / 8 * 8;
    else if ((word & 7) == 3) word = method;
    std::memcpy(&stack[at], &word, 8);
  }
  Registers registers;
  registers.pc = read_at<std::uint64_t>(stack, 0);
  registers.fp = read_at<std::uint64_t>(stack, 8);
  registers.sp = kStack;
  registers.general[3] = read_at<std::uint64_t>(stack, 16);
  registers.general[13] = read_at<std::uint64_t>(stack, 24);
  ThreadSnapshot snapshot;
  snapshot.registers = &registers;
  snapshot.stack = stack;
  std::vector<FrameId> frames;
  walk.run(snapshot, frames);
  return 0;
}
