#include "cli/input_sums.h"

#include <algorithm>
#include <numeric>

namespace llorch::cli {

void InputSums::add(WeightId weight, int n_parts, int part, std::span<const float> x) {
  ImportanceSums& sums = sums_[plan_->weights[static_cast<std::size_t>(weight)].name];
  sums.squares.resize(static_cast<std::size_t>(n_parts) * x.size());
  sums.counts.resize(static_cast<std::size_t>(n_parts));
  double* squares = sums.squares.data() + static_cast<std::size_t>(part) * x.size();
  for (std::size_t i = 0; i < x.size(); ++i) {
    squares[i] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  sums.counts[static_cast<std::size_t>(part)] += 1;
}

void InputSums::add_linear(const LinearOp& op) {
  const Kept& in = kept(op.in);
  const std::span<const float> values = in.values;
  for (int row = 0; row < in.rows; ++row) {
    add(op.weight, 1, 0,
        values.subspan(static_cast<std::size_t>(row) * static_cast<std::size_t>(in.width),
                       static_cast<std::size_t>(in.width)));
  }
}

void InputSums::add_heads(const HeadsLinearOp& op) {
  const std::span<const float> values = kept(op.in.slot).values;
  const auto cols = static_cast<std::size_t>(plan_->weights[static_cast<std::size_t>(op.weight)].cols);
  for (int row = 0; row < kept(op.in.slot).rows; ++row) {
    const int n_parts = op.in.step == 0 ? 1 : op.n_heads;  // step 0: all heads read the same
    for (int head = 0; head < n_parts; ++head) {
      const auto at = static_cast<std::size_t>(row * op.in.row + op.in.begin + head * op.in.step);
      add(op.weight, n_parts, head, values.subspan(at, cols));
    }
  }
}

/// The hidden activations lie sorted by expert, then by pick, as the backend leaves them.
void InputSums::add_experts(const ExpertsOp& op) {
  const Kept& picks = kept(Slot::picks);
  const Kept& in = kept(op.in);
  const int n_picks = picks.rows * op.n_used;
  std::vector<int> expert(static_cast<std::size_t>(n_picks));
  for (int i = 0; i < n_picks; ++i) {
    const int at = i / op.n_used * picks.width + i % op.n_used;
    expert[static_cast<std::size_t>(i)] = static_cast<int>(picks.values[static_cast<std::size_t>(at)]);
  }
  std::vector<int> order(expert.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return expert[static_cast<std::size_t>(a)] < expert[static_cast<std::size_t>(b)];
  });
  const auto width = static_cast<std::size_t>(in.width);
  const auto hidden_width = static_cast<std::size_t>(op.gate.rows);
  const std::span<const float> inputs = in.values;
  const std::span<const float> hidden = kept(Slot::gate).values;
  for (std::size_t row = 0; row < order.size(); ++row) {
    const int pick = order[row];
    const int e = expert[static_cast<std::size_t>(pick)];
    const auto x = inputs.subspan(static_cast<std::size_t>(pick / op.n_used) * width, width);
    add(op.gate.weight, op.n_experts, e, x);
    if (op.up.weight != op.gate.weight) {
      add(op.up.weight, op.n_experts, e, x);
    }
    add(op.down.weight, op.n_experts, e, hidden.subspan(row * hidden_width, hidden_width));
  }
}

void InputSums::after(const StepOutput& output) {
  if (output.slot == Slot::none) {
    return;
  }
  const auto* experts = std::get_if<ExpertsOp>(&output.step.op);
  if (experts == nullptr || output.slot == Slot::gate) {  // of the experts only what goes into the last product
    kept_[static_cast<std::size_t>(output.slot)] = {
        {output.values.begin(), output.values.end()}, output.rows, output.width};
  }
  if (const auto* linear = std::get_if<LinearOp>(&output.step.op)) {
    add_linear(*linear);
  } else if (const auto* heads = std::get_if<HeadsLinearOp>(&output.step.op)) {
    add_heads(*heads);
  } else if (experts != nullptr && output.slot == Slot::gate) {
    add_experts(*experts);
  }
}

}  // namespace llorch::cli
