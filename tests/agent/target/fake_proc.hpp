// A /proc of a test's own: folders and files as the kernel would show them.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace sampan {

class FakeProc {
 public:
  FakeProc() {
    std::string name = (std::filesystem::temp_directory_path() / "fake-proc-XXXXXX").string();
    root_ = mkdtemp(name.data());
    put("2/comm", "kthreadd\n");   // the host's processes are seen
  }
  ~FakeProc() { std::filesystem::remove_all(root_); }
  FakeProc(const FakeProc&) = delete;

  const std::string& root() const { return root_; }

  void put(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  void process(int pid, const std::string& command_line, std::uint64_t start_time = 100, std::uint64_t stack = 0x7ffc0000,
               char state = 'S') {
    const std::string place = std::to_string(pid) + "/";
    put(place + "cmdline", command_line);
    // Fields 4 to 21 are of no matter here; a name with a parenthesis and a blank is.
    std::string stat = std::to_string(pid) + " (we) ird) " + state;
    for (int field = 4; field <= 21; ++field) stat += " 1";
    stat += " " + std::to_string(start_time);
    for (int field = 23; field <= 27; ++field) stat += " 1";
    put(place + "stat", stat + " " + std::to_string(stack) + " 0 0 0\n");
  }
  void container(int pid, const std::string& id, const std::string& uid, const std::string& name) {
    const std::string place = std::to_string(pid) + "/";
    put(place + "cgroup", "0::/kubepods/burstable/pod" + uid + "/" + id + "\n");
    put(place + "mountinfo", "36 35 98:0 /var/lib/kubelet/pods/" + uid + "/containers/" + name + "/0 /dev/termination-log rw - ext4 /dev/x rw\n");
  }
  // Field 4 of stat.
  void parent(int pid, int parent) {
    const std::string file = root_ + "/" + std::to_string(pid) + "/stat";
    std::ifstream in(file);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto state = text.rfind(") ") + 4;   // `) S 1`
    text.replace(state, text.find(' ', state) - state, std::to_string(parent));
    put(std::to_string(pid) + "/stat", text);
  }
  void end(int pid) { std::filesystem::remove_all(root_ + "/" + std::to_string(pid)); }

 private:
  std::string root_;
};

}  // namespace sampan
