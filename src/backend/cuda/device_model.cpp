#include "backend/cuda/device_model.h"

#include <algorithm>
#include <variant>

#include "backend/cuda/step_data.h"
#include "backend/ref/rope.h"
#include "base/format.h"

namespace llorch::cuda {
namespace {

constexpr std::size_t kFloat = sizeof(float);

int rounded_up(int n, int to) {
  return (n + to - 1) / to * to;
}

Status check_device_matrix(const MatrixView& w, const WeightDecl& decl) {
  if (!has_layout(w.type)) {
    const Format* format = find_format(static_cast<std::uint32_t>(w.type));
    return errorf(
        ErrorCode::model_file, "{}: the CUDA backend has no kernels for {}", decl.name,
        format == nullptr ? fmt::format("the type {}", static_cast<std::uint32_t>(w.type)) : std::string(format->name));
  }
  LL_TRY(check_matrix(w, decl));
  if (w.cols > INT32_MAX) {
    return errorf(ErrorCode::model_file, "{}: rows of {} weights", decl.name, w.cols);
  }
  return {};
}

/// Bytes of the weights, by WeightId.
Result<std::vector<std::size_t>> weight_bytes(DeviceModel& model, const WeightSource& source) {
  std::vector<std::size_t> bytes;
  model.matrices.resize(model.plan.weights.size());
  model.vectors.resize(model.plan.weights.size());
  for (std::size_t i = 0; i < model.plan.weights.size(); ++i) {
    const WeightDecl& decl = model.plan.weights[i];
    if (decl.is_vector) {
      model.row_bytes.push_back(decl.cols * static_cast<std::int64_t>(kFloat));
      bytes.push_back(static_cast<std::size_t>(decl.cols) * kFloat);
      continue;
    }
    LL_ASSIGN(const MatrixView w, source.matrix(static_cast<WeightId>(i)));
    LL_TRY(check_device_matrix(w, decl));
    model.row_bytes.push_back(w.row_bytes);
    model.matrices[i] = {.type = w.type};
    bytes.push_back(static_cast<std::size_t>(layout_bytes(w.type, layout_tiles(w.rows), w.cols).total()));
  }
  return bytes;
}

/// Whether attention of this plan needs a shape that no kernel takes.
Status check_ops(const DeviceModel& model) {
  for (const Step& step : model.plan.steps) {
    const auto* op = std::get_if<AttendOp>(&step.op);
    constexpr int kMostDims = 1024;
    if (op != nullptr && op->head_dim > kMostDims) {
      return errorf(ErrorCode::model_file, "blk {}: the CUDA backend has no attention for heads of {} channels",
                    step.layer, op->head_dim);
    }
  }
  if (model.kv_type == KvType::q8_0) {
    return errorf(ErrorCode::invalid_argument, "--kv-type q8_0: the CUDA backend keeps keys and values as f16 or f32");
  }
  return {};
}

struct PackedNeed {
  const DeviceModel& model;
  int max_tokens, max_outputs;

