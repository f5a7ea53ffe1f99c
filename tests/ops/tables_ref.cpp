// A build without tables for its ISA: the reference alone.
#include "tables.h"

namespace llorch::test {

std::vector<OpTable> tables() {
  return {ref::ops()};
}

std::vector<OpTable> packing_tables() {
  return {};
}

}  // namespace llorch::test
