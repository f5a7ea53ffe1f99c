// Codes of errors, and the framing of events.
#include "server/events.h"

#include <gtest/gtest.h>

namespace llorch {
namespace {

TEST(Events, EveryErrorHasItsCode) {
  struct Row {
    ErrorCode code;
    const char* name;
    bool retriable;
    int status;
  };
  for (const Row& row :
       {Row{ErrorCode::invalid_argument, "INVALID_REQUEST", false, 400},
        Row{ErrorCode::unsupported, "INVALID_REQUEST", false, 400}, Row{ErrorCode::cancelled, "CANCELLED", false, 503},
        Row{ErrorCode::timeout, "INFERENCE_TIMEOUT", true, 504}, Row{ErrorCode::out_of_memory, "VRAM_OOM", true, 507},
        Row{ErrorCode::device, "CUDA_ERROR", false, 500}, Row{ErrorCode::internal, "INTERNAL", false, 500},
        Row{ErrorCode::io, "INTERNAL", false, 500}}) {
    const ApiError error = to_api_error({row.code, "why"});
    EXPECT_EQ(error.code, row.name);
    EXPECT_EQ(error.message, "why");
    EXPECT_EQ(error.retriable, row.retriable) << row.name;
    EXPECT_EQ(status_of(row.code), row.status) << row.name;
  }
}

TEST(Events, Framing) {
  EXPECT_EQ(token_event(AnswerFormat::sse, "a\nb", 3),
            "event: token\ndata: {\"type\":\"token\",\"t\":\"a\\nb\",\"i\":3}\n\n");
  EXPECT_EQ(token_event(AnswerFormat::ndjson, "a\nb", 3), "{\"type\":\"token\",\"t\":\"a\\nb\",\"i\":3}\n");
  EXPECT_EQ(error_event(AnswerFormat::ndjson, {"CANCELLED", "why", false}),
            "{\"type\":\"error\",\"code\":\"CANCELLED\",\"message\":\"why\",\"retriable\":false}\n");
}

}  // namespace
}  // namespace llorch
