#include "samplers/python/layout.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace sampan::python {
namespace {

// Compiled from each version's own headers, x86_64 and arm64 alike (LP64, no debug build). A row starts from
// the one before it and says what its version changed.
constexpr Offsets k27 = [] {
  Offsets o{};
  o.version = version(2, 7);
  o.position = SAMPAN_PY_LASTI_BYTES;
  o.lines = SAMPAN_PY_LNOTAB_UNSIGNED;
  o.boundary_owner = 255;
  o.byte_strings = 1;
  o.current_by_symbol = 1;
  o.interp_next = 0, o.interp_threads_head = 8;
  o.tstate_next = 0, o.tstate_interp = 8, o.tstate_frame = 16, o.tstate_thread_id = 144;
  o.frame_back = 24, o.frame_code = 32, o.frame_position = 120, o.frame_locals = 376;
  o.code_argcount = 16, o.code_flags = 28, o.code_varnames = 56, o.code_filename = 80, o.code_name = 88;
  o.code_first_line = 96, o.code_line_table = 104;
  o.object_type = 8, o.var_size = 16, o.bytes_data = 36;
  o.type_name = 24, o.type_dict = 264, o.type_mro = 344, o.function_code = 16;
  o.dicts = SAMPAN_PY_DICT_TABLE, o.attributes = SAMPAN_PY_ATTR_DICT;
  o.interp_modules = 16, o.module_dict = 16, o.dict_keys = 32;
  o.type_basic_size = 32, o.type_flags = 168, o.type_dict_offset = 288;
  return o;
}();

constexpr Offsets k36 = [] {
  Offsets o = k27;
  o.version = version(3, 6);
  o.lines = SAMPAN_PY_LNOTAB;
  o.byte_strings = 0;
  o.tstate_next = 8, o.tstate_interp = 16, o.tstate_frame = 24, o.tstate_thread_id = 152;
  o.code_flags = 32, o.code_first_line = 36, o.code_varnames = 64, o.code_filename = 96, o.code_name = 104;
  o.code_line_table = 112;
  o.bytes_data = 32;
  o.unicode_length = 16, o.unicode_state = 32, o.unicode_ascii_data = 48, o.unicode_compact_data = 72;
  o.function_qualname = 104;
  o.dicts = SAMPAN_PY_DICT_SIZED, o.dict_values = 40;
  return o;
}();

constexpr Offsets k37 = [] {
  Offsets o = k36;
  o.version = version(3, 7);
  o.current_by_symbol = 0;
  o.runtime_interpreters_head = 24, o.runtime_tstate_current = 1480;   // 3.7.0-3.7.3: 1392
  o.gil_locked = 1280, o.gil_holder = 1272;
  o.interp_modules = 40;
  o.tstate_thread_id = 176;
  o.frame_position = 104, o.frame_locals = 360;
  return o;
}();

constexpr Offsets k38 = [] {
  Offsets o = k37;
  o.version = version(3, 8);
  o.runtime_interpreters_head = 32, o.runtime_tstate_current = 1368;
  o.gil_locked = 1168, o.gil_holder = 1160;
  o.interp_modules = 56;
  o.code_flags = 36, o.code_first_line = 40, o.code_varnames = 72, o.code_filename = 104, o.code_name = 112;
  o.code_line_table = 120;
  return o;
}();

constexpr Offsets k39 = [] {
  Offsets o = k38;
  o.version = version(3, 9);
  o.runtime_tstate_current = 568;
  o.gil_locked = 368, o.gil_holder = 360;
  o.interp_modules = 856;
  return o;
}();

constexpr Offsets k310 = [] {
  Offsets o = k39;
  o.version = version(3, 10);
  o.position = SAMPAN_PY_LASTI_UNITS;
  o.lines = SAMPAN_PY_LINETABLE;
  o.frame_position = 96, o.frame_locals = 352;
  o.function_code = 48, o.function_qualname = 40;
  return o;
}();

constexpr Offsets k311 = [] {
  Offsets o = k310;
  o.version = version(3, 11);
  o.position = SAMPAN_PY_INSTR_POINTER;
  o.lines = SAMPAN_PY_LOCATIONS;
  o.interpreter_frames = 1;
  o.runtime_interpreters_head = 40, o.runtime_tstate_current = 576;
  o.gil_locked = 376, o.gil_holder = 368;
  o.interp_threads_head = 16, o.interp_modules = 888;
  o.dicts = SAMPAN_PY_DICT_LOG2, o.attributes = SAMPAN_PY_ATTR_TWO_WORDS, o.managed_dict = 24, o.type_cached_keys = 872;
  o.tstate_frame = 56, o.has_cframe = 1, o.cframe_current_frame = 8;
  o.tstate_thread_id = 152, o.tstate_native_thread_id = 160, o.tstate_chunk = 296;
  o.frame_code = 32, o.frame_back = 48, o.frame_position = 56, o.frame_owner = 69, o.frame_is_entry = 68, o.frame_locals = 0;
  o.code_argcount = 56, o.code_flags = 48, o.code_first_line = 72, o.code_filename = 112, o.code_name = 120;
  o.code_qualname = 128, o.code_line_table = 136, o.code_bytecode = 184, o.code_varnames = 0;
  return o;
}();

constexpr Offsets k312 = [] {
  Offsets o = k311;
  o.version = version(3, 12);
  o.boundary_owner = 3;
  o.runtime_tstate_current = 0;
  o.interp_threads_head = 72, o.interp_modules = 944, o.interp_gil = 384;
  o.attributes = SAMPAN_PY_ATTR_TAGGED, o.type_cached_keys = 880;
  o.gil_locked = 16, o.gil_holder = 8;
  o.cframe_current_frame = 0;
  o.tstate_thread_id = 136, o.tstate_native_thread_id = 144, o.tstate_chunk = 232;
  o.frame_code = 0, o.frame_back = 8, o.frame_owner = 70, o.frame_is_entry = 0;
  o.code_argcount = 52, o.code_first_line = 68, o.code_bytecode = 192;
  o.unicode_ascii_data = 40, o.unicode_compact_data = 56;
  return o;
}();

constexpr std::array kRows = {k27, k36, k37, k38, k39, k310, k311, k312};

// Where _Py_DebugOffsets holds a field: the index of its 64-bit word, per version (pycore_debug_offsets.h;
// 3.13: pycore_runtime.h). Zero: the version has none.
struct Schema {
  std::uint32_t version;
  std::uint8_t interpreters_head, interp_next, interp_threads_head, interp_modules, interp_gil, gil_state, gil_enabled, gil_locked, gil_holder,
      code_generation;
  std::uint8_t tstate_next, tstate_interp, tstate_frame, tstate_base_frame, tstate_thread_id, tstate_native, tstate_chunk,
      tstate_holds_gil;
  std::uint8_t frame_back, frame_code, frame_position, frame_owner, frame_tlbc_index;
  std::uint8_t filename, name, qualname, line_table, first_line, argcount, bytecode, tlbc;
  std::uint8_t object_type, bytes_size, bytes_data, unicode_state, unicode_length, unicode_ascii_size;
  std::uint16_t cached_keys;   // not of the table: where PyHeapTypeObject of the version holds ht_cached_keys
};

constexpr std::array<Schema, 3> kSchemas = {{
    {version(3, 13), 5, 8, 9, 11, 14, 15, 16, 17, 18, 0, 21, 22, 23, 0, 24, 25, 26, 0, 29, 30, 31, 33, 0,
     35, 36, 37, 38, 39, 40, 43, 0, 45, 65, 66, 68, 69, 70, 880},
    {version(3, 14), 5, 8, 9, 12, 15, 16, 17, 18, 19, 20, 24, 25, 26, 0, 27, 28, 29, 0, 32, 33, 34, 36, 38,
     40, 41, 42, 43, 44, 45, 48, 49, 51, 75, 76, 78, 79, 80, 880},
    {version(3, 15), 5, 8, 9, 12, 15, 16, 17, 18, 19, 20, 24, 25, 26, 27, 30, 31, 32, 34, 40, 41, 42, 44, 46,
     48, 49, 50, 51, 52, 53, 56, 57, 59, 87, 88, 90, 91, 92, 888},
}};

// Fields that lie side by side in every version with such a table: a wrong schema fails here.
bool plausible(const Offsets& o) {
  const std::uint32_t header = o.free_threaded ? 32 : 16;
  return o.object_type == header - 8 && o.var_size == header && o.code_name == o.code_filename + 8 &&
         o.code_qualname == o.code_name + 8 && o.code_line_table == o.code_qualname + 8 && o.bytes_data == header + 16 &&
         o.unicode_length == header && o.tstate_interp == o.tstate_next + 8 &&
         o.tstate_native_thread_id == o.tstate_thread_id + 8 && o.unicode_state > o.unicode_length;
}

// What the table does not tell, or tells in other words: a free-threaded build's objects begin 16 bytes later.
void lay_out_objects(Offsets& o, std::uint32_t cached_keys) {
  const std::uint32_t more = o.free_threaded ? 16 : 0;
  o.attributes = SAMPAN_PY_ATTR_INLINE, o.values_from = 8, o.managed_dict = o.free_threaded ? 8 : 24;
  o.type_cached_keys = cached_keys + more;
  for (auto* field : {&o.type_flags, &o.type_basic_size, &o.type_dict_offset, &o.module_dict, &o.dict_keys, &o.dict_values}) *field += more;
}

}  // namespace

