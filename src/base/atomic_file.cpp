#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
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

/// Calls make(NAME), which fails with EEXIST where the name is taken, until a name is free; empty, with errno set, when
/// that cannot be.
template <class Make>
std::string with_free_name(const std::string& path, Make make) {
  for (int attempt = 0; attempt < kMaxNames; ++attempt) {
    std::string name = temporary_name(path, attempt);
    if (make(name.c_str()) >= 0) {
      return name;
    }
    if (errno != EEXIST) {
      break;
    }
  }
  return "";
}

std::string folder_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

Error refuse(const std::string& path, const char* why) {
  return errorf(ErrorCode::io, "{}: cannot be written: {}", path, why);
}

/// Where a symbolic link leads; any other path as it is.
std::string followed(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error)) {
    return path;
  }
  const auto target = std::filesystem::canonical(path, error);
  return error ? path : target.string();
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  struct stat info {};
  const bool is_there = ::stat(path.c_str(), &info) == 0;
  if (is_there && !S_ISREG(info.st_mode)) {
    return refuse(path, "not a regular file");
  }
  const auto keep_mode = [&](int fd) {
    if (is_there) {
      (void)::fchmod(fd, info.st_mode & 07777);  // a file system without modes has nothing to keep
    }
  };
  const std::string target = followed(path);
  // A file without a name goes with its process, whatever ends that.
  const int unnamed = ::open(folder_of(target).c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
  if (unnamed >= 0) {
    keep_mode(unnamed);
    return AtomicFile(target, "", unnamed);
  }
  int fd = -1;
  std::string temporary = with_free_name(
      target, [&fd](const char* name) { return fd = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
  if (fd < 0) {
    return refuse(path, std::strerror(errno));
  }
  keep_mode(fd);
  return AtomicFile(target, std::move(temporary), fd);
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
  if (::fsync(file_.get()) != 0) {
    return error("cannot be brought to the disk");
  }
  if (temporary_.empty()) {
    const std::string unnamed = fmt::format("/proc/self/fd/{}", file_.get());
    temporary_ = with_free_name(path_, [&unnamed](const char* name) {
      return ::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW);
    });
    if (temporary_.empty()) {
      return error("cannot be given a name");
    }
  }
  if (::close(file_.release()) != 0) {
    return error("cannot be brought to the disk");
  }
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return error("cannot be renamed to");
  }
  temporary_.clear();
  const Descriptor directory(::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems, of a network or in user space, cannot do that for directories: the file is there all the same.
  const auto cannot = [] { return errno == EINVAL || errno == ENOTSUP; };
  if (directory.get() < 0 || (::fsync(directory.get()) != 0 && !cannot())) {
    return error("its directory cannot be brought to the disk");
  }
  return {};
}

Status check_free_space(const std::string& path, std::int64_t bytes) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder_of(path), error);
  if (error) {
    return refuse(path, error.message().c_str());
  }
  if (space.available < static_cast<std::uintmax_t>(bytes)) {
    return errorf(ErrorCode::io, "{}: would take {} bytes, but its file system has {} left", path, bytes,
                  space.available);
  }
  return {};
}

}  // namespace llorch
