#include "server/accept.h"

#include <gtest/gtest.h>

namespace llorch {
namespace {

TEST(Accept, LinesWhereTheyArePreferred) {
  for (const char* accept : {"application/x-ndjson", "Application/X-NDJSON", "text/html, application/x-ndjson;q=0.5",
                             "text/event-stream, application/x-ndjson", " application/x-ndjson ; q=1.0 , */*",
                             "text/event-stream;q=0.5,application/x-ndjson;q=0.8"}) {
    EXPECT_TRUE(prefers_ndjson(accept)) << accept;
  }
  for (const char* accept :
       {"", "*/*", "text/event-stream", "application/x-ndjson;q=0", "application/x-ndjsonfoo",
        "text/event-stream, application/x-ndjson;q=0.1", "text/event-stream;x=\"application/x-ndjson\"",
        "text/html;x=\",application/x-ndjson,\"", ",;,", "application/x-ndjson; Q=0.000"}) {
    EXPECT_FALSE(prefers_ndjson(accept)) << accept;
  }
}

}  // namespace
}  // namespace llorch
