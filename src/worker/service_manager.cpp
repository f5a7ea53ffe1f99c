#include "worker/service_manager.h"

#include <systemd/sd-daemon.h>

namespace llorch {

void notify_service_manager(const std::string& state) {
  ::sd_notify(0, state.c_str());
}

}  // namespace llorch
