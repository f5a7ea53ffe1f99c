#include "backend/check/check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <sstream>

#include "base/format.h"

namespace llorch {
namespace {

StepDifference difference_of(std::span<const float> a, std::span<const float> b, int width,
                             const Tolerance& tolerance) {
  StepDifference d;
  double squares = 0;    // of a - b
  double squares_a = 0;  // of a
  double largest = -1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]);
    const auto y = static_cast<double>(b[i]);
    const bool comparable = std::isfinite(x) && std::isfinite(y);
    const double apart = x == y ? 0.0 : comparable ? std::fabs(x - y) : std::numeric_limits<double>::infinity();
    d.within = d.within && apart <= tolerance.abs + tolerance.rel * (comparable ? std::fabs(x) : 0.0);
    squares += apart * apart;
    squares_a += comparable ? x * x : 0.0;
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
  d.rms = a.empty() ? 0.0 : std::sqrt(squares / static_cast<double>(a.size()));
  d.nmse = squares == 0 ? 0.0 : squares / squares_a;
  return d;
}

Status named(const Backend& backend, const Status& status) {
  return status.ok() ? Status() : errorf(status.error().code, "{}: {}", backend.name(), status.error().message);
}

Error unlike(std::string_view what, std::string a, std::string b) {
  return errorf(ErrorCode::unsupported, "the plans differ: {} {} and {}", what, a, b);
}

std::string describe(const Step& step) {
  return fmt::format("{} ({})", step_name(step.layer, step.role), op_name(step.op));
}

}  // namespace

void StepKeeper::after(const StepOutput& output) {
  kept_.emplace_back(output.values.begin(), output.values.end());
}

void StepComparer::after(const StepOutput& output) {
  const Step& step = output.step;
  const std::size_t call = report_.steps.size();
  if (!unlike_.empty()) {
    return;
  }
  if (call >= keeper_.kept().size() || keeper_.kept()[call].size() != output.values.size()) {
    unlike_ = fmt::format("step {}, {}, writes {} and {} values", output.step_index, describe(step),
                          call < keeper_.kept().size() ? keeper_.kept()[call].size() : 0, output.values.size());
    return;
  }
  StepDifference d = difference_of(keeper_.kept()[call], output.values, output.width, tolerance_);
  d.step = output.step_index;
  d.layer = step.layer;
  d.op = op_name(step.op);
  d.role = step.role;
  if (!d.within && report_.first_over < 0) {
    report_.first_over = static_cast<int>(call);
  }
  report_.steps.push_back(d);
}

Result<CheckReport> StepComparer::report() const {
  if (!unlike_.empty()) {
    return errorf(ErrorCode::unsupported, "the plans differ: {}", unlike_);
  }
  if (report_.steps.size() != keeper_.kept().size()) {
    return errorf(ErrorCode::unsupported, "the plans differ: their runs write {} and {} results", keeper_.kept().size(),
                  report_.steps.size());
  }
  return report_;
}

Result<CheckReport> compare(Backend& a, Backend& b, const Batch& batch, const Tolerance& tolerance) {
  StepKeeper keeper;
  LL_TRY(named(a, a.run(batch, {}, {}, &keeper)));
  StepComparer comparer(keeper, tolerance);
  LL_TRY(named(b, b.run(batch, {}, {}, &comparer)));
  return comparer.report();
}

Status check_same_shape(const Plan& a, const Plan& b) {
  const auto numbers = [](std::string_view what, auto x, auto y) {
    return x == y ? Status() : unlike(what, std::to_string(x), std::to_string(y));
  };
  LL_TRY(numbers("the layers are", a.spec.layers.size(), b.spec.layers.size()));
  LL_TRY(numbers("dim is", a.spec.dim, b.spec.dim));
  LL_TRY(numbers("the tokens of the vocabulary are", a.spec.vocab, b.spec.vocab));
  for (std::size_t i = 0; i < std::min(a.steps.size(), b.steps.size()); ++i) {
    const Step& x = a.steps[i];
    const Step& y = b.steps[i];
    if (x.layer != y.layer || x.role != y.role || x.op.index() != y.op.index()) {
      return unlike(fmt::format("step {} is", i), describe(x), describe(y));
    }
  }
  LL_TRY(numbers("the steps are", a.steps.size(), b.steps.size()));
  for (int slot = 0; slot < kSlots; ++slot) {
    const auto id = static_cast<Slot>(slot);
    LL_TRY(numbers(fmt::format("the floats of a row of slot {} are", to_string(id)), a.width(id), b.width(id)));
  }
  return {};
}

OtherNumbers first_other_numbers(const Plan& a, const Plan& b) {
  std::istringstream lines_a(to_string(a));
  std::istringstream lines_b(to_string(b));
  OtherNumbers other;
  while (std::getline(lines_a, other.a) && std::getline(lines_b, other.b)) {
    if (other.a != other.b) {
      return other;
    }
  }
  return {};
}

std::string step_name(int layer, std::string_view role) {
  return layer < 0 ? std::string(role) : fmt::format("blk {} {}", layer, role);
}

std::string to_string(const CheckReport& report) {
  std::string text = fmt::format("{:>4} {:<20} {:<12} {:>10} {:>10} {:>10} {:>10}  {}\n", "step", "name", "op",
                                 "max abs", "max rel", "rms", "nmse", "largest at");
  for (const StepDifference& d : report.steps) {
    text += fmt::format("{:4} {:<20} {:<12} {:10.3g} {:10.3g} {:10.3g} {:10.3g}  [{}, {}] {} {}{}\n", d.step,
                        step_name(d.layer, d.role), d.op, d.max_abs, d.max_rel, d.rms, d.nmse, d.row, d.col, d.a, d.b,
                        d.within ? "" : "  <- over");
  }
  if (report.first_over < 0) {
    return text + "all steps are within the tolerance\n";
  }
  const StepDifference& d = report.steps[static_cast<std::size_t>(report.first_over)];
  return text + fmt::format(
                    "the first step over the tolerance is {}, {} ({}): by {:.3g} at most, NMSE {:.3g}; at row "
                    "{}, column {} the values are {} and {}\n",
                    d.step, step_name(d.layer, d.role), d.op, d.max_abs, d.nmse, d.row, d.col, d.a, d.b);
}

}  // namespace llorch
