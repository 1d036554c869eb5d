// Python's dicts and what lies in them: a module's globals, an instance's own attributes. Read as they are, never hashed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "samplers/process/memory.hpp"
#include "samplers/python/layout.hpp"

namespace sampan::python {

class Dicts {
 public:
  struct Row {
    std::uint64_t hash, key, value;   // hash: 0 where the table keeps none; value: 0 in a row that was deleted
  };

  // Both outlive it.
  Dicts(Memory& memory, const Offsets& offsets) : memory_(memory), o_(offsets) {}

  // In the order of insertion, at most 65,536; none where it does not read as a dict.
  std::vector<Row> rows(std::uint64_t dict) const;
  // The value under an ASCII string, or 0.
  std::uint64_t find(std::uint64_t dict, std::string_view name) const;
  // The attribute that an instance itself holds, or 0.
  std::uint64_t attribute(std::uint64_t object, std::string_view name) const;

 private:
  struct Table {
    std::uint64_t rows = 0, count = 0;
    unsigned words = 3;          // of a row: {hash, key, value}, or {key, value}
    bool split = false;          // values lie elsewhere, for certain
  };
  Table table_of(std::uint64_t keys) const;
  std::vector<Row> rows_of(const Table& table, std::uint64_t values) const;
  std::uint64_t find_in(std::span<const Row> rows, std::string_view name) const;
  std::uint64_t find_split(std::uint64_t type, std::uint64_t values, std::string_view name) const;
  std::uint64_t managed(std::uint64_t object, std::uint64_t type, std::string_view name) const;
  bool is_string(Bytes head, std::string_view text) const;

  Memory& memory_;
  const Offsets& o_;
};

}  // namespace sampan::python
