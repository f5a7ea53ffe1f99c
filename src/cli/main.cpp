// llorch: the person's tool. One verb per file; this one only picks the verb and turns faults of the command line into
// one sentence and exit code 2.
#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "base/standard_streams.h"
#include "base/version.h"
#include "cli/options.h"

namespace llorch::cli {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done, 2 bad arguments, 3 the model file, 4 the device or its memory, 5 input or output, 1 anything "
    "else.\nA MODEL is a .gguf file, a directory with config.json and *.safetensors, or builtin:haiku.";

int parse_and_act(int argc, char** argv) {
  CLI::App root{"llorch: runs, measures and inspects language models", "llorch"};
  root.require_subcommand(1);
  root.footer(kFooter);
  root.set_version_flag("--version", fmt::format("llorch {}", kVersion), "prints the version and ends");
  const std::vector<Verb> verbs = {add_run(root),        add_logits(root),  add_tokenize(root), add_detokenize(root),
                                   add_render(root),     add_inspect(root), add_devices(root),  add_bench(root),
                                   add_serve(root),      add_ask(root),     add_quantize(root), add_imatrix(root),
                                   add_perplexity(root), add_diff(root),    add_verify(root),   add_convert(root)};
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return root.exit(success);
  } catch (const CLI::ParseError& error) {
    if (!root.get_subcommands().empty()) {
      note(error.what());
    } else if (argc > 1 && argv[1][0] != '-') {
      note(fmt::format("'{}' is no verb; llorch --help lists them", escaped(argv[1])));
    } else {
      note(fmt::format("a verb is missing{}; llorch --help lists them",
                       argc > 1 ? fmt::format(" before '{}'", escaped(argv[1])) : ""));
    }
    return kExitBadArguments;
  }
  for (const Verb& verb : verbs) {
    if (verb.app->parsed()) {
      return verb.action();
    }
  }
  return kExitBadArguments;
}

/// A full disk or a closed pipe shows at the latest here.
int flush_output(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
    return code;
  }
  note(std::string("cannot write to standard output: ") + std::strerror(errno));
  return code == kExitOk ? static_cast<int>(kExitIo) : code;
}

}  // namespace
}  // namespace llorch::cli

int main(int argc, char** argv) {
  using namespace llorch;
  open_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is then an error like a full disk
  try {
    return cli::flush_output(cli::parse_and_act(argc, argv));
  } catch (const std::bad_alloc&) {
    return cli::fail({ErrorCode::out_of_memory, "the host has too little memory"});
  } catch (const std::system_error& error) {  // {fmt} could not print
    return cli::fail({ErrorCode::io, error.what()});
  } catch (const std::exception& error) {
    return cli::fail({ErrorCode::internal, error.what()});
  }
}
