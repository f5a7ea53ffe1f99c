// The devices cpu (the best table that runs here), cpu:ISA and ref.
#include "backend/cpu/host_backend.h"
#include "backend/cpu/model_memory.h"
#include "backend/cpu/tables.h"
#include "backend/memory_needs.h"
#include "backend/registry.h"
#include "base/format.h"

namespace llorch::cpu {
namespace {

const HostTable* find_table(std::string_view device) {
  if (device == "cpu") {
    return &best_table();
  }
  for (const HostTable& table : host_tables()) {
    if (table.device == device) {
      return &table;
    }
  }
  return nullptr;
}

std::string why_not(const HostTable& table) {
  return table.available() ? "" : fmt::format("this processor lacks {}", table.needs);
}

std::vector<DeviceInfo> list() {
  const std::string processor = fmt::format("{}, {} cores", processor_name(), physical_cores());
  std::vector<DeviceInfo> devices;
  devices.push_back({"cpu", fmt::format("{}; runs {}", processor, best_table().device), true, ""});
  for (const HostTable& table : host_tables()) {
    const bool plain = table.device == "ref";
    devices.push_back({std::string(table.device),
                       plain ? "every op in plain C++: the definition, slow"
                             : fmt::format("{}; kernels for {}", processor, table.needs),
                       table.available(), why_not(table)});
  }
  return devices;
}

Result<std::unique_ptr<Backend>> create(const std::string& device, const BackendOptions& options) {
  const HostTable& table = *find_table(device);
  if (!table.available()) {
    return errorf(ErrorCode::device, "device '{}': {}", device, why_not(table));
  }
  return std::unique_ptr<Backend>(std::make_unique<HostBackend>(make_ops(table), std::string(table.device), options));
}

}  // namespace

BackendEntry entry() {
  return {
      .list = list, .owns = [](std::string_view device) { return find_table(device) != nullptr; }, .create = create};
}

}  // namespace llorch::cpu

namespace llorch {

Result<MemoryNeeds> memory_needs(const std::string& device, const BackendOptions& options, const Plan& plan,
                                 const WeightSource& source, const KvShape& kv) {
  const cpu::HostTable* table = cpu::find_table(device);
  if (table == nullptr) {
    return errorf(ErrorCode::device,
                  "device '{}': no forecast of its memory (ref, cpu, cpu:avx2 and cpu:avx512 have one)", device);
  }
  if (!table->available()) {
    return errorf(ErrorCode::device, "device '{}': {}", device, cpu::why_not(*table));
  }
  const int n_threads = options.n_threads > 0 ? options.n_threads : physical_cores();
  return cpu::needs_of(plan, source, kv, options, cpu::make_ops(*table), n_threads);
}

}  // namespace llorch