  std::size_t of(WeightId id, int rows) const {
    const auto index = static_cast<std::size_t>(id);
    return packed_x_bytes(x_form(model.matrices[index].type, model.activations), rows,
                          static_cast<int>(model.plan.weights[index].cols));
  }
  std::size_t operator()(const LinearOp& op) const { return of(op.weight, max_tokens); }
  std::size_t operator()(const LogitsOp& op) const { return of(op.weight, max_outputs); }
  std::size_t operator()(const HeadsLinearOp& op) const {
    return of(op.weight, op.n_heads * rounded_up(max_tokens, kXGroup));
  }
  std::size_t operator()(const ExpertsOp& op) const {
    const int rows = expert_rows(max_tokens, op.n_used, op.n_experts);
    return std::max({of(op.gate.weight, rows), of(op.up.weight, rows), of(op.down.weight, rows)});
  }
  template <class Op>
  std::size_t operator()(const Op& /*op*/) const {
    return 0;
  }
};

/// Sums of split attention: of a decode batch of any length, and of some tokens of a prompt.
std::size_t partial_bytes(const DeviceModel& model) {
  std::int64_t n_keys = 0;
  for (const int n_blocks : model.limits.kv.n_blocks) {
    n_keys = std::max(n_keys, std::int64_t{n_blocks} * kKvBlock);
  }
  std::size_t floats = 0;
  for (const Step& step : model.plan.steps) {
    if (const auto* op = std::get_if<AttendOp>(&step.op);
        op != nullptr && attend_has_tiles(op->head_dim, model.kv_type, op->v_is_k)) {
      // Enough for one long sequence among short ones; where it is not, splits are summed in registers.
      const std::int64_t rows = model.limits.kv.max_batch_seqs + 2 * (n_keys / kAttendSplit + 1);
      constexpr std::int64_t kTokens = 64;
      const std::int64_t tile = kTokens * 2 * (n_keys / kAttendSplit + 1);
      floats = std::max(floats, static_cast<std::size_t>(std::max(rows, tile) * op->n_heads * (op->head_dim + 2)));
    }
  }
  constexpr std::size_t kMost = std::size_t{512} << 20;
  return std::min(floats * kFloat, kMost);
}

std::size_t expert_ints(const DeviceModel& model) {
  std::size_t ints = 0;
  for (const Step& step : model.plan.steps) {
    if (const auto* op = std::get_if<ExpertsOp>(&step.op)) {
      const int rows = expert_rows(model.limits.kv.max_batch_tokens, op->n_used, op->n_experts);
      const int picks = model.limits.kv.max_batch_tokens * op->n_used;
      ints = std::max(ints, static_cast<std::size_t>(rows * 3 + picks) + 4 * kDeviceAlign);
    }
  }
  return ints;
}

std::vector<Rope> ropes_of(const Plan& plan) {
  std::vector<Rope> ropes;
  for (const Step& step : plan.steps) {
    if (const auto* op = std::get_if<RopeStoreOp>(&step.op);
        op != nullptr && op->rope.kind != RopeKind::none &&
        std::find(ropes.begin(), ropes.end(), op->rope) == ropes.end()) {
      ropes.push_back(op->rope);
    }
  }
  return ropes;
}

std::size_t angle_bytes(const Rope& rope, int max_tokens) {
  const auto n = static_cast<std::size_t>(rope.dims / 2);
  return device_aligned(n * sizeof(double)) + device_aligned(n * 2 * kFloat * static_cast<std::size_t>(max_tokens));
}

/// The largest step that a batch can be.
std::size_t most_step_ints(const DeviceModel& model) {
  const KvShape& kv = model.limits.kv;
  BatchShape shape{.n_tokens = kv.max_batch_tokens, .n_seqs = kv.max_batch_seqs, .n_outputs = kv.max_outputs};
  for (const int n_blocks : kv.n_blocks) {
    shape.max_blocks.push_back(2 * n_blocks + 2);  // a table is as wide as the longest sequence, rounded up
  }
  // A ring has fewer blocks than its table has places: those of every position.
  const int most_blocks = 2 * (model.plan.spec.max_context / kKvBlock + 1);
  for (std::size_t g = 0; g < shape.max_blocks.size(); ++g) {
    if (model.limits.windows[g] > 0) {
      shape.max_blocks[g] = std::max(shape.max_blocks[g], most_blocks);
    }
  }
  const int widest = model.head_groups.empty() ? 1 : model.head_groups.back();
  shape.n_tiles = kv.max_batch_seqs + kv.max_batch_tokens * widest / kAttendRows + 1;
  return StepLayout(shape, static_cast<int>(model.head_groups.size())).n;
}

void measure(DeviceModel& model, const std::vector<std::size_t>& weights) {
  const KvShape& kv = model.limits.kv;
  DeviceSizes& sizes = model.sizes;
  for (const std::size_t bytes : weights) {
    sizes.weights += device_aligned(bytes);
  }
  for (int group = 0; group < model.plan.n_kv_groups; ++group) {
    sizes.kv += static_cast<std::size_t>(kv.n_blocks[static_cast<std::size_t>(group)]) *
                static_cast<std::size_t>(kv_block_bytes(model.plan, group, model.kv_type));
  }
  for (const int width : model.plan.widths) {
    sizes.activations +=
        device_aligned(static_cast<std::size_t>(kv.max_batch_tokens) * static_cast<std::size_t>(width) * kFloat);
  }
  for (const Rope& rope : ropes_of(model.plan)) {
    sizes.activations += angle_bytes(rope, kv.max_batch_tokens);
  }
  sizes.activations += device_aligned(expert_ints(model) * sizeof(std::int32_t));
  const auto outputs = static_cast<std::size_t>(std::max(kv.max_outputs, 1));
  sizes.logits = device_aligned(outputs * static_cast<std::size_t>(model.limits.n_logits) * kFloat) +
                 device_aligned(outputs * sizeof(std::int32_t));
  for (const Step& step : model.plan.steps) {
    sizes.packed_x = std::max(sizes.packed_x,
                              std::visit(PackedNeed{model, kv.max_batch_tokens, static_cast<int>(outputs)}, step.op));
  }
  sizes.partial = partial_bytes(model);
  model.step_ints = most_step_ints(model);
  model.sample_rows = SampleRows(static_cast<int>(outputs), static_cast<int>(model.limits.n_logits));
  sizes.step = device_aligned(model.step_ints * sizeof(std::int32_t)) + device_aligned(model.sample_rows.bytes());
  sizes.upload = upload_bytes(model);
}

Status check_room(const DeviceModel& model, Driver& driver) {
  std::int64_t free_bytes = 0;
  std::int64_t total_bytes = 0;
  LL_TRY(driver.memory(free_bytes, total_bytes));
  const DeviceSizes& s = model.sizes;
  if (s.total() > static_cast<std::size_t>(free_bytes)) {
    return errorf(
        ErrorCode::out_of_memory,
        "{} bytes of device memory are needed ({} for the weights, {} for the KV cache, {} for activations, {} "
        "for logits, {} for workspaces), {} of {} are free",
        s.total(), s.weights, s.kv, s.activations, s.logits, s.packed_x + s.partial + s.step + s.upload, free_bytes,
        total_bytes);
  }
  return {};
}

Status place_weights(DeviceModel& model, Driver& driver, const std::vector<std::size_t>& bytes) {
  LL_ASSIGN(DeviceMemory memory, DeviceMemory::make(driver, model.sizes.weights));
  Cutter cutter(memory.data());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const WeightDecl& decl = model.plan.weights[i];
    auto* data = cutter.take<std::byte>(bytes[i]);
    if (decl.is_vector) {
      model.vectors[i] = reinterpret_cast<const float*>(data);
    } else {
      model.matrices[i] = place_matrix(model.matrices[i].type, decl.rows, decl.cols, data);
    }
  }
  model.memory.push_back(std::move(memory));
  return {};
}

Status place_kv(DeviceModel& model, Driver& driver) {
  LL_ASSIGN(DeviceMemory memory, DeviceMemory::make(driver, model.sizes.kv));
  std::byte* at = memory.data();
  for (const Step& step : model.plan.steps) {
    const auto* op = std::get_if<RopeStoreOp>(&step.op);
    if (op == nullptr) {
      continue;
    }
    const std::int64_t n_blocks = model.limits.kv.n_blocks[static_cast<std::size_t>(op->kv_group)];
    const std::int64_t bytes = n_blocks * op->n_kv_heads * kv_piece_bytes(model.kv_type, op->head_dim);
    const auto layer = static_cast<std::size_t>(step.layer);
    model.kv.resize(std::max(model.kv.size(), layer + 1));
    model.kv[layer] = {.k = at, .v = op->v == Slot::k ? at : at + bytes};
    at += (op->v == Slot::k ? 1 : 2) * bytes;
  }
  model.memory.push_back(std::move(memory));
  return {};
}

Status place_workspace(DeviceModel& model, Driver& driver) {
  const KvShape& kv = model.limits.kv;
  const DeviceSizes& sizes = model.sizes;
  LL_ASSIGN(DeviceMemory memory,
            DeviceMemory::make(driver, sizes.activations + sizes.logits + device_aligned(sizes.packed_x) +
                                           device_aligned(sizes.partial) + sizes.step));
  Cutter cutter(memory.data());
  const auto tokens = static_cast<std::size_t>(kv.max_batch_tokens);
  for (std::size_t s = 0; s < kSlots; ++s) {
    model.slots[s] = cutter.take<float>(tokens * static_cast<std::size_t>(model.plan.widths[s]));
  }
  for (const Rope& rope : ropes_of(model.plan)) {
    const auto n = static_cast<std::size_t>(rope.dims / 2);
    const double* inverse = cutter.take<double>(n);
    model.angles.push_back({.rope = rope, .inverse = inverse, .cos_sin = cutter.take<float>(n * 2 * tokens)});
  }
  model.experts = cutter.take<std::int32_t>(expert_ints(model));
  const auto outputs = static_cast<std::size_t>(std::max(kv.max_outputs, 1));
  model.logits = cutter.take<float>(outputs * static_cast<std::size_t>(model.limits.n_logits));
  model.sampled = cutter.take<std::int32_t>(outputs);
  model.packed_x = cutter.take<std::byte>(sizes.packed_x);
  model.partial = cutter.take<float>(sizes.partial / kFloat);
  model.partial_floats = sizes.partial / kFloat;
  model.step = cutter.take<std::int32_t>(model.step_ints);
  model.draws = cutter.take<std::byte>(model.sample_rows.bytes());
  model.memory.push_back(std::move(memory));
  LL_ASSIGN(model.host_step, DeviceMemory::make_pinned(driver, model.step_ints * sizeof(std::int32_t)));
  LL_ASSIGN(model.host_draws, DeviceMemory::make_pinned(driver, model.sample_rows.bytes()));
  return {};
}

}  // namespace

