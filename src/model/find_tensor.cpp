#include "model/find_tensor.h"

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/format.h"
#include "model/fp8.h"

namespace llorch {
namespace {

Error missing(const ModelSource& source, const std::string& name) {
  return errorf(ErrorCode::model_file, "{}: tensor {} is missing", source.checkpoint().path, name);
}

/// The experts of a tensor whose name has a '#', all of one shape and type. Their names are added to `used`.
Result<std::vector<const Tensor*>> find_experts(const ModelSource& source, const std::string& pattern,
                                                std::int64_t n_experts, std::set<std::string>& used) {
  std::vector<const Tensor*> experts;
  for (std::int64_t e = 0; e < n_experts; ++e) {
    const Tensor* expert = source.checkpoint().find(expert_name(pattern, e));
    if (expert == nullptr) {
      return missing(source, expert_name(pattern, e));
    }
    used.insert(expert->name);
    experts.push_back(expert);
    const Tensor& first = *experts.front();
    LL_TRY(expect_shape(*expert, first.shape));
    if (expert->type != first.type) {
      return errorf(ErrorCode::model_file, "{}: tensor {} is {}, but {} is {}", expert->file, expert->name,
                    format_of(expert->type).name, first.name, format_of(first.type).name);
    }
  }
  if (source.checkpoint().find(expert_name(pattern, n_experts)) != nullptr) {
    return errorf(ErrorCode::model_file, "{}: tensor {} is there, but the model has {} of them",
                  source.checkpoint().path, expert_name(pattern, n_experts), n_experts);
  }
  return experts;
}

/// FP8 experts become floats in their place of the whole: what is decoded is in memory once.
Result<Tensor> stack_fp8(const Checkpoint& checkpoint, const std::vector<const Tensor*>& experts, TensorArena& arena,
                         std::set<std::string>& used) {
  std::vector<Fp8Weights> weights;
  for (const Tensor* expert : experts) {
    LL_ASSIGN(Fp8Weights found, Fp8Weights::find(checkpoint, *expert, used));
    weights.push_back(std::move(found));
    if (weights.back().type() != weights.front().type()) {
      return errorf(ErrorCode::model_file, "{}: of the tensors {} and {} one has a scale, the other has none",
                    expert->file, experts.front()->name, expert->name);
    }
  }
  return stacked(
      arena, static_cast<std::int64_t>(experts.size()), *experts.front(), weights.front().type(),
      [&weights](std::int64_t i, std::byte* out) { return weights[static_cast<std::size_t>(i)].decode(out); });
}

Result<Tensor> stack_experts(const ModelSource& source, const std::vector<const Tensor*>& experts, TensorArena& arena,
                             std::set<std::string>& used) {
  const Tensor& first = *experts.front();
  if (first.type == DType::f8_e4m3) {
    return stack_fp8(source.checkpoint(), experts, arena, used);
  }
  return stacked(arena, static_cast<std::int64_t>(experts.size()), first, first.type,
                 [&experts](std::int64_t i, std::byte* out) {
                   const auto data = experts[static_cast<std::size_t>(i)]->data;
                   std::memcpy(out, data.data(), data.size());
                   return Status();
                 });
}

/// "attn_q.weight" of "blk.3.attn_q.weight".
std::string_view in_layer(std::string_view canonical) {
  return canonical.starts_with("blk.") ? canonical.substr(canonical.find('.', 4) + 1) : canonical;
}

/// As the file has it, stacked, decoded, or built by the family.
Result<Tensor> found_or_built(const TensorPlace& place, const WeightDecl& decl, TensorArena& arena,
                              std::set<std::string>& used) {
  const std::string name = place.source.tensor_name(decl.name);
  const Tensor* tensor = place.source.tensor(decl.name);
  if (tensor == nullptr) {
    return missing(place.source, expert_name(name, 0));
  }
  used.insert(tensor->name);
  if (name.find('#') != std::string::npos) {
    LL_ASSIGN(const auto experts, find_experts(place.source, name, decl.shape[0], used));
    return stack_experts(place.source, experts, arena, used);
  }
  Tensor found = *tensor;
  TensorArena floats = arena.another();
  if (found.type == DType::f8_e4m3) {
    LL_ASSIGN(const Fp8Weights weights, Fp8Weights::find(place.source.checkpoint(), *tensor, used));
    LL_ASSIGN(found, decode_fp8(weights, floats));
  }
  if (place.family.build != nullptr) {
    LL_ASSIGN(std::optional<Tensor> built,
              place.family.build({place.source, in_layer(decl.name), found, decl, place.spec, arena, used}));
    if (built) {
      return *std::move(built);
    }
  }
  arena.take(std::move(floats));
  return found;
}

}  // namespace

Result<Tensor> find_tensor(const TensorPlace& place, const WeightDecl& decl, TensorArena& arena,
                           std::set<std::string>& used) {
  LL_ASSIGN(Tensor tensor, found_or_built(place, decl, arena, used));
  LL_TRY(expect_shape(tensor, decl.shape));
  if (tensor.type == DType::u8) {
    return errorf(ErrorCode::model_file, "{}: tensor {} holds bytes or integers, which are no weights", tensor.file,
                  tensor.name);
  }
  return tensor;
}

}  // namespace llorch
