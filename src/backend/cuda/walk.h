// Walk: a plan's steps as launches of kernels, for one batch.
#pragma once

#include "backend/cuda/device_model.h"
#include "backend/cuda/step_data.h"

namespace llorch::cuda {

/// Puts the steps of one batch on a stream, one after the other. The batch's data is in model.step already, or will be
/// when a captured graph runs.
class Walk {
 public:
  Walk(const DeviceModel& model, Kernels& kernels, Stream stream, const BatchShape& shape);

  /// All steps; neighbours are put into one launch where a kernel does both.
  Status steps(std::span<const Step> steps);
  /// One step alone, which leaves in its slots what the plan says.
  Status step(const Step& step);
  /// Tokens of the logits' highest rows, into model.sampled.
  Status greedy();

 private:
  struct Runner;
  friend struct Runner;

  const std::int32_t* at(std::size_t offset) const { return model_.step + offset; }
  float* slot(Slot s) const { return model_.slots[static_cast<std::size_t>(s)]; }
  const float* vector(WeightId id) const {
    return id == kNoWeight ? nullptr : model_.vectors[static_cast<std::size_t>(id)];
  }
  const DeviceMatrix& matrix(WeightId id) const { return model_.matrices[static_cast<std::size_t>(id)]; }
  void written(Slot slot) { packed_slot_ = slot == packed_slot_ ? Slot::none : packed_slot_; }
  /// Runs the first of these steps, and those behind it that its kernels take along; their number.
  Result<int> front(std::span<const Step> steps);
  /// x of a product, packed; a slot that is packed already is not packed again.
  Result<PackedX> packed(const DeviceMatrix& w, const Rows& rows, Slot slot);
  /// Where a kernel that computes rows of `cols` of `slot` packs them for the product in the next step; form f32 when
  /// that needs none of it.
  PackedX packed_for(std::span<const Step> next, Slot slot, int cols);

  const DeviceModel& model_;
  Kernels& kernels_;
  Stream stream_;
  const BatchShape& shape_;
  StepLayout layout_;
  Slot packed_slot_ = Slot::none;  // what model_.packed_x holds
  XForm packed_form_ = XForm::f32;
  int packed_cols_ = 0;
  std::vector<const Angles*> angles_;  // made for this batch
};

}  // namespace llorch::cuda
