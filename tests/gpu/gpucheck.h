// gpucheck: a device against the reference: every op over a grid of shapes, whole models, the same bits in any batch,
// then what it reaches. Needs no test framework, so that it builds wherever a compiler is.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "gpu/memory_model.h"

namespace llorch::gpucheck {

struct Options {
  std::string device = "cuda:0";
  std::string data = "tests/data";
  std::string testdata;  // the folder that LLORCH_TESTDATA names, or empty
  std::string only;      // checks whose name begins so
  bool quick = false;
  bool once = false;  // benches: two layers, each batch once, for a profiler
};

/// Counts what was seen, and prints what went wrong.
class Report {
 public:
  explicit Report(std::string only) : only_(std::move(only)) {}
  /// Runs a check unless it was not asked for; what it returns is an error or nothing.
  void check(const std::string& name, const std::function<Status()>& fn);
  /// The largest value seen under a heading, for the table at the end.
  void worst(const std::string& heading, double value);
  bool print() const;

 private:
  std::string only_;
  int n_passed_ = 0;
  std::vector<std::string> failed_;
  std::vector<std::pair<std::string, double>> worst_;
};

/// The device with the options, and the reference with the same.
struct Pair {
  std::unique_ptr<Backend> reference;
  std::unique_ptr<Backend> device;
};
Result<Pair> load_pair(const Options& options, const Plan& plan, const WeightSource& source, const KvShape& kv,
                       const BackendOptions& backend);

/// Runs the batch on both; the largest squared error over squares of any step. An error when it is above `limit`.
Result<double> compare_steps(Pair& pair, const Batch& batch, double limit);

/// What the plan's last step leaves for each token of the runs, as one batch, or token by token.
Result<std::vector<float>> last_values(Backend& backend, Sequences& sequences,
                                       const std::vector<std::pair<int, int>>& runs);

void check_products(const Options& options, Report& report);
void check_rows(const Options& options, Report& report);
void check_attention(const Options& options, Report& report);
void check_experts(const Options& options, Report& report);
void check_sampling(const Options& options, Report& report);
void check_families(const Options& options, Report& report);
/// Rates of the device with weights of a large model's shape.
int bench(const Options& options, const std::string& shape);

}  // namespace llorch::gpucheck
