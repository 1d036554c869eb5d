// A program started for a benchmark and ended with it: real interpreters are walked, not imitations.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace sampan::bench {

class Child {
 public:
  // Runs the command and waits for its first line of output; alive() says whether that came.
  explicit Child(std::vector<std::string> command) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], 1);
      dup2(open("/dev/null", O_WRONLY), 2);
      std::vector<char*> words;
      for (std::string& word : command) words.push_back(word.data());
      words.push_back(nullptr);
      execvp(words[0], words.data());
      _exit(127);
    }
    close(ends[1]);
    char first = 0;
    alive_ = pid_ > 0 && ::read(ends[0], &first, 1) == 1;
    close(ends[0]);
  }
  ~Child() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool alive() const { return alive_; }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  bool alive_ = false;
};

}  // namespace sampan::bench
