// HostBackend: memory, KV blocks and the threads that walk a plan with an OpTable. What is fast or slow about a host
// device is in its table alone.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/ops.h"
#include "base/thread_budget.h"
#include "base/threads.h"

namespace llorch::cpu {

struct ModelMemory;

class HostBackend : public Backend {
 public:
  /// `name` is the device as the user names it. The team's threads start here and sleep between runs.
  HostBackend(OpTable table, std::string name, const BackendOptions& options);
  ~HostBackend() override;

  std::string_view name() const override { return name_; }
  bool deterministic() const override { return table_.deterministic; }
  Status verify() override;
  Memory memory() const override;
  Status check_resident() const override;
  /// Copies the plan; matrices are packed, or stay where `source` has them. On an error the backend holds no model.
  Status load(const Plan& plan, const WeightSource& source, const KvShape& kv) override;
  /// The observer runs on the caller's thread between two steps; what it throws ends the run, and std::bad_alloc is the
  /// error out_of_memory.
  Status run(const Batch& batch, std::span<const SampleSpec> samples, const Outputs& outputs,
             StepObserver* observer) override;

 private:
  struct Call;
  void walk(Call& call, int thread);
  void step_recorded(std::size_t index, const Work& work);
  void observe(const Work& work, int step_index, StepObserver& observer);
  void sample_rows(const Call& call, const Work& work);

  OpTable table_;
  std::string name_;
  BackendOptions options_;
  ThreadTeam team_;
  ThreadBudget budget_;                           // of runs that do little between two barriers
  std::vector<std::chrono::nanoseconds> delays_;  // run_delay() of each thread, when it last told it
  std::unique_ptr<ModelMemory> model_;            // nullptr: nothing is loaded
};

/// Computes through `table` small products, with every format, a norm, a gate, a rotation, an attention and a split
/// vocabulary whose answers are known. ErrorCode::device names what came out wrong.
Status verify_table(const OpTable& table, ThreadTeam& team);

}  // namespace llorch::cpu
