// llorch devices: what was compiled in, what this machine has, and whether each device computes correctly here.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "backend/backend.h"
#include "base/json.h"
#include "cli/options.h"

namespace llorch::cli {
namespace {

struct DevicesArgs {
  bool json = false;
};

/// "ok", or why the device cannot be used.
std::string verify(const DeviceInfo& device) {
  if (!device.available) {
    return "unavailable: " + device.why_not;
  }
  auto backend = create_backend(device.name, {});
  if (!backend.ok()) {
    return "failed: " + backend.error().message;
  }
  const Status status = (*backend)->verify();
  return status.ok() ? "ok" : "failed: " + status.error().message;
}

int devices(const DevicesArgs& args) {
  auto list = nlohmann::json::array();
  int code = kExitOk;
  for (const DeviceInfo& device : list_devices()) {
    const std::string state = verify(device);
    if (device.available && state != "ok") {
      code = kExitDevice;
    }
    if (args.json) {
      list.push_back({{"name", device.name},
                      {"description", device.description},
                      {"available", device.available},
                      {"verify", state}});
    } else {
      fmt::print("{:<12} {}\n{:<12} {}\n", device.name, state, "", device.description);
    }
  }
  if (args.json) {
    fmt::print("{}\n", dump_json(list));
  }
  return code;
}

}  // namespace

Verb add_devices(CLI::App& root) {
  auto args = std::make_shared<DevicesArgs>();
  CLI::App* app = root.add_subcommand(
      "devices", "Lists the devices that were compiled in, and runs a small known computation on each");
  app->add_flag("--json", args->json, "one JSON array");
  return {app, [args] { return devices(*args); }};
}

}  // namespace llorch::cli
