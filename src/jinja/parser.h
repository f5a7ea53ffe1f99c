// Parser: tokens -> tree. Names of filters and tests are looked up here: an unknown one is an error of the template.
#pragma once

#include <string_view>

#include "jinja/ast.h"

namespace llorch::jinja {

/// Throws FailureKind::syntax with line and column. Constants live in `heap`, which must outlive the tree.
Body parse_template(std::string_view source, Heap& heap);

/// How deep tags and brackets may lie in one another, and operators in a row.
inline constexpr int kMaxNesting = 100;
inline constexpr int kMaxHeight = 400;

}  // namespace llorch::jinja
