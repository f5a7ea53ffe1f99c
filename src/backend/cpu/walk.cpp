#include "backend/cpu/walk.h"

#include <array>
#include <variant>

namespace llorch::cpu {
namespace {

struct Runner {
  const OpTable& table;
  int layer;
  const Work& work;

  void operator()(const EmbedOp& op) const { table.embed(op, work); }
  void operator()(const NormOp& op) const { table.norm(op, work); }
  void operator()(const LinearOp& op) const {
    const Matmul mm{.w = &work.matrix(op.weight),
                    .x = work.slot(op.in),
                    .m = work.batch->n_tokens(),
                    .y = work.slot(op.out),
                    .bias = work.vector(op.bias),
                    .accumulate = op.accumulate,
                    .scale = op.accumulate ? op.scale : 1.0F};
    run_matmul(table, mm, work);
  }
  void operator()(const RopeStoreOp& op) const { table.rope_store(op, layer, work); }
  void operator()(const AttendOp& op) const { table.attend(op, layer, work); }
  void operator()(const GateOp& op) const { table.gate(op, work); }
  void operator()(const AddOp& op) const { table.add(op, work); }
  void operator()(const LogitsOp& op) const {
    if (work.batch->n_outputs() == 0) {
      return;  // a chunk in the middle of a prompt
    }
    const Matmul mm{.w = &work.matrix(op.weight),
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

struct Written {
  template <Slot... slots>
  static std::span<const Slot> these() {
    static constexpr std::array<Slot, sizeof...(slots)> kSlotsOf{slots...};
    return kSlotsOf;
  }
  static std::span<const Slot> one(const Slot& slot) { return {&slot, 1}; }
  std::span<const Slot> operator()(const EmbedOp& op) const { return one(op.out); }
  std::span<const Slot> operator()(const NormOp& op) const { return one(op.out); }
  std::span<const Slot> operator()(const LinearOp& op) const { return one(op.out); }
  std::span<const Slot> operator()(const RopeStoreOp& /*op*/) const { return these<Slot::q, Slot::k>(); }
  std::span<const Slot> operator()(const AttendOp& /*op*/) const { return these<Slot::att>(); }
  std::span<const Slot> operator()(const GateOp& /*op*/) const { return these<Slot::gate>(); }
  std::span<const Slot> operator()(const AddOp& op) const { return one(op.out); }
  std::span<const Slot> operator()(const LogitsOp& /*op*/) const { return {}; }
};

}  // namespace

void run_step(const OpTable& table, const Step& step, const Work& work) {
  std::visit(Runner{table, step.layer, work}, step.op);
}

void run_matmul(const OpTable& table, const Matmul& mm, const Work& work) {
  const bool many = table.matmul_many != nullptr && mm.m >= table.many_rows;
  (many ? table.matmul_many : table.matmul)(mm, work);
}

std::span<const Slot> written_slots(const Op& op) {
  return std::visit(Written{}, op);
}

}  // namespace llorch::cpu
