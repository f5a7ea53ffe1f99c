#include "quant/search/search.h"

#include "quant/search/searches.h"

namespace llorch {
namespace {

template <DType type>
void rounded(const SearchRow& row, std::byte* blocks) {
  format_of(type).encode(row.weights, blocks, row.n);
}

}  // namespace

Search find_search(DType type) {
  switch (type) {
    case DType::f32:
      return rounded<DType::f32>;
    case DType::f16:
      return rounded<DType::f16>;
    case DType::bf16:
      return rounded<DType::bf16>;
    case DType::q8_0:
      return search::q8_0;
    case DType::q4_0:
      return search::q4_0;
    case DType::q4_1:
      return search::q4_1;
    case DType::q5_0:
      return search::q5_0;
    case DType::q5_1:
      return search::q5_1;
    case DType::q4_k:
      return search::q4_k;
    case DType::q5_k:
      return search::q5_k;
    case DType::q6_k:
      return search::q6_k;
    case DType::iq4_nl:
      return search::iq4_nl;
    case DType::iq4_xs:
      return search::iq4_xs;
    case DType::mxfp4:
      return search::mxfp4;
    default:
      return nullptr;
  }
}

}  // namespace llorch
