#include "backend/cpu/walk.h"
#include "backend/cpu/experts.h"

#include <variant>

namespace llorch::cpu {
namespace {

struct Runner {
  const OpTable& table;
  const Step* before;  // nullptr: none
  int layer;
  const Work& work;

  void operator()(const EmbedOp& op) const { table.embed(op, work); }
  void operator()(const NormOp& op) const { table.norm(op, work); }
  /// Whether the step before left op's x in 8-bit form: q, k and v read one x, gate and up another.
  bool has_left_rows8(const LinearOp& op) const {
    const auto* last = before == nullptr ? nullptr : std::get_if<LinearOp>(&before->op);
    return last != nullptr && last->in == op.in && last->out != op.in && share_rows8(work, last->weight, op.weight);
  }
  void operator()(const LinearOp& op) const {
    const Matmul mm{.w = &work.matrix(op.weight),
                    .packed = work.packed(op.weight),
                    .x = work.slot(op.in),
                    .x_is_ready = has_left_rows8(op),
                    .m = work.batch->n_tokens(),
                    .y = work.slot(op.out),
                    .bias = work.vector(op.bias),
                    .accumulate = op.accumulate,
                    .scale = op.accumulate ? op.scale : 1.0F};
    run_matmul(table, mm, work);
  }
  void operator()(const HeadsLinearOp& op) const {
    const MatrixView& all = work.matrix(op.weight);
    for (int h = 0; h < op.n_heads; ++h) {
      MatrixView w = all;
      w.rows = op.rows;
      const std::int64_t row = op.w_begin + static_cast<std::int64_t>(h) * op.w_step;
      w.data += row * all.row_bytes;
      const Matmul mm{.w = &w,
                      .packed = work.packed(op.weight, row),
                      .x = work.slot(op.in.slot) + op.in.begin + h * op.in.step,
                      .m = work.batch->n_tokens(),
                      .y = work.slot(op.out.slot) + op.out.begin + h * op.out.step,
                      .x_stride = op.in.row,
                      .y_stride = op.out.row};
      run_matmul(table, mm, work);
      if (h + 1 < op.n_heads) {
        work.team->barrier();  // the next head's 8-bit rows take the place of this one's
      }
    }
  }
  void operator()(const RopeStoreOp& op) const { table.rope_store(op, layer, work); }
  void operator()(const AttendOp& op) const { table.attend(op, layer, work); }
  void operator()(const GateOp& op) const {
    const int width = op.width > 0 ? op.width : work.plan->width(Slot::gate);
    table.gate(op, work.slot(Slot::gate), work.slot(Slot::up), std::int64_t{work.batch->n_tokens()} * width, work);
  }
  void operator()(const RouteOp& op) const { table.route(op, work); }
  void operator()(const ExpertsOp& op) const { run_experts(table, op, work); }
  void operator()(const AddOp& op) const { table.add(op, work); }
  void operator()(const LogitsOp& op) const {
    if (work.batch->n_outputs() == 0) {
      return;  // a chunk in the middle of a prompt
    }
    const Matmul mm{.w = &work.matrix(op.weight),
                    .packed = work.packed(op.weight),
                    .x = work.slot(Slot::xn),
                    .x_rows = work.batch->output_rows.data(),
                    .m = work.batch->n_outputs(),
                    .y = work.logits,
                    .bias = work.vector(op.bias),
                    .scale = op.scale,
                    .softcap = op.softcap};
    run_matmul(table, mm, work);
  }
};

}  // namespace

void run_step(const OpTable& table, std::size_t index, const Work& work) {
  const Step& step = work.plan->steps[index];
  std::visit(Runner{table, index > 0 ? &step - 1 : nullptr, step.layer, work}, step.op);
}

bool share_rows8(const Work& work, WeightId a, WeightId b) {
  return work.matrix(a).type == work.matrix(b).type && work.matrix(a).cols == work.matrix(b).cols &&
         (work.packed(a) == nullptr) == (work.packed(b) == nullptr);
}

void run_matmul(const OpTable& table, const Matmul& mm, const Work& work) {
  const bool many = table.matmul_many != nullptr && mm.m >= table.many_rows;
  (many ? table.matmul_many : table.matmul)(mm, work);
}

}  // namespace llorch::cpu
