#include "model/families/list.h"

namespace llorch {

std::span<const Family* const> families() {
  static constexpr const Family* kFamilies[] = {
      &kLlama,    &kQwen2,   &kQwen3,  &kQwen3Moe, &kPhi2,    &kPhi3,    &kGemma,
      &kGemma2,   &kGemma3,  &kGpt2,   &kGptOss,   &kOlmo2,   &kGranite, &kStarcoder2,
      &kStableLm, &kGptNeox, &kFalcon, &kCommandR, &kCohere2, &kSmolLm3, &kDeepseek2,
  };
  return kFamilies;
}

}  // namespace llorch
