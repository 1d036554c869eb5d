#include "samplers/symbols/demangle.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

TEST(Demangle, CppRustAndPlainNames) {
  EXPECT_EQ(demangle("_ZN5split7Descent3runEi"), "split::Descent::run(int)");
  EXPECT_EQ(demangle("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
  EXPECT_EQ(demangle("_RNvNtCs1234_7mycrate3foo3bar"), "mycrate::foo::bar");
  EXPECT_EQ(demangle("memcpy@@GLIBC_2.14"), "memcpy");
  EXPECT_EQ(demangle("main"), "main");
  EXPECT_EQ(demangle("_ZN5split3runEv.cold"), "split::run()");
  EXPECT_EQ(demangle("spin.constprop.0.isra.0"), "spin");
  EXPECT_EQ(demangle("spin.lto_priv.12"), "spin");
  EXPECT_EQ(demangle("spin.part.0.cold"), "spin");
  EXPECT_EQ(demangle("main.part"), "main");
  EXPECT_EQ(demangle("isra.0"), "isra.0");            // that is all there is of a name
  EXPECT_EQ(demangle("v1.2"), "v1.2");
  EXPECT_EQ(demangle("object.method"), "object.method");
  EXPECT_EQ(demangle("_Znonsense"), "_Znonsense");
  EXPECT_EQ(demangle(""), "");
}

TEST(Demangle, WhatIsLeftOutIsToldApart) {
  EXPECT_EQ(variant_of("_ZN5split3runEv.cold"), ".cold");
  EXPECT_EQ(variant_of("spin.constprop.0.isra.0@@V1"), ".constprop.0.isra.0");
  EXPECT_EQ(variant_of("v1.2"), "");
}

// f(pair<S, S>) of a pair of pairs of pairs…: each level doubles the text.
TEST(Demangle, ANameThatExplodesIsCut) {
  std::string name = "_Z1fSt4pairIiiE";
  for (int i = 0; i < 30; ++i) {
    const std::string last = i == 0 ? "S0_" : "S" + std::string(1, static_cast<char>(i < 10 ? '0' + i : 'A' + i - 10)) + "_";
    name += "St4pairI" + last + last + "E";
  }
  const std::string text = demangle(name);
  EXPECT_LE(text.size(), 8192u);
}

TEST(Demangle, AnOverlongNameIsCut) { EXPECT_LE(demangle("_Z" + std::string(100'000, '1')).size(), 1024u); }

}  // namespace
}  // namespace sampan
