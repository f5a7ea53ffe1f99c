#include "backend/written.h"

#include <variant>

namespace llorch {
namespace {

struct Written {
  std::vector<Slot> operator()(const EmbedOp& op) const { return {op.out}; }
  std::vector<Slot> operator()(const NormOp& op) const { return {op.out}; }
  std::vector<Slot> operator()(const LinearOp& op) const { return {op.out}; }
  std::vector<Slot> operator()(const HeadsLinearOp& op) const { return {op.out.slot}; }
  std::vector<Slot> operator()(const RopeStoreOp& /*op*/) const { return {Slot::q, Slot::k}; }
  std::vector<Slot> operator()(const AttendOp& /*op*/) const { return {Slot::att}; }
  std::vector<Slot> operator()(const GateOp& /*op*/) const { return {Slot::gate}; }
  std::vector<Slot> operator()(const RouteOp& /*op*/) const { return {Slot::picks}; }
  std::vector<Slot> operator()(const ExpertsOp& op) const { return {op.out, Slot::gate}; }
  std::vector<Slot> operator()(const AddOp& op) const { return {op.out}; }
  std::vector<Slot> operator()(const LogitsOp& /*op*/) const { return {}; }
};

}  // namespace

std::vector<Slot> written_slots(const Op& op) {
  return std::visit(Written{}, op);
}

int written_width(const Op& op, Slot slot, const Plan& plan) {
  int width = 0;  // 0: the slot's
  if (const auto* norm = std::get_if<NormOp>(&op)) {
    width = norm->row;
  } else if (const auto* linear = std::get_if<LinearOp>(&op)) {
    width = static_cast<int>(plan.weights[static_cast<std::size_t>(linear->weight)].rows);
  } else if (const auto* heads = std::get_if<HeadsLinearOp>(&op)) {
    width = heads->out.row;
  } else if (const auto* store = std::get_if<RopeStoreOp>(&op)) {
    width = (slot == Slot::q ? store->n_heads : store->n_kv_heads) * store->head_dim;
  } else if (const auto* attend = std::get_if<AttendOp>(&op)) {
    width = attend->n_heads * attend->head_dim;
  } else if (const auto* gate = std::get_if<GateOp>(&op)) {
    width = gate->width;
  } else if (const auto* experts = std::get_if<ExpertsOp>(&op); experts != nullptr && slot == Slot::gate) {
    width = experts->n_used * experts->gate.rows;  // the activations of all picks, sorted by expert
  } else if (const auto* route = std::get_if<RouteOp>(&op)) {
    width = 2 * route->moe.n_used;
  }
  return width > 0 ? width : plan.width(slot);
}

}  // namespace llorch
