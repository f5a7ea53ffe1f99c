// Which tensors there are is what the plan asks for, so that a file holds what runs and nothing else; each is found or
// built only when it is written.
#include "convert/hf_to_gguf.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "base/format.h"
#include "convert/hf_vocab.h"
#include "convert/same_spec.h"
#include "model/find_tensor.h"
#include "model/gguf_keys.h"
#include "model/strays.h"

namespace llorch {
namespace {

/// What the tensors are made from; shared by all of them.
struct HfModel {
  std::shared_ptr<const Checkpoint> checkpoint;
  const Family* family;
  ModelSource source;
  ModelSpec spec;

  TensorPlace place() const { return {source, *family, spec}; }
};

/// "attn_q.weight" of "blk.3.attn_q.weight".
std::string_view in_layer(std::string_view name) {
  return name.starts_with("blk.") ? name.substr(name.find('.', 4) + 1) : name;
}

/// Heads whose rows are reordered; 0: those of this tensor are not.
int reordered_heads(const HfModel& model, std::string_view name) {
  const LayerSpec& layer = model.spec.layers.front();
  const std::string_view part = in_layer(name);
  const bool is_q = part == "attn_q.weight" || part == "attn_q.bias";
  const bool is_k = part == "attn_k.weight" || part == "attn_k.bias";
  return !model.family->gguf.adjacent_rows ? 0 : is_q ? layer.n_heads : is_k ? layer.n_kv_heads : 0;
}

/// Row (half, i) of each head becomes row (i, half): pairs that turn together are neighbours then.
Result<Tensor> with_adjacent_rows(TensorArena& arena, const Tensor& tensor, int n_heads) {
  const std::int64_t cols = tensor.shape.size() > 1 ? tensor.shape[1] : 1;
  const std::int64_t head_dim = tensor.elements() / cols / n_heads;
  return gathered(arena, tensor, tensor.shape, [=](std::int64_t i) {
    const std::int64_t row = i / cols;
    const std::int64_t in_head = row % head_dim;
    return (row - in_head + in_head % 2 * (head_dim / 2) + in_head / 2) * cols + i % cols;
  });
}

/// A tensor as the GGUF has it: where it lies, or in the arena.
Result<Tensor> make_tensor(const HfModel& model, const WeightDecl& decl, TensorArena& arena,
                           std::set<std::string>& used) {
  LL_ASSIGN(Tensor tensor, find_tensor(model.place(), decl, arena, used));
  if (const int n_heads = reordered_heads(model, decl.name); n_heads > 0) {
    LL_ASSIGN(tensor, with_adjacent_rows(arena, tensor, n_heads));
  }
  return !is_quantised({decl.name, tensor.shape, tensor.type}) && tensor.type != DType::f32 ? as_f32(arena, tensor)
                                                                                            : tensor;
}

/// All tensors of the plan, each once, and nothing of the directory left over.
Status add_weights(const std::shared_ptr<const HfModel>& model, const Plan& plan, GgufModel& gguf) {
  std::set<std::string> used;
  std::set<std::string_view> added;
  for (const WeightDecl& decl : plan.weights) {
    if (!added.insert(decl.name).second) {
      continue;
    }
    TensorArena sizes = TensorArena::without_data();
    LL_ASSIGN(const Tensor tensor, make_tensor(*model, decl, sizes, used));
    gguf.tensors.push_back({gguf_tensor_name(model->source, *model->family, decl.name), tensor.type, tensor.shape,
                            [model, decl](TensorArena& arena) {
                              std::set<std::string> ignored;
                              return make_tensor(*model, decl, arena, ignored);
                            }});
  }
  return check_strays(model->source, plan, used);
}

Status add_rope_tensors(const HfModel& model, GgufModel& gguf) {
  LL_ASSIGN(const std::vector<RopeTensor> tensors, gguf_rope_tensors(model.source, model.spec));
  for (const RopeTensor& rope : tensors) {
    const Tensor like{.name = rope.name, .shape = {}, .data = {}, .file = model.checkpoint->metadata.source()};
    const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(rope.factors.size())};
    gguf.tensors.push_back({rope.name, DType::f32, shape, [rope, like, shape](TensorArena& arena) {
                              std::byte* bytes = nullptr;
                              Tensor tensor = arena.make(like, DType::f32, shape, &bytes);
                              if (bytes != nullptr) {
                                std::memcpy(bytes, rope.factors.data(), tensor.data.size());
                              }
                              return Result<Tensor>(std::move(tensor));
                            }});
  }
  return {};
}

/// The last part of a path, trailing slashes or not.
std::string directory_name(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path whole = std::filesystem::canonical(path, failed);
  return failed ? path : whole.filename().string();
}

Status add_tokenizer(const HfModel& model, const HfOptions& options, GgufModel& gguf) {
  if (!options.with_tokenizer) {
    gguf.header.text("tokenizer.ggml.model", "no_vocab");
    return {};
  }
  if (model.checkpoint->tokenizer_json_path.empty()) {
    return errorf(ErrorCode::model_file,
                  "{}: there is no tokenizer.json; --no-tokenizer writes a file without a vocabulary",
                  model.checkpoint->path);
  }
  return add_vocab_keys(*model.checkpoint, {.n_rows = model.spec.vocab, .pre = options.pre}, gguf.header, gguf.notes);
}

}  // namespace

Result<GgufModel> hf_to_gguf(std::shared_ptr<const Checkpoint> source, const HfOptions& options) {
  LL_ASSIGN(const Family* family, find_family(*source));
  ModelSource names(*source, family->names, 0);
  LL_ASSIGN(ModelSpec spec, make_spec(names));
  LL_ASSIGN(const Plan plan, make_plan(spec, names));
  const auto model = std::make_shared<const HfModel>(HfModel{source, family, names, spec});
  GgufModel gguf;
  gguf.source = source;
  gguf.has_output = names.has("output.weight");
  gguf.lighter_mix = family->gguf.lighter_mix;
  LL_TRY(add_weights(model, plan, gguf));
  LL_TRY(add_rope_tensors(*model, gguf));
  LL_TRY(add_gguf_keys(names, *family, spec, gguf.header));
  gguf.header.text("general.name", options.name.empty() ? directory_name(source->path) : options.name);
  LL_TRY(add_tokenizer(*model, options, gguf));
  gguf.spec = std::move(spec);
  LL_TRY(note_other_spec(*family, gguf));
  return gguf;
}

}  // namespace llorch
