#include "backend/check/check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "base/format.h"

namespace llorch {
namespace {

/// Keeps a copy of everything that every step wrote.
class Keeper : public StepObserver {
 public:
  void after(int /*step_index*/, const Step& /*step*/, std::span<const float> values, int /*rows*/,
             int /*width*/) override {
    kept.emplace_back(values.begin(), values.end());
  }
  std::vector<std::vector<float>> kept;  // by call: both backends make the same calls, since they run the same plan
};

StepDifference difference_of(std::span<const float> a, std::span<const float> b, int width,
                             const Tolerance& tolerance) {
  StepDifference d;
  double sum = 0;
  double largest = -1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]);
    const auto y = static_cast<double>(b[i]);
    const bool comparable = std::isfinite(x) && std::isfinite(y);
    const double apart = x == y ? 0.0 : comparable ? std::fabs(x - y) : std::numeric_limits<double>::infinity();
    d.within = d.within && apart <= tolerance.abs + tolerance.rel * (comparable ? std::fabs(x) : 0.0);
    sum += apart;
    if (std::fabs(x) > tolerance.abs) {
      d.max_rel = std::max(d.max_rel, apart / std::fabs(x));
    }
    if (apart > largest) {
      largest = apart;
      d.row = static_cast<int>(i / static_cast<std::size_t>(width));
      d.col = static_cast<int>(i % static_cast<std::size_t>(width));
      d.a = a[i];
      d.b = b[i];
    }
  }
  d.max_abs = std::max(largest, 0.0);
  d.mean = a.empty() ? 0.0 : sum / static_cast<double>(a.size());
  return d;
}

/// Compares every step with what a Keeper has.
class Comparer : public StepObserver {
 public:
  Comparer(const Keeper& keeper, const Tolerance& tolerance) : keeper_(keeper), tolerance_(tolerance) {}

  void after(int step_index, const Step& step, std::span<const float> values, int /*rows*/, int width) override {
    const std::size_t call = report.steps.size();
    if (call >= keeper_.kept.size() || keeper_.kept[call].size() != values.size()) {
      same_plan = false;
      return;
    }
    StepDifference d = difference_of(keeper_.kept[call], values, width, tolerance_);
    d.step = step_index;
    d.layer = step.layer;
    d.op = op_name(step.op);
    d.role = step.role;
    if (!d.within && report.first_over < 0) {
      report.first_over = static_cast<int>(call);
    }
    report.steps.push_back(d);
  }

  CheckReport report;
  bool same_plan = true;

 private:
  const Keeper& keeper_;
  Tolerance tolerance_;
};

Status named(const Backend& backend, const Status& status) {
  return status.ok() ? Status() : errorf(status.error().code, "{}: {}", backend.name(), status.error().message);
}

}  // namespace

Result<CheckReport> compare(Backend& a, Backend& b, const Batch& batch, const Tolerance& tolerance) {
  Keeper keeper;
  LL_TRY(named(a, a.run(batch, {}, {}, &keeper)));
  Comparer comparer(keeper, tolerance);
  LL_TRY(named(b, b.run(batch, {}, {}, &comparer)));
  if (!comparer.same_plan || comparer.report.steps.size() != keeper.kept.size()) {
    return errorf(ErrorCode::invalid_argument, "{} and {} do not hold the same plan", a.name(), b.name());
  }
  return std::move(comparer.report);
}

std::string to_string(const CheckReport& report) {
  std::string text = fmt::format("{:>4} {:>5} {:<10} {:<12} {:>10} {:>10} {:>10}  {}\n", "step", "layer", "op", "role",
                                 "max abs", "max rel", "mean", "at");
  for (const StepDifference& d : report.steps) {
    text += fmt::format("{:4} {:>5} {:<10} {:<12} {:10.3g} {:10.3g} {:10.3g}  [{}, {}] {} {}{}\n", d.step,
                        d.layer < 0 ? "" : std::to_string(d.layer), d.op, d.role, d.max_abs, d.max_rel, d.mean, d.row,
                        d.col, d.a, d.b, d.within ? "" : "  <- over");
  }
  if (report.first_over < 0) {
    return text + "all steps are within the tolerance\n";
  }
  const StepDifference& d = report.steps[static_cast<std::size_t>(report.first_over)];
  return text + fmt::format("the first step over the tolerance is {} ({} {}, layer {}): [{}, {}] is {} and {}\n",
                            d.step, d.op, d.role, d.layer, d.row, d.col, d.a, d.b);
}

}  // namespace llorch
