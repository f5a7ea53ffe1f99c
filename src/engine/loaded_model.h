// LoadedModel: everything between a model's path and an engine that answers: checkpoint, tokenizer, spec, plan,
// weights, backend, KV cache. The one way in, for every daemon and every verb of the tool.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "backend/backend.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"
#include "engine/engine.h"
#include "model/plan.h"
#include "model/source.h"
#include "model/weights.h"
#include "tokenizer/chat.h"
#include "tokenizer/tokenizer.h"

namespace llorch {

/// The path that names the embedded model.
inline constexpr const char* kBuiltinHaiku = "builtin:haiku";

/// A model without a device: for inspect and tokenize.
struct ModelFiles {
  std::unique_ptr<Checkpoint> checkpoint;
  std::string name;  // general.name, else the file's stem
};
/// `path`: a .gguf, the first of a split set, a directory, or builtin:haiku.
Result<ModelFiles> open_model(const std::string& path, const FileAccess& access = {});

struct LoadedModel;

struct LoadOptions {
  std::string device = "cpu";
  BackendOptions backend;
  int context = 0;  // 0: the model's, at most 8,192; more than the model's is lowered (context_lowered)
  int max_sequences = 1;
  std::int64_t kv_cache_bytes = 0;  // 0: what max_sequences full contexts need
  int max_batch_tokens = 256;       // and the most of one sequence
  int max_outputs = 0;              // rows of logits of one batch; 0: one for each sequence
  bool need_tokenizer = true;       // false: a model without one is fine, and none is made
  /// The files are read into memory of our own: what happens to them later changes nothing. false: mapped.
  bool copy_files = false;
  /// The numbers of every tensor are checked, and digests made of their bytes.
  bool verify = false;
  std::shared_ptr<const Manifest> manifest;  // with `verify` only: what the model must be; null: any
  std::string chat_template;             // a file that is used in place of the model's templates; empty: the model's
  std::function<void(double)> progress;  // 0..1, never falling, while the model is loaded; may be empty
  /// Sees the model when all but its weights and backend are loaded; an error ends the load. May be empty.
  std::function<Status(const LoadedModel&)> before_weights;
};

struct LoadedModel {
  ModelFiles files;
  Plan plan;
  std::unique_ptr<WeightSource> weights;
  std::unique_ptr<Tokenizer> tokenizer;  // null without LoadOptions::need_tokenizer
  ChatTemplates chat;                    // empty where the model has none
  std::unique_ptr<Backend> backend;      // verified and loaded
  int context = 0;
  bool context_lowered = false;
  std::string digest;  // with LoadOptions::verify: the model's (checkpoint/digest.h)
  KvLayout kv;
};

/// Verifies the device, opens and checks the files, loads, in this order.
Result<LoadedModel> load_model(const std::string& path, const LoadOptions& options);

/// A vocabulary other than the embedding's would give ids that no row answers to; one that has is refused. Special
/// tokens may lie behind it (an image's in a model of text alone); a request that has one is refused.
Status check_vocab(const Tokenizer& tokenizer, const Plan& plan, const std::string& path);

/// A plan, and the tensors' names that it was made with.
struct PlannedModel {
  Plan plan;
  std::unique_ptr<ModelSource> source;  // of the checkpoint, which must outlive it
  int context = 0;                      // in use
  bool context_lowered = false;
};
/// Makes the spec and plan of an open checkpoint; context 0 as in LoadOptions (it may choose rope factors).
Result<PlannedModel> plan_model(const Checkpoint& checkpoint, int context);
/// The plan of these alone.
Result<Plan> plan_of(const Checkpoint& checkpoint, int context);

/// What a backend is loaded with beside the weights.
struct KvPlan {
  KvLayout layout;
  KvShape shape;
};
/// Blocks for options.max_sequences full contexts of `context` tokens, or as many as `bytes` allow; all that they allow
/// where the options choose the cache's size. Not one block of each group: ErrorCode::out_of_memory.
Result<KvPlan> kv_plan_of(const LoadOptions& options, const Plan& plan, int context, std::int64_t bytes);

}  // namespace llorch
