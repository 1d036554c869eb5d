// Walks of real interpreters' stacks by depth, as the memory tier makes them: one thread that computes at a known depth.
// The HotSpot walk starts from the registers and the stack of a thread that sleeps.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "bench/micro/child.hpp"
#include "samplers/runtimes.hpp"
#include "samplers/tiers/stop.hpp"

namespace sampan::bench {
namespace {

// A walker on a running program; `problem` says why there is none.
struct Opened {
  Profile profile;
  Options options;
  Context context{profile, options, {}};
  Process process;
  std::unique_ptr<Walker> walker;
  std::string problem;

  Opened(const Child& child, const char* runtime) {
    if (!child.alive()) {
      problem = "the interpreter does not start";
      return;
    }
    auto opened = open_process(*identify(child.pid()));
    if (!opened) {
      problem = opened.error().message;
      return;
    }
    process = std::move(*opened);
    auto made = find_runtime(runtime)->open(process, context);
    if (!made) {
      problem = made.error().message;
      return;
    }
    walker = std::move(*made);
  }
};

void measure(benchmark::State& state, Opened& opened, const ThreadSnapshot& snapshot, std::size_t least) {
  std::vector<FrameId> frames;
  opened.walker->walk(snapshot, frames);
  if (frames.size() < least) return state.SkipWithError("the stack is not the one expected");
  for (auto _ : state) {
    frames.clear();
    benchmark::DoNotOptimize(opened.walker->walk(snapshot, frames));
  }
  state.counters["frames"] = static_cast<double>(frames.size());
  state.counters["per_frame"] = benchmark::Counter(static_cast<double>(frames.size()), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void interpreter(benchmark::State& state, const char* runtime, std::vector<std::string> command) {
  command.push_back(std::to_string(state.range(0)));
  const Child child(command);
  Opened opened(child, runtime);
  if (!opened.walker) return state.SkipWithError(opened.problem.c_str());
  ThreadSnapshot snapshot;
  snapshot.tid = snapshot.inner_tid = child.pid();
  measure(state, opened, snapshot, static_cast<std::size_t>(std::min<std::int64_t>(state.range(0), 1000)));
}

const char* const kPython = "import sys\nsys.setrecursionlimit(20000)\ndef down(n):\n"
                            "  if n: return down(n - 1)\n  print('ready', flush=True)\n  while True: pass\ndown(int(sys.argv[1]))";
const char* const kRuby = "$stdout.sync = true\ndef down(n)\n  return down(n - 1) if n > 0\n  puts 'ready'\n  loop { }\nend\ndown(ARGV[0].to_i)";
const char* const kPhp = "function down($n) { if ($n > 0) { down($n - 1); return; } echo \"ready\\n\"; while (true) { } } down((int)$argv[1]);";

BENCHMARK_CAPTURE(interpreter, python, "python", {"python3", "-c", kPython})->Arg(10)->Arg(100)->Arg(1000)->Arg(5000)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(interpreter, ruby, "ruby", {"ruby", "-e", kRuby})->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(interpreter, php, "php", {"php", "-r", kPhp, "--"})->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

const char* const kJava =
    "public class Down {\n"
    "  static int down(int n) throws Exception { if (n > 0) return down(n - 1) + 1; System.out.println(\"ready\"); Thread.sleep(1000000); return 0; }\n"
    "  public static void main(String[] a) throws Exception { down(Integer.parseInt(a[0])); }\n}\n";

// The thread whose stack shows most frames is the one that went down.
void hotspot(benchmark::State& state) {
  const std::string source = std::filesystem::temp_directory_path() / "Down.java";
  std::ofstream(source) << kJava;
  const Child child({"java", "-Xshare:auto", source, std::to_string(state.range(0))});
  Opened opened(child, "java");
  if (!opened.walker) return state.SkipWithError(opened.problem.c_str());
  usleep(200'000);   // println's thread goes to sleep
  Threads threads(child.pid());
  threads.refresh();
  std::vector<FrameId> frames;
  std::size_t most = 0;
  StackCapture best;
  ThreadSnapshot snapshot;
  for (auto& [tid, thread] : threads.all()) {
    StackCapture capture;
    capture.buffer.resize(1 << 20);
    if (!capture_sleeping(child.pid(), tid, *opened.process.memory, capture)) continue;
    ThreadSnapshot one;
    one.tid = one.inner_tid = tid;
    one.registers = &capture.registers;
    one.fp_known = false;
    one.stack = Bytes(capture.buffer).first(capture.size);
    frames.clear();
    opened.walker->walk(one, frames);
    if (frames.size() <= most) continue;
    most = frames.size();
    snapshot = one;
    best = std::move(capture);
  }
  snapshot.registers = &best.registers;
  snapshot.stack = Bytes(best.buffer).first(best.size);
  measure(state, opened, snapshot, static_cast<std::size_t>(std::min<std::int64_t>(state.range(0), 1000)));
}
BENCHMARK(hotspot)->Arg(10)->Arg(100)->Arg(500)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sampan::bench
