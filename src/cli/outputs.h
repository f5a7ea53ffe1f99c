// Files that a verb writes: never one of those that it reads.
#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace llorch::cli {

/// ErrorCode::invalid_argument when `out` is a file of the model, by whatever path, or one of `others`
/// (empty names are passed over): writing it would lose what is being read.
Status refuse_input(const std::string& out, const Checkpoint& model, const std::vector<std::string>& others);

/// What a verb writes to: a file, which is there whole or not at all, or a pipe or device that is there already
/// (/dev/stdout).
class Output {
 public:
  /// Before the work begins: `path` can be written and is no file of `model`.
  static Result<Output> create(const std::string& path, const Checkpoint& model);
  Status write(std::span<const std::byte> bytes);
  /// Once, and last.
  Status commit();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  Output(std::string path, std::optional<AtomicFile> file, std::FILE* stream)
      : path_(std::move(path)), file_(std::move(file)), stream_(stream) {}
  Error error() const;

  std::string path_;
  std::optional<AtomicFile> file_;
  std::unique_ptr<std::FILE, Close> stream_;
};

/// The embedded model has no file that could be read.
Status refuse_builtin(const std::string& model);

}  // namespace llorch::cli
