#include "families/golden_models.h"

#include <algorithm>
#include <filesystem>

#include "backend/testing/tiny_model.h"
#include "support/testdata.h"

namespace llorch::testing {

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir() + "/families")) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Checkpoint open_golden(const std::string& name, bool hf) {
  return std::move(open_checkpoint(data_dir() + "/families/" + name + (hf ? "/hf" : "/model.gguf")).value());
}

bool has_hf(const std::string& name) {
  return std::filesystem::is_directory(data_dir() + "/families/" + name + "/hf");
}

Result<Loaded> load_golden(const Checkpoint& checkpoint, const std::string& device, const BackendOptions& options) {
  Loaded loaded;
  LL_ASSIGN(const Family* family, find_family(checkpoint));
  loaded.source = std::make_unique<ModelSource>(checkpoint, family->names, 0);
  LL_ASSIGN(const ModelSpec spec, make_spec(*loaded.source));
  LL_ASSIGN(loaded.plan, make_plan(spec, *loaded.source));
  LL_ASSIGN(loaded.weights, bind_weights(*loaded.source, loaded.plan));
  LL_ASSIGN(loaded.backend, create_backend(device, options));
  LL_TRY(loaded.backend->load(loaded.plan, *loaded.weights, tiny_kv(loaded.plan)));
  return loaded;
}

}  // namespace llorch::testing
