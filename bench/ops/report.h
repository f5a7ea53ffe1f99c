// Report: what was measured, a line each for people as it comes, or one JSON object at the end.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "backend/cost.h"
#include "backend/roof/roof.h"
#include "ops/machine.h"

namespace llorch::bench {

struct Row {
  std::string_view op;
  std::string_view table;  // "avx2"; "-": the op is in no table
  std::string what;        // shape and format for people: "Q4_K q8 [2048, 2048] x 16"
  nlohmann::json facts;    // the same by name
  Timing timing;
  Cost cost;
  bool is_int8 = false;  // the operations are products of 8-bit integers
};

class Report {
 public:
  Report(const Settings& settings, const roof::Roof& roof, bool as_json);
  void add(const Row& row);
  void finish();

 private:
  /// What a row uses the greater part of, read speed or operations, and that part.
  struct Share {
    std::string_view of;  // "read", "int8" or "f32"
    double part = 0;
  };
  Share share_of(const Row& row) const;

  roof::Roof roof_;
  bool as_json_;
  nlohmann::json json_;
};

}  // namespace llorch::bench
