// Filters over sequences.
#include <algorithm>

#include "jinja/filter_tables.h"

namespace llorch::jinja::filters {
namespace {

constexpr const char* kGroupFields[] = {"grouper", "list", nullptr};

/// Values and what they are ordered by.
struct Keyed {
  Value key, value;
};

void sort_keyed(Runtime& runtime, std::vector<Keyed>& items, bool reverse) {
  const auto n = static_cast<std::int64_t>(items.size());
  runtime.step(n * 2);
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    runtime.step();
    return reverse ? less(runtime, b.key, a.key) : less(runtime, a.key, b.key);
  });
}

Value values_of(Runtime& runtime, std::vector<Keyed> items) {
  std::vector<Value> values;
  values.reserve(items.size());
  for (Keyed& item : items) {
    values.push_back(std::move(item.value));
  }
  return runtime.list(std::move(values));
}

/// What `attribute` of an item is; null or none: the item itself.
Value part_of(Runtime& runtime, const Value& item, const Value* attribute, const Value* fallback = nullptr) {
  const bool whole = attribute == nullptr || attribute->is(Kind::none);
  return whole ? item : get_path(runtime, item, *attribute, fallback);
}

/// The same, strings without case unless case counts.
Value key_of(Runtime& runtime, const Value& item, const Value* attribute, bool case_sensitive,
             const Value* fallback = nullptr) {
  Value key = part_of(runtime, item, attribute, fallback);
  return case_sensitive ? key : fold_case(runtime, key);
}

/// A list of keys, one for each attribute between commas. Always a list, as in Jinja: two undefined keys are equal
/// then.
Value sort_key(Runtime& runtime, const Value& item, const Value* attribute, bool case_sensitive) {
  std::vector<Value> keys;
  if (attribute == nullptr || !attribute->is(Kind::string)) {
    keys.push_back(key_of(runtime, item, attribute, case_sensitive));
    return runtime.list(std::move(keys));
  }
  const std::string_view all = attribute->text().view();
  for (std::size_t at = 0; at <= all.size();) {
    const std::size_t end = std::min(all.find(',', at), all.size());
    const Value path = runtime.string(std::string(all.substr(at, end - at)), Origin::author);
    keys.push_back(key_of(runtime, item, &path, case_sensitive));
    at = end + 1;
  }
  return runtime.list(std::move(keys));
}

Value extreme(Runtime& runtime, const Value& value, const Arguments& arguments, bool largest) {
  const Parameters given(largest ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  const std::vector<Value> all = items_of(runtime, value);
  if (all.empty()) {
    return runtime.undefined("No aggregated item, sequence was empty.");
  }
  std::size_t best = 0;
  Value best_key = key_of(runtime, all[0], given.find(1), given.flag(0, false));
  for (std::size_t i = 1; i < all.size(); ++i) {
    Value key = key_of(runtime, all[i], given.find(1), given.flag(0, false));
    if (largest ? less(runtime, best_key, key, ">") : less(runtime, key, best_key)) {
      best = i;
      best_key = std::move(key);
    }
  }
  return all[best];
}

/// A generator of the items that `make` gives, which is called for the first of them.
template <class Make>
Value generate(Runtime& runtime, const Value& source, const Make& make) {
  return runtime.generator(source, [make, items = std::vector<Value>(), at = std::size_t{0}](Runtime& r) mutable {
    if (at == 0) {
      items = make(r);
    }
    return at < items.size() ? std::optional(items[at++]) : std::nullopt;
  });
}

}  // namespace

Value fold_case(Runtime& runtime, const Value& value) {
  return value.is(Kind::string) ? lower(runtime, value, {}) : value;
}

Value get_path(Runtime& runtime, const Value& item, const Value& path, const Value* fallback) {
  const auto step = [&](const Value& of, const Value& key) {
    Value found = get_item(runtime, of, key);
    return fallback != nullptr && found.is(Kind::undefined) ? *fallback : found;
  };
  if (!path.is(Kind::string)) {
    return step(item, path);
  }
  Value value = item;
  const std::string_view all = path.text().view();
  for (std::size_t at = 0; at <= all.size();) {
    const std::size_t end = std::min(all.find('.', at), all.size());
    const std::string_view part = all.substr(at, end - at);
    const bool number =
        !part.empty() && part.size() < 18 && part.find_first_not_of("0123456789") == std::string_view::npos;
    const Value key =
        number ? Value(std::int64_t{std::stoll(std::string(part))}) : runtime.string(std::string(part), Origin::author);
    value = step(value, key);
    at = end + 1;
  }
  return value;
}

