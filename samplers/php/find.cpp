#include "samplers/php/find.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <set>

namespace sampan::php {
namespace {

constexpr std::size_t kMostVariables = std::size_t{64} << 20;
constexpr std::size_t kFirstSlots = 64, kMostSlots = 4096, kMostThreads = 16'384;

struct Library {
  std::shared_ptr<ElfFile> elf;
  std::uint64_t bias = 0;
  std::optional<ElfSymbol> globals, offset;
};

std::optional<Library> find_library(const Process& process, ElfCache& elfs) {
  const Mapping* last = nullptr;
  for (const Mapping& mapping : process.maps) {
    // The executable comes first; of the others only what bears the name.
    const bool first = !last;
    const bool repeated = last && last->file == mapping.file;
    last = &mapping;
    if (mapping.file.inode == 0 || repeated || (!first && mapping.path.find("php") == std::string::npos)) continue;
    const auto elf = elfs.get(process, mapping);
    if (!elf) continue;
    Library library{elf, elf->bias(mapping), elf->symbol("executor_globals"), elf->symbol("executor_globals_offset")};
    if (library.globals || library.offset) return library;
  }
  return {};
}

struct Variables {
  std::uint64_t start = 0;
  std::vector<std::byte> bytes;
};

// The library's own variables, segment by segment; pages that cannot be read are zero.
std::vector<Variables> read_variables(Memory& memory, const Library& library) {
  std::vector<Variables> all;
  for (const ElfSegment& segment : library.elf->segments()) {
    if (!(segment.flags & PF_W) || segment.memory_size > kMostVariables) continue;
    Variables part{(segment.address + library.bias + 7) & ~std::uint64_t{7}, {}};
    part.bytes.resize(segment.memory_size & ~std::uint64_t{7});
    std::vector<Read> reads;
    for (std::size_t at = 0; at < part.bytes.size(); at += 4096) {
      reads.push_back({part.start + at, std::span(part.bytes).subspan(at, std::min<std::size_t>(4096, part.bytes.size() - at))});
    }
    memory.read_each(reads);
    all.push_back(std::move(part));
  }
  return all;
}

std::string read_text(Memory& memory, std::uint64_t address) {
  std::array<char, 24> text{};
  memory.read(address, std::as_writable_bytes(std::span(text)));
  return {text.data(), strnlen(text.data(), text.size())};
}

struct Module {
  std::uint32_t api = 0;
  bool thread_safe = false;
  std::string version;
};

// The entry of the module `standard`, whose version is PHP's own.
std::optional<Module> find_module(Memory& memory, std::span<const Variables> variables) {
  for (const Variables& part : variables) {
    for (std::size_t at = 0; at + kModuleSize <= part.bytes.size(); at += 8) {
      if (read_at<std::uint16_t>(part.bytes, at) != kModuleSize) continue;
      const auto api = read_at<std::uint32_t>(part.bytes, at + kModuleApi);
      if (api < 20'000'000 || api > 21'000'000) continue;   // a date
      if (read_text(memory, read_at<std::uint64_t>(part.bytes, at + kModuleName)) != "standard") continue;
      return Module{api, read_at<std::uint8_t>(part.bytes, at + kModuleThreadSafe) != 0,
                    read_text(memory, read_at<std::uint64_t>(part.bytes, at + kModuleVersion))};
    }
  }
  return {};
}

// tsrm_tls_entry {storage, count, thread id, next}, one a thread, in the slots of a hash table (TSRM/TSRM.c).
struct Entry {
  std::uint64_t storage, count, thread, next;
};

bool is_pointer(std::uint64_t word) { return word != 0 && word % 8 == 0 && word < (std::uint64_t{1} << 56); }

// The variables that point into anonymous memory, as that of TSRM's table does.
std::vector<std::uint64_t> find_heap_pointers(const Process& process, std::span<const Variables> variables) {
  std::vector<std::uint64_t> found;
  for (const Variables& part : variables) {
    for (std::size_t at = 0; at < part.bytes.size(); at += 8) {
      const auto word = read_at<std::uint64_t>(part.bytes, at);
      if (!is_pointer(word)) continue;
      const Mapping* mapping = find_mapping(process.maps, word);
      if (mapping && mapping->file.inode == 0 && mapping->writable) found.push_back(part.start + at);
    }
  }
  return found;
}

// A thread's descriptor points to itself (tcbhead_t and struct pthread, in glibc and musl on x86_64).
bool is_descriptor(Memory& memory, std::uint64_t address) {
  return is_pointer(address) && memory.read_as<std::uint64_t>(address) == address;
}

bool is_entry(Memory& memory, std::uint64_t at, Entry& entry) {
  return is_pointer(at) && memory.read_into(at, entry) && (entry.count & 0xffffffff) - 1 < 4096 && is_pointer(entry.storage) &&
         is_descriptor(memory, entry.thread);
}

// Visits the entries of a table whose number of slots is not known: they end at a word that is neither empty nor an entry.
template <typename Visit>
void each_entry(Memory& memory, std::uint64_t table, std::size_t slots, Visit visit) {
  std::size_t seen = 0;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    std::uint64_t at = 0;
    Entry entry{};
    if (!memory.read_into(table + slot * 8, at) || (at != 0 && !is_entry(memory, at, entry))) return;
    for (; at != 0 && seen < kMostThreads && is_entry(memory, at, entry); at = entry.next, ++seen) visit(at, entry);
  }
}

bool holds_main(Memory& memory, std::uint64_t table, PthreadIds& pthreads, pid_t inner_pid) {
  bool found = false;
  each_entry(memory, table, kFirstSlots, [&](std::uint64_t, const Entry& entry) {
    if (!pthreads.known()) pthreads.learn(memory, {&entry.thread, 1}, {inner_pid});
    found = found || pthreads.tid(memory, entry.thread) == inner_pid;
  });
  return found;
}

}  // namespace

