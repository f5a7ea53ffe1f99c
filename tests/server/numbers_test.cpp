// A model whose weights are finite and whose logits are not, for some prompts: those requests fail, and nothing else.
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <cstring>

#include "checkpoint/checkpoint.h"
#include "quant/half.h"
#include "server/daemon.h"
#include "support/temp_dir.h"
#include "support/testdata.h"
#include "tokenizer/tokenizer.h"

namespace llorch::testing {
namespace {

constexpr const char* kBadText = "~";

/// The embedded model with one token whose row is large in dimension 0 alone, and a last norm that makes that
/// dimension's share of the token's own logit overflow where the hidden state is that row, and not elsewhere.
std::string overflowing_model() {
  const std::string source = LLORCH_SOURCE_DIR "/models/haiku/haiku.gguf";
  std::string bytes = read_file(source);
  const auto checkpoint = open_checkpoint(source);
  EXPECT_TRUE(checkpoint.ok());
  const auto tokenizer = make_tokenizer(*checkpoint);
  const std::vector<std::int32_t> ids = (*tokenizer)->encode(kBadText, {});
  EXPECT_EQ(ids.size(), 1U);
  const Tensor* rows = checkpoint->find("token_embd.weight");
  const Tensor* norm = checkpoint->find("output_norm.weight");
  EXPECT_EQ(rows->type, DType::f16);
  EXPECT_EQ(norm->type, DType::f32);
  const std::size_t dim = static_cast<std::size_t>(rows->shape[1]);
  const std::size_t row = rows->file_offset + static_cast<std::size_t>(ids[0]) * dim * 2;
  std::memset(bytes.data() + row, 0, dim * 2);
  constexpr float kLarge = 1000;
  const std::uint16_t large = 0x63D0;  // 1000 as F16
  std::memcpy(bytes.data() + row, &large, sizeof(large));
  // sqrt(dim) is the most that a normed dimension can be: it overflows from half of that on.
  const float weight = 3.4e38F / kLarge / (0.5F * std::sqrt(static_cast<float>(dim)));
  std::memcpy(bytes.data() + norm->file_offset, &weight, sizeof(weight));
  return bytes;
}

TEST(Numbers, LogitsThatAreNoneFailTheirRequestAlone) {
  const TempDir folder;
  const std::string path = folder / "overflow.gguf";
  write_file(path, overflowing_model());
  Daemon daemon({"--model", path, "--port", "0", "--threads", "1", "--log-format", "json"});
  daemon.wait_ready();
  const Json good = {{"job_id", "g"}, {"prompt", "moon"}, {"max_tokens", 1}, {"temperature", 0}, {"stream", false}};
  Json bad = good;
  bad["job_id"] = "b";
  bad["prompt"] = kBadText;
  Json stream = bad;
  stream.erase("stream");
  EXPECT_EQ(daemon.execute(good).status, 200);
  const Answer single = daemon.execute(bad);
  EXPECT_EQ(single.status, 500);
  EXPECT_EQ(single.json()["code"], "INTERNAL");
  const auto events = sse_events(daemon.execute(stream).body);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]["type"], "started");
  EXPECT_EQ(events[1]["type"], "error");
  EXPECT_EQ(events[1]["code"], "INTERNAL");
  EXPECT_EQ(daemon.execute(good).status, 200);
  EXPECT_EQ(daemon.health()["status"], "healthy");
  EXPECT_EQ(daemon.metric("worker_requests_total{outcome=\"failed\"}"), 2);
  EXPECT_TRUE(daemon.wait_metric("worker_kv_blocks{state=\"used\"}", 0));  // freed after the answer was sent
  daemon.signal(SIGTERM);
  ASSERT_EQ(daemon.wait_exit(), 0);
  int told = 0;
  for (const Json& line : ndjson_events(daemon.errors())) {
    if (line["event"] == "request_done" && line["outcome"] == "failed") {
      ++told;
      EXPECT_EQ(line["level"], "error");
      EXPECT_EQ(line["reason"], single.json()["message"]);
    }
  }
  EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace llorch::testing
