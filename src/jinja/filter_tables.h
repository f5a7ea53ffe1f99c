// The filters, one file for each group; filters.cpp lists their names.
#pragma once

#include "jinja/filters.h"

namespace llorch::jinja::filters {

// filters_text.cpp
Value capitalize(Runtime&, const Value&, const Arguments&);
Value center(Runtime&, const Value&, const Arguments&);
Value escape(Runtime&, const Value&, const Arguments&);
Value force_escape(Runtime&, const Value&, const Arguments&);
Value format(Runtime&, const Value&, const Arguments&);
Value indent(Runtime&, const Value&, const Arguments&);
Value lower(Runtime&, const Value&, const Arguments&);
Value replace(Runtime&, const Value&, const Arguments&);
Value safe(Runtime&, const Value&, const Arguments&);
Value string(Runtime&, const Value&, const Arguments&);
Value strip_tags(Runtime&, const Value&, const Arguments&);
Value title(Runtime&, const Value&, const Arguments&);
Value trim(Runtime&, const Value&, const Arguments&);
Value truncate(Runtime&, const Value&, const Arguments&);
Value upper(Runtime&, const Value&, const Arguments&);
Value url_encode(Runtime&, const Value&, const Arguments&);
Value word_count(Runtime&, const Value&, const Arguments&);

// filters_list.cpp
Value batch(Runtime&, const Value&, const Arguments&);
Value dict_sort(Runtime&, const Value&, const Arguments&);
Value first(Runtime&, const Value&, const Arguments&);
Value group_by(Runtime&, const Value&, const Arguments&);
Value items(Runtime&, const Value&, const Arguments&);
Value join(Runtime&, const Value&, const Arguments&);
Value last(Runtime&, const Value&, const Arguments&);
Value length(Runtime&, const Value&, const Arguments&);
Value list(Runtime&, const Value&, const Arguments&);
Value max(Runtime&, const Value&, const Arguments&);
Value min(Runtime&, const Value&, const Arguments&);
Value reverse(Runtime&, const Value&, const Arguments&);
Value slice(Runtime&, const Value&, const Arguments&);
Value sort(Runtime&, const Value&, const Arguments&);
Value sum(Runtime&, const Value&, const Arguments&);
Value unique(Runtime&, const Value&, const Arguments&);

// filters_map.cpp
Value map(Runtime&, const Value&, const Arguments&);
Value reject(Runtime&, const Value&, const Arguments&);
Value reject_attribute(Runtime&, const Value&, const Arguments&);
Value select(Runtime&, const Value&, const Arguments&);
Value select_attribute(Runtime&, const Value&, const Arguments&);

// filters_value.cpp
Value absolute(Runtime&, const Value&, const Arguments&);
Value attribute(Runtime&, const Value&, const Arguments&);
Value default_value(Runtime&, const Value&, const Arguments&);
Value file_size(Runtime&, const Value&, const Arguments&);
Value integer(Runtime&, const Value&, const Arguments&);
Value pretty(Runtime&, const Value&, const Arguments&);
Value real(Runtime&, const Value&, const Arguments&);
Value round(Runtime&, const Value&, const Arguments&);
Value to_json_filter(Runtime&, const Value&, const Arguments&);

// Shared.
/// A generator over `source`, which is walked from when the first item is asked for: each(runtime, item) gives what
/// becomes of an item, nothing where it is left out.
template <class Each>
Value each_of(Runtime& runtime, const Value& source, const Each& each) {
  return runtime.generator(source,
                           [source, each, walk = std::optional<Walk>()](Runtime& r) mutable -> std::optional<Value> {
                             if (!walk) {
                               walk.emplace(r, source);
                             }
                             while (std::optional<Value> item = walk->next()) {
                               r.step();
                               if (std::optional<Value> made = each(r, *std::move(item))) {
                                 return made;
                               }
                             }
                             return std::nullopt;
                           });
}
/// What `attribute` names in an item, as in "a.b.0"; `fallback` in place of what is not there.
Value get_path(Runtime& runtime, const Value& item, const Value& path, const Value* fallback = nullptr);
/// Strings in lower case, for comparisons that ignore it.
Value fold_case(Runtime& runtime, const Value& value);

}  // namespace llorch::jinja::filters
