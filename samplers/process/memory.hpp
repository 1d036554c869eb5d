// The one seam for tests: how a target's bytes are read. Live by process_vm_readv, fake from recorded pages.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <type_traits>
#include <vector>

namespace sampan {

struct Read {
  std::uint64_t address;          // in the target
  std::span<std::byte> into;
};

// A value's own bytes, to read into.
template <typename T>
std::span<std::byte> bytes_of(T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return std::as_writable_bytes(std::span(&value, 1));
}

// A word that may point to an object: aligned and in user space's half.
constexpr bool is_pointer(std::uint64_t word) { return word != 0 && word % 8 == 0 && word < (std::uint64_t{1} << 56); }

// Reads fail where an address is not mapped or the process is gone: never an exception, never a signal.
class Memory {
 public:
  virtual ~Memory() = default;

  // Reads in order, in one system call where it can; returns how many were read whole before the first that was not.
  virtual std::size_t read_batch(std::span<const Read> reads) = 0;

  // Reads all that can be read, passing over what cannot: that is filled with zeros.
  void read_each(std::span<const Read> reads);

  bool read(std::uint64_t address, std::span<std::byte> into) {
    const Read one{address, into};
    return read_batch({&one, 1}) == 1;
  }
  template <typename T>
  bool read_into(std::uint64_t address, T& value) {
    return read(address, bytes_of(value));
  }
  // A T, or zero where it cannot be read.
  template <typename T>
  T read_as(std::uint64_t address) {
    T value{};
    if (!read_into(address, value)) value = T{};
    return value;
  }
};

// process_vm_readv(2) of one process; needs SYS_PTRACE. Batches of at most 64 reads go in one call.
class LiveMemory final : public Memory {
 public:
  explicit LiveMemory(pid_t pid) : pid_(pid) {}
  std::size_t read_batch(std::span<const Read> reads) override;

 private:
  pid_t pid_;
};

// Recorded bytes by address; reads outside fail. For tests and fuzzing.
class FakeMemory final : public Memory {
 public:
  std::size_t read_batch(std::span<const Read> reads) override;
  void put(std::uint64_t address, std::span<const std::byte> bytes);
  template <typename T>
  void put_value(std::uint64_t address, const T& value) {
    put(address, std::as_bytes(std::span(&value, 1)));
  }

 private:
  std::map<std::uint64_t, std::vector<std::byte>> regions_;
};

}  // namespace sampan
