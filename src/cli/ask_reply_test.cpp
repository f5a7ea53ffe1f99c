#include "cli/ask_reply.h"

#include <gtest/gtest.h>

#include "base/format.h"

namespace llorch::cli {
namespace {

constexpr const char* kToken = R"({"type":"token","t":" moon","i":0})";
constexpr const char* kEnd = R"({"type":"end","tokens_out":1,"stop_reason":"EOS"})";

/// What a reply brings: its text, and the error of push() or finish().
struct Brought {
  std::string text;
  std::string error;
  nlohmann::json end;
};

Brought read(const std::string& format, const std::string& body) {
  Brought brought;
  AskReply reply(format, [&brought](std::string_view text) {
    brought.text += text;
    return Status();
  });
  Status status = reply.push(body);
  if (status.ok()) {
    status = reply.finish();
  }
  brought.error = status.ok() ? "" : status.error().message;
  brought.end = reply.end();
  return brought;
}

std::string lines(const std::vector<std::string>& events) {
  return fmt::format("{}\n", fmt::join(events, "\n"));
}

TEST(AskReply, TheSameInThreeShapes) {
  const std::string started = R"({"type":"started","seed":1})";
  const std::string sse =
      fmt::format("event: started\ndata: {}\n\nevent: token\ndata: {}\n\ndata: {}\n\n", started, kToken, kEnd);
  const std::string single = R"({"job_id":"j","text":" moon","tokens_out":1,"stop_reason":"EOS"})";
  for (const auto& [format, body] :
       {std::pair{"sse", sse}, {"ndjson", lines({started, kToken, kEnd})}, {"json", single}}) {
    const Brought brought = read(format, body);
    EXPECT_EQ(brought.error, "") << format;
    EXPECT_EQ(brought.text, " moon") << format;
    EXPECT_EQ(brought.end["stop_reason"], "EOS") << format;
  }
}

TEST(AskReply, EventsOfLaterWorkersAreLeftOut) {
  EXPECT_EQ(read("ndjson", lines({R"({"type":"thought","t":"x"})", kToken, kEnd})).text, " moon");
}

TEST(AskReply, AnErrorEventIsAnError) {
  const Brought brought =
      read("ndjson", lines({kToken, R"({"type":"error","code":"CANCELLED","message":"the client\nhas gone"})"}));
  EXPECT_EQ(brought.text, " moon");
  EXPECT_EQ(brought.error, "CANCELLED: the client\\nhas gone");
  EXPECT_EQ(read("ndjson", lines({R"({"type":"error"})"})).error, R"({"type":"error"})");
}

TEST(AskReply, AStreamNeedsItsEnd) {
  for (const char* format : {"sse", "ndjson"}) {
    EXPECT_EQ(read(format, "").error, "the stream ended without an end or error event");
  }
  EXPECT_NE(read("sse", fmt::format("data: {}\n", kEnd)).error, "") << "cut within the last event";
  EXPECT_NE(read("json", "").error, "");
  EXPECT_NE(read("ndjson", lines({kEnd, kToken})).error.find("after its end"), std::string::npos);
  EXPECT_NE(read("ndjson", lines({kEnd, kEnd})).error, "");
}

TEST(AskReply, WhatIsNoEventIsShown) {
  for (const char* event : {"{", "[]", "1", R"({"typ":"token"})", R"({"type":1})", R"({"type":"token"})",
                            R"({"type":"token","t":1})", "\x1b[31mred"}) {
    const std::string error = read("ndjson", lines({event})).error;
    EXPECT_NE(error, "") << event;
    EXPECT_EQ(error.find('\x1b'), std::string::npos);
  }
  for (const char* answer : {"{}", "[]", R"({"text":1})", "<html>"}) {
    EXPECT_NE(read("json", answer).error.find("no answer"), std::string::npos) << answer;
  }
}

TEST(AskReply, APutThatFailsEndsIt) {
  AskReply reply("ndjson", [](std::string_view /*text*/) { return Error{ErrorCode::io, "full"}; });
  const Status status = reply.push(lines({kToken, kToken}));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::io);
}

TEST(AskRefusal, AFaultALine) {
  const std::string two =
      R"j({"errors":[{"field":"top_p","constraint":"range(0,1)","message":"must be between 0 and 1","value":"7"},)j"
      R"j({"field":"x","constraint":"unknown","message":"is not a field","value":""}]})j";
  EXPECT_EQ(refusal_of(400, two), "top_p: must be between 0 and 1 (range(0,1), got 7)\nx: is not a field (unknown)");
  EXPECT_EQ(refusal_of(503, R"({"code":"DRAINING","message":"the worker is shutting down","retriable":true})"),
            "HTTP 503: DRAINING: the worker is shutting down");
  EXPECT_EQ(refusal_of(502, "<h1>Bad\nGateway</h1>"), "HTTP 502: <h1>Bad\\nGateway</h1>");
  EXPECT_EQ(refusal_of(400, R"({"errors":[]})"), R"(HTTP 400: {"errors":[]})");
  EXPECT_EQ(refusal_of(400, R"({"errors":[1,{"field":2}]})"), "1\n?: ? (?)");
  EXPECT_EQ(refusal_of(401, R"({"code":401})"), R"(HTTP 401: {"code":401})");
}

TEST(AskTimes, WhatIsKnown) {
  const nlohmann::json end = {{"tokens_out", 12}, {"stop_reason", "EOS"}, {"queue_ms", 0.04},
                              {"prefill_ms", 10}, {"ttft_ms", 10.06},     {"tokens_per_sec", 61.25}};
  EXPECT_EQ(times_line(end, {12.34, 20}),
            "12 tokens, EOS; the worker: queue 0.0 ms, prefill 10.0 ms, first token 10.1 ms, 61.2 tokens/s; "
            "here: first text 12.3 ms, total 20.0 ms");
  EXPECT_EQ(times_line({{"stop_reason", "STOP_SEQUENCE"}, {"stop_sequence_matched", "END"}, {"queue_ms", "soon"}}, {}),
            "? tokens, STOP_SEQUENCE 'END'; the worker: no times; here: total 0.0 ms");
}

}  // namespace
}  // namespace llorch::cli
