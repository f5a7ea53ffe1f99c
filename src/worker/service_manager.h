// What a service manager (systemd, Type=notify) is told of the worker's state. Nothing happens without one.
#pragma once

#include <string>

namespace llorch {

/// `state`: lines of sd_notify(3), such as "READY=1".
void notify_service_manager(const std::string& state);

}  // namespace llorch
