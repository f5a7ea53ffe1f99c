#include "cli/saved_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/format.h"

namespace llorch::cli {
namespace {

constexpr std::array<char, 8> kMagic = {'L', 'L', 'O', 'R', 'C', 'H', 'K', 'L'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kMaxName = 4096;
constexpr std::uint64_t kMaxVocab = 1 << 24;

/// The header as it lies in the file.
struct Fixed {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t vocab = 0;
  std::uint32_t window = 0;
  std::int32_t bos = -1;  // -1: none
  std::uint64_t n_tokens = 0;
  std::uint64_t n_positions = 0;
  std::uint64_t name_bytes = 0;
  std::uint64_t checksum = 0;  // of the header with 0 here, the tokens and the name
};
static_assert(sizeof(Fixed) == 56);

using Checksum = std::uint64_t;
constexpr Checksum kEmptyChecksum = 0xcbf29ce484222325;

/// FNV-1a, 64 bits (Fowler, Noll, Vo): against accidents, not against an author.
Checksum checksum(std::span<const std::byte> bytes, Checksum sum = kEmptyChecksum) {
  for (const std::byte byte : bytes) {
    sum = (sum ^ std::to_integer<Checksum>(byte)) * 0x100000001b3;
  }
  return sum;
}

/// Of a header whose own checksum is left out.
Checksum checksum_of(Fixed fixed, const SavedRunHeader& header) {
  fixed.checksum = 0;
  const Checksum sum = checksum(std::as_bytes(std::span(&fixed, 1)));
  return checksum(std::as_bytes(std::span(header.model)), checksum(std::as_bytes(std::span(header.tokens)), sum));
}

std::string_view name_of(const SavedRunHeader& header) {
  return std::string_view(header.model).substr(0, kMaxName);
}

Fixed fixed_of(const SavedRunHeader& header) {
  return {.vocab = static_cast<std::uint32_t>(header.vocab),
          .window = static_cast<std::uint32_t>(header.window),
          .bos = header.bos.value_or(-1),
          .n_tokens = header.tokens.size(),
          .n_positions = static_cast<std::uint64_t>(header.n_positions),
          .name_bytes = name_of(header).size()};
}

std::uint64_t row_bytes(std::uint64_t vocab) {
  return vocab * sizeof(float) + sizeof(Checksum);
}

/// Whether a file of `size` bytes is what the header says; no product of its numbers overflows before it is known.
bool has_size(const Fixed& fixed, std::uint64_t size) {
  const std::uint64_t rest = size - sizeof(Fixed);
  if (fixed.vocab == 0 || fixed.vocab > kMaxVocab || fixed.name_bytes > std::min(kMaxName, rest) ||
      fixed.n_tokens > (rest - fixed.name_bytes) / sizeof(std::int32_t)) {
    return false;
  }
  const std::uint64_t rows = rest - fixed.name_bytes - fixed.n_tokens * sizeof(std::int32_t);
  return rows % row_bytes(fixed.vocab) == 0 && rows / row_bytes(fixed.vocab) == fixed.n_positions;
}

Error unreadable(const std::string& path) {
  return errorf(ErrorCode::io, "cannot read '{}': {}", path, std::strerror(errno));
}

Error unlike(const std::string& path, const std::string& what) {
  return errorf(ErrorCode::invalid_argument, "'{}' cannot be compared with this run: {}", path, what);
}

}  // namespace

std::int64_t saved_run_bytes(const SavedRunHeader& header) {
  return static_cast<std::int64_t>(sizeof(Fixed) + header.tokens.size() * sizeof(std::int32_t) +
                                   name_of(header).size()) +
         header.n_positions * static_cast<std::int64_t>(row_bytes(static_cast<std::uint64_t>(header.vocab)));
}

Status check_comparable(const SavedRunHeader& saved, const SavedRunHeader& run, const std::string& path) {
  const auto differ = [&path](std::string_view what, auto there, auto here) {
    return unlike(path, fmt::format("{} {} there and {} here", what, there, here));
  };
  if (saved.vocab != run.vocab) {
    return differ("the tokens of the vocabulary are", saved.vocab, run.vocab);
  }
  if (saved.window != run.window) {
    return differ("the tokens of a window (--window) are", saved.window, run.window);
  }
  const auto [there, here] =
      std::mismatch(saved.tokens.begin(), saved.tokens.end(), run.tokens.begin(), run.tokens.end());
  if (there != saved.tokens.end() && here != run.tokens.end()) {
    return differ(fmt::format("token {} of the text is", there - saved.tokens.begin()), *there, *here);
  }
  if (saved.tokens.size() != run.tokens.size()) {
    return differ("the tokens of the text are", saved.tokens.size(), run.tokens.size());
  }
  if (saved.bos != run.bos) {
    return differ("the token that begins a window (-1: the text's own) is", saved.bos.value_or(-1),
                  run.bos.value_or(-1));
  }
  if (saved.n_positions != run.n_positions) {
    return differ("the scored tokens (--windows) are", saved.n_positions, run.n_positions);
  }
  return {};
}

Result<SavedRunWriter> SavedRunWriter::create(const std::string& path, const SavedRunHeader& header) {
  LL_ASSIGN(AtomicFile file, AtomicFile::create(path));
  SavedRunHeader named = header;
  named.model = name_of(header);
  Fixed fixed = fixed_of(named);
  fixed.checksum = checksum_of(fixed, named);
  LL_TRY(file.write(std::as_bytes(std::span(&fixed, 1))));
  LL_TRY(file.write(std::as_bytes(std::span(named.tokens))));
  LL_TRY(file.write(std::as_bytes(std::span(named.model))));
  return SavedRunWriter(std::move(file));
}

Status SavedRunWriter::add(std::span<const float> log_probs) {
  const Checksum sum = checksum(std::as_bytes(log_probs));
  LL_TRY(file_.write(std::as_bytes(log_probs)));
  return file_.write(std::as_bytes(std::span(&sum, 1)));
}

Result<SavedRunReader> SavedRunReader::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // never waits for a FIFO's writer
  if (fd < 0) {
    return unreadable(path);
  }
  SavedRunReader reader(path, fd);
  LL_TRY(reader.read_header());
  return reader;
}

Status SavedRunReader::read_header() {
  struct stat facts {};
  if (::fstat(file_->get(), &facts) != 0) {
    return unreadable(path_);
  }
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  Fixed fixed;
  if (S_ISREG(facts.st_mode) && size >= sizeof fixed) {
    LL_TRY(read(std::as_writable_bytes(std::span(&fixed, 1))));
  }
  if (!S_ISREG(facts.st_mode) || size < sizeof fixed || fixed.magic != kMagic) {
    return errorf(ErrorCode::invalid_argument, "'{}' is no file of `llorch perplexity --save`", path_);
  }
  if (fixed.version != kVersion) {
    return errorf(ErrorCode::invalid_argument, "'{}' has version {} of its format, this program reads {}", path_,
                  fixed.version, kVersion);
  }
  if (!has_size(fixed, size)) {
    return errorf(ErrorCode::invalid_argument,
                  "'{}' is truncated or damaged: it has {} bytes, which are not {} tokens and {} rows of {}", path_,
                  size, fixed.n_tokens, fixed.n_positions, fixed.vocab);
  }
  header_ = {.vocab = static_cast<int>(fixed.vocab),
             .window = static_cast<int>(fixed.window),
             .bos = fixed.bos >= 0 ? std::optional(fixed.bos) : std::nullopt,
             .n_positions = static_cast<std::int64_t>(fixed.n_positions),
             .tokens = std::vector<std::int32_t>(fixed.n_tokens),
             .model = std::string(fixed.name_bytes, '\0')};
  LL_TRY(read(std::as_writable_bytes(std::span(header_.tokens))));
  LL_TRY(read(std::as_writable_bytes(std::span(header_.model))));
  if (checksum_of(fixed, header_) != fixed.checksum) {
    return errorf(ErrorCode::invalid_argument, "'{}' is damaged: the checksum of its header and tokens is wrong",
                  path_);
  }
  return {};
}

Status SavedRunReader::next(std::span<float> log_probs) {
  Checksum sum = 0;
  LL_TRY(read(std::as_writable_bytes(log_probs)));
  LL_TRY(read(std::as_writable_bytes(std::span(&sum, 1))));
  if (checksum(std::as_bytes(log_probs)) != sum) {
    return errorf(ErrorCode::invalid_argument, "'{}' is damaged: the checksum of row {} is wrong", path_, n_read_);
  }
  ++n_read_;
  return {};
}

Status SavedRunReader::read(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::read(file_->get(), bytes.data(), bytes.size());
    if (n == 0) {
      return errorf(ErrorCode::invalid_argument, "'{}' became shorter while it was read", path_);
    }
    if (n > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return unreadable(path_);
    }
  }
  return {};
}

}  // namespace llorch::cli
