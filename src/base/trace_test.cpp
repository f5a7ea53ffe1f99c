#include "base/trace.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/cgroup.h"
#include "base/json.h"

namespace llorch {
namespace {

TEST(Recorder, WritesATraceThatNamesItsTracks) {
  Recorder recorder;
  recorder.add({"linear", "ffn.down", 1500, 3500, 4000, 8000, 0});
  recorder.add({"linear", "ffn.down", 1500, 3000, 0, 0, 2});
  recorder.add({"decode", "", 0, 4000, 0, 0, Recorder::kRequestTracks + 7});
  const std::string path = ::testing::TempDir() + "llorch_trace_test.json";
  ASSERT_TRUE(recorder.write_trace(path).ok());
  const auto trace = parse_json(read_small_file(path), path);
  std::filesystem::remove(path);
  ASSERT_TRUE(trace.ok()) << trace.error().message;
  std::vector<std::string> names;
  std::vector<nlohmann::json> events;
  for (const auto& event : (*trace)["traceEvents"]) {
    if (event["ph"] == "X") {
      events.push_back(event);
    } else if (event["name"] == "thread_name") {
      names.push_back(event["args"]["name"]);
    }
  }
  EXPECT_EQ(names, (std::vector<std::string>{"engine", "thread 1", "request 7"}));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0]["name"], "ffn.down");
  EXPECT_EQ(events[0]["cat"], "linear");
  EXPECT_EQ(events[0]["ts"], 1.5);
  EXPECT_EQ(events[0]["dur"], 2.0);
  EXPECT_EQ(events[0]["args"]["GB/s"], 2.0);
  EXPECT_EQ(events[0]["args"]["GFLOP/s"], 4.0);
  EXPECT_FALSE(events[1].contains("args"));
  EXPECT_EQ(events[2]["name"], "decode");
}

TEST(Recorder, ClearForgetsAndAFileThatCannotBeWrittenIsAnError) {
  Recorder recorder;
  recorder.add({"linear", "ffn.down", 0, 1, 0, 0, 0});
  recorder.clear();
  EXPECT_TRUE(recorder.spans().empty());
  const Status status = recorder.write_trace("/nonexistent/trace.json");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::io);
  EXPECT_NE(status.error().message.find("/nonexistent/trace.json"), std::string::npos);
}

}  // namespace
}  // namespace llorch
