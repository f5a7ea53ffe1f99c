// Memory accounting, and the containers whose operations are more than their fields.
#include "jinja/value.h"

#include <algorithm>

#include "jinja/ops.h"

namespace llorch::jinja {
void Heap::take(std::size_t bytes) {
  expect(bytes);
  used_ += bytes;
}

void Heap::expect(std::size_t bytes) const {
  if (bytes > limit_ || used_ > limit_ - bytes) {
    fail(FailureKind::budget, "the template needs more than {} bytes of memory", limit_);
  }
}

void Value::fail_kind() const {
  fail(FailureKind::type, "a value of the type '{}' cannot be used here", type_name(*this));
}

std::size_t StringObject::length() const {
  std::size_t length = length_.load(std::memory_order_relaxed);
  if (length == std::string::npos) {
    const std::string_view bytes = text.view();
    const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; };
    length = static_cast<std::size_t>(std::count_if(bytes.begin(), bytes.end(), begins));
    length_.store(length, std::memory_order_relaxed);
  }
  return length;
}

void Object::set_depth(std::span<const Value> parts) {
  for (const Value& part : parts) {
    depth = std::max(depth, 1 + (part.object() == nullptr ? 0 : part.object()->depth));
  }
  if (depth > kMaxValueDepth) {
    fail(FailureKind::budget, "values nested more than {} deep", kMaxValueDepth);
  }
}

ListObject::ListObject(Heap& heap, std::vector<Value> values)
    : Object(heap, sizeof(*this) + values.capacity() * sizeof(Value)), items(std::move(values)) {
  set_depth(items);
}

std::size_t DictObject::find(Runtime& runtime, const Value& key) const {
  return find(&runtime, key);
}

std::size_t DictObject::find(Runtime* runtime, const Value& key) const {
  const std::size_t hash = hash_of(runtime, key);  // first: a key that cannot be one is an error in any dict
  if (entries.size() < kIndexed) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (equal_keys(runtime, entries[i].first, key)) {
        return i;
      }
    }
    return npos;
  }
  const auto [begin, end] = index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (equal_keys(runtime, entries[it->second].first, key)) {
      return it->second;
    }
  }
  return npos;
}

std::size_t DictObject::find(std::string_view key) const {
  const auto matches = [&](std::size_t i) {
    const Value& known = entries[i].first;
    return known.is(Kind::string) && known.text().view() == key;
  };
  if (entries.size() < kIndexed) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (matches(i)) {
        return i;
      }
    }
    return npos;
  }
  const auto [begin, end] = index_.equal_range(hash_text(key));
  for (auto it = begin; it != end; ++it) {
    if (matches(it->second)) {
      return it->second;
    }
  }
  return npos;
}

const Value* DictObject::get(std::string_view key) const {
  const std::size_t i = find(key);
  return i == npos ? nullptr : &entries[i].second;
}

void DictObject::set(Runtime& runtime, const Value& key, Value value) {
  set_depth({&key, 1});
  set_depth({&value, 1});
  put(&runtime, key, std::move(value));
}

void DictObject::set_text(const Value& key, Value value) {
  set_depth({&value, 1});
  put(nullptr, key, std::move(value));
}

void DictObject::put(Runtime* runtime, const Value& key, Value value) {
  const std::size_t i = key.is(Kind::string) ? find(key.text().view()) : find(runtime, key);
  if (i != npos) {
    entries[i].second = std::move(value);
    return;
  }
  pay(2 * sizeof(Value) + 48);
  entries.emplace_back(key, std::move(value));
  if (entries.size() == kIndexed) {
    for (std::size_t k = 0; k < entries.size(); ++k) {
      index_.emplace(hash_of(runtime, entries[k].first), k);
    }
  } else if (entries.size() > kIndexed) {
    index_.emplace(hash_of(runtime, key), entries.size() - 1);
  }
}

std::int64_t RangeObject::length() const {
  if (step > 0) {
    return begin < end ? (end - begin - 1) / step + 1 : 0;
  }
  return begin > end ? (begin - end - 1) / -step + 1 : 0;
}

std::optional<Value> GeneratorObject::next(Runtime& runtime) {
  std::optional<Value> item = step ? step(runtime) : std::nullopt;
  if (!item) {
    step = nullptr;
  }
  return item;
}

}  // namespace llorch::jinja
