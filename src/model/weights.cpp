// bind_weights: the weights of a plan, found in a checkpoint and checked before anything reads them.
#include "model/weights.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/format.h"
#include "base/threads.h"
#include "model/family.h"
#include "model/finite.h"
#include "model/fp8.h"
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

  /// Finds, builds and checks the tensor of `decl`.
  Status bind(const ModelSource& source, const Family& family, const ModelSpec& spec, const WeightDecl& decl);
  /// Each tensor once, in the order of the plan.
  std::vector<const Tensor*> tensors() const;
  /// Those that were built from tensors of bytes, whose numbers nobody sees before.
  const std::vector<const Tensor*>& made_of_bytes() const { return made_of_bytes_; }
  /// Names in the files of all that was used.
  const std::set<std::string>& used() const { return used_; }

 private:
  Result<const Tensor*> find(const ModelSource& source, const Family& family, const ModelSpec& spec,
                             const WeightDecl& decl);

  std::vector<Bound> bound_;                                    // by WeightId
  std::map<std::string, std::unique_ptr<const Tensor>> built_;  // by canonical name
  std::vector<const Tensor*> made_of_bytes_;
  std::set<std::string> used_;
  TensorArena arena_;
};

Error missing(const ModelSource& source, const std::string& name) {
  return errorf(ErrorCode::model_file, "{}: tensor {} is missing", source.checkpoint().path, name);
}

/// All experts of a tensor whose name has a '#'. The names in the file are added to `used`.
Result<Tensor> stack_experts(const ModelSource& source, const std::string& pattern, std::int64_t n_experts,
                             TensorArena& arena, std::set<std::string>& used) {
  TensorArena floats;  // of FP8 experts, until they are stacked
  std::vector<Tensor> experts;
  for (std::int64_t e = 0; e < n_experts; ++e) {
    const Tensor* expert = source.checkpoint().find(expert_name(pattern, e));
    if (expert == nullptr) {
      return missing(source, expert_name(pattern, e));
    }
    used.insert(expert->name);
    experts.push_back(*expert);
    if (expert->type == DType::f8_e4m3) {
      LL_ASSIGN(experts.back(), decode_fp8(source.checkpoint(), *expert, floats, used));
    }
  }
  if (source.checkpoint().find(expert_name(pattern, n_experts)) != nullptr) {
    return errorf(ErrorCode::model_file, "{}: tensor {} is there, but the model has {} of them",
                  source.checkpoint().path, expert_name(pattern, n_experts), n_experts);
  }
  return stacked(arena, experts);
}

/// "attn_q.weight" of "blk.3.attn_q.weight".
std::string_view in_layer(std::string_view canonical) {
  return canonical.starts_with("blk.") ? canonical.substr(canonical.find('.', 4) + 1) : canonical;
}

Result<const Tensor*> CheckpointWeights::find(const ModelSource& source, const Family& family, const ModelSpec& spec,
                                              const WeightDecl& decl) {
  if (const auto known = built_.find(decl.name); known != built_.end()) {
    return known->second.get();
  }
  const std::string name = source.tensor_name(decl.name);
  const Tensor* tensor = source.tensor(decl.name);
  if (tensor == nullptr) {
    return missing(source, expert_name(name, 0));
  }
  used_.insert(tensor->name);
  std::optional<Tensor> built;
  if (name.find('#') != std::string::npos) {
    LL_ASSIGN(built, stack_experts(source, name, decl.shape[0], arena_, used_));
  } else {
    TensorArena floats;
    std::optional<Tensor> decoded;
    if (tensor->type == DType::f8_e4m3) {
      LL_ASSIGN(decoded, decode_fp8(source.checkpoint(), *tensor, floats, used_));
      tensor = &*decoded;
    }
    if (family.build != nullptr) {
      LL_ASSIGN(built, family.build({source, in_layer(decl.name), *tensor, decl, spec, arena_, used_}));
    }
    if (decoded && !built) {
      arena_.take(std::move(floats));
      built = std::move(decoded);
    }
  }
  if (!built) {
    return tensor;
  }
  const auto kept = built_.emplace(decl.name, std::make_unique<const Tensor>(*std::move(built))).first;
  if (tensor->type == DType::u8) {
    made_of_bytes_.push_back(kept->second.get());
  }
  return kept->second.get();
}

Status CheckpointWeights::bind(const ModelSource& source, const Family& family, const ModelSpec& spec,
                               const WeightDecl& decl) {
  LL_ASSIGN(const Tensor* tensor, find(source, family, spec, decl));
  LL_TRY(expect_shape(*tensor, decl.shape));
  if (tensor->type == DType::u8) {
    return errorf(ErrorCode::model_file, "{}: tensor {} holds bytes or integers, which are no weights", tensor->file,
                  tensor->name);
  }
  const std::int64_t block = format_of(tensor->type).block_len;
  if (decl.is_vector ? decl.shape.back() % block != 0 : decl.cols % block != 0) {
    return errorf(ErrorCode::model_file, "{}: tensor {}: rows of {} values are no whole blocks of {}", tensor->file,
                  tensor->name, decl.cols, format_of(tensor->type).name);
  }
  bound_.push_back({tensor, decl});
  return {};
}

std::vector<const Tensor*> CheckpointWeights::tensors() const {
  std::vector<const Tensor*> all;
  for (const Bound& bound : bound_) {
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

}  // namespace

Result<std::unique_ptr<WeightSource>> bind_weights(const ModelSource& source, const Plan& plan, NumberCheck numbers) {
  LL_ASSIGN(const Family* family, find_family(source.checkpoint()));
  auto weights = std::make_unique<CheckpointWeights>();
  for (const WeightDecl& decl : plan.weights) {
    LL_TRY(weights->bind(source, *family, plan.spec, decl));
  }
  LL_TRY(check_strays(source, plan, weights->used()));
  LL_TRY(check_finite(numbers == NumberCheck::all ? weights->tensors() : weights->made_of_bytes()));
  return std::unique_ptr<WeightSource>(std::move(weights));
}

}  // namespace llorch
