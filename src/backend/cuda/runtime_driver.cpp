// Driver by the CUDA runtime. Every call's result is checked and becomes a Status.
#include <cuda_runtime.h>

#include <string>

#include "backend/cuda/device.h"
#include "base/format.h"

namespace llorch::cuda {
namespace {

Status checked(cudaError_t code, std::string_view what) {
  if (code == cudaSuccess) {
    return {};
  }
  (void)cudaGetLastError();  // told here, and not again by the next launch
  const ErrorCode kind = code == cudaErrorMemoryAllocation ? ErrorCode::out_of_memory : ErrorCode::device;
  return errorf(kind, "{}: {} ({})", what, cudaGetErrorString(code), cudaGetErrorName(code));
}

cudaStream_t native(Stream stream) {
  return reinterpret_cast<cudaStream_t>(stream);
}
cudaEvent_t native(Event event) {
  return reinterpret_cast<cudaEvent_t>(event);
}
cudaGraphExec_t native(Graph graph) {
  return reinterpret_cast<cudaGraphExec_t>(graph);
}

class RuntimeDriver : public Driver {
 public:
  explicit RuntimeDriver(int index) : index_(index) {}

  Status use() override { return checked(cudaSetDevice(index_), "choosing the device"); }

  Status memory(std::int64_t& free_bytes, std::int64_t& total_bytes) override {
    LL_TRY(use());
    std::size_t free = 0;
    std::size_t total = 0;
    LL_TRY(checked(cudaMemGetInfo(&free, &total), "asking for free device memory"));
    free_bytes = static_cast<std::int64_t>(free);
    total_bytes = static_cast<std::int64_t>(total);
    return {};
  }

  Result<void*> allocate(std::size_t bytes) override {
    LL_TRY(use());
    void* memory = nullptr;
    LL_TRY(checked(cudaMalloc(&memory, bytes), fmt::format("taking {} bytes of device memory", bytes)));
    return memory;
  }
  void release(void* memory) override { cudaFree(memory); }

  Result<void*> allocate_pinned(std::size_t bytes) override {
    LL_TRY(use());
    void* memory = nullptr;
    LL_TRY(checked(cudaMallocHost(&memory, bytes), fmt::format("taking {} bytes of pinned host memory", bytes)));
    return memory;
  }
  void release_pinned(void* memory) override { cudaFreeHost(memory); }

  Result<bool> is_on_device(const void* memory) override {
    LL_TRY(use());
    cudaPointerAttributes attributes{};
    LL_TRY(checked(cudaPointerGetAttributes(&attributes, memory), "asking where memory lies"));
    return attributes.type == cudaMemoryTypeDevice && attributes.device == index_;
  }

  Result<Stream> create_stream() override {
    LL_TRY(use());
    cudaStream_t stream = nullptr;
    LL_TRY(checked(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream"));
    return reinterpret_cast<Stream>(stream);
  }
  void destroy_stream(Stream stream) override { cudaStreamDestroy(native(stream)); }
  Status wait(Stream stream) override {
    return checked(cudaStreamSynchronize(native(stream)), "waiting for the device");
  }

  Result<Event> create_event() override {
    LL_TRY(use());
    cudaEvent_t event = nullptr;
    LL_TRY(checked(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event"));
    return reinterpret_cast<Event>(event);
  }
  void destroy_event(Event event) override { cudaEventDestroy(native(event)); }
  Status record(Event event, Stream stream) override {
    return checked(cudaEventRecord(native(event), native(stream)), "recording an event");
  }
  Status wait(Event event) override { return checked(cudaEventSynchronize(native(event)), "waiting for a copy"); }
  Status follow(Stream stream, Event event) override {
    return checked(cudaStreamWaitEvent(native(stream), native(event), 0), "ordering two streams");
  }

  Status to_device(void* to, const void* from, std::size_t bytes, Stream stream) override {
    return checked(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, native(stream)), "copying to the device");
  }
  Status to_host(void* to, const void* from, std::size_t bytes, Stream stream) override {
    return checked(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, native(stream)), "copying from the device");
  }
  Status clear(void* memory, std::size_t bytes, Stream stream) override {
    return checked(cudaMemsetAsync(memory, 0, bytes, native(stream)), "clearing device memory");
  }

  Status begin_capture(Stream stream) override {
    return checked(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeThreadLocal), "beginning a graph");
  }
  Result<Graph> end_capture(Stream stream) override {
    cudaGraph_t graph = nullptr;
    LL_TRY(checked(cudaStreamEndCapture(native(stream), &graph), "ending a graph"));
    cudaGraphExec_t executable = nullptr;
    const cudaError_t code = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);
    LL_TRY(checked(code, "making a graph"));
    return reinterpret_cast<Graph>(executable);
  }
  Status launch(Graph graph, Stream stream) override {
    return checked(cudaGraphLaunch(native(graph), native(stream)), "launching a graph");
  }
  void destroy_graph(Graph graph) override { cudaGraphExecDestroy(native(graph)); }

 private:
  int index_;
};

}  // namespace

std::unique_ptr<Driver> runtime_driver(int index) {
  return std::make_unique<RuntimeDriver>(index);
}

}  // namespace llorch::cuda
