// bind_weights: the weights of a plan, found in a checkpoint and checked before anything reads them.
#include "model/weights.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "base/format.h"
#include "base/threads.h"
#include "checkpoint/layout.h"
#include "model/family.h"
#include "model/finite.h"

namespace llorch {
namespace {

class CheckpointWeights : public WeightSource {
 public:
  explicit CheckpointWeights(std::vector<const Tensor*> tensors) : tensors_(std::move(tensors)) {}

  Result<MatrixView> matrix(WeightId id) const override {
    const Tensor& t = *tensors_[static_cast<std::size_t>(id)];
    const std::int64_t row_bytes = bytes_of(format_of(t.type), t.shape[1]);
    return MatrixView{.type = t.type,
                      .rows = t.shape[0],
                      .cols = t.shape[1],
                      .row_bytes = row_bytes,
                      .data = t.data.data(),
                      .name = t.name};
  }

  Result<std::vector<float>> vector(WeightId id) const override {
    const Tensor& t = *tensors_[static_cast<std::size_t>(id)];
    const Format& format = format_of(t.type);
    std::vector<float> values(static_cast<std::size_t>(t.elements()));
    format.decode(t.data.data(), values.data(), t.elements() / format.block_len);
    return values;
  }

 private:
  std::vector<const Tensor*> tensors_;  // by WeightId
};

Result<const Tensor*> find_weight(const ModelSource& source, const WeightDecl& decl) {
  const Tensor* tensor = source.tensor(decl.name);
  if (tensor == nullptr) {
    return errorf(ErrorCode::model_file, "{}: tensor {} is missing", source.checkpoint().path,
                  source.tensor_name(decl.name));
  }
  const std::vector<std::int64_t> wanted =
      decl.is_vector ? std::vector<std::int64_t>{decl.cols} : std::vector<std::int64_t>{decl.rows, decl.cols};
  if (tensor->shape != wanted) {
    return errorf(ErrorCode::model_file, "{}: tensor {} has the shape {}, the model's sizes need {}", tensor->file,
                  tensor->name, shape_text(tensor->shape), shape_text(wanted));
  }
  return tensor;
}

/// One piece of a tensor for the threads that look for NaN.
struct Piece {
  const Tensor* tensor;
  std::int64_t begin, end;  // bytes of its data
};

std::vector<Piece> cut(const std::vector<const Tensor*>& tensors) {
  constexpr std::int64_t kBlocks = 1 << 20;
  std::vector<Piece> pieces;
  for (const Tensor* tensor : tensors) {
    const auto size = static_cast<std::int64_t>(tensor->data.size());
    const std::int64_t step = kBlocks * format_of(tensor->type).block_bytes;
    for (std::int64_t begin = 0; begin < size; begin += step) {
      pieces.push_back({tensor, begin, std::min(size, begin + step)});
    }
  }
  return pieces;
}

/// All threads share the pieces; the first fault in the order of the plan is the one reported.
Status check_finite(const std::vector<const Tensor*>& tensors) {
  const std::vector<Piece> pieces = cut(tensors);
  std::vector<std::int64_t> faults(pieces.size(), -1);
  std::atomic<std::size_t> next{0};
  const std::size_t useful = std::max<std::size_t>(1, pieces.size() / 4);
  ThreadTeam team(static_cast<int>(std::min<std::size_t>(useful, static_cast<std::size_t>(physical_cores()))));
  team.run([&](int /*thread*/) {
    for (std::size_t i = next++; i < pieces.size(); i = next++) {
      faults[i] = first_not_finite(*pieces[i].tensor, pieces[i].begin, pieces[i].end);
    }
  });
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (faults[i] >= 0) {
      const Tensor& t = *pieces[i].tensor;
      return errorf(ErrorCode::model_file, "{}: tensor {} holds a value that is NaN or infinite at offset {}", t.file,
                    t.name, t.file_offset + static_cast<std::uint64_t>(faults[i]));
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<WeightSource>> bind_weights(const ModelSource& source, const Plan& plan) {
  std::vector<const Tensor*> tensors;
  for (const WeightDecl& decl : plan.weights) {
    LL_ASSIGN(const Tensor* tensor, find_weight(source, decl));
    tensors.push_back(tensor);
  }
  LL_TRY(check_finite(tensors));
  return std::unique_ptr<WeightSource>(std::make_unique<CheckpointWeights>(std::move(tensors)));
}

}  // namespace llorch