Value batch(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("batch", arguments, {"linecount", "fill_with"}, 1);
  const bool endless = given.find(0)->is(Kind::none);  // one row of all
  const std::size_t size = endless ? SIZE_MAX : static_cast<std::size_t>(given.integer(0, 1));
  const Value fill = given.get(1, Value::none());
  // A row is given when the item after it is there: `next` is that item.
  return runtime.generator(
      value, [walk = std::optional<Walk>(), next = std::optional<Value>(), value, size, fill](Runtime& r) mutable {
        if (!walk) {
          walk.emplace(r, value);
          next = walk->next();
          if (size == 0 && next) {
            return std::optional(r.list({}));  // Jinja's: a row of no items is full before the first
          }
        }
        std::vector<Value> row;
        while (next && (row.size() != size || row.empty())) {
          r.step();
          r.heap().expect(row.size() * sizeof(Value));
          row.push_back(*std::exchange(next, walk->next()));
        }
        if (row.empty()) {
          return std::optional<Value>();
        }
        if (!fill.is(Kind::none) && row.size() < size) {
          const std::size_t missing = size > INT64_MAX ? 0 : size - row.size();
          r.heap().expect(missing > SIZE_MAX / sizeof(Value) ? SIZE_MAX : missing * sizeof(Value));
          row.insert(row.end(), missing, fill);
        }
        return std::optional(r.list(std::move(row)));
      });
}

Value slice(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("slice", arguments, {"slices", "fill_with"}, 1);
  const std::int64_t slices = given.integer(0, 1);
  const Value fill = given.get(1, Value::none());
  return generate(runtime, value, [value, slices, fill](Runtime& r) {
    const std::vector<Value> all = items_of(r, value);
    const auto n = static_cast<std::int64_t>(all.size());
    if (slices == 0) {
      fail(FailureKind::value, "integer division or modulo by zero");
    }
    std::vector<Value> rows;
    const std::int64_t per_slice = n / slices;
    const std::int64_t with_extra = n % slices;
    std::int64_t offset = 0;
    for (std::int64_t i = 0; i < slices; ++i) {
      r.step();
      const std::int64_t begin = offset + i * per_slice;
      offset += i < with_extra ? 1 : 0;
      const std::int64_t end = offset + (i + 1) * per_slice;
      std::vector<Value> row(all.begin() + begin, all.begin() + end);
      if (!fill.is(Kind::none) && i >= with_extra) {
        row.push_back(fill);
      }
      rows.push_back(r.list(std::move(row)));
    }
    return rows;
  });
}

Value dict_sort(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const Value* by = given.find(1);
  const std::string_view what = by == nullptr ? "key" : by->is(Kind::string) ? by->text().view() : "";
  if (what != "key" && what != "value") {
    fail(FailureKind::value, "You can only sort by either \"key\" or \"value\"");
  }
  require_defined(value);
  std::vector<Keyed> pairs;
  for (Value& pair : items_of(runtime, items(runtime, value, {}))) {
    const Value& part = pair.items()[what == "key" ? 0 : 1];
    pairs.push_back({given.flag(0, false) ? part : fold_case(runtime, part), pair});
  }
  sort_keyed(runtime, pairs, given.integer(2, 0) != 0);
  return values_of(runtime, std::move(pairs));
}

Value first(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("first", arguments, {});
  Walk walk(runtime, value);
  std::optional<Value> item = walk.next();
  return item ? *std::move(item) : runtime.undefined("No first item, sequence was empty.");
}

Value last(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("last", arguments, {});
  if (value.is(Kind::generator)) {
    fail(FailureKind::type, "'generator' object is not reversible");
  }
  const std::vector<Value> all = items_of(runtime, value);
  return all.empty() ? runtime.undefined("No last item, sequence was empty.") : all.back();
}