const Angles& DeviceModel::angles_of(const Rope& rope) const {
  return *std::find_if(angles.begin(), angles.end(), [&rope](const Angles& a) { return a.rope == rope; });
}

XForm x_form(DType type, Activations activations) {
  if (activations == Activations::f32 || type == DType::f32) {
    return XForm::f32;
  }
  return type == DType::bf16 ? XForm::bf16 : type == DType::f16 ? XForm::f16 : XForm::q8;
}

int expert_pad(int n_tokens, int n_used, int n_experts) {
  int pad = kTokenTile;
  while (pad < kXGroup && pad * n_experts < n_tokens * n_used) {
    pad *= 2;
  }
  return pad;
}

int expert_rows(int n_tokens, int n_used, int n_experts) {
  const int picks = n_tokens * n_used;
  const int pad = expert_pad(n_tokens, n_used, n_experts);
  return rounded_up(picks + std::min(picks, n_experts) * (pad - 1), pad);
}

std::size_t packed_x_bytes(XForm form, int rows, int cols) {
  if (form == XForm::f32) {
    return 0;
  }
  const auto n = static_cast<std::size_t>(rounded_up(rows, kXGroup) + kXGroup);
  if (form == XForm::q8) {
    const auto k = static_cast<std::size_t>(rounded_up(cols, kUnit));
    return device_aligned(n * k) + device_aligned(n * k / 32 * 2 * kFloat);
  }
  return device_aligned(n * static_cast<std::size_t>(rounded_up(cols, kStep)) * 2) + device_aligned(n * kFloat);
}