const Offsets* known_offsets(std::uint32_t version) {
  const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Offsets& o) { return o.version == version; });
  return row == kRows.end() ? nullptr : &*row;
}

Result<Offsets> debug_offsets(Bytes runtime) {
  const auto full = read_at<std::uint64_t>(runtime, 8);
  const auto version = static_cast<std::uint32_t>(full >> 16 & 0xffff);
  const auto schema = std::find_if(kSchemas.begin(), kSchemas.end(), [&](const Schema& s) { return s.version == version; });
  if (schema == kSchemas.end()) {
    return fail(Exit::CannotSample, "Python {}.{} is newer than this build knows (3.15)", version >> 8, version & 0xff);
  }
  bool sane = true;
  const auto field = [&](std::uint8_t index, std::uint32_t most) -> std::uint32_t {
    const auto value = index ? read_at<std::uint64_t>(runtime, std::size_t{index} * 8) : 0;
    sane = sane && value < most;
    return static_cast<std::uint32_t>(value);
  };
  constexpr std::uint32_t kSmall = 4096, kLarge = 4u << 20;
  const Schema& s = *schema;
  Offsets o = k312;
  o.version = version;
  o.free_threaded = read_at<std::uint64_t>(runtime, 16) != 0;
  o.wide_string_state = o.free_threaded && version >= python::version(3, 14);
  o.runtime_interpreters_head = field(s.interpreters_head, kLarge);
  o.interp_next = field(s.interp_next, kLarge);
  o.interp_threads_head = field(s.interp_threads_head, kLarge);
  o.interp_modules = field(s.interp_modules, kLarge);
  o.interp_gil = field(s.interp_gil, kLarge);
  o.interp_code_generation = field(s.code_generation, kLarge);
  // Told relative to the interpreter's own struct; a shared lock lives in the main interpreter's.
  const std::uint32_t gil = field(s.gil_state, kLarge);
  o.gil_locked = field(s.gil_locked, kLarge) - gil;
  o.gil_holder = field(s.gil_holder, kLarge) - gil;
  o.gil_enabled = field(s.gil_enabled, kSmall);
  sane = sane && o.gil_locked < kSmall && o.gil_holder < kSmall;
  o.tstate_next = field(s.tstate_next, kSmall);
  o.tstate_interp = field(s.tstate_interp, kSmall);
  o.tstate_frame = field(s.tstate_frame, kSmall);
  o.tstate_base_frame = field(s.tstate_base_frame, kSmall);
  o.tstate_thread_id = field(s.tstate_thread_id, kSmall);
  o.tstate_native_thread_id = field(s.tstate_native, kSmall);
  o.tstate_chunk = field(s.tstate_chunk, kSmall);
  o.tstate_holds_gil = field(s.tstate_holds_gil, kSmall);
  o.has_cframe = 0;
  o.frame_back = field(s.frame_back, kSmall);
  o.frame_code = field(s.frame_code, kSmall);
  o.frame_position = field(s.frame_position, kSmall);
  o.frame_owner = field(s.frame_owner, kSmall);
  o.frame_tlbc_index = o.free_threaded ? field(s.frame_tlbc_index, kSmall) : 0;
  o.code_filename = field(s.filename, kSmall);
  o.code_name = field(s.name, kSmall);
  o.code_qualname = field(s.qualname, kSmall);
  o.code_line_table = field(s.line_table, kSmall);
  o.code_first_line = field(s.first_line, kSmall);
  o.code_argcount = field(s.argcount, kSmall);
  o.code_flags = o.code_argcount - 4;
  o.code_bytecode = field(s.bytecode, kSmall);
  o.code_tlbc = o.free_threaded ? field(s.tlbc, kSmall) : 0;
  o.object_type = field(s.object_type, kSmall);
  o.var_size = field(s.bytes_size, kSmall);
  o.bytes_data = field(s.bytes_data, kSmall);
  o.unicode_state = field(s.unicode_state, kSmall);
  o.unicode_length = field(s.unicode_length, kSmall);
  o.unicode_ascii_data = field(s.unicode_ascii_size, kSmall);
  o.unicode_compact_data = o.unicode_ascii_data + 16;
  lay_out_objects(o, s.cached_keys);
  if (!sane || !plausible(o)) {
    return fail(Exit::CannotSample, "Python {}.{} of this build lays its table of offsets out in a way that is not known",
                version >> 8, version & 0xff);
  }
  return o;
}

}  // namespace sampan::python
