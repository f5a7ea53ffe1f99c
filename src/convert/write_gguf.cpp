#include "convert/write_gguf.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <vector>

#include "base/atomic_file.h"
#include "base/format.h"
#include "base/threads.h"
#include "model/finite.h"
#include "quant/search/search.h"

namespace llorch {
namespace {

constexpr std::int64_t kPieceBytes = 16 << 20;  // of the larger of what is read and what is written
constexpr std::int64_t kNone = INT64_MAX;

bool is_float(DType type) {
  return format_of(type).block_len == 1;
}

GgufHeader header_of(const GgufModel& model, std::span<const DType> types) {
  GgufHeader header = model.header;
  for (std::size_t i = 0; i < types.size(); ++i) {
    header.tensor(model.tensors[i].name, types[i], model.tensors[i].shape);
  }
  return header;
}

/// Of a matrix its channels, of stacked ones (experts, heads) those of each.
Status check_importance(const GgufTensor& tensor, const WriteOptions& options) {
  const auto* known = options.importance == nullptr ? nullptr : options.importance->find(tensor.name);
  const std::int64_t n_parts = tensor.shape.size() == 3 ? tensor.shape.front() : 1;
  if (known != nullptr && static_cast<std::int64_t>(known->size()) != n_parts * tensor.shape.back()) {
    return errorf(ErrorCode::invalid_argument, "tensor {} has {} x {} input channels, but the importance matrix {}",
                  tensor.name, n_parts, tensor.shape.back(), known->size());
  }
  return {};
}

/// Rows [begin, end) of a tensor on their way into another format.
struct Piece {
  const Tensor* tensor;
  const Format* to;
  std::int64_t begin, end;
  std::byte* out;
};

class Writer {
 public:
  Writer(const GgufModel& model, const WriteOptions& options, AtomicFile& file, double total_bytes)
      : model_(model),
        options_(options),
        file_(file),
        total_bytes_(total_bytes),
        team_(options.n_threads > 0 ? options.n_threads : physical_cores()),
        rows_(static_cast<std::size_t>(team_.size())) {}

  Status write(const GgufTensor& wanted, DType type, std::uint64_t n_bytes) {
    TensorArena arena;
    LL_ASSIGN(const Tensor tensor, wanted.data(arena));
    LL_CHECK(tensor.type == wanted.type && tensor.shape == wanted.shape, "a tensor as it was announced");
    LL_TRY(type == tensor.type ? copy(tensor) : convert(wanted.name, tensor, type));
    const std::uint64_t padding = (GgufHeader::kAlignment - n_bytes % GgufHeader::kAlignment) % GgufHeader::kAlignment;
    const std::byte zeros[GgufHeader::kAlignment] = {};
    return file_.write({zeros, padding});
  }

 private:
  Status copy(const Tensor& tensor) {
    const auto size = static_cast<std::int64_t>(tensor.data.size());
    const std::int64_t block = format_of(tensor.type).block_bytes;
    const std::int64_t step = std::max<std::int64_t>(kPieceBytes / block, 1) * block;
    for (std::int64_t begin = 0; begin < size; begin += step) {
      const std::int64_t end = std::min(size, begin + step);
      if (const std::int64_t at = first_not_finite(tensor, begin, end); at >= 0) {
        return not_finite_error(tensor, at);
      }
      LL_TRY(pass(tensor.data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
                  tensor.data, begin, end));
    }
    return {};
  }

  Status convert(const std::string& name, const Tensor& tensor, DType type) {
    const std::int64_t cols = tensor.shape.back();
    const std::int64_t n_rows = tensor.elements() / cols;
    const std::int64_t in_bytes = bytes_of(format_of(tensor.type), cols);
    const std::int64_t out_bytes = bytes_of(format_of(type), cols);
    const std::int64_t step = std::max<std::int64_t>(kPieceBytes / std::max(in_bytes, out_bytes), 1);
    importance_ = options_.importance == nullptr ? nullptr : options_.importance->find(name);
    for (std::int64_t begin = 0; begin < n_rows; begin += step) {
      const std::int64_t end = std::min(n_rows, begin + step);
      out_.resize(static_cast<std::size_t>((end - begin) * out_bytes));
      LL_TRY(encode({&tensor, &format_of(type), begin, end, out_.data()}));
      LL_TRY(pass(out_, tensor.data, begin * in_bytes, end * in_bytes));
    }
    return {};
  }

  Status encode(const Piece& piece) {
    std::atomic<std::int64_t> next{piece.begin};
    std::vector<std::int64_t> faults(rows_.size(), kNone);  // the first row of each thread that cannot be written
    team_.run([&](int thread) {
      for (std::int64_t row = next++; row < piece.end; row = next++) {
        if (!encode_row(piece, row, rows_[static_cast<std::size_t>(thread)])) {
          auto& fault = faults[static_cast<std::size_t>(thread)];
          fault = std::min(fault, row);
        }
      }
    });
    const std::int64_t row = *std::min_element(faults.begin(), faults.end());
    if (row != kNone) {
      return errorf(ErrorCode::model_file,
                    "{}: tensor {}: row {} holds a value that is NaN, infinite or too large for {}", piece.tensor->file,
                    piece.tensor->name, row, piece.to->name);
    }
    return {};
  }

