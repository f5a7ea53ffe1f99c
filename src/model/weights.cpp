// bind_weights, check_weights: the weights of a plan, found in a checkpoint and checked before anything reads them.
#include "model/weights.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <utility>

#include "base/format.h"
#include "base/threads.h"
#include "model/family.h"
#include "model/find_tensor.h"
#include "model/finite.h"
#include "model/strays.h"

namespace llorch {
namespace {

/// A weight's tensor, from a file or built.
struct Bound {
  const Tensor* tensor = nullptr;
  WeightDecl decl;
};

class CheckpointWeights : public WeightSource {
 public:
  /// `checkpoint`, which must outlive this, has the weights; `arena`: where what has to be built is put; one without
  /// data: weights to be checked, not read.
  CheckpointWeights(const Checkpoint& checkpoint, TensorArena arena)
      : checkpoint_(&checkpoint), arena_(std::move(arena)) {}

  Result<MatrixView> matrix(WeightId id) const override {
    const auto& [tensor, decl] = bound_[static_cast<std::size_t>(id)];
    const std::int64_t row_bytes = bytes_of(format_of(tensor->type), decl.cols);
    return MatrixView{.type = tensor->type,
                      .rows = decl.rows,
                      .cols = decl.cols,
                      .row_bytes = row_bytes,
                      .data = tensor->data.data() + decl.first_row * row_bytes,
                      .name = decl.name};
  }

  Result<std::vector<float>> vector(WeightId id) const override {
    const auto& [tensor, decl] = bound_[static_cast<std::size_t>(id)];
    const Format& format = format_of(tensor->type);
    std::vector<float> values(static_cast<std::size_t>(tensor->elements()));
    format.decode(tensor->data.data(), values.data(), tensor->elements() / format.block_len);
    const auto first = values.begin() + decl.first_row;
    return std::vector<float>(first, first + decl.cols);
  }

  void drop(WeightId id, std::int64_t begin, std::int64_t end) const override {
    const auto& [tensor, decl] = bound_[static_cast<std::size_t>(id)];
    const auto row_bytes = static_cast<std::size_t>(bytes_of(format_of(tensor->type), decl.cols));
    const auto part = tensor->data.subspan(static_cast<std::size_t>(decl.first_row + begin) * row_bytes,
                                           static_cast<std::size_t>(end - begin) * row_bytes);
    for (const auto& file : checkpoint_->files) {
      file->drop(part);
    }
  }

  /// Finds, builds and checks the tensor of `decl`.
  Status bind(const TensorPlace& place, const WeightDecl& decl);
  /// By WeightId.
  const std::vector<Bound>& bound() const { return bound_; }
  /// Those that were built from tensors of bytes, whose numbers nobody sees before.
  const std::vector<Bound>& made_of_bytes() const { return made_of_bytes_; }
  /// Names in the files of all that was used.
  const std::set<std::string>& used() const { return used_; }

 private:
  Result<const Tensor*> find(const TensorPlace& place, const WeightDecl& decl);

  const Checkpoint* checkpoint_;
  std::vector<Bound> bound_;
  std::map<std::string, std::unique_ptr<const Tensor>> found_;  // by canonical name
  std::vector<Bound> made_of_bytes_;
  std::set<std::string> used_;
  TensorArena arena_;
};

Result<const Tensor*> CheckpointWeights::find(const TensorPlace& place, const WeightDecl& decl) {
  if (const auto known = found_.find(decl.name); known != found_.end()) {
    return known->second.get();
  }
  LL_ASSIGN(Tensor tensor, find_tensor(place, decl, arena_, used_));
  const auto kept = found_.emplace(decl.name, std::make_unique<const Tensor>(std::move(tensor))).first;
  if (place.source.tensor(decl.name)->type == DType::u8) {
    made_of_bytes_.push_back({kept->second.get(), decl});
  }
  return kept->second.get();
}

Status CheckpointWeights::bind(const TensorPlace& place, const WeightDecl& decl) {
  LL_ASSIGN(const Tensor* tensor, find(place, decl));
  const std::int64_t block = format_of(tensor->type).block_len;
  if (decl.is_vector ? decl.shape.back() % block != 0 : decl.cols % block != 0) {
    return errorf(ErrorCode::model_file, "{}: tensor {}: rows of {} values are no whole blocks of {}", tensor->file,
                  tensor->name, decl.cols, format_of(tensor->type).name);
  }
  bound_.push_back({tensor, decl});
  return {};
}

/// Each once.
std::vector<const Tensor*> tensors_of(const std::vector<Bound>& weights) {
  std::vector<const Tensor*> all;
  for (const Bound& bound : weights) {
    if (std::find(all.begin(), all.end(), bound.tensor) == all.end()) {
      all.push_back(bound.tensor);
    }
  }
  return all;
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
      return not_finite_error(*pieces[i].tensor, faults[i]);
    }
  }
  return {};
}

/// Finds all weights of the plan, and nothing else in the files.
Result<std::unique_ptr<CheckpointWeights>> find_weights(const TensorPlace& place, const Plan& plan, TensorArena arena) {
  auto weights = std::make_unique<CheckpointWeights>(place.source.checkpoint(), std::move(arena));
  for (const WeightDecl& decl : plan.weights) {
    LL_TRY(weights->bind(place, decl));
  }
  LL_TRY(check_strays(place.source, plan, weights->used()));
  return weights;
}

}  // namespace

Result<std::unique_ptr<WeightSource>> bind_weights(const ModelSource& source, const Plan& plan, NumberCheck numbers) {
  LL_ASSIGN(const Family* family, find_family(source.checkpoint()));
  LL_ASSIGN(auto weights, find_weights({source, *family, plan.spec}, plan, TensorArena()));
  const bool all = numbers == NumberCheck::all;
  LL_TRY(check_finite(tensors_of(all ? weights->bound() : weights->made_of_bytes())));
  return std::unique_ptr<WeightSource>(std::move(weights));
}

Status check_weights(const ModelSource& source, const Plan& plan) {
  LL_ASSIGN(const Family* family, find_family(source.checkpoint()));
  const TensorPlace place{source, *family, plan.spec};
  LL_ASSIGN(const auto weights, find_weights(place, plan, TensorArena::without_data()));
  for (const Bound& bound : weights->made_of_bytes()) {
    TensorArena arena;
    std::set<std::string> ignored;
    LL_ASSIGN(const Tensor tensor, find_tensor(place, bound.decl, arena, ignored));
    LL_TRY(check_finite({&tensor}));
  }
  return {};
}

}  // namespace llorch
