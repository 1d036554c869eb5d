// A small PHP in an Image, laid out as a row of the layouts says: functions, classes, frames on a VM stack.
#pragma once

#include <string>

#include "samplers/php/walker.hpp"
#include "tests/samplers/image.hpp"

namespace sampan::php {

class FakePhp {
 public:
  static constexpr std::size_t kPage = 16384;

  explicit FakePhp(const Layout& row) : layout(row) {
    globals = image.allocate(1024);
    page = image.allocate(kPage);
    top = page + 24;
    image.put(globals + layout.vm_stack - 8, page + kPage);
    image.put(globals + layout.vm_stack, page);
    set_head();
  }

  std::uint64_t string(std::string_view text) {
    const std::uint64_t at = image.allocate(32 + text.size());
    image.put<std::uint64_t>(at + kStringHash, 0x8000000000000000u | std::hash<std::string_view>{}(text));
    image.put<std::uint64_t>(at + kStringLength, text.size());
    image.put_text(at + kStringText, text);
    return at;
  }
  std::uint64_t klass(std::string_view name) {
    const std::uint64_t at = image.allocate(64);
    image.put(at + kClassName, string(name));
    return at;
  }
  std::uint64_t internal(std::string_view name, std::uint64_t scope = 0) {
    const std::uint64_t at = image.allocate(32);
    fill(at, 1, name, scope);
    return at;
  }
  std::uint64_t user(std::string_view name, std::uint64_t scope, std::string_view file, std::uint32_t first, std::uint32_t last,
                     std::uint8_t type = 2) {
    const std::uint64_t at = image.allocate(256);
    make_user(at, name, scope, file, first, last, type);
    return at;
  }
  void make_user(std::uint64_t at, std::string_view name, std::uint64_t scope, std::string_view file, std::uint32_t first,
                 std::uint32_t last, std::uint8_t type = 2) {
    fill(at, type, name, scope);
    image.put(at + layout.filename, string(file));
    image.put(at + layout.filename + 8u, first);
    image.put(at + layout.filename + 12u, last);
  }
  std::uint64_t opline(std::uint32_t line) {
    const std::uint64_t at = image.allocate(32);
    image.put(at + kOpLine, line);
    return at;
  }

  // Calls: the new frame is the current one.
  std::uint64_t push(std::uint64_t function, std::uint32_t line = 0) {
    const std::uint64_t at = top;
    top += 128;
    put_frame(at, function, line, current);
    current = at;
    set_head();
    return at;
  }
  void put_frame(std::uint64_t at, std::uint64_t function, std::uint32_t line, std::uint64_t previous) {
    image.put(at + kFrameOpline, line == 0 ? 0 : opline(line));
    image.put(at + kFrameFunction, function);
    image.put(at + kFramePrevious, previous);
  }
  void set_head() {
    image.put(globals + layout.vm_stack - 16, top);
    image.put(globals + layout.current_execute_data, current);
  }

  Php open() { return {image, layout, false, globals, 0, {}}; }

  Image image;
  const Layout& layout;
  std::uint64_t globals, page, top, current = 0;

 private:
  void fill(std::uint64_t at, std::uint8_t type, std::string_view name, std::uint64_t scope) {
    image.put(at, type);
    image.put(at + kFunctionName, name.empty() ? 0 : string(name));
    image.put(at + kFunctionScope, scope);
  }
};

// TSRM's table of threads: slots that hold lists of {storage, count, thread, next}.
struct FakeThreads {
  explicit FakeThreads(Image& memory) : image(memory), variable(memory.allocate(8)), table(memory.allocate(64)) {
    image.put(variable, table);
    image.put<std::uint64_t>(table + 24, 0x31);   // what follows the three slots is none
  }
  // `linked`: with a descriptor as glibc has it on arm64, that does not point to itself but is a link of a list.
  std::uint64_t add(std::size_t slot, pid_t tid, bool linked = false) {
    const std::uint64_t entry = image.allocate(512), descriptor = image.allocate(2048);
    if (linked) {
      const std::uint64_t neighbour = image.allocate(16);
      image.put(neighbour, descriptor + 192);
      image.put(descriptor + 200, neighbour);
    } else {
      image.put(descriptor, descriptor);
    }
    image.put(descriptor + (linked ? 208 : 720), tid);
    image.put(entry, descriptor);                 // storage: any pointer
    image.put<std::uint64_t>(entry + 8, 12);
    image.put(entry + 16, descriptor);
    image.put(entry + 24, image.read_as<std::uint64_t>(table + slot * 8));
    image.put(table + slot * 8, entry);
    return entry;
  }
  Image& image;
  std::uint64_t variable, table;
};

}  // namespace sampan::php
