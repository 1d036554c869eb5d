#include "samplers/java/layout.hpp"

#include <algorithm>

namespace sampan::java {
namespace {

// Rows in the order in which they are tried: the first that the VM knows fills the field.
struct OffsetRow {
  Offset Layout::* to;
  const char* type;
  const char* field;
};
struct AddressRow {
  std::uint64_t Layout::* to;
  const char* type;
  const char* field;
};
struct SizeRow {
  std::uint64_t Layout::* to;
  const char* type;
};

constexpr std::uint64_t kMostBlockHeader = 64;

constexpr OffsetRow kOffsets[] = {
    {&Layout::array_length, "GrowableArrayBase", "_len"},      // since JDK 16
    {&Layout::array_length, "GenericGrowableArray", "_len"},
    {&Layout::array_data, "GrowableArray<int>", "_data"},
    {&Layout::heap_memory, "CodeHeap", "_memory"},
    {&Layout::heap_segmap, "CodeHeap", "_segmap"},
    {&Layout::heap_shift, "CodeHeap", "_log2_segment_size"},
    {&Layout::space_low, "VirtualSpace", "_low"},
    {&Layout::space_high, "VirtualSpace", "_high"},
    {&Layout::space_low_boundary, "VirtualSpace", "_low_boundary"},
    {&Layout::space_high_boundary, "VirtualSpace", "_high_boundary"},
    {&Layout::block_used, "HeapBlock::Header", "_used"},
    {&Layout::blob_name, "CodeBlob", "_name"},
    {&Layout::blob_size, "CodeBlob", "_size"},
    {&Layout::blob_frame_size, "CodeBlob", "_frame_size"},
    {&Layout::blob_frame_complete, "CodeBlob", "_frame_complete_offset"},
    {&Layout::code_begin, "CodeBlob", "_code_begin"},          // JDK 9 to 22
    {&Layout::code_offset, "CodeBlob", "_code_offset"},        // JDK 8, and since 23
    {&Layout::method, "CompiledMethod", "_method"},            // JDK 9 to 22
    {&Layout::method, "nmethod", "_method"},
    {&Layout::compile_id, "nmethod", "_compile_id"},
    {&Layout::comp_level, "nmethod", "_comp_level"},
    {&Layout::orig_pc, "nmethod", "_orig_pc_offset"},
    {&Layout::verified_entry, "nmethod", "_verified_entry_point"},
    {&Layout::verified_entry_offset, "nmethod", "_verified_entry_offset"},   // since JDK 23
    {&Layout::deopt_begin, "CompiledMethod", "_deopt_handler_begin"},        // JDK 9 to 22
    {&Layout::deopt_mh_begin, "CompiledMethod", "_deopt_mh_handler_begin"},
    {&Layout::deopt_offset, "nmethod", "_deoptimize_offset"},                // JDK 8
    {&Layout::deopt_offset, "nmethod", "_deopt_handler_offset"},             // JDK 23 to 25
    {&Layout::deopt_offset, "nmethod", "_deopt_handler_entry_offset"},       // since JDK 26
    {&Layout::deopt_mh_offset, "nmethod", "_deoptimize_mh_offset"},
    {&Layout::deopt_mh_offset, "nmethod", "_deopt_mh_handler_offset"},
    {&Layout::scopes_pcs, "nmethod", "_scopes_pcs_offset"},
    {&Layout::scopes_pcs_end, "nmethod", "_dependencies_offset"},            // until JDK 22: what follows the PcDescs
    {&Layout::scopes_pcs_end, "nmethod", "_scopes_data_offset"},
    {&Layout::scopes_begin, "CompiledMethod", "_scopes_data_begin"},         // JDK 9 to 22
    {&Layout::scopes_offset, "nmethod", "_scopes_data_offset"},
    {&Layout::immutable_data, "nmethod", "_immutable_data"},                 // since JDK 23
    {&Layout::metadata_offset, "nmethod", "_metadata_offset"},
    {&Layout::data_offset, "CodeBlob", "_data_offset"},
    {&Layout::mutable_data, "CodeBlob", "_mutable_data"},                    // since JDK 25
    {&Layout::relocation_size, "CodeBlob", "_relocation_size"},
    {&Layout::const_method, "Method", "_constMethod"},
    {&Layout::cm_constants, "ConstMethod", "_constants"},
    {&Layout::cm_flags, "ConstMethod", "_flags"},
    {&Layout::cm_flags, "ConstMethod", "_flags._flags"},                     // since JDK 21
    {&Layout::cm_code_size, "ConstMethod", "_code_size"},
    {&Layout::cm_name, "ConstMethod", "_name_index"},
    {&Layout::cm_signature, "ConstMethod", "_signature_index"},
    {&Layout::pool_holder, "ConstantPool", "_pool_holder"},
    {&Layout::pool_length, "ConstantPool", "_length"},
    {&Layout::pool_source_file, "ConstantPool", "_source_file_name_index"},  // since JDK 15
    {&Layout::klass_source_file, "InstanceKlass", "_source_file_name_index"},
    {&Layout::klass_name, "Klass", "_name"},
    {&Layout::klass_super, "Klass", "_super"},
    {&Layout::array_of_u1, "Array<u1>", "_data"},
    {&Layout::array_of_u2, "Array<u2>", "_data"},
    {&Layout::klass_constants, "InstanceKlass", "_constants"},
    {&Layout::klass_fields, "InstanceKlass", "_fields"},                     // until JDK 20
    {&Layout::klass_field_stream, "InstanceKlass", "_fieldinfo_stream"},
    {&Layout::klass_field_count, "InstanceKlass", "_java_fields_count"},
    {&Layout::symbol_length, "Symbol", "_length"},
    {&Layout::symbol_length_and_refcount, "Symbol", "_length_and_refcount"}, // JDK 12 to 15
    {&Layout::symbol_body, "Symbol", "_body"},
    {&Layout::list_length, "ThreadsList", "_length"},
    {&Layout::list_threads, "ThreadsList", "_threads"},
    {&Layout::thread_next, "JavaThread", "_next"},
    {&Layout::thread_osthread, "JavaThread", "_osthread"},
    {&Layout::thread_osthread, "Thread", "_osthread"},                       // since JDK 25
    {&Layout::thread_object, "JavaThread", "_threadObj"},
    {&Layout::thread_anchor, "JavaThread", "_anchor"},
    {&Layout::thread_stack_base, "JavaThread", "_stack_base"},
    {&Layout::thread_stack_base, "Thread", "_stack_base"},
    {&Layout::thread_cont_entry, "JavaThread", "_cont_entry"},
    {&Layout::osthread_id, "OSThread", "_thread_id"},
    {&Layout::anchor_sp, "JavaFrameAnchor", "_last_Java_sp"},
    {&Layout::anchor_pc, "JavaFrameAnchor", "_last_Java_pc"},
    {&Layout::anchor_fp, "JavaFrameAnchor", "_last_Java_fp"},
    {&Layout::wrapper_anchor, "JavaCallWrapper", "_anchor"},
    {&Layout::queue_buffer, "StubQueue", "_stub_buffer"},
    {&Layout::queue_limit, "StubQueue", "_buffer_limit"},
    {&Layout::codelet_size, "InterpreterCodelet", "_size"},
    {&Layout::codelet_description, "InterpreterCodelet", "_description"},
    {&Layout::oop_klass, "oopDesc", "_metadata._klass"},
    {&Layout::oop_compressed_klass, "oopDesc", "_metadata._compressed_klass"},
    {&Layout::oop_compressed_klass, "oopDesc", "_compressed_klass"},
    {&Layout::flag_name, "JVMFlag", "_name"},
    {&Layout::flag_name, "Flag", "_name"},
    {&Layout::flag_address, "JVMFlag", "_addr"},
    {&Layout::flag_address, "Flag", "_addr"},
    {&Layout::z_load_shift, "ZGlobalsForVMStructs", "_ZPointerLoadShift"},
};

constexpr AddressRow kAddresses[] = {
    {&Layout::heaps, "CodeCache", "_heaps"},
    {&Layout::single_heap, "CodeCache", "_heap"},              // JDK 8
    {&Layout::low_bound, "CodeCache", "_low_bound"},
    {&Layout::high_bound, "CodeCache", "_high_bound"},
    {&Layout::threads_list, "ThreadsSMRSupport", "_java_thread_list"},
    {&Layout::first_thread, "Threads", "_thread_list"},        // until JDK 9
    {&Layout::call_stub_return, "StubRoutines", "_call_stub_return_address"},
    {&Layout::interpreter_code, "AbstractInterpreter", "_code"},
    {&Layout::cont_return_pc, "ContinuationEntry", "_return_pc"},
    {&Layout::klass_base, "CompressedKlassPointers", "_base"},
    {&Layout::klass_base, "CompressedKlassPointers", "_narrow_klass._base"},
    {&Layout::klass_base, "Universe", "_narrow_klass._base"},
    {&Layout::klass_shift, "CompressedKlassPointers", "_shift"},
    {&Layout::klass_shift, "CompressedKlassPointers", "_narrow_klass._shift"},
    {&Layout::klass_shift, "Universe", "_narrow_klass._shift"},
    {&Layout::oop_base, "CompressedOops", "_base"},
    {&Layout::oop_base, "CompressedOops", "_narrow_oop._base"},
    {&Layout::oop_base, "Universe", "_narrow_oop._base"},
    {&Layout::oop_shift, "CompressedOops", "_shift"},
    {&Layout::oop_shift, "CompressedOops", "_narrow_oop._shift"},
    {&Layout::oop_shift, "Universe", "_narrow_oop._shift"},
    {&Layout::flags, "JVMFlag", "flags"},
    {&Layout::flags, "Flag", "flags"},
    {&Layout::flag_count, "JVMFlag", "numFlags"},
    {&Layout::flag_count, "Flag", "numFlags"},
    {&Layout::perf_start, "PerfMemory", "_start"},
    {&Layout::z_instance, "ZGlobalsForVMStructs", "_instance_p"},
};

constexpr SizeRow kSizes[] = {
    {&Layout::block_size, "HeapBlock"},
    {&Layout::blob_bytes, "nmethod"},
    {&Layout::cm_bytes, "ConstMethod"},
    {&Layout::pool_bytes, "ConstantPool"},
    {&Layout::thread_bytes, "JavaThread"},
    {&Layout::codelet_bytes, "InterpreterCodelet"},
    {&Layout::flag_bytes, "JVMFlag"},
    {&Layout::flag_bytes, "Flag"},
};

// Without these no stack can be walked.
struct NeededRow {
  Offset Layout::* field;
  const char* name;
};
constexpr NeededRow kNeeded[] = {
    {&Layout::array_data, "GrowableArray<int>::_data"},
    {&Layout::heap_memory, "CodeHeap::_memory"},
    {&Layout::heap_segmap, "CodeHeap::_segmap"},
    {&Layout::heap_shift, "CodeHeap::_log2_segment_size"},
    {&Layout::space_low, "VirtualSpace::_low"},
    {&Layout::space_high, "VirtualSpace::_high"},
    {&Layout::blob_name, "CodeBlob::_name"},
    {&Layout::blob_size, "CodeBlob::_size"},
    {&Layout::blob_frame_size, "CodeBlob::_frame_size"},
    {&Layout::method, "nmethod::_method"},
    {&Layout::compile_id, "nmethod::_compile_id"},
    {&Layout::const_method, "Method::_constMethod"},
    {&Layout::cm_constants, "ConstMethod::_constants"},
    {&Layout::cm_name, "ConstMethod::_name_index"},
    {&Layout::pool_holder, "ConstantPool::_pool_holder"},
    {&Layout::klass_name, "Klass::_name"},
    {&Layout::symbol_body, "Symbol::_body"},
    {&Layout::thread_osthread, "JavaThread::_osthread"},
    {&Layout::thread_anchor, "JavaThread::_anchor"},
    {&Layout::osthread_id, "OSThread::_thread_id"},
};

// What the VM does not describe: differences by feature version, each from the header that is named.
struct Encodings {
  int since;
  std::int32_t x86_bcp, arm64_bcp;     // frame_x86.hpp, frame_aarch64.hpp: interpreter_frame_bcp_offset
  std::uint8_t unsigned5_excludes;     // unsigned5.hpp: X
};
constexpr Encodings kEncodings[] = {{8, -7, -7, 0}, {9, -8, -9, 0}, {20, -8, -9, 1}};
constexpr std::int32_t kArm64EntryWrapper = -8;   // frame_aarch64.hpp: entry_frame_call_wrapper_offset, which the VM does not tell

int feature_version(Memory& memory, const VmStructs& vm) {
  const auto major = vm.address("Abstract_VM_Version", "_vm_major_version");
  const int version = major ? memory.read_as<std::int32_t>(*major) : 0;
  // HotSpot 25.x is the VM of JDK 8, which still knows one code heap.
  if (vm.address("CodeCache", "_heap") && !vm.address("CodeCache", "_heaps")) return 8;
  return version;
}

std::string missing(const Layout& layout) {
  std::string names;
  for (const NeededRow& row : kNeeded) {
    if (layout.*row.field == kAbsent) names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  if (!layout.heaps && !layout.single_heap) names += (names.empty() ? "" : ", ") + std::string("CodeCache::_heaps");
  return names;
}

}  // namespace

Result<Layout> make_layout(Memory& memory, const VmStructs& vm, const sampan_architecture& architecture) {
  Layout layout;
  layout.architecture = &architecture;
  for (const OffsetRow& row : kOffsets) {
    if (layout.*row.to != kAbsent) continue;
    if (const auto offset = vm.offset(row.type, row.field)) layout.*row.to = static_cast<Offset>(*offset);
  }
  for (const AddressRow& row : kAddresses) {
    if (const auto address = vm.address(row.type, row.field); address && !(layout.*row.to)) layout.*row.to = *address;
  }
  for (const SizeRow& row : kSizes) {
    if (const auto size = vm.size(row.type); size && !(layout.*row.to)) layout.*row.to = *size;
  }
  layout.major = feature_version(memory, vm);
  if (const std::string names = missing(layout); !names.empty()) {
    return fail(Exit::CannotSample, "this JVM (version {}) does not describe {}: native frames only", layout.major, names);
  }
  for (const Encodings& row : kEncodings) {
    if (layout.major < row.since) continue;
    layout.interpreter_bcp_slot = architecture.link_register ? row.arm64_bcp : row.x86_bcp;
    layout.unsigned5_excludes = row.unsigned5_excludes;
  }
  // int until JDK 22, int16_t since the field shares its word with the blob's kind.
  layout.frame_complete_is_short = layout.immutable_data != kAbsent;
  if (layout.immutable_data == kAbsent) layout.data_offset = kAbsent;
  else layout.scopes_pcs_end = layout.scopes_offset;
  if (architecture.link_register) layout.entry_wrapper_slot = kArm64EntryWrapper;
  if (const auto slot = vm.constant("frame::entry_frame_call_wrapper_offset")) layout.entry_wrapper_slot = static_cast<std::int32_t>(*slot);
  for (const char* name : {"ConstMethod::_has_linenumber_table", "ConstMethodFlags::_misc_has_linenumber_table"}) {
    if (const auto bit = vm.constant(name)) layout.cm_has_lines = static_cast<std::uint32_t>(*bit);
  }
  if (const auto shift = vm.constant("markWord::klass_shift"); shift && *shift > 0 && *shift < 64) {
    layout.mark_klass_shift = static_cast<Offset>(*shift);
  }
  layout.thread_object_is_handle = vm.type("JavaThread", "_threadObj") == "OopHandle";
  layout.blob_bytes = std::clamp<std::uint64_t>(layout.blob_bytes, 128, 1024);
  // A survey reads from a block's header to its compile id, of many blobs at once.
  if (layout.compile_id < 0 || static_cast<std::uint64_t>(layout.compile_id) + 4 > layout.blob_bytes || layout.block_size > kMostBlockHeader) {
    return fail(Exit::CannotSample, "this JVM (version {}) describes its code cache in a way that contradicts itself: native frames only", layout.major);
  }
  return layout;
}

}  // namespace sampan::java
