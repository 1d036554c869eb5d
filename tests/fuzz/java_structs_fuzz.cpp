// What a hostile JVM says of its own layouts, and all that is then read by them: threads, code, methods, names.
#include <cstdlib>

#include "samplers/java/vm.hpp"
#include "tests/fuzz/mutations.hpp"

using namespace sampan;
using namespace sampan::java;

namespace {

// `*`: a static field, whose address is told; of the others the offset.
constexpr const char* kFields[][2] = {
    {"GrowableArrayBase", "_len"},
    {"GenericGrowableArray", "_len"},
    {"GrowableArray<int>", "_data"},
    {"CodeHeap", "_memory"},
    {"CodeHeap", "_segmap"},
    {"CodeHeap", "_log2_segment_size"},
    {"VirtualSpace", "_low"},
    {"VirtualSpace", "_high"},
    {"VirtualSpace", "_low_boundary"},
    {"VirtualSpace", "_high_boundary"},
    {"HeapBlock::Header", "_used"},
    {"CodeBlob", "_name"},
    {"CodeBlob", "_size"},
    {"CodeBlob", "_frame_size"},
    {"CodeBlob", "_frame_complete_offset"},
    {"CodeBlob", "_code_begin"},
    {"CodeBlob", "_code_offset"},
    {"CompiledMethod", "_method"},
    {"nmethod", "_method"},
    {"nmethod", "_compile_id"},
    {"nmethod", "_comp_level"},
    {"nmethod", "_orig_pc_offset"},
    {"nmethod", "_verified_entry_point"},
    {"nmethod", "_verified_entry_offset"},
    {"CompiledMethod", "_deopt_handler_begin"},
    {"CompiledMethod", "_deopt_mh_handler_begin"},
    {"nmethod", "_deoptimize_offset"},
    {"nmethod", "_deopt_handler_offset"},
    {"nmethod", "_deopt_handler_entry_offset"},
    {"nmethod", "_deoptimize_mh_offset"},
    {"nmethod", "_deopt_mh_handler_offset"},
    {"nmethod", "_scopes_pcs_offset"},
    {"nmethod", "_dependencies_offset"},
    {"nmethod", "_scopes_data_offset"},
    {"CompiledMethod", "_scopes_data_begin"},
    {"nmethod", "_scopes_data_offset"},
    {"nmethod", "_immutable_data"},
    {"nmethod", "_metadata_offset"},
    {"CodeBlob", "_data_offset"},
    {"CodeBlob", "_mutable_data"},
    {"CodeBlob", "_relocation_size"},
    {"Method", "_constMethod"},
    {"ConstMethod", "_constants"},
    {"ConstMethod", "_flags"},
    {"ConstMethod", "_flags._flags"},
    {"ConstMethod", "_code_size"},
    {"ConstMethod", "_name_index"},
    {"ConstMethod", "_signature_index"},
    {"ConstantPool", "_pool_holder"},
    {"ConstantPool", "_length"},
    {"ConstantPool", "_source_file_name_index"},
    {"InstanceKlass", "_source_file_name_index"},
    {"Klass", "_name"},
    {"Klass", "_super"},
    {"Array<u1>", "_data"},
    {"Array<u2>", "_data"},
    {"InstanceKlass", "_constants"},
    {"InstanceKlass", "_fields"},
    {"InstanceKlass", "_fieldinfo_stream"},
    {"InstanceKlass", "_java_fields_count"},
    {"Symbol", "_length"},
    {"Symbol", "_length_and_refcount"},
    {"Symbol", "_body"},
    {"ThreadsList", "_length"},
    {"ThreadsList", "_threads"},
    {"JavaThread", "_next"},
    {"JavaThread", "_osthread"},
    {"Thread", "_osthread"},
    {"JavaThread", "_threadObj"},
    {"JavaThread", "_anchor"},
    {"JavaThread", "_stack_base"},
    {"Thread", "_stack_base"},
    {"JavaThread", "_cont_entry"},
    {"OSThread", "_thread_id"},
    {"JavaFrameAnchor", "_last_Java_sp"},
    {"JavaFrameAnchor", "_last_Java_pc"},
    {"JavaFrameAnchor", "_last_Java_fp"},
    {"JavaCallWrapper", "_anchor"},
    {"StubQueue", "_stub_buffer"},
    {"StubQueue", "_buffer_limit"},
    {"InterpreterCodelet", "_size"},
    {"InterpreterCodelet", "_description"},
    {"oopDesc", "_metadata._klass"},
    {"oopDesc", "_metadata._compressed_klass"},
    {"oopDesc", "_compressed_klass"},
    {"JVMFlag", "_name"},
    {"Flag", "_name"},
    {"JVMFlag", "_addr"},
    {"Flag", "_addr"},
    {"ZGlobalsForVMStructs", "_ZPointerLoadShift"},
    {"*CodeCache", "_heaps"},
    {"*CodeCache", "_heap"},
    {"*CodeCache", "_low_bound"},
    {"*CodeCache", "_high_bound"},
    {"*ThreadsSMRSupport", "_java_thread_list"},
    {"*Threads", "_thread_list"},
    {"*StubRoutines", "_call_stub_return_address"},
    {"*AbstractInterpreter", "_code"},
    {"*ContinuationEntry", "_return_pc"},
    {"*CompressedKlassPointers", "_base"},
    {"*CompressedKlassPointers", "_narrow_klass._base"},
    {"*Universe", "_narrow_klass._base"},
    {"*CompressedKlassPointers", "_shift"},
    {"*CompressedKlassPointers", "_narrow_klass._shift"},
    {"*Universe", "_narrow_klass._shift"},
    {"*CompressedOops", "_base"},
    {"*CompressedOops", "_narrow_oop._base"},
    {"*Universe", "_narrow_oop._base"},
    {"*CompressedOops", "_shift"},
    {"*CompressedOops", "_narrow_oop._shift"},
    {"*Universe", "_narrow_oop._shift"},
    {"*JVMFlag", "flags"},
    {"*Flag", "flags"},
    {"*JVMFlag", "numFlags"},
    {"*Flag", "numFlags"},
    {"*ZGlobalsForVMStructs", "_instance_p"},
    {"*Abstract_VM_Version", "_vm_major_version"},
};
constexpr const char* kTypes[] = {"HeapBlock", "nmethod", "ConstMethod", "ConstantPool", "JavaThread", "InterpreterCodelet", "JVMFlag", "Flag"};

class Tables {
 public:
  Tables(Image& image, Cursor& input) : image_(image), input_(input) {
    world_ = image.allocate(8192);
    for (std::uint64_t at = 0; at < 8192; at += 8) image.put<std::uint64_t>(world_ + at, world_ + input.read<std::uint16_t>() % 1024 * 8);
    structs();
    types();
  }
  std::optional<std::uint64_t> find(std::string_view name) const {
    const auto found = symbols_.find(std::string(name));
    return found == symbols_.end() ? std::nullopt : std::optional(found->second);
  }
  std::uint64_t world() const { return world_; }

