// Every kind of fault, in the process and through the tool: one sentence that names the file and what is wrong in it,
// exit code 3, and no more memory than the files explain.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <set>

#include "badfiles/faults.h"
#include "base/utf8.h"
#include "engine/verify.h"
#include "largest_allocation.h"
#include "support/small_model.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch::testing {
namespace {

std::size_t write_all(const TempDir& folder, const Files& files) {
  std::size_t bytes = 0;
  for (const auto& [name, content] : files) {
    write_file(folder / name, content);
    bytes += content.size();
  }
  return bytes;
}

struct Ended {
  int code = -1;
  std::string output;  // stdout and stderr
};

/// `llorch VERB PATH`.
Ended tool(const std::string& verb, const std::string& path) {
  Ended ended;
  std::FILE* pipe = ::popen(("'" LLORCH_BIN_DIR "/llorch' " + verb + " '" + path + "' 2>&1").c_str(), "r");
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    ended.output.append(buffer, n);
  }
  const int status = ::pclose(pipe);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

/// The words stand in the message, one after the other.
void expect_says(const std::string& message, const std::vector<std::string>& says) {
  std::size_t at = 0;
  for (const std::string& words : says) {
    const std::size_t found = message.find(words, at);
    EXPECT_NE(found, std::string::npos) << "'" << words << "' in: " << message;
    at = found == std::string::npos ? at : found + words.size();
  }
}

void expect_refused(const Fault& fault) {
  const TempDir folder;
  const std::size_t bytes = write_all(folder, fault.files);
  const std::string path = fault.model.empty() ? folder.path() : folder / fault.model;
  reset_largest_allocation();
  const auto model = verify_model(path, nullptr, {});
  EXPECT_LE(largest_allocation(), 64 * bytes + (1 << 20));
  ASSERT_FALSE(model.ok()) << "it was taken for a good model";
  const std::string& message = model.error().message;
  EXPECT_EQ(model.error().code, ErrorCode::model_file) << message;
  EXPECT_TRUE(message.starts_with(folder.path())) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_LT(message.size(), 1000U) << message;
  EXPECT_TRUE(is_utf8(message)) << message;
  expect_says(message, fault.says);
  const Ended verified = tool("verify", path);
  EXPECT_EQ(verified.code, 3);
  EXPECT_EQ(verified.output, "llorch: " + message + "\n");
  const Ended inspected = tool("inspect", path);
  EXPECT_TRUE(inspected.code == 0 || inspected.code == 3) << inspected.code << ": " << inspected.output;
}

void expect_all_refused(const std::vector<Fault>& faults, std::size_t least) {
  std::set<std::string> names;
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    EXPECT_TRUE(names.insert(fault.name).second) << "two faults of one name";
    expect_refused(fault);
  }
  EXPECT_GE(names.size(), least);
}

TEST(Faults, TheUndamagedModelsAreGood) {
  const TempDir folder, fp8_folder;
  write_file(folder / "model.gguf", small_gguf().bytes());
  write_all(folder, small_hf());
  write_all(fp8_folder, small_fp8_hf());
  for (const std::string& path : {folder / "model.gguf", folder.path(), fp8_folder.path()}) {
    const auto model = verify_model(path, nullptr, {});
    EXPECT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ(tool("verify", path).code, 0);
  }
}

/// Decoded weights would take four times the file.
TEST(Faults, Fp8WeightsAreCheckedAsTheyLie) {
  constexpr std::size_t kRows = 1 << 16;
  HfFiles files = small_fp8_hf();
  std::string& config = files["config.json"];
  const std::string sizes = "\"intermediate_size\":32";
  config.replace(config.find(sizes), sizes.size(), "\"intermediate_size\":65536");
  std::vector<HfTensor> tensors = small_fp8_tensors(), scales;
  for (HfTensor& tensor : tensors) {
    if (tensor.name.find(".mlp.") != std::string::npos) {
      const bool is_down = tensor.name.find("down") != std::string::npos;
      tensor = {tensor.name, "F8_E4M3", is_down ? "[32,65536]" : "[65536,32]", std::string(kRows * 32, kOneInE4m3)};
      scales.push_back({tensor.name + "_scale", "F32", "[1]", f32s(1)});
    }
  }
  tensors.insert(tensors.end(), scales.begin(), scales.end());
  files["model.safetensors"] = safetensors_image(tensors);
  const TempDir folder;
  write_all(folder, files);
  reset_largest_allocation();
  const auto model = verify_model(folder.path(), nullptr, {});
  EXPECT_LE(largest_allocation(), std::size_t{1} << 20);
  EXPECT_TRUE(model.ok()) << model.error().message;
}

TEST(Faults, StructureOfGguf) {
  expect_all_refused(gguf_structure_faults(), 24);
}

TEST(Faults, ContentOfGguf) {
  expect_all_refused(gguf_content_faults(), 20);
}

TEST(Faults, StructureOfSafeTensors) {
  expect_all_refused(safetensors_structure_faults(), 15);
}

TEST(Faults, ContentOfSafeTensors) {
  expect_all_refused(safetensors_content_faults(), 30);
}

}  // namespace
}  // namespace llorch::testing
