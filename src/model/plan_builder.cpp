#include "model/plan_builder.h"

#include <algorithm>
#include <utility>

namespace llorch {

WeightId PlanBuilder::declare(WeightDecl decl) {
  const auto [entry, is_new] =
      ids_.try_emplace({decl.name, decl.first_row}, static_cast<WeightId>(plan_.weights.size()));
  if (is_new) {
    plan_.weights.push_back(std::move(decl));
  }
  return entry->second;
}

WeightId PlanBuilder::matrix(const Module& module, std::int64_t rows, std::int64_t cols) {
  WeightDecl decl{.name = module.name + ".weight", .rows = rows, .cols = cols, .first_row = module.first_row};
  decl.shape = {module.all_rows > 0 ? module.all_rows : rows, cols};
  return declare(std::move(decl));
}

WeightId PlanBuilder::vector(const std::string& name, std::int64_t n) {
  return declare({.name = name, .rows = 1, .cols = n, .is_vector = true, .shape = {n}});
}

WeightId PlanBuilder::shaped(const std::string& name, std::vector<std::int64_t> shape, bool is_vector) {
  WeightDecl decl{.name = name, .rows = 1, .cols = shape.back(), .is_vector = is_vector};
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) {
    (is_vector ? decl.cols : decl.rows) *= shape[i];
  }
  decl.shape = std::move(shape);
  return declare(std::move(decl));
}

WeightId PlanBuilder::optional_bias(const Module& module, std::int64_t rows) {
  const std::string name = module.name + ".bias";
  if (!has(name)) {
    return kNoWeight;
  }
  if (module.all_rows == 0) {
    return vector(name, rows);
  }
  WeightDecl decl{.name = name, .rows = 1, .cols = rows, .is_vector = true, .first_row = module.first_row};
  decl.shape = {module.all_rows};
  return declare(std::move(decl));
}

void PlanBuilder::widen(Slot slot, int width) {
  int& w = plan_.widths[static_cast<std::size_t>(slot)];
  w = std::max(w, width);
}

void PlanBuilder::linear(const Module& module, Slot in, int cols, Slot out, int rows, int layer,
                         std::string_view role) {
  widen(out, rows);
  add(LinearOp{.weight = matrix(module, rows, cols), .bias = optional_bias(module, rows), .in = in, .out = out}, layer,
      role);
}

void PlanBuilder::linear_to_residual(const Module& module, Slot in, int cols, int layer, std::string_view role) {
  linear(module, in, cols, Slot::x, spec().dim, layer, role);
  auto& op = std::get<LinearOp>(plan_.steps.back().op);
  op.accumulate = true;
  op.scale = spec().residual_scale;
}

void PlanBuilder::norm(const std::string& base, Slot in, Slot out, int layer, std::string_view role) {
  const int dim = spec().dim;
  widen(out, dim);
  add(NormOp{.kind = spec().norm,
             .weight = vector(base + ".weight", dim),
             .bias = optional_bias({base}, dim),
             .eps = spec().norm_eps,
             .width = dim,
             .row = dim,
             .in = in,
             .out = out},
      layer, role);
}

}  // namespace llorch
