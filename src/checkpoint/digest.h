// Digests: XXH3-128 of a checkpoint's tensors, and of all that decides what its model answers. They find damage and
// mistakes; they are no defence against somebody who wants two models to have one digest.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"

struct XXH3_state_s;

namespace llorch {

/// XXH3-128 (seed 0) of bytes that come in pieces.
class Digester {
 public:
  Digester();
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text);
  /// Of what came so far: 32 hexadecimal digits, as `xxh128sum` prints them.
  std::string hex() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

struct Digests {
  std::map<std::string, std::string, std::less<>> tensors;  // by name, of the bytes of a tensor's data
  std::string model;
};

/// The files of a directory that its model is read from beside the weights, relative to it, sorted: config.json,
/// generation_config.json, tokenizer.json, tokenizer_config.json, chat_template.json, chat_template.jinja and
/// additional_chat_templates/*.jinja. ErrorCode::model_file where it cannot be told whether one is there.
Result<std::vector<std::string>> text_files(const std::string& directory);

/// The digest of a model whose tensors have these digests. It covers, in a text with every length written out:
/// - of each tensor, sorted by name: name, type, shape, digest;
/// - of a GGUF each key, sorted, with its value (numbers of all widths alike), but for split.no, split.count and
///   split.tensors.count: a model has one digest, in however many parts it lies;
/// - of a directory the name and the bytes of each of its text_files().
/// Reads these files, as they are by then; ErrorCode::model_file where one cannot be read.
Result<std::string> model_digest(const Checkpoint& checkpoint, const Digests& digests);

}  // namespace llorch
