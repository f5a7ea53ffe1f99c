#include "engine/loaded_model.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "backend/kv_bytes.h"
#include "base/format.h"
#include "engine/builtin_haiku.h"
#include "engine/kv_budget.h"
#include "model/family.h"
#include "model/tensor_check.h"

namespace llorch {
namespace {

constexpr int kDefaultContext = 8192;

/// general.name, else what the user sees of the path.
std::string display_name(const Checkpoint& checkpoint) {
  const auto name = checkpoint.metadata.string_or("general.name", "");
  if (name.ok() && !name->empty()) {
    return *name;
  }
  const std::filesystem::path path(checkpoint.path);
  return (path.has_stem() ? path.stem() : path.parent_path().filename()).string();
}

/// Bytes that the KV cache may have: those of the options, else half of what is free beside the weights.
std::int64_t kv_bytes_of(const LoadOptions& options, const Memory& memory, std::int64_t weights_bytes) {
  const std::int64_t free_bytes = memory.free_bytes - (memory.is_apart ? weights_bytes : 0);
  return options.kv_cache_bytes > 0 ? options.kv_cache_bytes : std::max<std::int64_t>(free_bytes, 0) / 2;
}

/// The model's templates, or the one that the user names; what they call bos_token stays the model's.
Result<ChatTemplates> load_chat(ChatFiles files, const std::string& path) {
  if (!path.empty()) {
    LL_ASSIGN(ChatFiles own, ChatTemplates::read_file(path));
    files.templates = std::move(own.templates);
  }
  return ChatTemplates(files);
}

/// Reads a model that was found good into memory; `progress` is told the share that was read.
Result<ModelFiles> read_model(const std::string& path, std::int64_t free_bytes,
                              const std::function<void(double)>& progress) {
  const std::int64_t all = checkpoint_file_bytes(path);
  if (free_bytes > 0 && all > free_bytes) {
    return errorf(ErrorCode::out_of_memory, "{}: its {} bytes do not fit into the {} bytes of memory that are free",
                  path, all, free_bytes);
  }
  std::int64_t read = 0;
  const FileAccess access = {
      .copy = true, .progress = [&](std::size_t bytes) {
        read += static_cast<std::int64_t>(bytes);
        progress(std::min(1.0, static_cast<double>(read) / static_cast<double>(std::max(all, read))));
      }};
  return open_model(path, access);
}

/// The weights; of a model that is to be verified its digest, too.
Status bind(const ModelSource& source, const LoadOptions& options, LoadedModel& model,
            const std::function<void(double)>& progress) {
  const NumberCheck numbers = options.verify ? NumberCheck::made_of_bytes : NumberCheck::all;
  LL_ASSIGN(model.weights, bind_weights(source, model.plan, numbers));
  if (options.verify) {
    LL_ASSIGN(Digests digests, read_tensors(source.checkpoint(), options.manifest.get(), progress));
    model.digest = std::move(digests.model);
  }
  return {};
}

}  // namespace

Result<ModelFiles> open_model(const std::string& path, const FileAccess& access) {
  ModelFiles files;
  if (path == kBuiltinHaiku) {
    LL_ASSIGN(Checkpoint checkpoint, parse_gguf(builtin_haiku(), path));
    files.checkpoint = std::make_unique<Checkpoint>(std::move(checkpoint));
    files.checkpoint->path = path;
  } else {
    LL_ASSIGN(Checkpoint checkpoint, open_checkpoint(path, access));
    files.checkpoint = std::make_unique<Checkpoint>(std::move(checkpoint));
  }
  files.name = display_name(*files.checkpoint);
  return files;
}

/// Two looks at the spec: the first tells the model's context, the second is made for the context in use.
Result<PlannedModel> plan_model(const Checkpoint& checkpoint, int context) {
  LL_ASSIGN(const Family* family, find_family(checkpoint));
  LL_ASSIGN(const ModelSpec first, make_spec(ModelSource(checkpoint, family->names, context)));
  PlannedModel planned;
  planned.context = std::min(context > 0 ? context : kDefaultContext, first.max_context);
  planned.context_lowered = context > first.max_context;
  planned.source = std::make_unique<ModelSource>(checkpoint, family->names, planned.context);
  LL_ASSIGN(const ModelSpec spec, make_spec(*planned.source));
  LL_ASSIGN(planned.plan, make_plan(spec, *planned.source));
  return planned;
}

Result<Plan> plan_of(const Checkpoint& checkpoint, int context) {
  LL_ASSIGN(PlannedModel planned, plan_model(checkpoint, context));
  return std::move(planned.plan);
}

Result<KvPlan> kv_plan_of(const LoadOptions& options, const Plan& plan, int context, std::int64_t bytes) {
  const int n_sequences = std::max(1, options.max_sequences);
  std::vector<std::int64_t> block_bytes;
  for (int group = 0; group < plan.n_kv_groups; ++group) {
    block_bytes.push_back(kv_block_bytes(plan, group, options.backend.kv_type));
  }
  const KvBudget budget(kv_windows(plan), block_bytes, context, options.max_batch_tokens);
  KvPlan kv;
  kv.layout = budget.spend(bytes, n_sequences, options.kv_cache_bytes > 0);
  if (kv.layout.n_blocks.empty()) {
    return errorf(ErrorCode::out_of_memory, "a KV cache of {} bytes holds no block of {} tokens, which takes {} bytes",
                  bytes, kKvBlock, budget.sequence_bytes(1, false));
  }
  kv.shape = {.n_blocks = kv.layout.n_blocks,
              .max_batch_tokens = std::max(options.max_batch_tokens, n_sequences),
              .max_batch_seqs = n_sequences,
              .max_outputs = std::max(options.max_outputs, n_sequences)};
  return kv;
}

Status check_vocab(const Tokenizer& tokenizer, const Plan& plan, const std::string& path) {
  for (std::int32_t id = plan.spec.vocab; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.is_special(id)) {
      return errorf(ErrorCode::model_file, "{}: the tokenizer has {} tokens, the embedding only {} rows", path,
                    tokenizer.vocab_size(), plan.spec.vocab);
    }
  }
  return {};
}

