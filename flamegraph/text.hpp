// Hostile bytes made fit to show: valid UTF-8 without controls, bidirectional overrides visible as `[U+202E]`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sampan {

// Each appends `text` cleaned: bad UTF-8 becomes U+FFFD, a control its picture (newline: U+240A).
void append_clean(std::string& out, std::string_view text);
void append_folded(std::string& out, std::string_view text);  // `;` becomes `:`
void append_xml(std::string& out, std::string_view text);     // for text and quoted attributes
void append_json(std::string& out, std::string_view text);    // with its quotes

std::string clean(std::string_view text);
// True where neither clean() nor append_xml() would change a byte.
bool is_plain(std::string_view text);
// At most `limit` bytes, cut between characters, with `…` where something was cut.
std::string shorten(std::string_view text, std::size_t limit);
// `1234567` as `1,234,567`.
std::string grouped(std::uint64_t number);
void append_grouped(std::string& out, std::uint64_t number);

// Appends a number >= 0 with `decimals` (0 to 2) of them, rounded: `12.34`.
void append_fixed(std::string& out, double number, int decimals);
// Writes the same at `at`, which has room for 32 bytes; returns where it ends.
char* put_fixed(char* at, double number, int decimals);

}  // namespace sampan
