// llorch serve: the worker of worker/worker.h with the tool's defaults: the embedded model, any device, logs for
// people.
#include "cli/options.h"
#include "worker/worker.h"

namespace llorch::cli {

Verb add_serve(CLI::App& root) {
  CLI::App* app =
      root.add_subcommand("serve", "Serve a model over HTTP, as the daemons do (serve --help: its options)");
  app->prefix_command();  // the worker parses its own command line
  app->set_help_flag();
  return {app, [app] {
            const std::vector<std::string> rest = app->remaining();
            std::vector<const char*> argv = {"llorch serve"};
            for (const std::string& argument : rest) {
              argv.push_back(argument.c_str());
            }
            constexpr Daemon kServe = {
                .name = "llorch serve", .device = "", .default_model = kBuiltinHaiku, .text_log = true};
            return worker_main(kServe, static_cast<int>(argv.size()), argv.data());
          }};
}

}  // namespace llorch::cli
