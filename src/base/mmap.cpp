#include "base/mmap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/descriptor.h"
#include "base/format.h"

namespace llorch {
namespace {

Error refuse(const std::string& path, const char* why) {
  return errorf(ErrorCode::model_file, "{}: {}", path, why);
}

constexpr std::size_t kReadBytes = 16 << 20;

/// Owner of a mapping until it is released.
struct Unmap {
  std::size_t size;
  void operator()(std::byte* address) const { ::munmap(address, size); }
};
using Mapping = std::unique_ptr<std::byte, Unmap>;

/// Fills `out` from the file's start; an error where the file is shorter than it was.
Status read_all(int fd, const std::string& path, std::span<std::byte> out, const FileAccess& access) {
  for (std::size_t done = 0; done < out.size();) {
    const ssize_t n = ::pread(fd, out.data() + done, std::min(kReadBytes, out.size() - done), static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return errorf(ErrorCode::model_file, "{}: cannot be read at offset {}: {}", path, done,
                    n < 0 ? std::strerror(errno) : "the file has become shorter");
    }
    done += static_cast<std::size_t>(n);
    if (access.progress) {
      access.progress(static_cast<std::size_t>(n));
    }
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path, const FileAccess& access) {
  // O_NONBLOCK: opening a FIFO that nobody writes to must not hang.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    return refuse(path, std::strerror(errno));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) {
    return refuse(path, "cannot be examined");
  }
  if (!S_ISREG(info.st_mode) || info.st_size == 0) {
    return refuse(path, S_ISREG(info.st_mode) ? "the file is empty" : "not a regular file");
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  void* address = access.copy ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                              : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED && access.copy) {
    return errorf(ErrorCode::out_of_memory, "{}: no memory for its {} bytes", path, size);
  }
  if (address == MAP_FAILED) {
    return refuse(path, std::strerror(errno));
  }
  Mapping mapping(static_cast<std::byte*>(address), Unmap{size});
  if (access.copy) {
    ::madvise(address, size, MADV_HUGEPAGE);  // a wish; fewer page faults where it is granted
    LL_TRY(read_all(file.get(), path, {mapping.get(), size}, access));
    ::mprotect(address, size, PROT_READ);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, {mapping.release(), size}, access.copy));
}

void MappedFile::forget(std::span<const std::byte> part) const {
  if (!is_copy_) {
    give_back(part);
  }
}

void MappedFile::drop(std::span<const std::byte> part) const {
  give_back(part);
}

void MappedFile::give_back(std::span<const std::byte> part) const {
  const auto address = [](const std::byte* at) { return reinterpret_cast<std::uintptr_t>(at); };
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t begin = (address(part.data()) + page - 1) / page * page;
  const std::uintptr_t end = address(part.data() + part.size()) / page * page;
  if (begin < end && begin >= address(bytes_.data()) && end <= address(bytes_.data() + bytes_.size())) {
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

MappedFile::~MappedFile() {
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace llorch
