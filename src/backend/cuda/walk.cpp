#include "backend/cuda/walk.h"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "backend/written.h"

namespace llorch::cuda {
namespace {

/// Fewer blocks than two for each multiprocessor of a large device: splits of the KV get blocks of their own.
constexpr int kFewTiles = 264;

}  // namespace

struct Walk::Runner {
  Walk& w;
  int layer;
  std::span<const Step> next;  // what may be taken along

  int n_tokens() const { return w.shape_.n_tokens; }

  Status operator()(const EmbedOp& op) const {
    LL_TRY(w.kernels_.embed({.table = w.matrix(op.table),
                             .rows = w.at(w.layout_.tokens),
                             .n_tokens = n_tokens(),
                             .scale = op.scale,
                             .out = w.slot(op.out)},
                            w.stream_));
    if (op.position_table == kNoWeight) {
      return {};
    }
    return w.kernels_.embed({.table = w.matrix(op.position_table),
                             .rows = w.at(w.layout_.positions),
                             .n_tokens = n_tokens(),
                             .add = true,
                             .out = w.slot(op.out)},
                            w.stream_);
  }

  Status operator()(const NormOp& op) const {
    const int row = op.row > 0 ? op.row : w.model_.plan.width(op.in);
    const int n = (op.width > 0 ? op.width : row) / op.groups;
    NormArgs args{.kind = op.kind,
                  .weight = w.vector(op.weight),
                  .bias = w.vector(op.bias),
                  .eps = op.eps,
                  .groups = op.groups,
                  .own_weights = op.own_weights,
                  .n = n,
                  .row = row,
                  .n_tokens = n_tokens(),
                  .in = w.slot(op.in),
                  .out = w.slot(op.out)};
    w.written(op.out);
    if (n == row && norm_can_pack(n)) {
      args.packed = w.packed_for(next, op.out, n);
    }
    return w.kernels_.norm(args, w.stream_);
  }

  LinearArgs product(const LinearOp& op) const {
    const DeviceMatrix& m = w.matrix(op.weight);
    return {.w = m,
            .n_rows = m.rows,
            .x = {.x = w.slot(op.in), .stride = m.cols, .n = n_tokens()},
            .y = w.slot(op.out),
            .y_stride = m.rows,
            .bias = w.vector(op.bias),
            .accumulate = op.accumulate,
            .scale = op.accumulate ? op.scale : 1.0F};
  }

  /// Products of the same x with matrices of one format go together.
  Result<int> operator()(const LinearOp& op) const {
    std::vector<LinearArgs> products = {product(op)};
    std::vector<Slot> outs = {op.out};
    LL_ASSIGN(products[0].packed, w.packed(products[0].w, products[0].x, op.in));
    for (const Step& step : next) {
      const auto* other = std::get_if<LinearOp>(&step.op);
      if (other == nullptr || products.size() == kMostProducts || other->in != op.in || other->out == op.in ||
          op.out == op.in || std::find(outs.begin(), outs.end(), other->out) != outs.end()) {
        break;
      }
      LinearArgs args = product(*other);
      if (args.w.type != products[0].w.type || args.w.cols != products[0].w.cols) {
        break;
      }
      args.packed = products[0].packed;
      products.push_back(args);
      outs.push_back(other->out);
    }
    LL_TRY(w.kernels_.linear(products, w.stream_));
    for (const Slot out : outs) {
      w.written(out);
    }
    return static_cast<int>(products.size());
  }