Result<LoadedModel> load_model(const std::string& path, const LoadOptions& options) {
  const auto report = [&options](double share) {
    if (options.progress) {
      options.progress(share);
    }
  };
  LL_CHECK(options.manifest == nullptr || options.verify, "a manifest without `verify` would compare no digests");
  // Shares of the time that the parts take with large files.
  constexpr double kRead = 0.7, kTokenizer = 0.75, kChecked = 0.9;
  LoadedModel model;
  LL_ASSIGN(model.backend, create_backend(options.device, options.backend));
  LL_TRY(model.backend->verify());
  report(0.0);
  LL_ASSIGN(model.files, open_model(path));
  if (options.copy_files && path != kBuiltinHaiku) {
    LL_ASSIGN(model.files,
              read_model(path, model.backend->memory().free_bytes, [&report](double share) { report(kRead * share); }));
  }
  const Checkpoint& checkpoint = *model.files.checkpoint;
  if (options.manifest != nullptr) {
    LL_TRY(check_layout(*options.manifest, checkpoint));
  }
  LL_ASSIGN(PlannedModel planned, plan_model(checkpoint, options.context));
  model.plan = std::move(planned.plan);
  model.context = planned.context;
  model.context_lowered = planned.context_lowered;
  report(kRead);
  if (options.need_tokenizer) {
    LL_ASSIGN(model.tokenizer, make_tokenizer(checkpoint));
    LL_TRY(check_vocab(*model.tokenizer, model.plan, path));
  }
  LL_ASSIGN(model.chat, load_chat(checkpoint.chat, options.chat_template));
  if (options.before_weights) {
    LL_TRY(options.before_weights(model));
  }
  report(kTokenizer);
  LL_TRY(bind(*planned.source, options, model,
              [&report](double share) { report(kTokenizer + (kChecked - kTokenizer) * share); }));
  report(kChecked);
  const std::int64_t kv_bytes = kv_bytes_of(options, model.backend->memory(), checkpoint.tensor_bytes());
  LL_ASSIGN(KvPlan kv, kv_plan_of(options, model.plan, model.context, kv_bytes));
  model.kv = std::move(kv.layout);
  LL_TRY(model.backend->load(model.plan, *model.weights, kv.shape));
  report(1.0);
  return model;
}

}  // namespace llorch
