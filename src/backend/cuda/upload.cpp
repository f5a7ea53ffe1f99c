#include <algorithm>
#include <cstring>
#include <vector>

#include "backend/cuda/device_model.h"
#include "backend/ref/rope.h"
#include "base/threads.h"

namespace llorch::cuda {
namespace {

constexpr std::size_t kPiece = std::size_t{32} << 20;
constexpr std::size_t kBuffers = 3;  // pieces on their way
constexpr int kMostThreads = 16;     // that fill pinned memory

/// One piece: pinned memory, its place on the device, and when each is free again.
struct Buffer {
  DeviceMemory pinned, device;
  Event copied = nullptr;
  Event packed = nullptr;
  bool used = false;
};

class Uploader {
 public:
  Uploader(DeviceModel& model, Driver& driver, Kernels& kernels, int n_threads)
      : model_(model), driver_(driver), kernels_(kernels), team_(n_threads) {}
  Uploader(const Uploader&) = delete;
  Uploader& operator=(const Uploader&) = delete;
  ~Uploader() {
    for (const Stream stream : {copy_, compute_}) {
      if (stream != nullptr) {
        (void)driver_.wait(stream);
        driver_.destroy_stream(stream);
      }
    }
    for (const Buffer& buffer : buffers_) {
      for (const Event event : {buffer.copied, buffer.packed}) {
        if (event != nullptr) {
          driver_.destroy_event(event);
        }
      }
    }
  }

  Status begin(std::size_t piece) {
    LL_ASSIGN(copy_, driver_.create_stream());
    LL_ASSIGN(compute_, driver_.create_stream());
    for (Buffer& buffer : buffers_) {
      LL_ASSIGN(buffer.pinned, DeviceMemory::make_pinned(driver_, piece));
      LL_ASSIGN(buffer.device, DeviceMemory::make(driver_, piece));
      LL_ASSIGN(buffer.copied, driver_.create_event());
      LL_ASSIGN(buffer.packed, driver_.create_event());
    }
    for (const DeviceMemory& memory : model_.memory) {
      LL_TRY(driver_.clear(memory.data(), memory.size(), compute_));
    }
    return driver_.wait(compute_);
  }

  Status matrix(const MatrixView& view, const DeviceMatrix& to) {
    const std::size_t piece = buffers_[0].pinned.size();
    const auto row_bytes = static_cast<std::size_t>(view.row_bytes);
    const std::int64_t per_piece = static_cast<std::int64_t>(piece / row_bytes) / kFloatRows * kFloatRows;
    for (std::int64_t row = 0; row < view.rows; row += per_piece) {
      const std::int64_t n = std::min(per_piece, view.rows - row);
      // The last row of a mapping may end before its stride does.
      const Format& format = format_of(view.type);
      const auto bytes =
          static_cast<std::size_t>(n - 1) * row_bytes + static_cast<std::size_t>(bytes_of(format, view.cols));
      LL_ASSIGN(Buffer * buffer, send(view.data + row * view.row_bytes, bytes));
      LL_TRY(driver_.follow(compute_, buffer->copied));
      LL_TRY(kernels_.pack_weights({.rows = buffer->device.data(),
                                    .row_bytes = view.row_bytes,
                                    .n_rows = static_cast<int>(n),
                                    .first_tile = row / kTileRows,
                                    .to = to},
                                   compute_));
      LL_TRY(driver_.record(buffer->packed, compute_));
    }
    return {};
  }

  /// Bytes that stay as they are.
  Status bytes(const void* from, std::size_t n, const void* to) {
    const std::size_t piece = buffers_[0].pinned.size();
    for (std::size_t at = 0; at < n; at += piece) {
      const std::size_t part = std::min(piece, n - at);
      LL_ASSIGN(Buffer * buffer, next());
      std::memcpy(buffer->pinned.data(), static_cast<const std::byte*>(from) + at, part);
      auto* place = static_cast<std::byte*>(const_cast<void*>(to)) + at;
      LL_TRY(driver_.to_device(place, buffer->pinned.data(), part, copy_));
      LL_TRY(driver_.record(buffer->copied, copy_));
      LL_TRY(driver_.record(buffer->packed, copy_));
    }
    return {};
  }