  /// False where the row has values that the format cannot hold.
  bool encode_row(const Piece& piece, std::int64_t row, std::vector<float>& weights) const {
    const Format& from = format_of(piece.tensor->type);
    const std::int64_t cols = piece.tensor->shape.back();
    weights.resize(static_cast<std::size_t>(cols));
    from.decode(piece.tensor->data.data() + row * bytes_of(from, cols), weights.data(), cols / from.block_len);
    if (!std::all_of(weights.begin(), weights.end(), [](float x) { return std::isfinite(x); })) {
      return false;
    }
    const std::int64_t out_bytes = bytes_of(*piece.to, cols);
    std::byte* out = piece.out + (row - piece.begin) * out_bytes;
    find_search(piece.to->type)({weights.data(), importance_of(*piece.tensor, row), cols}, out);
    const Tensor written{.name = {},
                         .type = piece.to->type,
                         .shape = {cols},
                         .data = {out, static_cast<std::size_t>(out_bytes)},
                         .file = {}};
    return first_not_finite(written, 0, out_bytes) < 0;
  }

  const float* importance_of(const Tensor& tensor, std::int64_t row) const {
    if (importance_ == nullptr) {
      return nullptr;
    }
    const std::int64_t cols = tensor.shape.back();
    const std::int64_t n_rows = tensor.elements() / cols;
    const std::int64_t n_parts = static_cast<std::int64_t>(importance_->size()) / cols;  // experts
    return importance_->data() + row * n_parts / n_rows * cols;
  }

  /// Writes `out`, which came from bytes [begin, end) of `source`: those are not needed again.
  Status pass(std::span<const std::byte> out, std::span<const std::byte> source, std::int64_t begin, std::int64_t end) {
    LL_TRY(file_.write(out));
    for (const auto& file : model_.source->files) {
      file->forget(source.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    }
    done_bytes_ += static_cast<double>(out.size());
    if (options_.progress) {
      options_.progress(std::min(1.0, done_bytes_ / total_bytes_));
    }
    return {};
  }

  const GgufModel& model_;
  const WriteOptions& options_;
  AtomicFile& file_;
  double total_bytes_;
  double done_bytes_ = 0;
  ThreadTeam team_;
  std::vector<std::vector<float>> rows_;  // a row of each thread
  std::vector<std::byte> out_;
  const std::vector<float>* importance_ = nullptr;  // of the tensor under way
};

}  // namespace

Status check_gguf(const GgufModel& model, std::span<const DType> types, const WriteOptions& options) {
  LL_CHECK(types.size() == model.tensors.size(), "a format for each tensor");
  for (std::size_t i = 0; i < types.size(); ++i) {
    const GgufTensor& tensor = model.tensors[i];
    if (types[i] == tensor.type) {
      continue;
    }
    const Format& to = format_of(types[i]);
    if (find_search(types[i]) == nullptr) {
      return errorf(ErrorCode::invalid_argument, "tensor {}: quantize does not write {}", tensor.name, to.name);
    }
    if (tensor.shape.back() % to.block_len != 0) {
      return errorf(ErrorCode::invalid_argument, "tensor {}: rows of {} weights are no whole blocks of {}", tensor.name,
                    tensor.shape.back(), to.name);
    }
    if (!is_float(tensor.type) && !is_float(types[i]) && !options.allow_requantize) {
      return errorf(ErrorCode::invalid_argument,
                    "{}: tensor {} is {} already: quantising it again loses more than quantising the original; say "
                    "--allow-requantize to do it all the same",
                    model.source->path, tensor.name, format_of(tensor.type).name);
    }
    LL_TRY(check_importance(tensor, options));
  }
  return {};
}

std::uint64_t gguf_file_bytes(const GgufModel& model, std::span<const DType> types) {
  const GgufHeader header = header_of(model, types);
  return header.bytes().size() + header.data_bytes();
}

Status write_gguf(const GgufModel& model, std::span<const DType> types, const std::string& path,
                  const WriteOptions& options) {
  LL_TRY(check_gguf(model, types, options));
  const GgufHeader header = header_of(model, types);
  LL_TRY(check_free_space(path, static_cast<std::int64_t>(gguf_file_bytes(model, types))));
  LL_ASSIGN(AtomicFile file, AtomicFile::create(path));
  const std::string head = header.bytes();
  LL_TRY(file.write(std::as_bytes(std::span(head))));
  Writer writer(model, options, file, static_cast<double>(header.data_bytes()));
  for (std::size_t i = 0; i < types.size(); ++i) {
    LL_TRY(writer.write(model.tensors[i], types[i], header.tensor_bytes(i)));
  }
  return file.commit();
}

}  // namespace llorch
