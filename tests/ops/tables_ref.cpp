// A build without tables for its ISA: the reference alone.
#include "tables.h"

namespace llorch::test {

std::vector<OpTable> tables() {
  return {ref::ops()};
}

}  // namespace llorch::test
