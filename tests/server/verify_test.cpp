// A worker with --verify: what it refuses at the start, and what /health says of what it took.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "checkpoint/manifest.h"
#include "model/tensor_check.h"
#include "server/daemon.h"
#include "support/small_model.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch::testing {
namespace {

std::vector<std::string> arguments(const std::string& model, std::vector<std::string> more) {
  more.insert(more.end(), {"--model", model, "--port", "0", "--threads", "1"});
  return more;
}

TEST(Verify, TheDigestIsInHealth) {
  Daemon verified(Daemon::haiku({"--verify"}));
  Daemon plain(Daemon::haiku());
  verified.wait_ready();
  plain.wait_ready();
  const std::string digest = verified.health().value("model_digest", "");
  EXPECT_TRUE(std::regex_match(digest, std::regex("[0-9a-f]{32}"))) << digest;
  EXPECT_FALSE(plain.health().contains("model_digest"));
  const TempDir folder;
  write_file(folder / "copy.gguf", read_file(LLORCH_SOURCE_DIR "/models/haiku/haiku.gguf"));
  Daemon copy(arguments(folder / "copy.gguf", {"--verify"}));
  copy.wait_ready();
  EXPECT_EQ(copy.health()["model_digest"], digest) << "the path is no part of it";
}

TEST(Verify, AFaultEndsTheStart) {
  const TempDir folder;
  SmallGguf model = small_gguf();
  write_file(folder / "good.gguf", model.bytes());
  Daemon good(arguments(folder / "good.gguf", {"--verify"}));
  good.wait_ready();
  // A table of angles that programs save and nobody reads.
  model.tensors.push_back({"blk.0.attn_rot_embd.weight", {8}, 0, f32s(4) + raw(0x7FC00000U) + f32s(3)});
  write_file(folder / "bad.gguf", model.bytes());
  Daemon unread(arguments(folder / "bad.gguf", {}));
  unread.wait_ready();
  Daemon bad(arguments(folder / "bad.gguf", {"--verify", "--log-format", "text"}));
  EXPECT_EQ(bad.wait_exit(), 3);
  EXPECT_NE(bad.errors().find(folder / "bad.gguf: tensor blk.0.attn_rot_embd.weight holds a value that is NaN or "
                                       "infinite at offset "),
            std::string::npos)
      << bad.errors();
}

TEST(Verify, AManifestOfAnotherModelEndsTheStart) {
  const TempDir folder;
  const std::string manifest = folder / "m.json";
  const std::string digest(32, '0');
  const std::string head = R"({"format":"llorch-manifest","version":1,"model_digest":")" + digest + R"(","tensors":)";
  const auto starts_with = [&](const std::string& text) {
    write_file(manifest, text);
    Daemon daemon(Daemon::haiku({"--verify-manifest", manifest, "--log-format", "text"}));
    const int code = daemon.wait_exit();
    EXPECT_NE(daemon.errors().find(manifest), std::string::npos) << daemon.errors();
    return code;
  };
  EXPECT_EQ(starts_with(head + "{}}"), 3);
  EXPECT_EQ(starts_with(head), 2);
  EXPECT_EQ(starts_with(head + "[]}"), 2);
  EXPECT_EQ(starts_with(""), 2);
  std::filesystem::remove(manifest);
  Daemon daemon(Daemon::haiku({"--verify-manifest", manifest}));
  EXPECT_EQ(daemon.wait_exit(), 5);
  EXPECT_NE(daemon.errors().find(manifest + ": No such file or directory"), std::string::npos) << daemon.errors();
}

/// The manifest that `llorch verify` writes of the embedded model.
Json written_manifest(const std::string& path) {
  const Checkpoint checkpoint = open_checkpoint(LLORCH_SOURCE_DIR "/models/haiku/haiku.gguf").value();
  EXPECT_TRUE(write_manifest(path, checkpoint, read_tensors(checkpoint, nullptr, {}).value()).ok());
  return Json::parse(read_file(path));
}

TEST(Verify, AManifestOfThisModel) {
  const TempDir folder;
  const std::string path = folder / "m.json";
  const Json manifest = written_manifest(path);
  Daemon good(Daemon::haiku({"--verify-manifest", path}));
  good.wait_ready();
  EXPECT_EQ(good.health()["model_digest"], manifest["model_digest"]);
}

TEST(Verify, OneOtherDigestInAManifestEndsTheStart) {
  const TempDir folder;
  const std::string path = folder / "m.json";
  const Json manifest = written_manifest(path);
  const std::string other(32, '0');
  const auto fault_of = [&](const Json& changed) {
    write_file(path, changed.dump());
    Daemon daemon(Daemon::haiku({"--verify-manifest", path, "--log-format", "text"}));
    EXPECT_EQ(daemon.wait_exit(), 3);
    return daemon.errors();
  };
  Json tensor = manifest;
  tensor["tensors"]["blk.3.ffn_down.weight"]["xxh3_128"] = other;
  std::string fault = fault_of(tensor);
  EXPECT_NE(fault.find("builtin:haiku: tensor 'blk.3.ffn_down.weight' at offset "), std::string::npos) << fault;
  EXPECT_NE(fault.find("but " + other + " in the manifest " + path), std::string::npos) << fault;
  Json model = manifest;
  model["model_digest"] = other;
  fault = fault_of(model);
  EXPECT_NE(fault.find("builtin:haiku: the model has the digest "), std::string::npos) << fault;
  EXPECT_NE(fault.find("its tensors are the same, its metadata, tokenizer or template is not"), std::string::npos)
      << fault;
}

}  // namespace
}  // namespace llorch::testing
