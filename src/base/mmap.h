// MappedFile: a regular file, read-only, mapped once for the life of the object.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace llorch {

/// Owner of one read-only private mapping. Shared by everything that points into it. Thread-safe to read.
class MappedFile {
 public:
  /// Opens and maps `path`. Refuses (ErrorCode::model_file) what is missing, not a regular file (a directory, a FIFO:
  /// never blocks on one), empty, or unreadable, naming the path and the reason.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

 private:
  MappedFile(std::string path, std::span<const std::byte> bytes) : path_(std::move(path)), bytes_(bytes) {}
  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace llorch
