#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/format.h"

namespace llorch {
namespace {

constexpr int kMaxNames = 100;  // left behind by killed processes that had our id

/// PATH.tmp-PID, then PATH.tmp-PID-1 and so on where that is taken.
std::string temporary_name(const std::string& path, int attempt) {
  const std::string name = fmt::format("{}.tmp-{}", path, ::getpid());
  return attempt == 0 ? name : fmt::format("{}-{}", name, attempt);
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return errorf(ErrorCode::io, "{}: cannot be written: not a regular file", path);
  }
  for (int attempt = 0; attempt < kMaxNames; ++attempt) {
    std::string temporary = temporary_name(path, attempt);
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
      return AtomicFile(path, std::move(temporary), fd);
    }
    if (errno != EEXIST) {
      break;
    }
  }
  return errorf(ErrorCode::io, "{}: cannot be written: {}", path, std::strerror(errno));
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::move(other.temporary_)), file_(other.file_.release()) {
  other.temporary_.clear();
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) {
    ::unlink(temporary_.c_str());
  }
}

Error AtomicFile::error(std::string_view what) const {
  return errorf(ErrorCode::io, "{}: {}: {}", path_, what, std::strerror(errno));
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  LL_CHECK(file_.get() >= 0, "write() after commit()");
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return error("cannot be written");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Status AtomicFile::write(std::string_view text) {
  return write(std::as_bytes(std::span(text)));
}

Status AtomicFile::commit() {
  LL_CHECK(file_.get() >= 0, "commit() after commit()");
  if (::fsync(file_.get()) != 0 || ::close(file_.release()) != 0) {
    return error("cannot be brought to the disk");
  }
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return error("cannot be renamed to");
  }
  temporary_.clear();
  const std::string parent = std::filesystem::path(path_).parent_path().string();
  const Descriptor directory(::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) {
    return error("its directory cannot be brought to the disk");
  }
  return {};
}

}  // namespace llorch