 private:
  void variable(const std::string& name, std::uint64_t value) { image_.put(symbols_[name] = image_.allocate(8), value); }
  std::uint64_t text(std::string_view text) {
    const std::uint64_t at = image_.allocate(text.size() + 65);
    image_.put_text(at, text);
    return at;
  }
  void structs() {
    const std::uint64_t table = image_.allocate((std::size(kFields) + 1) * 48);
    for (std::size_t i = 0; i < std::size(kFields); ++i) {
      const std::string_view type = kFields[i][0];
      const bool fixed = type.starts_with('*');
      const std::uint64_t entry = table + i * 48;
      image_.put(entry, text(type.substr(fixed)));
      image_.put(entry + 8, text(kFields[i][1]));
      image_.put(entry + 16, text("OopHandle"));
      image_.put<std::int32_t>(entry + 24, fixed);
      image_.put<std::uint64_t>(entry + 32, input_.read<std::uint8_t>());
      image_.put<std::uint64_t>(entry + 40, world_ + input_.read<std::uint8_t>() * 8);
    }
    const std::string prefix = "gHotSpotVMStructEntry";
    variable("gHotSpotVMStructs", table);
    variable(prefix + "ArrayStride", 48);
    const char* columns[] = {"TypeNameOffset", "FieldNameOffset", "TypeStringOffset", "IsStaticOffset", "OffsetOffset", "AddressOffset"};
    for (std::size_t i = 0; i < std::size(columns); ++i) variable(prefix + columns[i], i * 8);
  }
  void types() {
    const std::uint64_t table = image_.allocate((std::size(kTypes) + 1) * 16);
    for (std::size_t i = 0; i < std::size(kTypes); ++i) {
      image_.put(table + i * 16, text(kTypes[i]));
      image_.put<std::uint64_t>(table + i * 16 + 8, input_.read<std::uint16_t>());
    }
    variable("gHotSpotVMTypes", table);
    variable("gHotSpotVMTypeEntryArrayStride", 16);
    variable("gHotSpotVMTypeEntryTypeNameOffset", 0);
    variable("gHotSpotVMTypeEntrySizeOffset", 8);
  }

  Image& image_;
  Cursor& input_;
  std::uint64_t world_ = 0;
  std::unordered_map<std::string, std::uint64_t> symbols_;
};

void read_all(Vm& vm, std::uint64_t world) {
  for (const auto& [tid, thread] : vm.threads.all()) {
    vm.threads.anchor(thread);
    vm.heap.thread_name(thread.address);
    vm.threads.find(tid);
  }
  for (std::uint64_t at = 0; at < 8192; at += 256) {
    if (const Blob* blob = vm.code.find(world + at)) vm.stub_name(*blob, world + at);
    vm.heap.thread_name(world + at);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 128) return 0;
  const Bytes input = std::as_bytes(std::span(data, size));
  Image image;
  Cursor cursor(input);
  const Tables tables(image, cursor);
  const Mutations mutations(image, input.subspan(std::min(cursor.at(), size / 2)));
  const auto structs = VmStructs::read(image, [&](std::string_view name) { return tables.find(name); });
  if (!structs) return 0;
  auto layout = make_layout(image, *structs, sampan_x86_64);
  if (!layout) return 0;
  Profile profile;
  Vm vm(image, *layout, profile, true);
  for (int round = 0; round < 2; ++round) {
    vm.refresh();
    read_all(vm, tables.world());
  }
  return 0;
}
