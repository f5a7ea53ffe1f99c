// AtomicFile: a file that is there whole or not at all, whatever ends the process or fills the disk while it is
// written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/result.h"

namespace llorch {

/// Writes a file without a name in the folder of `path` and gives it that name at commit(). Until then `path` is what
/// it was, and without a commit() nothing is left, also of a process that is killed. File systems that know no files
/// without names get a temporary one, PATH.tmp-PID, which a killed process leaves behind. One thread at a time. Every
/// error is ErrorCode::io and names `path` and the system's reason.
class AtomicFile {
 public:
  /// Refuses a `path` that is there and is no regular file: a directory, a device, a pipe. Of a symbolic link the file
  /// to which it leads is replaced. The new file has the mode of the old one.
  static Result<AtomicFile> create(const std::string& path);
  ~AtomicFile();
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends all of `bytes`. After an error (a full disk) there is nothing left to do but to drop the object.
  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text);
  /// Once, and last: the bytes are on the disk, then under their name, then the name is on the disk (where the file
  /// system can bring directories there). After an error of the last of these steps, "its directory cannot be brought
  /// to the disk", `path` is the new file, which a loss of power may still undo; after any other it is what it was.
  Status commit();

 private:
  AtomicFile(std::string path, std::string temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), file_(fd) {}
  Error error(std::string_view what) const;

  std::string path_;
  std::string temporary_;  // empty: the file has no name, or its own, or is another object's by now
  Descriptor file_;
};

/// ErrorCode::io when the file system of `path` has less than `bytes` left.
Status check_free_space(const std::string& path, std::int64_t bytes);

}  // namespace llorch