  /// All heads in one launch: their rows of x are packed one head after the other.
  Status operator()(const HeadsLinearOp& op) const {
    const DeviceMatrix& m = w.matrix(op.weight);
    const XForm form = x_form(m.type, w.model_.activations);
    const int group = form == XForm::q8 ? kTokenTile : kXGroup;  // heads begin at whole groups of rows
    const int tiles = (n_tokens() + group - 1) / group * group / kTokenTile;
    const float* x = w.slot(op.in.slot) + op.in.begin;
    LinearArgs args{.w = m,
                    .row_begin = op.w_begin,
                    .n_rows = op.rows,
                    .x = {.x = x, .stride = op.in.row, .n = n_tokens()},
                    .packed = place_packed_x(form, op.n_heads * tiles * kTokenTile, m.cols, w.model_.packed_x),
                    .y = w.slot(op.out.slot) + op.out.begin,
                    .y_stride = op.out.row,
                    .n_batch = op.n_heads,
                    .row_step = op.w_step,
                    .x_step = form == XForm::f32 ? op.in.step : tiles,
                    .y_step = op.out.step};
    w.written(op.out.slot);
    w.packed_slot_ = Slot::none;
    for (int h = 0; h < op.n_heads && form != XForm::f32; ++h) {
      PackedX part = args.packed;
      const std::int64_t first = std::int64_t{h} * tiles;
      const std::int64_t step_bytes = form == XForm::q8 ? kUnit * kTokenTile : kStep * kTokenTile * 2;
      part.codes = static_cast<std::byte*>(part.codes) + first * part.n_steps * step_bytes;
      const std::int64_t scales = (form == XForm::q8 ? first * part.n_steps * (kUnit / 32) * 2 : first) * kTokenTile;
      part.scales += scales;
      const Rows rows{.x = x + std::int64_t{h} * op.in.step, .stride = op.in.row, .n = n_tokens()};
      LL_TRY(w.kernels_.pack_x(rows, m.cols, part, w.stream_));
    }
    return w.kernels_.linear({&args, 1}, w.stream_);
  }

  Status operator()(const RopeStoreOp& op) const {
    const auto group = static_cast<std::size_t>(op.kv_group);
    const DeviceKv& kv = w.model_.kv[static_cast<std::size_t>(layer)];
    RopeStoreArgs args{.n_heads = op.n_heads,
                       .n_kv_heads = op.n_kv_heads,
                       .head_dim = op.head_dim,
                       .kind = op.rope.kind,
                       .q = w.slot(Slot::q),
                       .k = w.slot(Slot::k),
                       .v = w.slot(op.v),
                       .kv_slots = w.at(w.layout_.kv_slots[group]),
                       .n_tokens = n_tokens(),
                       .kv_type = w.model_.kv_type,
                       .k_cache = kv.k,
                       .v_cache = kv.v};
    if (op.rope.kind != RopeKind::none) {
      const Angles& angles = w.model_.angles_of(op.rope);
      args.n = op.rope.dims / 2;
      args.offset = op.rope.offset;
      args.cos_sin = angles.cos_sin;
      if (std::find(w.angles_.begin(), w.angles_.end(), &angles) == w.angles_.end()) {
        w.angles_.push_back(&angles);
        LL_TRY(w.kernels_.angles({.inverse = angles.inverse,
                                  .n = args.n,
                                  .magnitude = op.rope.magnitude,
                                  .positions = w.at(w.layout_.positions),
                                  .n_tokens = n_tokens(),
                                  .cos_sin = angles.cos_sin},
                                 w.stream_));
      }
    }
    return w.kernels_.rope_store(args, w.stream_);
  }

  Status operator()(const AttendOp& op) const {
    const auto group = static_cast<std::size_t>(op.kv_group);
    const DeviceKv& kv = w.model_.kv[static_cast<std::size_t>(layer)];
    AttendArgs args{.n_heads = op.n_heads,
                    .n_kv_heads = op.n_kv_heads,
                    .head_dim = op.head_dim,
                    .window = op.window,
                    .scale = op.scale,
                    .softcap = op.softcap,
                    .sinks = w.vector(op.sinks),
                    .kv_type = w.model_.kv_type,
                    .q = w.slot(Slot::q),
                    .out = w.slot(Slot::att),
                    .k_cache = kv.k,
                    .v_cache = kv.v,
                    .positions = w.at(w.layout_.positions),
                    .sequences = w.at(w.layout_.sequences),
                    .kv_lens = w.at(w.layout_.kv_lens),
                    .block_table = w.at(w.layout_.block_tables[group]),
                    .max_blocks = w.shape_.max_blocks[group],
                    .n_tokens = n_tokens(),
                    .n_splits = w.shape_.n_splits,
                    .partial = w.model_.partial};
    if (!attend_has_tiles(op.head_dim, w.model_.kv_type, op.v_is_k)) {
      return w.kernels_.attend(args, w.stream_);
    }
    const auto& groups = w.model_.head_groups;
    const auto list = std::find(groups.begin(), groups.end(), op.n_heads / op.n_kv_heads) - groups.begin();
    args.tiles = reinterpret_cast<const AttendTile*>(w.at(w.layout_.tiles[static_cast<std::size_t>(list)]));
    args.n_tiles = w.shape_.n_tiles;
    const std::int64_t per_token = std::int64_t{op.n_heads} * args.n_splits * (op.head_dim + 2);
    const bool fits = per_token * n_tokens() <= static_cast<std::int64_t>(w.model_.partial_floats);
    args.split = fits && args.n_splits > 1 && args.n_tiles * op.n_kv_heads < kFewTiles;
    return w.kernels_.attend(args, w.stream_);
  }

