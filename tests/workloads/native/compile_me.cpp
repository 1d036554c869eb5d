// Something that a compiler works on for seconds.
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <ranges>
#include <regex>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N>
struct Tower {
  std::map<std::string, std::variant<int, std::string, std::vector<double>>> values;
  int run(const std::string& text) {
    std::regex expression("(a|b)*c" + std::to_string(N));
    return std::regex_match(text, expression) + Tower<N - 1>().run(text + "x");
  }
};
template <>
struct Tower<0> {
  int run(const std::string& text) { return static_cast<int>(text.size()); }
};

int main(int argc, char** argv) { return Tower<30>().run(argc > 1 ? argv[1] : "abc"); }
