// MappedFile: the bytes of a regular file, read-only, mapped or read once for the life of the object.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace llorch {

/// How a file's bytes are brought in.
struct FileAccess {
  /// false: mapped, pages come when they are touched. true: read into memory of our own, so that a file that changes,
  /// shrinks or vanishes afterwards changes nothing.
  bool copy = false;
  /// Of a copy: called with the bytes that were read since the last call. May be empty.
  std::function<void(std::size_t bytes)> progress;
};

/// Owner of one read-only private mapping. Shared by everything that points into it. Thread-safe to read.
class MappedFile {
 public:
  /// Opens and maps `path`. Refuses (ErrorCode::model_file) what is missing, not a regular file (a directory, a FIFO:
  /// never blocks on one), empty, or unreadable, naming the path and the reason.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path, const FileAccess& access = {});
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }
  /// Gives back the memory of the pages that lie wholly in `part`; they come again when they are touched. Nothing of
  /// copies and of bytes that are not of this file.
  void forget(std::span<const std::byte> part) const;
  /// The same of copies too, whose bytes are zeros afterwards: for what nobody reads again.
  void drop(std::span<const std::byte> part) const;

 private:
  MappedFile(std::string path, std::span<const std::byte> bytes, bool is_copy)
      : path_(std::move(path)), bytes_(bytes), is_copy_(is_copy) {}
  void give_back(std::span<const std::byte> part) const;
  std::string path_;
  std::span<const std::byte> bytes_;
  bool is_copy_;
};

}  // namespace llorch