  /// What a product alone reads is packed for it and not stored.
  Status operator()(const GateOp& op) const {
    const int width = op.width > 0 ? op.width : w.model_.plan.width(Slot::gate);
    w.written(Slot::gate);
    PackedX packed = w.packed_for(next, Slot::gate, width);
    if (!gate_can_pack(packed.form)) {
      w.packed_slot_ = Slot::none;
      packed = {};
    }
    return gate(op, n_tokens(), width, packed);
  }

  Status operator()(const RouteOp& op) const {
    return w.kernels_.route({.moe = op.moe,
                             .logits = w.slot(Slot::route),
                             .select_bias = w.vector(op.select_bias),
                             .picks = w.slot(Slot::picks),
                             .n_tokens = n_tokens()},
                            w.stream_);
  }

  /// The picks sorted by expert, so that an expert's matrices are read once for all its tokens; then as a feed-forward.
  Status operator()(const ExpertsOp& op) const {
    const int pad = expert_pad(n_tokens(), op.n_used, op.n_experts);
    const int n_padded = expert_rows(n_tokens(), op.n_used, op.n_experts);
    const int n_picks = n_tokens() * op.n_used;
    Cutter cutter(reinterpret_cast<std::byte*>(w.model_.experts));
    SortPicksArgs sorted{.picks = w.slot(Slot::picks),
                         .n_tokens = n_tokens(),
                         .n_used = op.n_used,
                         .n_experts = op.n_experts,
                         .pad = pad,
                         .n_padded = n_padded};
    sorted.token_of = cutter.take<std::int32_t>(static_cast<std::size_t>(n_padded));
    sorted.row_of = cutter.take<std::int32_t>(static_cast<std::size_t>(n_padded));
    sorted.rows = cutter.take<std::int32_t>(static_cast<std::size_t>(n_picks));
    sorted.experts = cutter.take<std::int32_t>(static_cast<std::size_t>(n_padded / pad));
    LL_TRY(w.kernels_.sort_picks(sorted, w.stream_));
    w.packed_slot_ = Slot::none;
    LL_TRY(part(op.gate, sorted, w.slot(op.in), sorted.token_of, Slot::gate));
    LL_TRY(part(op.up, sorted, w.slot(op.in), sorted.token_of, Slot::up));
    LL_TRY(gate(op.act, n_picks, op.gate.rows, {}));
    LL_TRY(part(op.down, sorted, w.slot(Slot::gate), sorted.row_of, Slot::down));
    return w.kernels_.add_up({.down = w.slot(Slot::down),
                              .picks = w.slot(Slot::picks),
                              .rows = sorted.rows,
                              .n_tokens = n_tokens(),
                              .n_used = op.n_used,
                              .dim = op.down.rows,
                              .scale = op.scale,
                              .out = w.slot(op.out)},
                             w.stream_);
  }

  Status operator()(const AddOp& op) const {
    return w.kernels_.add({.in = w.slot(op.in),
                           .out = w.slot(op.out),
                           .scale = op.scale,
                           .n = std::int64_t{n_tokens()} * w.model_.plan.width(op.out)},
                          w.stream_);
  }

  Status operator()(const LogitsOp& op) const {
    if (w.shape_.n_outputs == 0) {
      return {};  // a chunk in the middle of a prompt
    }
    const DeviceMatrix& m = w.matrix(op.weight);
    LinearArgs args{
        .w = m,
        .n_rows = m.rows,
        .x = {.x = w.slot(Slot::xn), .stride = m.cols, .map = w.at(w.layout_.output_rows), .n = w.shape_.n_outputs},
        .y = w.model_.logits,
        .y_stride = m.rows,
        .bias = w.vector(op.bias),
        .scale = op.scale,
        .softcap = op.softcap};
    LL_ASSIGN(args.packed, w.packed(m, args.x, Slot::none));
    return w.kernels_.linear({&args, 1}, w.stream_);
  }

