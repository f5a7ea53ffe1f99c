#include "base/mmap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/format.h"

namespace llorch {
namespace {

Error refuse(const std::string& path, const char* why) {
  return errorf(ErrorCode::model_file, "{}: {}", path, why);
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO that nobody writes to must not hang.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return refuse(path, std::strerror(errno));
  }
  struct stat info {};
  const bool have_info = ::fstat(fd, &info) == 0;
  if (!have_info || !S_ISREG(info.st_mode) || info.st_size == 0) {
    ::close(fd);
    if (!have_info) {
      return refuse(path, "cannot be examined");
    }
    return refuse(path, S_ISREG(info.st_mode) ? "the file is empty" : "not a regular file");
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int map_errno = errno;
  ::close(fd);
  if (address == MAP_FAILED) {
    return refuse(path, std::strerror(map_errno));
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, {static_cast<const std::byte*>(address), size}));
}

MappedFile::~MappedFile() {
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace llorch
