#include "backend/cpu/model_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <variant>

#include "backend/cpu/host_memory.h"
#include "backend/kv_bytes.h"
#include "base/format.h"
#include "quant/formats.h"

namespace llorch::cpu {
namespace {

constexpr std::size_t kFloat = sizeof(float);

std::size_t aligned(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

Status bind_weights(ModelMemory& model, const WeightSource& source) {
  const std::size_t n = model.plan.weights.size();
  model.weights.matrices.resize(n);
  model.weights.vectors.resize(n);
  model.row_bytes.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const WeightDecl& decl = model.plan.weights[i];
    const auto id = static_cast<WeightId>(i);
    if (decl.is_vector) {
      std::vector<float>& vector = model.weights.vectors[i];
      LL_ASSIGN(vector, source.vector(id));
      if (vector.size() != static_cast<std::size_t>(decl.cols)) {
        return errorf(ErrorCode::model_file, "{}: {} values, the plan needs {}", decl.name, vector.size(), decl.cols);
      }
      model.row_bytes[i] = decl.cols * static_cast<std::int64_t>(kFloat);
    } else {
      MatrixView& matrix = model.weights.matrices[i];
      LL_ASSIGN(matrix, source.matrix(id));
      LL_TRY(check_matrix(matrix, decl));
      model.row_bytes[i] = matrix.row_bytes;
    }
    model.held_bytes += model.row_bytes[i] * decl.rows;
  }
  return {};
}

/// Sizes first, so that a model that does not fit is refused before anything is taken.
struct Sizes {
  std::size_t slots = 0, logits = 0, scratch = 0, shared = 0, kv = 0;  // scratch: of one thread
  std::size_t total(int n_threads) const {
    return slots + logits + scratch * static_cast<std::size_t>(n_threads) + shared + kv;
  }
};

/// What the ops of the plan need at least: a few queries and a piece of the KV as floats, experts' scores, angles.
std::size_t op_scratch(const Plan& plan) {
  constexpr std::size_t kAttendRows = 20;
  std::size_t bytes = 0;
  for (const Step& step : plan.steps) {
    if (const auto* attend = std::get_if<AttendOp>(&step.op)) {
      const auto padded = static_cast<std::size_t>(attend->head_dim) + 16;
      bytes = std::max(bytes, ((2 * kKvBlock + 3 * kAttendRows) * padded + 2048) * kFloat);
    } else if (const auto* route = std::get_if<RouteOp>(&step.op)) {
      bytes = std::max(bytes, static_cast<std::size_t>(route->moe.n_experts) * 16);
    } else if (const auto* rope = std::get_if<RopeStoreOp>(&step.op)) {
      bytes = std::max(bytes, static_cast<std::size_t>(rope->rope.dims) * 8);
    }
  }
  return bytes;
}

Sizes sizes_of(const ModelMemory& model, KvType kv_type, const OpTable& table) {
  const KvShape& kv = model.limits.kv;
  const auto tokens = static_cast<std::size_t>(kv.max_batch_tokens);
  const auto outputs = static_cast<std::size_t>(kv.max_outputs);
  Sizes sizes;
  std::size_t widest = 1;
  for (const int width : model.plan.widths) {
    sizes.slots += aligned(tokens * static_cast<std::size_t>(width) * kFloat);
    widest = std::max(widest, static_cast<std::size_t>(width));
  }
  sizes.logits = aligned(outputs * static_cast<std::size_t>(model.limits.n_logits) * kFloat);
  sizes.shared = aligned(std::max(tokens, outputs) * aligned(widest) * 2 + 64);  // kernels may fill rows up
  std::size_t row = 0;
  for (const MatrixView& w : model.weights.matrices) {
    row = std::max(row, static_cast<std::size_t>(w.cols) * kFloat);
  }
  sizes.scratch = aligned(std::max({kScratchBytes, table.scratch_bytes, row, op_scratch(model.plan)}));
  for (int group = 0; group < model.plan.n_kv_groups; ++group) {
    const auto n_blocks = static_cast<std::size_t>(kv.n_blocks[static_cast<std::size_t>(group)]);
    sizes.kv += n_blocks * static_cast<std::size_t>(kv_block_bytes(model.plan, group, kv_type));
  }
  return sizes;
}

/// Hands out the parts of one buffer, each at a 64-byte boundary.
class Cutter {
 public:
  explicit Cutter(std::span<std::byte> bytes) : rest_(bytes) {}
  std::span<std::byte> take(std::size_t bytes) {
    const auto part = rest_.first(bytes);
    rest_ = rest_.subspan(aligned(bytes));
    return part;
  }
  float* take_floats(std::size_t n) { return reinterpret_cast<float*>(take(n * kFloat).data()); }

