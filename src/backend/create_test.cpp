// create_backend and list_devices of the program that has every backend.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "backend/backend.h"

namespace llorch {
namespace {

TEST(CreateBackend, AnUnknownDeviceListsTheKnownOnes) {
  const auto backend = create_backend("tpu", {});
  ASSERT_FALSE(backend.ok());
  EXPECT_EQ(backend.error().code, ErrorCode::invalid_argument);
  for (const char* name : {"'tpu'", "cpu", "ref", "blas", "cuda:0"}) {
    EXPECT_NE(backend.error().message.find(name), std::string::npos) << backend.error().message;
  }
}

TEST(CreateBackend, EveryDeviceIsMadeOrSaysWhyNot) {
  for (const DeviceInfo& device : list_devices()) {
    const auto backend = create_backend(device.name, {.n_threads = 2});
    EXPECT_EQ(backend.ok(), device.available) << device.name;
    EXPECT_EQ(device.why_not.empty(), device.available) << device.name;
    EXPECT_FALSE(device.description.empty());
    if (!backend.ok()) {
      EXPECT_EQ(backend.error().code, ErrorCode::device);
      EXPECT_NE(backend.error().message.find(device.name), std::string::npos);
      continue;
    }
    EXPECT_EQ((*backend)->deterministic(), device.name != "blas");
    const Status status = (*backend)->verify();
    EXPECT_TRUE(status.ok()) << status.error().message;
  }
}

TEST(CreateBackend, CpuIsTheBestTable) {
  const auto backend = create_backend("cpu", {.n_threads = 1});
  ASSERT_TRUE(backend.ok());
  EXPECT_TRUE((*backend)->name() == "ref" || (*backend)->name().starts_with("cpu:"));
}

TEST(CreateBackend, CudaDevicesAreSpelledWithANumber) {
  for (const char* name : {"cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:0x"}) {
    EXPECT_FALSE(create_backend(name, {}).ok()) << name;
  }
}

TEST(CreateBackend, RefusesThreadCountsOutOfRange) {
  EXPECT_EQ(create_backend("cpu", {.n_threads = -1}).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace llorch
