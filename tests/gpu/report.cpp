#include <algorithm>
#include <cstdio>

#include "backend/check/check.h"
#include "base/format.h"
#include "gpu/gpucheck.h"

namespace llorch::gpucheck {

void Report::check(const std::string& name, const std::function<Status()>& fn) {
  if (!name.starts_with(only_)) {
    return;
  }
  const Status status = fn();
  if (status.ok()) {
    ++n_passed_;
    return;
  }
  failed_.push_back(name + ": " + status.error().message);
  std::printf("FAILED %s\n", failed_.back().c_str());
  std::fflush(stdout);
}

void Report::worst(const std::string& heading, double value) {
  const auto at = std::find_if(worst_.begin(), worst_.end(), [&](const auto& pair) { return pair.first == heading; });
  if (at == worst_.end()) {
    worst_.emplace_back(heading, value);
  } else if (!(value <= at->second)) {
    at->second = value;
  }
}

bool Report::print() const {
  std::printf("\n%-44s worst NMSE\n", "against the reference");
  for (const auto& [heading, value] : worst_) {
    std::printf("%-44s %.2e\n", heading.c_str(), value);
  }
  std::printf("\n%d passed, %zu failed\n", n_passed_, failed_.size());
  for (std::size_t i = 0; i < std::min<std::size_t>(failed_.size(), 40); ++i) {
    std::printf("  %.300s\n", failed_[i].c_str());
  }
  return failed_.empty() && n_passed_ > 0;
}

Result<Pair> load_pair(const Options& options, const Plan& plan, const WeightSource& source, const KvShape& kv,
                       const BackendOptions& backend) {
  Pair pair;
  LL_ASSIGN(pair.reference, create_backend("ref", backend));
  LL_ASSIGN(pair.device, create_backend(options.device, backend));
  LL_TRY(pair.reference->load(plan, source, kv));
  LL_TRY(pair.device->load(plan, source, kv));
  return pair;
}

Result<double> compare_steps(Pair& pair, const Batch& batch, double limit) {
  LL_ASSIGN(const CheckReport report, compare(*pair.reference, *pair.device, batch, {}));
  double worst = 0;
  for (const StepDifference& step : report.steps) {
    if (!(step.nmse <= limit)) {
      return errorf(ErrorCode::internal, "step {} ({}): NMSE {:.3g} above {:.3g}; [{}, {}] is {}, not {}", step.step,
                    step.op, step.nmse, limit, step.row, step.col, step.b, step.a);
    }
    worst = std::max(worst, step.nmse);
  }
  return worst;
}

namespace {

class Last : public StepObserver {
 public:
  void after(const StepOutput& output) override { values.assign(output.values.begin(), output.values.end()); }
  std::vector<float> values;
};

}  // namespace

Result<std::vector<float>> last_values(Backend& backend, Sequences& sequences,
                                       const std::vector<std::pair<int, int>>& runs) {
  Last last;
  LL_TRY(backend.run(sequences.batch(runs, false), {}, {}, &last));
  return last.values;
}

}  // namespace llorch::gpucheck
