// SavedRun: the file of `perplexity --save`: a text's tokens and the log-probabilities of every scored position, which
// a later run is compared with.
//
//   header (56 bytes), tokens int32 [n_tokens], the model's name, then one row a scored position: float [vocab], and
//   the checksum of these bytes (8 bytes)
//
// Numbers are in the byte order of the machine; the file of another order fails at its version.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/descriptor.h"
#include "base/result.h"

namespace llorch::cli {

/// What a run is of. Two runs can be compared when all but the model are equal.
struct SavedRunHeader {
  int vocab = 0;
  int window = 0;
  std::optional<std::int32_t> bos;  // what every window begins with, where it is not the text's own token
  std::int64_t n_positions = 0;     // scored
  std::vector<std::int32_t> tokens;
  std::string model;  // for people
};

/// The size of the whole file.
std::int64_t saved_run_bytes(const SavedRunHeader& header);

/// An error that names the first thing in which `saved`, from the file `path`, is of another text, vocabulary or
/// window than `run` (ErrorCode::invalid_argument).
Status check_comparable(const SavedRunHeader& saved, const SavedRunHeader& run, const std::string& path);

/// Writes a file that has its name only once it is whole.
class SavedRunWriter {
 public:
  static Result<SavedRunWriter> create(const std::string& path, const SavedRunHeader& header);
  /// The next position's row, [vocab].
  Status add(std::span<const float> log_probs);
  /// Every position was added.
  Status commit() { return file_.commit(); }

 private:
  explicit SavedRunWriter(AtomicFile file) : file_(std::move(file)) {}
  AtomicFile file_;
};

/// Reads it position by position. What cannot be opened or read is ErrorCode::io; what is no saved run, or a damaged or
/// truncated one, ErrorCode::invalid_argument.
class SavedRunReader {
 public:
  static Result<SavedRunReader> open(const std::string& path);
  const SavedRunHeader& header() const { return header_; }
  /// The next position's row into log_probs[vocab]; at most n_positions times.
  Status next(std::span<float> log_probs);

 private:
  SavedRunReader(std::string path, int fd) : path_(std::move(path)), file_(std::make_unique<Descriptor>(fd)) {}
  Status read_header();
  /// Fills `bytes` from where the last read ended.
  Status read(std::span<std::byte> bytes);

  std::string path_;
  std::unique_ptr<Descriptor> file_;
  SavedRunHeader header_;
  std::int64_t n_read_ = 0;  // positions
};

}  // namespace llorch::cli
