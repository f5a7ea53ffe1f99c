// Qwen2 and Qwen2.5: Llama's layer with biases on q, k and v (found by name) and RoPE over halves.
#include "base/format.h"
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

Result<ModelSpec> qwen2_spec(const ModelSource& source) {
  // config.json always carries a sliding_window, which counts only when use_sliding_window says so.
  LL_ASSIGN(const bool windowed, source.checkpoint().metadata.boolean_or("use_sliding_window", false));
  if (source.is_hf() && windowed) {
    return errorf(ErrorCode::model_file, "{}: use_sliding_window is true: windows in this family are not supported yet",
                  source.checkpoint().metadata.source());
  }
  return read_common(source, RopeKind::half);
}

}  // namespace

const Family kQwen2{.architecture = "qwen2", .hf_class = "Qwen2ForCausalLM", .spec = qwen2_spec};

}  // namespace llorch
