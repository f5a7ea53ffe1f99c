// Driver: the CUDA runtime as the host-side code needs it: memory, copies, streams, events and graphs. One real
// implementation (runtime_driver.cpp) and one in the tests that can fail any call. Kernels are launched by Kernels
// (kernels.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace llorch::cuda {

using Stream = struct StreamTag*;  // cudaStream_t
using Event = struct EventTag*;    // cudaEvent_t
using Graph = struct GraphTag*;    // cudaGraphExec_t

struct CudaDeviceInfo {
  int index = 0;
  std::string name;               // "NVIDIA H100"
  int major = 0, minor = 0;       // compute capability
  std::int64_t shared_bytes = 0;  // that a block can have
  std::int64_t total_bytes = 0;   // of device memory
  std::int64_t free_bytes = 0;
  int driver = 0, runtime = 0;  // 13000: CUDA 13.0
};

/// Every call's error names what was asked; ErrorCode::out_of_memory when memory was, else ErrorCode::device.
class Driver {
 public:
  virtual ~Driver() = default;
  /// Makes the device the calling thread's: the first call of every thread that launches or copies.
  virtual Status use() = 0;
  /// Device memory that is free now, and all of it.
  virtual Status memory(std::int64_t& free_bytes, std::int64_t& total_bytes) = 0;
  virtual Result<void*> allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) = 0;
  /// Host memory that copies run from at full speed.
  virtual Result<void*> allocate_pinned(std::size_t bytes) = 0;
  virtual void release_pinned(void* memory) = 0;
  /// Whether `memory` lies on this device, and nowhere else.
  virtual Result<bool> is_on_device(const void* memory) = 0;

  virtual Result<Stream> create_stream() = 0;
  virtual void destroy_stream(Stream stream) = 0;
  virtual Status wait(Stream stream) = 0;
  virtual Result<Event> create_event() = 0;
  virtual void destroy_event(Event event) = 0;
  virtual Status record(Event event, Stream stream) = 0;
  virtual Status wait(Event event) = 0;
  /// `stream` goes on after `event`.
  virtual Status follow(Stream stream, Event event) = 0;

  virtual Status to_device(void* to, const void* from, std::size_t bytes, Stream stream) = 0;
  virtual Status to_host(void* to, const void* from, std::size_t bytes, Stream stream) = 0;
  virtual Status clear(void* memory, std::size_t bytes, Stream stream) = 0;

  /// Between the two, what is put on the stream is kept and not run.
  virtual Status begin_capture(Stream stream) = 0;
  virtual Result<Graph> end_capture(Stream stream) = 0;
  virtual Status launch(Graph graph, Stream stream) = 0;
  virtual void destroy_graph(Graph graph) = 0;
};

}  // namespace llorch::cuda
