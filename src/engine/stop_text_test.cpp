#include "engine/stop_text.h"

#include <gtest/gtest.h>

namespace llorch {
namespace {

/// Feeds pieces one token each; returns the emitted text, what finish() gives included.
std::string run(StopText& text, const std::vector<std::string>& pieces) {
  std::string out;
  int index = 0;
  for (const std::string& piece : pieces) {
    out += text.push(piece, index++).text;
    if (text.matched()) {
      return out;
    }
  }
  return out + text.finish().text;
}

TEST(StopText, PassesEverythingWithoutStops) {
  StopText text({});
  EXPECT_EQ(text.push("ab", 0).text, "ab");
  EXPECT_EQ(text.push("", 1).text, "");
  EXPECT_EQ(text.push("c", 2).index, 2);
}

TEST(StopText, MatchesAcrossTokenBorders) {
  StopText text({"END"});
  EXPECT_EQ(run(text, {"one E", "N", "D two"}), "one ");
  EXPECT_EQ(text.matched(), "END");
}

TEST(StopText, NeverLeaksAPartAndGivesItBackWhenItWasNone) {
  StopText text({"abcd"});
  EXPECT_EQ(text.push("x", 0).text, "x");
  EXPECT_EQ(text.push("ab", 1).text, "");
  EXPECT_EQ(text.push("c", 2).text, "");
  const StopText::Piece piece = text.push("e", 3);
  EXPECT_EQ(piece.text, "abce");
  EXPECT_EQ(piece.index, 3);
}

TEST(StopText, OverlappingPrefixesRestart) {
  StopText text({"aab"});
  EXPECT_EQ(run(text, {"a", "a", "a", "b"}), "a");
  EXPECT_EQ(text.matched(), "aab");
}

TEST(StopText, HeldTextComesOutAtTheEnd) {
  StopText text({"abcd"});
  EXPECT_EQ(run(text, {"zab", "c"}), "zabc");
  EXPECT_FALSE(text.matched());
}

TEST(StopText, TheFirstPlaceWinsThenTheLongest) {
  StopText text({"bc", "b", "cd"});
  EXPECT_EQ(run(text, {"abcd"}), "a");
  EXPECT_EQ(text.matched(), "bc");
}

TEST(StopText, EventsEndAtTokens) {
  StopText text({"END"});
  EXPECT_EQ(text.push("good", 0).text, "good");
  EXPECT_EQ(text.push("by", 1).text, "by");
  EXPECT_EQ(text.push("e E", 2).text, "");  // may become a stop sequence: the token waits whole
  const StopText::Piece piece = text.push("ND!", 3);
  EXPECT_EQ(piece.text, "e ");
  EXPECT_EQ(piece.index, 2);
}

}  // namespace
}  // namespace llorch
