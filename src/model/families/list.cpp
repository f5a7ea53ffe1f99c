#include "model/families/list.h"

#include <array>

namespace llorch {

std::span<const Family* const> families() {
  static constexpr std::array<const Family*, 2> kFamilies = {&kLlama, &kQwen2};
  return kFamilies;
}

}  // namespace llorch
