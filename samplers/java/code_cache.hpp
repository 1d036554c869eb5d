// HotSpot's code cache seen from outside: which blob holds a pc, and what the blob's header says.
// Found by the VM's own segment map: a byte a segment, the distance back to the blob's first (255: free).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "samplers/base/cursor.hpp"
#include "samplers/java/code_survey.hpp"

namespace sampan::java {

enum class BlobKind : std::uint8_t {
  Compiled,      // an nmethod; native wrappers too
  Interpreter,
  Stubs,         // StubRoutines: hand-written code, many routines in one blob
  Continuation,  // StubRoutines of virtual threads: the return barrier is among them
  Vtable,        // vtable and itable stubs, adapters: no frame of their own
  Runtime,       // stubs with a frame of a fixed size
};

// A word of the target that must still be what it was for a cached thing to be true.
struct Witness {
  std::uint64_t address = 0;
  std::uint64_t value = 0;
  std::uint64_t mask = ~std::uint64_t{0};
};

struct Blob {
  BlobKind kind = BlobKind::Runtime;
  bool native = false;             // a wrapper of a native method
  std::string name;
  std::uint64_t start = 0, end = 0;      // of the blob, header included
  std::uint64_t code = 0;                // where instructions begin
  std::uint64_t entry = 0;               // Compiled: the verified entry point
  std::uint64_t frame_bytes = 0;         // 0: no fixed frame
  std::int64_t frame_complete = -1;      // from `code`, bytes; negative: never known complete
  std::uint64_t method = 0;              // Compiled: Method*
  std::uint32_t compile_id = 0;
  std::uint64_t deopt = 0, deopt_mh = 0; // return addresses that stand for a deoptimised frame; 0: none
  std::uint64_t orig_pc_at = 0;          // from the frame's sp: the real return address of such a frame
  // Scopes: [pcs, pcs_end) of PcDescs, scope bytes from `scopes` on, Method*s at `metadata`.
  std::uint64_t pcs = 0, pcs_end = 0, scopes = 0, metadata = 0;
  std::uint64_t read_at = 0;             // monotonic nanoseconds
  std::uint32_t serial = 0;              // of this reading: grows when another blob takes the place
  Witness witnesses[3];                  // Compiled: compile id, method, and that its block is in use
  bool contains(std::uint64_t pc) const { return pc >= start && pc < end; }
};

class CodeCache {
 public:
  CodeCache(Memory& memory, const Layout& layout) : memory_(memory), layout_(layout) {}

  // Reads where the heaps are; false where they cannot be read. Call again when they may have grown.
  bool refresh();
  // True until the VM has made its heaps: no Java code can run yet.
  bool empty() const { return heaps_.empty(); }
  // True for an address in the space reserved for code, used or not.
  bool covers(std::uint64_t pc) const { return pc >= low_ && pc < high_; }
  // The blob that holds the pc; nullptr where it is free or torn. Valid until forget().
  const Blob* find(std::uint64_t pc);
  // A blob that find() gave before, by its start; nullptr where it was forgotten.
  const Blob* at(std::uint64_t start) const;
  // Drops what is known of a blob: its witnesses are no longer true.
  void forget(std::uint64_t start);
  // Notes what is there, for was_there() later; cheap, and most often nothing is done.
  void look(std::uint64_t now) { survey_.look(heaps_, now); }
  // Was_there() and was_free() could not tell: the next thorough look comes sooner.
  void look_soon() { survey_.soon(); }
  // Whether a blob that is there now was there at that time: monotonic nanoseconds.
  bool was_there(const Blob& blob, std::uint64_t time) const;
  // When, shortly before that time, no code lay in its place yet: it is most likely what was put there next.
  std::optional<std::uint64_t> was_free(const Blob& blob, std::uint64_t time) const { return survey_.was_free(blob.start, blob.end, time); }

 private:
  std::optional<CodeHeap> read_heap(std::uint64_t address);
  std::optional<std::uint64_t> start_of(std::uint64_t pc);
  std::optional<std::uint64_t> step_back(const CodeHeap& heap, std::uint64_t index);
  std::optional<Blob> read_blob(std::uint64_t start);
  void read_compiled(Bytes header, Blob& blob) const;
  BlobKind kind_of(const std::string& name) const;

  Memory& memory_;
  const Layout& layout_;
  std::vector<CodeHeap> heaps_;
  CodeSurvey survey_{memory_, layout_};
  std::uint64_t low_ = 0, high_ = 0;
  std::uint32_t serial_ = 0;
  std::unordered_map<std::uint64_t, Blob> blobs_;             // by start
  std::unordered_map<std::uint64_t, std::uint64_t> starts_;   // by pc
};

}  // namespace sampan::java
