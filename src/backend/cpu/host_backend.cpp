#include "backend/cpu/host_backend.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <new>
#include <utility>

#include "backend/cost.h"
#include "backend/cpu/host_memory.h"
#include "backend/cpu/model_memory.h"
#include "backend/cpu/walk.h"
#include "backend/written.h"
#include "base/format.h"
#include "base/trace.h"
#include "sampling/sampler.h"

namespace llorch::cpu {
namespace {

/// Tokens of a run from which turns are trusted to share out what a busy neighbour leaves: there the products of a
/// model of a billion weights take longer than a time slice of the scheduler. Smaller models would want more.
constexpr int kLongRun = 64;

}  // namespace

/// One run, as all threads see it.
struct HostBackend::Call {
  const Batch* batch;
  std::span<const SampleSpec> samples;
  Outputs outputs;
  StepObserver* observer;
  float* logits;
  int n_threads;
  bool begins_delay, tells_delay;
  std::atomic<std::int64_t> waited_ns{0};  // for cores, of all threads
};

HostBackend::HostBackend(OpTable table, std::string name, const BackendOptions& options)
    : table_(table),
      name_(std::move(name)),
      options_(options),
      team_(options.n_threads > 0 ? options.n_threads : physical_cores()),
      budget_(team_.size()),
      delays_(static_cast<std::size_t>(team_.size())) {}

HostBackend::~HostBackend() = default;

Status HostBackend::verify() {
  return verify_table(table_, team_);
}

Memory HostBackend::memory() const {
  const HostMemory host = host_memory();
  return {.total_bytes = host.total_bytes,
          .free_bytes = host.free_bytes,
          .model_bytes = model_ ? model_->held_bytes : 0,
          .kv_block_bytes = model_ ? model_->kv_block_bytes : 0};
}

Status HostBackend::check_resident() const {
  if (model_ == nullptr) {
    return errorf(ErrorCode::device, "{}: no model is loaded", name_);
  }
  return check_mapped(*model_);
}

Status HostBackend::load(const Plan& plan, const WeightSource& source, const KvShape& kv) try {
  model_.reset();
  auto model = std::make_unique<ModelMemory>();
  LL_TRY(make_model_memory(*model, plan, source, kv, options_.kv_type, table_, team_.size()));
  if (options_.repack) {
    LL_TRY(pack_weights(*model, source, table_, options_.activations, team_));
  }
  model_ = std::move(model);
  return {};
} catch (const std::bad_alloc&) {
  return errorf(ErrorCode::out_of_memory, "{}: no memory is left for the model's vectors", name_);
}

Status HostBackend::run(const Batch& batch, std::span<const SampleSpec> samples, const Outputs& outputs,
                        StepObserver* observer) try {
  if (model_ == nullptr) {
    return errorf(ErrorCode::invalid_argument, "{}: run before load", name_);
  }
  LL_TRY(check_batch(model_->limits, batch, samples, outputs));
  const bool is_long = batch.n_tokens() >= kLongRun;
  Call call{.batch = &batch,
            .samples = samples,
            .outputs = outputs,
            .observer = observer,
            .logits = outputs.logits.empty() ? model_->logits : outputs.logits.data(),
            .n_threads = is_long ? team_.size() : budget_.threads(),
            .begins_delay = !is_long && budget_.begins(),
            .tells_delay = !is_long && budget_.asks()};
  const auto begin = ThreadBudget::Clock::now();
  team_.run(call.n_threads, [this, &call](int thread) { walk(call, thread); });
  const auto end = ThreadBudget::Clock::now();
  if (is_long) {
    budget_.interrupted();
  } else {
    budget_.ran(begin, end);
  }
  if (call.tells_delay) {
    budget_.told(end, std::chrono::nanoseconds(call.waited_ns.load()));
  }
  return {};
} catch (const std::bad_alloc&) {  // of sampling, or of the observer
  budget_.interrupted();
  return errorf(ErrorCode::out_of_memory, "{}: no memory is left for a step", name_);
}

void HostBackend::walk(Call& call, int thread) {
  std::chrono::nanoseconds& delay = delays_[static_cast<std::size_t>(thread)];
  if (call.begins_delay) {
    delay = run_delay();
  }
  Work work{.plan = &model_->plan,
            .weights = &model_->weights,
            .batch = call.batch,
            .logits = call.logits,
            .kv = model_->kv,
            .kv_type = options_.kv_type,
            .activations = options_.activations,
            .team = &team_,
            .thread = thread,
            .n_threads = call.n_threads,
            .scratch = model_->scratch[static_cast<std::size_t>(thread)],
            .shared = model_->shared};
  std::copy(std::begin(model_->slots), std::end(model_->slots), work.slots);
  for (std::size_t i = 0; i < model_->plan.steps.size(); ++i) {
    if (options_.recorder != nullptr) {
      step_recorded(i, work);
    } else {
      run_step(table_, i, work);
      team_.barrier();
    }
    if (call.observer != nullptr) {
      if (thread == 0) {
        observe(work, static_cast<int>(i), *call.observer);
      }
      team_.barrier();
    }
  }
  if (!call.outputs.sampled.empty()) {
    sample_rows(call, work);
  }
  if (call.tells_delay) {
    const std::chrono::nanoseconds now = run_delay();
    call.waited_ns += (now - delay).count();
    delay = now;
  }
}

/// Track 0 has the whole step with its cost; track 1 + t thread t's share of it, so that waiting shows as a gap.
void HostBackend::step_recorded(std::size_t index, const Work& work) {
  const Step& step = model_->plan.steps[index];
  Recorder& recorder = *options_.recorder;
  Span span{.name = op_name(step.op), .detail = step.role, .begin_ns = recorder.now_ns(), .track = 1 + work.thread};
  run_step(table_, index, work);
  span.end_ns = recorder.now_ns();
  team_.barrier();
  const std::int64_t all_done_ns = recorder.now_ns();
  recorder.add(span);
  if (work.thread == 0) {
    const Cost c = cost(step.op, model_->plan, *work.batch, model_->row_bytes, work.kv_type);
    span.end_ns = all_done_ns;
    span.bytes = c.bytes;
    span.flops = c.flops;
    span.track = 0;
    recorder.add(span);
  }
}

void HostBackend::observe(const Work& work, int step_index, StepObserver& observer) {
  const Step& step = model_->plan.steps[static_cast<std::size_t>(step_index)];
  const auto show = [&](Slot slot, const float* values, int rows, std::int64_t width) {
    observer.after({.step_index = step_index,
                    .step = step,
                    .slot = slot,
                    .values = {values, static_cast<std::size_t>(rows * width)},
                    .rows = rows,
                    .width = static_cast<int>(width)});
  };
  if (std::holds_alternative<LogitsOp>(step.op)) {
    show(Slot::none, work.logits, work.batch->n_outputs(), model_->limits.n_logits);
  }
  for (const Slot slot : written_slots(step.op)) {
    show(slot, work.slot(slot), work.batch->n_tokens(), written_width(step.op, slot, model_->plan));
  }
}

void HostBackend::sample_rows(const Call& call, const Work& work) {
  const auto width = static_cast<std::size_t>(model_->limits.n_logits);
  const Range rows = part_of(call.batch->n_outputs(), work.thread, work.n_threads);
  for (auto o = static_cast<std::size_t>(rows.begin); o < static_cast<std::size_t>(rows.end); ++o) {
    const Result<std::int32_t> token = sample({call.logits + o * width, width}, call.samples[o], table_.split_tokens);
    call.outputs.sampled[o] = token.ok() ? *token : kNotSampled;
  }
}

}  // namespace llorch::cpu
