// What all walks of machine stacks stand on: memory in batches, rows compiled and walked, symbols looked up.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <ucontext.h>
#include <unistd.h>

#include <random>

#include "samplers/symbols/symbol_cache.hpp"
#include "samplers/unwind/unwinder.hpp"

namespace sampan::bench {
namespace {

// process_vm_readv of this process: reads × bytes each.
void memory_batch(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0)), bytes = static_cast<std::size_t>(state.range(1));
  std::vector<std::byte> from(count * 8192), into(count * bytes);
  std::vector<Read> reads;
  for (std::size_t i = 0; i < count; ++i) {
    reads.push_back({reinterpret_cast<std::uint64_t>(from.data() + i * 8192), std::span(into).subspan(i * bytes, bytes)});
  }
  LiveMemory memory(getpid());
  for (auto _ : state) {
    if (memory.read_batch(reads) != count) return state.SkipWithError("this process may not read itself");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(count * bytes) * state.iterations());
}
BENCHMARK(memory_batch)->ArgsProduct({{1, 8, 64}, {64, 512, 4096}});

// The mapping of libc in this process, and its file.
struct Libc {
  Process process;
  ElfCache elfs;
  std::shared_ptr<ElfFile> file;
  std::string path;

  Libc() {
    auto opened = open_process(*identify(getpid()));
    if (!opened) return;
    process = std::move(*opened);
    for (const Mapping& mapping : process.maps) {
      if (file || mapping.path.find("/libc.so") == std::string::npos) continue;
      file = elfs.get(process, mapping);
      path = mapping.path;
    }
  }
};

void cfi_compile(benchmark::State& state) {
  const Libc libc;
  if (!libc.file) return state.SkipWithError("no libc of its own in this process");
  const ElfSection* section = libc.file->section(".eh_frame");
  const auto bytes = libc.file->bytes(*section);
  std::size_t rows = 0;
  for (auto _ : state) rows = compile_cfi({bytes, section->address, false}, 0).rows.size();
  state.counters["rows"] = static_cast<double>(rows);
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(cfi_compile)->Unit(benchmark::kMicrosecond);

void find_rows(benchmark::State& state) {
  const Libc libc;
  if (!libc.file) return state.SkipWithError("no libc of its own in this process");
  const UnwindTable table = build_unwind_table(*libc.file);
  std::minstd_rand random(1);
  const std::uint64_t end = table.rows.back().pc;
  for (auto _ : state) benchmark::DoNotOptimize(find_row(table.rows, random() % end));
}
BENCHMARK(find_rows);

struct Captured {
  Registers registers;
  std::vector<std::byte> stack;
};

// Calls itself to a depth and copies registers and stack there.
__attribute__((noinline)) int capture(std::int64_t depth, Captured& into) {
  if (depth > 0) {
    volatile int kept = capture(depth - 1, into);
    return kept + 1;
  }
  ucontext_t here{};
  getcontext(&here);
  const auto* general = here.uc_mcontext.gregs;
  into.registers.pc = static_cast<std::uint64_t>(general[REG_RIP]);
  into.registers.sp = static_cast<std::uint64_t>(general[REG_RSP]);
  into.registers.fp = static_cast<std::uint64_t>(general[REG_RBP]);
  LiveMemory memory(getpid());
  into.stack.resize(1 << 20);
  std::size_t got = 0;
  while (got + 512 <= into.stack.size() && memory.read(into.registers.sp + got, std::span(into.stack).subspan(got, 512))) got += 512;
  into.stack.resize(got);
  return 0;
}

void row_walk(benchmark::State& state) {
  Captured captured;
  capture(state.range(0), captured);
  auto process = open_process(*identify(getpid()));
  if (!process) return state.SkipWithError("this process may not read itself");
  ElfCache elfs;
  UnwindCache tables;
  const AddressSpace space(*process, elfs, tables);
  std::vector<std::uint64_t> addresses;
  Step ended = Step::Lost;
  FrameState frame;
  frame.registers = captured.registers;
  for (auto _ : state) {
    addresses.clear();
    ended = unwind(space, {captured.registers.sp, captured.stack}, frame, addresses);
  }
  if (ended != Step::Root) state.SkipWithError("the walk did not reach the thread's start");
  state.counters["frames"] = static_cast<double>(addresses.size());
  state.counters["per_frame"] = benchmark::Counter(static_cast<double>(addresses.size()), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(row_walk)->Arg(10)->Arg(57)->Arg(500);

void symbol_table(benchmark::State& state) {
  const Libc libc;
  if (!libc.file) return state.SkipWithError("no libc of its own in this process");
  for (auto _ : state) benchmark::DoNotOptimize(SymbolTable(std::vector{libc.file}).size());
}
BENCHMARK(symbol_table)->Unit(benchmark::kMicrosecond);

void symbol_find(benchmark::State& state) {
  const Libc libc;
  if (!libc.file) return state.SkipWithError("no libc of its own in this process");
  const SymbolTable table(std::vector{libc.file});
  const std::uint64_t end = libc.file->segments().back().address;
  std::minstd_rand random(1);
  for (auto _ : state) benchmark::DoNotOptimize(table.find(random() % end));
}
BENCHMARK(symbol_find);

// With demangling and inlined calls, as after sampling.
void symbol_resolve(benchmark::State& state) {
  const Libc libc;
  if (!libc.file) return state.SkipWithError("no libc of its own in this process");
  UnwindCache unwind;
  SymbolCache symbols;
  const UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const FileOrigin origin{libc.file, unwind.get(libc.file), libc.path, root.get()};
  std::minstd_rand random(1);
  const std::uint64_t end = libc.file->segments().back().address;
  std::vector<CodeName> names;
  for (auto _ : state) {
    names.clear();
    symbols.resolve(origin, random() % end, names);
  }
}
BENCHMARK(symbol_resolve);

}  // namespace
}  // namespace sampan::bench
