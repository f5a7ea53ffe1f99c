// A model written and read again; what is refused, and that the old file survives it.
#include "convert/write_gguf.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <vector>

#include "support/gguf_writer.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch {
namespace {

std::string llama_path() {
  return testing::data_dir() + "/families/llama/model.gguf";
}

std::vector<DType> types_of(const GgufModel& model, const char* recipe) {
  return choose_types(*find_recipe(recipe), model.recipe_model(), model.recipe_tensors());
}

std::vector<float> values_of(const Tensor& tensor) {
  const Format& format = format_of(tensor.type);
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  format.decode(tensor.data.data(), values.data(), tensor.elements() / format.block_len);
  return values;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename());
  }
  return names;
}

TEST(WriteGguf, KeepsKeysShapesAndValues) {
  const testing::TempDir folder;
  const auto model = open_gguf_model(llama_path());
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto status = write_gguf(*model, types_of(*model, "F16"), folder / "f16.gguf", {.n_threads = 3});
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(std::filesystem::file_size(folder / "f16.gguf"), gguf_file_bytes(*model, types_of(*model, "F16")));
  const auto written = open_checkpoint(folder / "f16.gguf");
  ASSERT_TRUE(written.ok()) << written.error().message;
  for (const auto& [key, value] : model->source->metadata.all()) {
    const MetaValue* found = written->metadata.find(key);
    ASSERT_NE(found, nullptr) << key;
    EXPECT_EQ(to_string(*found), to_string(value)) << key;
  }
  for (const auto& [name, tensor] : model->source->tensors) {
    const Tensor* found = written->find(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(found->shape, tensor.shape) << name;
    EXPECT_EQ(found->type, tensor.shape.size() == 1 ? DType::f32 : DType::f16) << name;
    const std::vector<float> want = values_of(tensor);
    const std::vector<float> got = values_of(*found);
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_NEAR(got[i], want[i], std::fabs(want[i]) / 2048 + 1e-7F) << name << ' ' << i;
    }
  }
}

TEST(WriteGguf, ThreadsChangeNoByte) {
  const testing::TempDir folder;
  const auto model = open_gguf_model(llama_path());
  ASSERT_TRUE(model.ok());
  ASSERT_TRUE(write_gguf(*model, types_of(*model, "Q4_K_M"), folder / "1.gguf", {.n_threads = 1}).ok());
  ASSERT_TRUE(write_gguf(*model, types_of(*model, "Q4_K_M"), folder / "4.gguf", {.n_threads = 4}).ok());
  EXPECT_EQ(testing::read_file(folder / "1.gguf"), testing::read_file(folder / "4.gguf"));
}

TEST(WriteGguf, TellsProgressThatNeverFalls) {
  const testing::TempDir folder;
  const auto model = open_gguf_model(llama_path());
  ASSERT_TRUE(model.ok());
  double last = 0;
  const auto progress = [&last](double done) {
    EXPECT_GE(done, last);
    EXPECT_LE(done, 1.0);
    last = done;
  };
  ASSERT_TRUE(write_gguf(*model, types_of(*model, "Q8_0"), folder / "q.gguf", {.progress = progress}).ok());
  EXPECT_GT(last, 0.99);
}

/// A llama whose first matrix holds `value` in its third row; everything else is 0.5.
std::string damaged_llama(float value) {
  std::string bytes = testing::read_file(llama_path());
  const auto model = open_checkpoint(llama_path());
  const Tensor* tensor = model->find("blk.0.attn_q.weight");
  std::memcpy(bytes.data() + tensor->file_offset + 2 * static_cast<std::size_t>(tensor->shape[1]) * 4, &value, 4);
  return bytes;
}

TEST(WriteGguf, RefusesWhatTheFormatCannotHold) {
  const testing::TempDir folder;
  for (const float value : {NAN, INFINITY, 1e9F}) {
    std::ofstream(folder / "in.gguf", std::ios::binary) << damaged_llama(value);
    std::ofstream(folder / "out.gguf") << "the old file";
    const auto model = open_gguf_model(folder / "in.gguf");
    ASSERT_TRUE(model.ok()) << model.error().message;
    const auto status = write_gguf(*model, types_of(*model, "F16"), folder / "out.gguf", {});
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::model_file);
    for (const char* part : {"in.gguf", "blk.0.attn_q.weight", "row 2", "F16"}) {
      EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
    }
    EXPECT_EQ(testing::read_file(folder / "out.gguf"), "the old file");
    EXPECT_EQ(names_in(folder.path()).size(), 2u);
  }
}

TEST(WriteGguf, ACopiedTensorIsCheckedToo) {
  const testing::TempDir folder;
  std::ofstream(folder / "in.gguf", std::ios::binary) << damaged_llama(NAN);
  const auto model = open_gguf_model(folder / "in.gguf");
  ASSERT_TRUE(model.ok());
  const auto status = write_gguf(*model, types_of(*model, "F32"), folder / "out.gguf", {});
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("blk.0.attn_q.weight"), std::string::npos) << status.error().message;
}

TEST(WriteGguf, QuantisesAgainOnlyWhenAsked) {
  const testing::TempDir folder;
  const auto model = open_gguf_model(llama_path());
  ASSERT_TRUE(model.ok());
  ASSERT_TRUE(write_gguf(*model, types_of(*model, "Q8_0"), folder / "q8.gguf", {}).ok());
  const auto q8 = open_gguf_model(folder / "q8.gguf");
  ASSERT_TRUE(q8.ok());
  const auto status = write_gguf(*q8, types_of(*q8, "Q4_0"), folder / "q4.gguf", {});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(status.error().message.find("Q8_0"), std::string::npos) << status.error().message;
  EXPECT_FALSE(std::filesystem::exists(folder / "q4.gguf"));
  EXPECT_TRUE(write_gguf(*q8, types_of(*q8, "Q4_0"), folder / "q4.gguf", {.allow_requantize = true}).ok());
  EXPECT_TRUE(write_gguf(*q8, types_of(*q8, "Q8_0"), folder / "again.gguf", {}).ok());
  EXPECT_EQ(testing::read_file(folder / "again.gguf"), testing::read_file(folder / "q8.gguf"));
}

TEST(WriteGguf, AFullDiskLeavesTheOldFile) {
  const testing::TempDir folder;
  const auto model = open_gguf_model(llama_path());
  ASSERT_TRUE(model.ok());
  std::ofstream(folder / "out.gguf") << "the old file";
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{.rlim_cur = 20000, .rlim_max = old.rlim_max};
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto status = write_gguf(*model, types_of(*model, "F16"), folder / "out.gguf", {});
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::io);
  EXPECT_EQ(testing::read_file(folder / "out.gguf"), "the old file");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"out.gguf"});
}

TEST(WriteGguf, AnImportanceOfAnotherSizeIsRefused) {
  const auto model = open_gguf_model(llama_path());
  ASSERT_TRUE(model.ok());
  Importance importance;
  importance.of["blk.0.attn_q.weight"] = std::vector<float>(7, 1.0F);
  const auto status = check_gguf(*model, types_of(*model, "Q4_0"), {.importance = &importance});
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("blk.0.attn_q.weight"), std::string::npos) << status.error().message;
}

TEST(OpenGgufModel, DropsKeysOfTheFileItself) {
  const testing::TempDir folder;
  std::string bytes = testing::read_file(llama_path());
  const auto model = open_gguf_model(llama_path());
  ASSERT_TRUE(model.ok());
  EXPECT_FALSE(model->header.has("general.alignment"));
  EXPECT_TRUE(model->header.has("general.architecture"));
}

}  // namespace
}  // namespace llorch
