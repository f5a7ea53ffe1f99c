#include "model/find_tensor.h"

#include <optional>
#include <vector>

#include "base/format.h"
#include "model/fp8.h"

namespace llorch {
namespace {

Error missing(const ModelSource& source, const std::string& name) {
  return errorf(ErrorCode::model_file, "{}: tensor {} is missing", source.checkpoint().path, name);
}

/// All experts of a tensor whose name has a '#'. The names in the file are added to `used`.
Result<Tensor> stack_experts(const ModelSource& source, const std::string& pattern, std::int64_t n_experts,
                             TensorArena& arena, std::set<std::string>& used) {
  TensorArena floats = arena.another();  // of FP8 experts, until they are stacked
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
    return stack_experts(place.source, name, decl.shape[0], arena, used);
  }
  Tensor found = *tensor;
  TensorArena floats = arena.another();
  if (found.type == DType::f8_e4m3) {
    LL_ASSIGN(found, decode_fp8(place.source.checkpoint(), *tensor, floats, used));
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
