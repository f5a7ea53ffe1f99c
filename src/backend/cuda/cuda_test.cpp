// cuda:0 as a user meets it, with or without a GPU, a driver, or a toolkit at build time.
#include <gtest/gtest.h>

#include "backend/backend.h"

namespace llorch {
namespace {

TEST(Cuda, NeverPretendsToComputeAModel) {
  const auto backend = create_backend("cuda:0", {});
  ASSERT_FALSE(backend.ok());
  EXPECT_EQ(backend.error().code, ErrorCode::device);
  EXPECT_TRUE(backend.error().message.starts_with("device 'cuda:0': ")) << backend.error().message;
}

TEST(Cuda, AnIndexThatIsNotThereIsRefused) {
  const auto backend = create_backend("cuda:99", {});
  ASSERT_FALSE(backend.ok());
  EXPECT_EQ(backend.error().code, ErrorCode::device);
}

}  // namespace
}  // namespace llorch