PackedX place_packed_x(XForm form, int rows, int cols, std::byte* memory) {
  PackedX x{.form = form, .n_tiles = (rows + kTokenTile - 1) / kTokenTile};
  if (form == XForm::f32) {
    return x;
  }
  const auto n = static_cast<std::size_t>(rounded_up(rows, kXGroup) + kXGroup);
  Cutter cutter(memory);
  if (form == XForm::q8) {
    const auto k = static_cast<std::size_t>(rounded_up(cols, kUnit));
    x.n_steps = rounded_up(cols, kUnit) / kUnit;
    x.codes = cutter.take<std::byte>(n * k);
    x.scales = cutter.take<float>(n * k / 32 * 2);
  } else {
    x.n_steps = rounded_up(cols, kStep) / kStep;
    x.codes = cutter.take<std::byte>(n * static_cast<std::size_t>(rounded_up(cols, kStep)) * 2);
    x.scales = cutter.take<float>(n);
  }
  return x;
}

Status make_device_model(DeviceModel& model, Driver& driver, const Plan& plan, const WeightSource& source,
                         const KvShape& kv, const BackendOptions& options) {
  model.plan = plan;
  model.activations = options.activations;
  model.kv_type = options.kv_type;
  LL_ASSIGN(model.limits, batch_limits(plan, kv));
  LL_TRY(check_ops(model));
  model.head_groups = head_groups(plan, model.kv_type);
  LL_ASSIGN(const std::vector<std::size_t> bytes, weight_bytes(model, source));
  measure(model, bytes);
  LL_TRY(check_room(model, driver));
  LL_TRY(place_weights(model, driver, bytes));
  LL_TRY(place_kv(model, driver));
  return place_workspace(model, driver);
}

}  // namespace llorch::cuda