 private:
  Status gate(const GateOp& op, int n_rows, int width, const PackedX& packed) const {
    return w.kernels_.gate({.act = op.act,
                            .gated = op.gated,
                            .limit = op.limit,
                            .alpha = op.alpha,
                            .gate = w.slot(Slot::gate),
                            .up = w.slot(Slot::up),
                            .n_rows = n_rows,
                            .width = width,
                            .packed = packed},
                           w.stream_);
  }

  /// One of the three products of the experts.
  Status part(const ExpertsOp::Part& part, const SortPicksArgs& sorted, const float* x, const std::int32_t* map,
              Slot out) const {
    const DeviceMatrix& m = w.matrix(part.weight);
    LinearArgs args{.w = m,
                    .row_begin = part.begin,
                    .n_rows = part.rows,
                    .x = {.x = x, .stride = m.cols, .map = map, .n = sorted.n_padded},
                    .y = w.slot(out),
                    .y_stride = part.rows,
                    .y_map = sorted.row_of,
                    .bias = w.vector(part.bias),
                    .row_step = part.step,
                    .experts = sorted.experts,
                    .expert_rows = sorted.pad,
                    .bias_step = part.rows};
    LL_ASSIGN(args.packed, w.packed(m, args.x, Slot::none));
    return w.kernels_.linear({&args, 1}, w.stream_);
  }
};

Walk::Walk(const DeviceModel& model, Kernels& kernels, Stream stream, const BatchShape& shape)
    : model_(model),
      kernels_(kernels),
      stream_(stream),
      shape_(shape),
      layout_(shape, static_cast<int>(model.head_groups.size())) {}

Result<int> Walk::front(std::span<const Step> steps) {
  const Runner runner{*this, steps.front().layer, steps.subspan(1)};
  if (const auto* linear = std::get_if<LinearOp>(&steps.front().op)) {
    return runner(*linear);
  }
  const auto one = [&runner](const auto& op) -> Status {
    if constexpr (std::is_same_v<std::decay_t<decltype(op)>, LinearOp>) {
      return {};
    } else {
      return runner(op);
    }
  };
  LL_TRY(std::visit(one, steps.front().op));
  for (const Slot slot : written_slots(steps.front().op)) {
    if (!std::holds_alternative<NormOp>(steps.front().op) && !std::holds_alternative<GateOp>(steps.front().op)) {
      written(slot);
    }
  }
  return 1;
}

Status Walk::steps(std::span<const Step> steps) {
  while (!steps.empty()) {
    LL_ASSIGN(const int n, front(steps));
    steps = steps.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Status Walk::step(const Step& step) {
  LL_TRY(front({&step, 1}));
  return {};
}

Status Walk::greedy() {
  return kernels_.greedy({.logits = model_.logits,
                          .n_rows = shape_.n_outputs,
                          .width = static_cast<int>(model_.limits.n_logits),
                          .out = model_.sampled},
                         stream_);
}

Result<PackedX> Walk::packed(const DeviceMatrix& w, const Rows& rows, Slot slot) {
  const XForm form = x_form(w.type, model_.activations);
  const PackedX x = place_packed_x(form, rows.n, w.cols, model_.packed_x);
  if (form == XForm::f32) {
    return x;
  }
  if (slot == Slot::none || slot != packed_slot_ || form != packed_form_ || w.cols != packed_cols_) {
    LL_TRY(kernels_.pack_x(rows, w.cols, x, stream_));
    packed_slot_ = slot;
    packed_form_ = form;
    packed_cols_ = w.cols;
  }
  return x;
}

PackedX Walk::packed_for(std::span<const Step> next, Slot slot, int cols) {
  const auto* linear = next.empty() ? nullptr : std::get_if<LinearOp>(&next.front().op);
  if (linear == nullptr || linear->in != slot || matrix(linear->weight).cols != cols) {
    return {};
  }
  const XForm form = x_form(matrix(linear->weight).type, model_.activations);
  if (form == XForm::f32) {
    return {};
  }
  packed_slot_ = slot;
  packed_form_ = form;
  packed_cols_ = cols;
  return place_packed_x(form, shape_.n_tokens, cols, model_.packed_x);
}

}  // namespace llorch::cuda
