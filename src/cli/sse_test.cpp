// Every example is read whole, byte by byte, and cut in two at each place: the events must be the same.
#include "cli/sse.h"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "base/format.h"

namespace llorch::cli {

bool operator==(const SseEvent& a, const SseEvent& b) {
  return std::tie(a.type, a.data, a.id) == std::tie(b.type, b.data, b.id);
}

void PrintTo(const SseEvent& event, std::ostream* out) {
  *out << "{" << event.type << ", '" << event.data << "', " << event.id << "}";
}

namespace {

using Events = std::vector<SseEvent>;

Events parse(const std::vector<std::string_view>& chunks) {
  Events events;
  SseParser parser([&events](const SseEvent& event) {
    events.push_back(event);
    return Status();
  });
  for (const std::string_view chunk : chunks) {
    EXPECT_TRUE(parser.push(chunk).ok());
  }
  return events;
}

void expect_events(std::string_view text, const Events& expected) {
  EXPECT_EQ(parse({text}), expected) << text;
  std::vector<std::string_view> single;
  for (std::size_t i = 0; i < text.size(); ++i) {
    single.push_back(text.substr(i, 1));
    EXPECT_EQ(parse({text.substr(0, i), text.substr(i)}), expected) << text << " cut at " << i;
  }
  EXPECT_EQ(parse(single), expected) << text << " byte by byte";
}

TEST(Sse, LineEndsOfAllThreeKinds) {
  for (const std::string_view end : {"\n", "\r", "\r\n"}) {
    const std::string text = fmt::format("event: token{0}data: a{0}{0}data: b{0}{0}", end);
    expect_events(text, {{"token", "a", ""}, {"message", "b", ""}});
  }
  expect_events("data: a\rdata: b\ndata: c\r\n\r\n", {{"message", "a\nb\nc", ""}});
  expect_events("data: a\n\rdata: b\r\r", {{"message", "a", ""}, {"message", "b", ""}});
}

TEST(Sse, AnEventComesWithItsLineEndAndNotLater) {
  int n_events = 0;
  SseParser parser([&n_events](const SseEvent& /*event*/) {
    ++n_events;
    return Status();
  });
  ASSERT_TRUE(parser.push("data: a\r\n\r").ok());
  EXPECT_EQ(n_events, 1) << "the \\n that may follow is not waited for";
  ASSERT_TRUE(parser.push("\n").ok());
  ASSERT_TRUE(parser.push("data: b\n").ok());
  EXPECT_EQ(n_events, 1);
  ASSERT_TRUE(parser.push("\n").ok());
  EXPECT_EQ(n_events, 2);
}

TEST(Sse, DataOfManyLines) {
  expect_events("data: YHOO\ndata: +2\ndata: 10\n\n", {{"message", "YHOO\n+2\n10", ""}});
  expect_events("data\n\n", {{"message", "", ""}});
  expect_events("data\ndata\n\n", {{"message", "\n", ""}});
  expect_events("data:\ndata: \n\n", {{"message", "\n", ""}});
}

TEST(Sse, OneSpaceAfterTheColonIsTaken) {
  expect_events("data:test\n\ndata: test\n\ndata:  test\n\n",
                {{"message", "test", ""}, {"message", "test", ""}, {"message", " test", ""}});
  expect_events("data: a: b\n\n", {{"message", "a: b", ""}});
}

TEST(Sse, CommentsAndUnknownFieldsAreLeftOut) {
  expect_events(": keep-alive\n\n:\n\ndata: a\n: between\nretry: 10\ncolour: red\nData: no\n data: no\ndata: b\n\n",
                {{"message", "a\nb", ""}});
}

TEST(Sse, NoDataNoEvent) {
  expect_events("event: token\n\ndata: a\n\n", {{"message", "a", ""}});
  expect_events("\n\n\r\n\r", {});
}

TEST(Sse, TheLastEventNeedsItsBlankLine) {
  expect_events("data: a\n\ndata: lost\n", {{"message", "a", ""}});
  expect_events("data: lost", {});
}

TEST(Sse, IdsStayUntilTheNext) {
  expect_events("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
                {{"message", "a", "1"}, {"message", "b", "1"}, {"message", "c", ""}});
  expect_events(std::string_view("id: 1\nid: 2\0\ndata: a\n\n", 22), {{"message", "a", "1"}});
}

TEST(Sse, OneByteOrderMarkAtTheStart) {
  expect_events(
      "\xEF\xBB\xBF"
      "data: a\n\n",
      {{"message", "a", ""}});
  expect_events(
      "\xEF\xBB\xBF\xEF\xBB\xBF"
      "data: a\ndata: b\n\n",
      {{"message", "b", ""}});
  expect_events(
      "data: a\n\xEF\xBB\xBF"
      "data: b\n\n",
      {{"message", "a", ""}});
}

TEST(Sse, Utf8) {
  expect_events("data: 漢字 🌙\n\n", {{"message", "漢字 🌙", ""}});
  expect_events(
      "data: a\xF0\x9F\x8C"
      "b\xFF\n\n",
      {{"message", "a\uFFFDb\uFFFD", ""}});
}

TEST(Sse, WhatIsTooLargeIsRefused) {
  const auto push = [](std::string_view text) {
    SseParser parser([](const SseEvent& /*event*/) { return Status(); }, 16);
    return parser.push(text).ok();
  };
  EXPECT_TRUE(push("data: 0123456789"));
  EXPECT_FALSE(push("data: 0123456789a"));
  EXPECT_FALSE(push("data: 012345678\ndata: 0\n"));
  EXPECT_TRUE(push("data: 012345678\n\ndata: 012345678\n\n"));
}

TEST(Sse, AnErrorOfTheTakerEndsIt) {
  int n_events = 0;
  SseParser parser([&n_events](const SseEvent& event) {
    ++n_events;
    return event.data == "bad" ? Status(Error{ErrorCode::internal, "no"}) : Status();
  });
  EXPECT_FALSE(parser.push("data: good\n\ndata: bad\n\ndata: good\n\n").ok());
  EXPECT_EQ(n_events, 2);
}

}  // namespace
}  // namespace llorch::cli
