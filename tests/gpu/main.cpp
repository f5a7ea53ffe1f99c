// gpucheck [--device D] [--data DIR] [--only PREFIX] [--quick] [--once] [--bench FORMAT]...
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "gpu/gpucheck.h"

int main(int argc, char** argv) {
  using namespace llorch::gpucheck;
  Options options;
  if (const char* testdata = std::getenv("LLORCH_TESTDATA")) {
    options.testdata = testdata;
  }
  std::vector<std::string> benches;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--quick") {
      options.quick = true;
    } else if (arg == "--once") {
      options.once = true;
    } else if (i + 1 < argc && arg == "--device") {
      options.device = argv[++i];
    } else if (i + 1 < argc && arg == "--data") {
      options.data = argv[++i];
    } else if (i + 1 < argc && arg == "--only") {
      options.only = argv[++i];
    } else if (i + 1 < argc && arg == "--bench") {
      benches.emplace_back(argv[++i]);
    } else {
      std::fprintf(stderr,
                   "gpucheck [--device D] [--data DIR] [--only PREFIX] [--quick] [--once] [--bench FORMAT]...\n");
      return 2;
    }
  }
  if (!benches.empty()) {
    int code = 0;
    for (const std::string& format : benches) {
      code |= bench(options, format);
    }
    return code;
  }
  Report report(options.only);
  check_products(options, report);
  check_rows(options, report);
  check_attention(options, report);
  check_experts(options, report);
  check_sampling(options, report);
  check_families(options, report);
  return report.print() ? 0 : 1;
}
