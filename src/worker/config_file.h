// --config: a TOML file with the same names as the command line.
#pragma once

#include <string>

#include "base/result.h"

namespace CLI {
class App;
}

namespace llorch {

/// Gives the options of `app` that were not on the command line the values of the file. ErrorCode::invalid_argument
/// names file, line and name of what is unknown or wrong.
Status apply_config_file(CLI::App& app, const std::string& path);

}  // namespace llorch
