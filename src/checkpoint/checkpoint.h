// Checkpoint: a model on disk as named tensors and metadata, whatever its container. Opened by mmap, checked in full
// (every count, offset, size, type and alignment) before anything points into it.
//
//   open_checkpoint(path) -> gguf.cpp        one .gguf, or the first of a split set (NAME-00001-of-00003.gguf)
//                         -> hf_directory.cpp a directory with config.json and *.safetensors (one, or an index), each
//                            read by safetensors.cpp
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mmap.h"
#include "base/result.h"
#include "checkpoint/chat_files.h"
#include "checkpoint/metadata.h"
#include "quant/formats.h"

namespace llorch {

/// A tensor as it lies in the file. `shape` is in the order of numpy: [rows (outputs), cols (inputs)], experts first.
/// `data` may lie at any address, odd ones too (SafeTensors does not align): read it by Format::decode or memcpy, never
/// through a cast pointer.
struct Tensor {
  std::string name;
  DType type = DType::f32;
  std::vector<std::int64_t> shape;  // 1 to 4 dims, each >= 1; the last is a multiple of the format's block_len
  std::span<const std::byte> data;  // exactly the bytes that type and shape need
  std::string file;                 // for errors
  std::uint64_t file_offset = 0;    // of data[0] in `file`, for errors

  std::int64_t elements() const;
};

enum class Container { gguf, safetensors };
constexpr const char* to_string(Container container) {
  return container == Container::gguf ? "gguf" : "safetensors";
}

class Checkpoint {
 public:
  Container container = Container::gguf;
  std::string path;                                         // as the user gave it
  Metadata metadata;                                        // GGUF keys, or config.json flattened with '.'
  std::map<std::string, Tensor, std::less<>> tensors;       // by name in the file
  std::string tokenizer_json_path;                          // SafeTensors only; empty when the directory has none
  ChatFiles chat;                                           // templates, not parsed yet
  std::vector<std::shared_ptr<const MappedFile>> files;     // keeps every span above alive
  std::vector<std::shared_ptr<const std::string>> strings;  // storage of MetaArray strings that are not in a mapping

  const Tensor* find(std::string_view name) const;
  /// Bytes of all tensors' data.
  std::int64_t tensor_bytes() const;
};

/// The tensors by file, parts of a split set one after the other, and place in it.
std::vector<const Tensor*> in_file_order(const Checkpoint& checkpoint);

/// Opens and checks a model file or directory. Errors are ErrorCode::model_file and name file, tensor or key, offset
/// and value in one sentence. Allocates no more than the file's size explains. `access`: of the files that hold
/// tensors.
Result<Checkpoint> open_checkpoint(const std::string& path, const FileAccess& access = {});

/// Bytes of the files that open_checkpoint(path) would bring in; 0 where that cannot be told.
std::int64_t checkpoint_file_bytes(const std::string& path);

/// The same for a GGUF image in memory (the embedded model, the fuzzers). `name` stands for the path in errors.
/// `bytes` must outlive the result.
Result<Checkpoint> parse_gguf(std::span<const std::byte> bytes, const std::string& name);

}  // namespace llorch