Value group_by(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const Value* fallback = given.find(1) != nullptr && !given.find(1)->is(Kind::none) ? given.find(1) : nullptr;
  const bool case_sensitive = given.flag(2, false);
  std::vector<Keyed> keyed;
  for (Value& item : items_of(runtime, value)) {
    Value key = key_of(runtime, item, given.find(0), case_sensitive, fallback);
    keyed.push_back({std::move(key), std::move(item)});
  }
  sort_keyed(runtime, keyed, false);
  std::vector<Value> groups;
  for (std::size_t i = 0; i < keyed.size();) {
    const std::size_t begin = i;
    std::vector<Value> members;
    while (i < keyed.size() && equal(runtime, keyed[i].key, keyed[begin].key)) {
      members.push_back(keyed[i++].value);
    }
    if (i == begin) {
      ++i;  // NaN equals nothing, not even itself
      members.push_back(keyed[begin].value);
    }
    const Value grouper = get_path(runtime, members.front(), *given.find(0), fallback);
    Value group = runtime.tuple({grouper, runtime.list(std::move(members))});
    group.as<ListObject>().names = kGroupFields;
    groups.push_back(std::move(group));
  }
  return runtime.list(std::move(groups));
}

Value items(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("items", arguments, {});
  if (!value.is(Kind::dict) && !value.is(Kind::undefined)) {
    fail(FailureKind::type, "Can only get item pairs from a mapping.");
  }
  const Value pairs =
      value.is(Kind::dict) ? Value(Kind::view, new ViewObject(runtime.heap(), value, DictPart::items)) : value;
  return each_of(runtime, pairs, [](Runtime&, Value item) { return std::optional(std::move(item)); });
}

Value join(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("join", arguments, {"d", "attribute"});
  const Text separator = given.find(0) != nullptr ? to_text(runtime, *given.find(0)) : Text();
  const Value* attribute = given.find(1);
  Text out;
  bool begun = false;
  for (const Value& item : items_of(runtime, value)) {
    if (std::exchange(begun, true)) {
      out.append(separator);
    }
    out.append(to_text(runtime, part_of(runtime, item, attribute)));
    runtime.heap().expect(out.size());
    runtime.step();
  }
  return runtime.string(std::move(out));
}

Value length(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("length", arguments, {});
  return Value(length_of(runtime, value));
}

Value list(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("list", arguments, {});
  return runtime.list(items_of(runtime, value));
}

Value max(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return extreme(runtime, value, arguments, true);
}

Value min(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return extreme(runtime, value, arguments, false);
}

Value reverse(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("reverse", arguments, {});
  if (value.is(Kind::string)) {
    const Value nothing = Value::none();
    return get_slice(runtime, value, nothing, nothing, Value(std::int64_t{-1}));
  }
  const std::vector<Value> all = items_of(runtime, value);  // now: what cannot be walked is an error here
  const Value backwards = runtime.list({all.rbegin(), all.rend()});
  return each_of(runtime, backwards, [](Runtime&, Value item) { return std::optional(std::move(item)); });
}

Value sort(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  std::vector<Keyed> keyed;
  for (Value& item : items_of(runtime, value)) {
    Value key = sort_key(runtime, item, given.find(2), given.flag(1, false));
    keyed.push_back({std::move(key), std::move(item)});
  }
  sort_keyed(runtime, keyed, given.integer(0, 0) != 0);
  return values_of(runtime, std::move(keyed));
}

Value sum(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("sum", arguments, {"attribute", "start"});
  Value total = given.get(1, Value(std::int64_t{0}));
  const Value* attribute = given.find(0);
  if (total.is(Kind::string)) {
    fail(FailureKind::type, "sum() can't sum strings [use ''.join(seq) instead]");
  }
  for (const Value& item : items_of(runtime, value)) {
    total = arithmetic(runtime, Arithmetic::add, total, part_of(runtime, item, attribute));
  }
  return total;
}

Value unique(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("unique", arguments, {"case_sensitive", "attribute"});
  const bool case_sensitive = given.flag(0, false);
  const Value attribute = given.get(1, Value::none());
  return each_of(runtime, value, [attribute, case_sensitive, seen = runtime.dict()](Runtime& r, Value item) {
    const Value key = key_of(r, item, &attribute, case_sensitive);
    auto& known = seen.as<DictObject>();
    if (known.find(r, key) != DictObject::npos) {
      return std::optional<Value>();
    }
    known.set(r, key, Value(true));
    return std::optional(std::move(item));
  });
}

}  // namespace llorch::jinja::filters
