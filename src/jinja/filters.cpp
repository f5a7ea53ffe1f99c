// Names of filters, and the checking of arguments.
#include "jinja/filters.h"

#include <algorithm>

#include "jinja/filter_tables.h"

namespace llorch::jinja {
namespace {

struct Entry {
  std::string_view name;
  Filter filter;
};

constexpr Entry kFilters[] = {
    {"abs", filters::absolute},
    {"attr", filters::attribute},
    {"batch", filters::batch},
    {"capitalize", filters::capitalize},
    {"center", filters::center},
    {"count", filters::length},
    {"d", filters::default_value},
    {"default", filters::default_value},
    {"dictsort", filters::dict_sort},
    {"e", filters::escape},
    {"escape", filters::escape},
    {"filesizeformat", filters::file_size},
    {"first", filters::first},
    {"float", filters::real},
    {"forceescape", filters::force_escape},
    {"format", filters::format},
    {"groupby", filters::group_by},
    {"indent", filters::indent},
    {"int", filters::integer},
    {"items", filters::items},
    {"join", filters::join},
    {"last", filters::last},
    {"length", filters::length},
    {"list", filters::list},
    {"lower", filters::lower},
    {"map", filters::map},
    {"max", filters::max},
    {"min", filters::min},
    {"pprint", filters::pretty},
    {"reject", filters::reject},
    {"rejectattr", filters::reject_attribute},
    {"replace", filters::replace},
    {"reverse", filters::reverse},
    {"round", filters::round},
    {"safe", filters::safe},
    {"select", filters::select},
    {"selectattr", filters::select_attribute},
    {"slice", filters::slice},
    {"sort", filters::sort},
    {"string", filters::string},
    {"striptags", filters::strip_tags},
    {"sum", filters::sum},
    {"title", filters::title},
    {"tojson", filters::to_json_filter},
    {"trim", filters::trim},
    {"truncate", filters::truncate},
    {"unique", filters::unique},
    {"upper", filters::upper},
    {"urlencode", filters::url_encode},
    {"wordcount", filters::word_count},
};

}  // namespace

Filter find_filter(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kFilters), std::end(kFilters), [&](const Entry& e) { return e.name == name; });
  return found == std::end(kFilters) ? nullptr : found->filter;
}

Parameters::Parameters(std::string_view function, const Arguments& arguments,
                       std::initializer_list<std::string_view> names, std::size_t n_required)
    : function_(function), values_(names.size(), nullptr) {
  const auto& given = arguments.positional;
  if (given.size() > names.size()) {
    fail(FailureKind::type, "{}() takes at most {} argument{} ({} given)", function, names.size(),
         names.size() == 1 ? "" : "s", given.size());
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    values_[i] = &given[i];
  }
  for (const auto& [key, value] : arguments.named) {
    const std::string_view name = key.text().view();
    const auto* known = std::find(names.begin(), names.end(), name);
    if (known == names.end()) {
      fail(FailureKind::type, "{}() got an unexpected keyword argument '{}'", function, name);
    }
    const Value*& slot = values_[static_cast<std::size_t>(known - names.begin())];
    if (slot != nullptr) {
      fail(FailureKind::type, "{}() got multiple values for argument '{}'", function, name);
    }
    slot = &value;
  }
  for (std::size_t i = 0; i < n_required; ++i) {
    if (values_[i] == nullptr) {
      fail(FailureKind::type, "{}() missing a required argument: '{}'", function, *(names.begin() + i));
    }
  }
}

Value named_values(Runtime& runtime, const Arguments& arguments) {
  Value values = runtime.dict();
  for (const auto& [name, value] : arguments.named) {
    values.as<DictObject>().set(runtime, name, value);
  }
  return values;
}

std::int64_t Parameters::integer(std::size_t i, std::int64_t fallback) const {
  if (values_[i] == nullptr) {
    return fallback;
  }
  require_defined(*values_[i]);
  if (values_[i]->is(Kind::big)) {
    fail(FailureKind::value, "Python int too large to convert to C ssize_t");
  }
  const auto value = as_integer(*values_[i]);
  if (!value) {
    fail(FailureKind::type, "{}(): '{}' object cannot be interpreted as an integer", function_, type_name(*values_[i]));
  }
  return *value;
}

}  // namespace llorch::jinja