  Status end() {
    LL_TRY(driver_.wait(copy_));
    return driver_.wait(compute_);
  }

 private:
  /// A buffer whose last piece has left both of its halves.
  Result<Buffer*> next() {
    Buffer* buffer = &buffers_[n_sent_++ % kBuffers];
    if (buffer->used) {
      LL_TRY(driver_.wait(buffer->copied));
      LL_TRY(driver_.follow(copy_, buffer->packed));
    }
    buffer->used = true;
    return buffer;
  }

  Result<Buffer*> send(const std::byte* from, std::size_t n) {
    LL_ASSIGN(Buffer * buffer, next());
    std::byte* to = buffer->pinned.data();
    team_.run([&](int thread) {
      constexpr std::size_t kGrain = std::size_t{1} << 16;
      const auto grains = static_cast<int>((n + kGrain - 1) / kGrain);
      const Range mine = part_of(grains, thread, team_.size());
      const std::size_t begin = std::min(static_cast<std::size_t>(mine.begin) * kGrain, n);
      const std::size_t end = std::min(static_cast<std::size_t>(mine.end) * kGrain, n);
      std::memcpy(to + begin, from + begin, end - begin);
    });
    LL_TRY(driver_.to_device(buffer->device.data(), to, n, copy_));
    LL_TRY(driver_.record(buffer->copied, copy_));
    return buffer;
  }

  DeviceModel& model_;
  Driver& driver_;
  Kernels& kernels_;
  ThreadTeam team_;
  Stream copy_ = nullptr;
  Stream compute_ = nullptr;
  Buffer buffers_[kBuffers];
  std::size_t n_sent_ = 0;
};

std::size_t piece_bytes(const DeviceModel& model) {
  std::size_t piece = kPiece;
  for (const std::int64_t row_bytes : model.row_bytes) {
    piece = std::max(piece, static_cast<std::size_t>(row_bytes) * kFloatRows);
  }
  return piece;
}

}  // namespace

std::size_t upload_bytes(const DeviceModel& model) {
  return kBuffers * piece_bytes(model);
}

Status upload_weights(DeviceModel& model, Driver& driver, Kernels& kernels, const WeightSource& source,
                      const BackendOptions& options) {
  const int threads = options.n_threads > 0 ? options.n_threads : physical_cores();
  Uploader uploader(model, driver, kernels, std::min(threads, kMostThreads));
  LL_TRY(uploader.begin(piece_bytes(model)));
  for (std::size_t i = 0; i < model.plan.weights.size(); ++i) {
    const auto id = static_cast<WeightId>(i);
    if (model.plan.weights[i].is_vector) {
      LL_ASSIGN(const std::vector<float> vector, source.vector(id));
      if (vector.size() != static_cast<std::size_t>(model.plan.weights[i].cols)) {
        return Error{ErrorCode::model_file, model.plan.weights[i].name + ": " + std::to_string(vector.size()) +
                                                " values, the plan needs " +
                                                std::to_string(model.plan.weights[i].cols)};
      }
      LL_TRY(uploader.bytes(vector.data(), vector.size() * sizeof(float), model.vectors[i]));
    } else {
      LL_ASSIGN(const MatrixView view, source.matrix(id));
      LL_TRY(uploader.matrix(view, model.matrices[i]));
    }
  }
  for (const Angles& angles : model.angles) {
    std::vector<double> inverse(static_cast<std::size_t>(angles.rope.dims / 2));
    ref::rope_frequencies(angles.rope, inverse);
    LL_TRY(uploader.bytes(inverse.data(), inverse.size() * sizeof(double), angles.inverse));
  }
  LL_TRY(uploader.end());
  for (std::size_t i = 0; i < model.matrices.size(); ++i) {
    if (!model.plan.weights[i].is_vector) {
      source.drop(static_cast<WeightId>(i), 0, model.plan.weights[i].rows);  // the host's copy is not read again
    }
  }
  return {};
}

}  // namespace llorch::cuda
