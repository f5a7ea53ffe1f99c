// PlanBuilder: collects the steps and weight declarations of a plan. Used by plan.cpp alone.
#pragma once

#include <map>
#include <string>

#include "model/plan.h"

namespace llorch {

/// A module of a checkpoint that a plan asks for, or a range of its rows: phi3's attn_qkv holds q, k and v.
struct Module {
  std::string name;  // "blk.0.attn_qkv"
  std::int64_t first_row = 0;
  std::int64_t all_rows = 0;  // of the tensor; 0: it has no other rows
};

class PlanBuilder {
 public:
  PlanBuilder(const ModelSpec& spec, const WeightNames& names) : names_(&names) { plan_.spec = spec; }

  const ModelSpec& spec() const { return plan_.spec; }
  Plan& plan() { return plan_; }
  bool has(const std::string& name) const { return names_->has(name); }

  /// A weight asked for twice (tied embeddings) is declared once.
  WeightId matrix(const Module& module, std::int64_t rows, std::int64_t cols);
  WeightId vector(const std::string& name, std::int64_t n);
  /// `shape` of a tensor that is no plain matrix or vector: experts, heads.
  WeightId shaped(const std::string& name, std::vector<std::int64_t> shape, bool is_vector = false);
  WeightId optional_bias(const Module& module, std::int64_t rows);

  /// Makes `slot` at least this wide.
  void widen(Slot slot, int width);
  void add(Op op, int layer, std::string_view role) { plan_.steps.push_back({std::move(op), layer, role}); }
  /// A product with its optional bias: rows and cols are the rows of `out` and of `in`.
  void linear(const Module& module, Slot in, int cols, Slot out, int rows, int layer, std::string_view role);
  /// The same, added to the residual stream.
  void linear_to_residual(const Module& module, Slot in, int cols, int layer, std::string_view role);
  /// The model's kind of norm over whole rows of `dim` channels.
  void norm(const std::string& base, Slot in, Slot out, int layer, std::string_view role);

 private:
  WeightId declare(WeightDecl decl);

  const WeightNames* names_;
  Plan plan_;
  std::map<std::pair<std::string, std::int64_t>, WeightId> ids_;  // by tensor and first row
};

}  // namespace llorch
