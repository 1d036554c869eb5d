#include "agent/modes/terminal_screen.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

namespace sampan {
namespace {

void put(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

TerminalScreen::TerminalScreen() {
  raw_ = tcgetattr(STDIN_FILENO, &before_) == 0;
  if (raw_) {
    termios now = before_;
    now.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));   // ISIG stays: control-C ends the agent as anywhere
    now.c_cc[VMIN] = 0;
    now.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &now);
  }
  put("\033[?1049h\033[?25l\033[2J");
}

TerminalScreen::~TerminalScreen() {
  put("\033[?25h\033[?1049l");
  if (raw_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

std::pair<std::size_t, std::size_t> TerminalScreen::size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {80, 24};
  return {size.ws_col, size.ws_row};
}

char TerminalScreen::key() {
  pollfd in{STDIN_FILENO, POLLIN, 0};
  char key = 0;
  if (!raw_ || poll(&in, 1, 0) <= 0 || ::read(STDIN_FILENO, &key, 1) != 1) return 0;
  return key;
}

void TerminalScreen::draw(const std::vector<std::string>& lines) {
  std::string text = "\033[H";
  for (std::size_t i = 0; i < lines.size(); ++i) text += (i == 0 ? "" : "\r\n") + lines[i] + "\033[K";
  put(text + "\033[J");
}

}  // namespace sampan