 private:
  std::span<std::byte> rest_;
};

Status take_workspace(ModelMemory& model, const Sizes& sizes, int n_threads) {
  const auto tokens = static_cast<std::size_t>(model.limits.kv.max_batch_tokens);
  LL_ASSIGN(Buffer workspace, Buffer::make(sizes.total(n_threads) - sizes.kv - sizes.logits, "the activations"));
  LL_ASSIGN(Buffer logits, Buffer::make(sizes.logits, "the logits"));
  Cutter cutter(workspace.bytes());
  for (std::size_t s = 0; s < kSlots; ++s) {
    model.slots[s] = cutter.take_floats(tokens * static_cast<std::size_t>(model.plan.widths[s]));
  }
  model.shared = cutter.take(sizes.shared);
  for (int t = 0; t < n_threads; ++t) {
    model.scratch.push_back(cutter.take(sizes.scratch));
  }
  model.logits = logits.floats();
  model.buffers.push_back(std::move(workspace));
  model.buffers.push_back(std::move(logits));
  return {};
}

Status take_kv(ModelMemory& model, KvType kv_type) {
  for (const Step& step : model.plan.steps) {
    const auto* op = std::get_if<RopeStoreOp>(&step.op);
    if (op == nullptr) {
      continue;
    }
    const auto layer = static_cast<std::size_t>(step.layer);
    const int n_blocks = model.limits.kv.n_blocks[static_cast<std::size_t>(op->kv_group)];
    const auto bytes =
        static_cast<std::size_t>(std::int64_t{n_blocks} * op->n_kv_heads * kv_piece_bytes(kv_type, op->head_dim));
    const bool shared = op->v == Slot::k;
    LL_ASSIGN(Buffer buffer,
              Buffer::make((shared ? 1 : 2) * bytes, fmt::format("the KV cache of layer {}", step.layer)));
    std::byte* const k = buffer.bytes().data();
    model.kv.resize(std::max(model.kv.size(), layer + 1));
    model.kv[layer] = {k, shared ? k : k + bytes, n_blocks};
    model.buffers.push_back(std::move(buffer));
  }
  return {};
}

/// mincore() fails for a range that is not mapped.
bool is_mapped(const std::byte* data, std::size_t size) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(data) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(data) + size + page - 1) / page * page;
  std::vector<unsigned char> in_core((end - begin) / page);
  return ::mincore(reinterpret_cast<void*>(begin), end - begin, in_core.data()) == 0;
}

}  // namespace

Status check_mapped(const ModelMemory& model) {
  for (std::size_t i = 0; i < model.weights.matrices.size(); ++i) {
    const MatrixView& w = model.weights.matrices[i];
    if (w.data != nullptr && !is_mapped(w.data, static_cast<std::size_t>(w.rows * w.row_bytes))) {
      return errorf(ErrorCode::device, "the weight {} is not in the memory of this process",
                    model.plan.weights[i].name);
    }
  }
  for (const Buffer& buffer : model.buffers) {
    if (!is_mapped(buffer.bytes().data(), buffer.bytes().size())) {
      return errorf(ErrorCode::device, "a buffer of {} bytes is not in the memory of this process",
                    buffer.bytes().size());
    }
  }
  return {};
}

Status make_model_memory(ModelMemory& model, const Plan& plan, const WeightSource& source, const KvShape& kv,
                         KvType kv_type, const OpTable& table, int n_threads) {
  model.plan = plan;
  LL_TRY(bind_weights(model, source));
  LL_ASSIGN(model.limits, batch_limits(plan, kv));
  for (const int width : plan.widths) {
    if (std::int64_t{width} * kv.max_batch_tokens > INT32_MAX) {
      return errorf(ErrorCode::out_of_memory, "a batch of {} tokens with {} values each is too large",
                    kv.max_batch_tokens, width);
    }
  }
  const Sizes sizes = sizes_of(model, kv_type, table);
  const HostMemory host = host_memory();
  const std::size_t needed = sizes.total(n_threads);
  if (host.free_bytes > 0 && needed > static_cast<std::size_t>(host.free_bytes)) {
    return errorf(ErrorCode::out_of_memory,
                  "{} bytes are needed beside the weights ({} for the KV cache, {} for the logits), {} are free",
                  needed, sizes.kv, sizes.logits, host.free_bytes);
  }
  LL_TRY(take_workspace(model, sizes, n_threads));
  LL_TRY(take_kv(model, kv_type));
  model.held_bytes += static_cast<std::int64_t>(needed);
  model.kv_block_bytes = kv_block_bytes(plan, 0, kv_type);
  return {};
}

Result<MemoryNeeds> needs_of(const Plan& plan, const WeightSource& source, const KvShape& kv,
                             const BackendOptions& options, const OpTable& table, int n_threads) {
  ModelMemory model;
  model.plan = plan;
  LL_TRY(bind_weights(model, source));
  LL_ASSIGN(model.limits, batch_limits(plan, kv));
  const Sizes sizes = sizes_of(model, options.kv_type, table);
  MemoryNeeds needs;
  needs.weights_bytes = model.held_bytes;
  if (options.repack) {
    needs.weights_bytes += packing_adds(model, table, options.activations);
  }
  needs.kv_bytes = static_cast<std::int64_t>(sizes.kv);
  needs.workspace_bytes = static_cast<std::int64_t>(sizes.total(n_threads) - sizes.kv);
  return needs;
}

}  // namespace llorch::cpu
