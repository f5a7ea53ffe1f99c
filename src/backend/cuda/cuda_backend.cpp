#include "backend/cuda/cuda_backend.h"

#include <algorithm>
#include <new>
#include <utility>
#include <variant>
#include <vector>

#include "backend/cost.h"
#include "backend/cuda/walk.h"
#include "backend/written.h"
#include "base/format.h"
#include "base/trace.h"

namespace llorch::cuda {
namespace {

constexpr std::size_t kMostGraphs = 64;

}  // namespace

CudaBackend::CudaBackend(std::unique_ptr<Driver> driver, std::unique_ptr<Kernels> kernels, std::string name,
                         const BackendOptions& options, Status (*verify_device)(int), int index)
    : driver_(std::move(driver)),
      kernels_(std::move(kernels)),
      name_(std::move(name)),
      options_(options),
      verify_(verify_device),
      index_(index) {}

CudaBackend::~CudaBackend() {
  drop_graphs();
  model_.reset();
  if (stream_ != nullptr) {
    driver_->destroy_stream(stream_);
  }
}

void CudaBackend::drop_graphs() {
  for (const KeptGraph& kept : graphs_) {
    if (kept.graph != nullptr) {
      driver_->destroy_graph(kept.graph);
    }
  }
  graphs_.clear();
}

Status CudaBackend::verify() {
  return verify_(index_);
}

Memory CudaBackend::memory() const {
  Memory memory{.is_apart = true};
  if (!driver_->memory(memory.free_bytes, memory.total_bytes).ok()) {
    memory = {.is_apart = true};
  }
  if (model_ != nullptr) {
    for (const DeviceMemory& part : model_->memory) {
      memory.model_bytes += static_cast<std::int64_t>(part.size());
    }
    memory.kv_block_bytes = kv_block_bytes(model_->plan, 0, model_->kv_type);
  }
  return memory;
}

Status CudaBackend::check_resident() const {
  if (model_ == nullptr) {
    return errorf(ErrorCode::device, "{}: no model is loaded", name_);
  }
  constexpr const char* kParts[] = {"the weights", "the KV cache", "the activations"};
  for (std::size_t i = 0; i < model_->memory.size(); ++i) {
    const DeviceMemory& part = model_->memory[i];
    for (const std::byte* place : {part.data(), part.data() + (part.size() > 0 ? part.size() - 1 : 0)}) {
      LL_ASSIGN(const bool resident, driver_->is_on_device(place));
      if (!resident) {
        return errorf(ErrorCode::device, "{}: {} ({} bytes) are not in the memory of the device", name_,
                      kParts[std::min(i, std::size(kParts) - 1)], part.size());
      }
    }
  }
  return {};
}

Status CudaBackend::load(const Plan& plan, const WeightSource& source, const KvShape& kv) try {
  LL_TRY(driver_->use());
  drop_graphs();
  model_.reset();
  if (stream_ == nullptr) {
    LL_ASSIGN(stream_, driver_->create_stream());
  }
  auto model = std::make_unique<DeviceModel>();
  LL_TRY(make_device_model(*model, *driver_, plan, source, kv, options_));
  LL_TRY(upload_weights(*model, *driver_, *kernels_, source, options_));
  model_ = std::move(model);
  return {};
} catch (const std::bad_alloc&) {
  return errorf(ErrorCode::out_of_memory, "{}: no host memory is left while the model is loaded", name_);
}

Status CudaBackend::run(const Batch& batch, std::span<const SampleSpec> samples, const Outputs& outputs,
                        StepObserver* observer) try {
  if (model_ == nullptr) {
    return errorf(ErrorCode::invalid_argument, "{}: run before load", name_);
  }
  LL_TRY(check_batch(model_->limits, batch, samples, outputs));
  LL_TRY(driver_->use());
  const KvShape& kv = model_->limits.kv;
  BatchShape shape;
  const bool watched = observer != nullptr || options_.recorder != nullptr;
  const int most = std::min({kv.max_batch_tokens, kv.max_batch_seqs, kv.max_outputs});
  const bool bucketed = !watched && bucket_shape(batch, model_->head_groups, most, shape) &&
                        StepLayout(shape, static_cast<int>(model_->head_groups.size())).n <= model_->step_ints;
  if (!bucketed) {
    shape = exact_shape(batch, model_->head_groups);
  }
  const auto all = [&]() -> Status {
    LL_TRY(send(batch, shape));
    LL_TRY(bucketed ? run_graph(shape) : run_steps(batch, shape, observer));
    return fetch(samples, outputs);
  };
  const Status ran = all();
  if (!ran.ok()) {
    (void)driver_->wait(stream_);  // nothing may be on its way to or from memory that is written next
  }
  return ran;
} catch (const std::bad_alloc&) {
  return errorf(ErrorCode::out_of_memory, "{}: no host memory is left for a step", name_);
}

Status CudaBackend::send(const Batch& batch, const BatchShape& shape) {
  const StepLayout layout(shape, static_cast<int>(model_->head_groups.size()));
  if (layout.n > model_->step_ints) {
    return errorf(ErrorCode::invalid_argument, "batch: tables of {} entries; {} can run", layout.n, model_->step_ints);
  }
  const std::span ints(reinterpret_cast<std::int32_t*>(model_->host_step.data()), layout.n);
  fill_step(batch, shape, layout, model_->head_groups, ints);
  return driver_->to_device(model_->step, ints.data(), ints.size_bytes(), stream_);
}

Status CudaBackend::run_steps(const Batch& batch, const BatchShape& shape, StepObserver* observer) {
  Walk walk(*model_, *kernels_, stream_, shape);
  if (observer == nullptr && options_.recorder == nullptr) {
    LL_TRY(walk.steps(model_->plan.steps));
    return shape.n_outputs > 0 ? walk.greedy() : Status();
  }
  for (std::size_t i = 0; i < model_->plan.steps.size(); ++i) {
    const Step& step = model_->plan.steps[i];
    Span span;
    if (options_.recorder != nullptr) {
      LL_TRY(driver_->wait(stream_));
      span = {.name = op_name(step.op), .detail = step.role, .begin_ns = options_.recorder->now_ns()};
    }
    LL_TRY(walk.step(step));
    if (options_.recorder != nullptr) {
      LL_TRY(driver_->wait(stream_));
      span.end_ns = options_.recorder->now_ns();
      const Cost c = cost(step.op, model_->plan, batch, model_->row_bytes, model_->kv_type);
      span.bytes = c.bytes;
      span.flops = c.flops;
      options_.recorder->add(span);
    }
    if (observer != nullptr) {
      LL_TRY(show(step, static_cast<int>(i), shape, *observer));
    }
  }
  return shape.n_outputs > 0 ? walk.greedy() : Status();
}

Status CudaBackend::run_graph(const BatchShape& shape) {
  const auto walk_all = [&]() -> Status {
    Walk walk(*model_, *kernels_, stream_, shape);
    LL_TRY(walk.steps(model_->plan.steps));
    return walk.greedy();
  };
  auto kept = std::find_if(graphs_.begin(), graphs_.end(), [&](const KeptGraph& g) { return g.shape == shape; });
  if (kept == graphs_.end()) {
    if (graphs_.size() == kMostGraphs) {
      if (graphs_.back().graph != nullptr) {
        driver_->destroy_graph(graphs_.back().graph);
      }
      graphs_.pop_back();
    }
    graphs_.push_front({.shape = shape});
    return walk_all();
  }
  graphs_.splice(graphs_.begin(), graphs_, kept);
  if (kept->graph == nullptr) {
    LL_TRY(driver_->begin_capture(stream_));
    Status walked;
    try {
      walked = walk_all();
    } catch (const std::bad_alloc&) {  // the capture must end whatever happens
      walked = errorf(ErrorCode::out_of_memory, "{}: no host memory is left for a graph", name_);
    }
    Result<Graph> graph = driver_->end_capture(stream_);
    if (!walked.ok()) {
      if (graph.ok()) {
        driver_->destroy_graph(*graph);
      }
      return walked;
    }
    if (!graph.ok() && graph.error().code == ErrorCode::out_of_memory) {
      return walk_all();  // no room for a graph: the steps need none
    }
    LL_ASSIGN(kept->graph, std::move(graph));
  }
  return driver_->launch(kept->graph, stream_);
}

/// What the step wrote, copied to the host.
Status CudaBackend::show(const Step& step, int index, const BatchShape& shape, StepObserver& observer) {
  const auto copy = [&](Slot slot, const float* from, int rows, std::int64_t width) -> Status {
    std::vector<float> values(static_cast<std::size_t>(rows * width));
    LL_TRY(driver_->to_host(values.data(), from, values.size() * sizeof(float), stream_));
    LL_TRY(driver_->wait(stream_));
    observer.after({.step_index = index,
                    .step = step,
                    .slot = slot,
                    .values = values,
                    .rows = rows,
                    .width = static_cast<int>(width)});
    return {};
  };
  if (std::holds_alternative<LogitsOp>(step.op)) {
    return copy(Slot::none, model_->logits, shape.n_outputs, model_->limits.n_logits);
  }
  for (const Slot slot : written_slots(step.op)) {
    LL_TRY(copy(slot, model_->slots[static_cast<std::size_t>(slot)], shape.n_tokens,
                written_width(step.op, slot, model_->plan)));
  }
  return {};
}

/// Draws what is not greedy; penalties change the logits.
Status CudaBackend::draw(std::span<const SampleSpec> samples) {
  const DeviceMemory& host = model_->host_draws;
  for (std::size_t next = 0; next < samples.size();) {
    if (next > 0) {
      LL_TRY(driver_->wait(stream_));  // for the memory of the piece in front
    }
    const SampleRows::Written piece = model_->sample_rows.write(samples, next, host.data());
    next = piece.next;
    if (piece.n_rows == 0) {
      continue;
    }
    LL_TRY(driver_->to_device(model_->draws, host.data(), piece.bytes, stream_));
    LL_TRY(kernels_->sample({.logits = model_->logits,
                             .width = static_cast<int>(model_->limits.n_logits),
                             .rows = reinterpret_cast<const SampleRow*>(model_->draws),
                             .n_rows = piece.n_rows,
                             .counts = reinterpret_cast<const TokenCount*>(model_->draws + piece.counts_at),
                             .out = model_->sampled},
                            stream_));
  }
  return {};
}

/// Brings back what was asked for: logits first, since drawing changes them.
Status CudaBackend::fetch(std::span<const SampleSpec> samples, const Outputs& outputs) {
  if (!outputs.logits.empty()) {
    LL_TRY(driver_->to_host(outputs.logits.data(), model_->logits, outputs.logits.size_bytes(), stream_));
  }
  if (!outputs.sampled.empty()) {
    LL_TRY(draw(samples));
    LL_TRY(driver_->to_host(outputs.sampled.data(), model_->sampled, outputs.sampled.size_bytes(), stream_));
  }
  return driver_->wait(stream_);
}

}  // namespace llorch::cuda