bool holds_php(const Process& process, ElfCache& elfs) { return find_library(process, elfs).has_value(); }

Result<Php> open_php(const Process& process, ElfCache& elfs) {
  Memory& memory = *process.memory;
  const auto library = find_library(process, elfs);
  if (!library) return fail(Exit::CannotSample, "process {}: its PHP library cannot be read", process.id.pid);
  const auto variables = read_variables(memory, *library);
  const auto module = find_module(memory, variables);
  if (!module) return fail(Exit::CannotSample, "process {}: PHP's release is not to be found in it", process.id.pid);
  const Layout* layout = find_layout(module->api);
  if (!layout) return fail(Exit::CannotSample, "process {}: PHP {} is older than 7.0, the first that is known", process.id.pid, module->version);
  Php php{memory, *layout, module->thread_safe, 0, 0, {}};
  if (!php.thread_safe) {
    if (!library->globals) return fail(Exit::CannotSample, "process {}: PHP {} hides its executor_globals", process.id.pid, module->version);
    php.globals = library->bias + library->globals->address;
    return php;
  }
  if (!library->offset) return fail(Exit::CannotSample, "process {}: thread-safe PHP {} hides its executor_globals_offset", process.id.pid, module->version);
  php.globals = memory.read_as<std::uint64_t>(library->bias + library->offset->address);
  if (const auto table = library->elf->symbol("tsrm_tls_table")) php.variables = {library->bias + table->address};
  else php.variables = find_heap_pointers(process, variables);
  return php;
}

std::map<pid_t, std::uint64_t> list_globals(Php& php, PthreadIds& pthreads, pid_t inner_pid) {
  if (!php.thread_safe) return {{inner_pid, php.globals}};
  std::map<pid_t, std::uint64_t> globals;
  const auto find_table = [&] {
    for (const std::uint64_t variable : php.variables) {
      const auto table = php.memory.read_as<std::uint64_t>(variable);
      if (is_pointer(table) && holds_main(php.memory, table, pthreads, inner_pid)) return variable;
    }
    return std::uint64_t{0};
  };
  if (php.table == 0) php.table = find_table();
  if (php.table == 0) return {};
  each_entry(php.memory, php.memory.read_as<std::uint64_t>(php.table), kMostSlots, [&](std::uint64_t at, const Entry& entry) {
    if (const auto tid = pthreads.tid(php.memory, entry.thread)) globals[*tid] = at + php.globals;
  });
  return globals;
}

}  // namespace sampan::php
