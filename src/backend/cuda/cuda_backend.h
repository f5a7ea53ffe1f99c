// CudaBackend: a model on one GPU. Everything that a step reads or writes lies in device memory; a batch goes there in
// one copy, and a step of decode is one captured graph.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "backend/backend.h"
#include "backend/cuda/device_model.h"
#include "backend/cuda/step_data.h"

namespace llorch::cuda {

class CudaBackend : public Backend {
 public:
  /// `verify_device` is the small computation that proves the device.
  CudaBackend(std::unique_ptr<Driver> driver, std::unique_ptr<Kernels> kernels, std::string name,
              const BackendOptions& options, Status (*verify_device)(int), int index);
  ~CudaBackend() override;

  std::string_view name() const override { return name_; }
  bool deterministic() const override { return true; }
  Status verify() override;
  Memory memory() const override;
  Status check_resident() const override;
  Status load(const Plan& plan, const WeightSource& source, const KvShape& kv) override;
  Status run(const Batch& batch, std::span<const SampleSpec> samples, const Outputs& outputs,
             StepObserver* observer) override;

  /// Graphs that are kept: for tests.
  std::size_t n_graphs() const { return graphs_.size(); }

 private:
  /// A step of decode of one shape. Captured when the shape comes for the second time: the first run takes what kernels
  /// take at their first launch.
  struct KeptGraph {
    BatchShape shape;
    Graph graph = nullptr;  // nullptr: the shape came once
  };

  Status send(const Batch& batch, const BatchShape& shape);
  Status run_steps(const Batch& batch, const BatchShape& shape, StepObserver* observer);
  Status run_graph(const BatchShape& shape);
  Status show(const Step& step, int index, const BatchShape& shape, StepObserver& observer);
  Status draw(std::span<const SampleSpec> samples);
  Status fetch(std::span<const SampleSpec> samples, const Outputs& outputs);
  void drop_graphs();

  std::unique_ptr<Driver> driver_;
  std::unique_ptr<Kernels> kernels_;
  std::string name_;
  BackendOptions options_;
  Status (*verify_)(int);
  int index_;
  Stream stream_ = nullptr;
  std::unique_ptr<DeviceModel> model_;  // nullptr: nothing is loaded
  std::list<KeptGraph> graphs_;         // the last used first
};

}  // namespace llorch::cuda
