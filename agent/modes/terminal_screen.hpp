// A terminal in raw mode on its other screen, plain ANSI; put back as it was, whatever ends the agent.
#pragma once

#include <termios.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace sampan {

class TerminalScreen {
 public:
  TerminalScreen();
  ~TerminalScreen();
  TerminalScreen(const TerminalScreen&) = delete;

  // Columns and lines now; 80 × 24 where the terminal does not say.
  static std::pair<std::size_t, std::size_t> size();
  // The next key that was pressed, or 0.
  char key();
  void draw(const std::vector<std::string>& lines);

 private:
  termios before_{};
  bool raw_ = false;
};

}  // namespace sampan
