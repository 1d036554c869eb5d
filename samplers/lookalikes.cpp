#include "samplers/lookalikes.hpp"

#include <initializer_list>

namespace sampan {
namespace {

constexpr const char* kMachine = "its own frames cannot be read: what is shown are its machine's";

struct Row {
  Lookalike what;
  std::string_view file;      // a mapped file's name begins so; empty: none
  std::string_view words;     // the command line holds it; empty: none
};

constexpr Row kRows[] = {
    {{"PyPy", "python", kMachine}, "libpypy", ""},
    {{"PyPy", "python", kMachine}, "pypy", ""},
    {{"GraalPy", "python", kMachine}, "libpythonvm", ""},
    {{"GraalPy", "python", kMachine}, "graalpy", ""},
    {{"MicroPython", "python", kMachine}, "micropython", ""},
    {{"Jython", "python", "its frames are Java's: \"language\": \"java\" shows them"}, "", "org.python.util.jython"},
    {{"JRuby", "ruby", "its frames are Java's: \"language\": \"java\" shows them"}, "", "org.jruby."},
    {{"TruffleRuby", "ruby", kMachine}, "librubyvm", ""},
    {{"TruffleRuby", "ruby", kMachine}, "truffleruby", ""},
};
constexpr Lookalike kNativeImage = {"a GraalVM native image", "java", "it has no virtual machine: what is shown are its machine's frames"};

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Lookalike lookalike_of(const Process& process, std::string_view command_line, ElfCache& elfs) {
  for (const Row& row : kRows) {
    if (!row.words.empty() && command_line.find(row.words) != std::string_view::npos) return row.what;
    for (const Mapping& mapping : process.maps) {
      if (!row.file.empty() && mapping.executable && name_of(mapping.path).starts_with(row.file)) return row.what;
    }
  }
  for (const Mapping& mapping : process.maps) {   // the program itself lies lowest
    if (!mapping.executable || mapping.file.inode == 0) continue;
    const auto file = elfs.get(process, mapping);
    return file && file->section(".svm_heap") ? kNativeImage : Lookalike{};
  }
  return {};
}

}  // namespace sampan
