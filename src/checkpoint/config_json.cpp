#include "checkpoint/config_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/format.h"
#include "base/json.h"
#include "checkpoint/printable.h"

namespace llorch {
namespace {

using nlohmann::json;

/// Longest dotted key: every leaf repeats it, so it must stay small beside the text.
constexpr std::size_t kMaxKeyBytes = 512;

class Flattener {
 public:
  Flattener(const std::string& source, std::vector<std::shared_ptr<const std::string>>& strings)
      : metadata_(source), strings_(strings) {}

  Status object(const json& value, const std::string& prefix) {
    for (const auto& [name, item] : value.items()) {
      const std::string key = prefix.empty() ? name : prefix + "." + name;
      if (key.size() > kMaxKeyBytes) {
        return errorf(ErrorCode::model_file, "{}: key {} has {} bytes, more than {}", metadata_.source(),
                      printable(key), key.size(), kMaxKeyBytes);
      }
      if (item.is_object()) {
        LL_TRY(object(item, key));
        continue;
      }
      if (item.is_null()) {
        metadata_.set_null(key);
        continue;
      }
      std::optional<MetaValue> leaf = item.is_array() ? array(item) : scalar(item);
      if (leaf && !metadata_.set(key, *std::move(leaf))) {
        return errorf(ErrorCode::model_file, "{}: key {} occurs twice once objects are flattened with '.'",
                      metadata_.source(), printable(key));
      }
    }
    return {};
  }

  Metadata take() { return std::move(metadata_); }

 private:
  static bool is_int64(const json& value) {
    return value.is_number_integer() && (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX);
  }

  static std::optional<MetaValue> scalar(const json& value) {
    if (value.is_boolean()) {
      return MetaValue(value.get<bool>());
    }
    if (is_int64(value)) {
      return MetaValue(value.get<std::int64_t>());
    }
    if (value.is_number()) {
      return MetaValue(value.get<double>());
    }
    return value.is_string() ? std::optional<MetaValue>(value.get<std::string>()) : std::nullopt;
  }

  std::optional<MetaValue> array(const json& value) {
    const auto all = [&value](auto test) { return std::all_of(value.begin(), value.end(), test); };
    if (all([](const json& item) { return is_int64(item) || item.is_boolean(); })) {
      return MetaValue(MetaArray(items<std::int64_t>(value)));
    }
    if (all([](const json& item) { return item.is_number(); })) {
      return MetaValue(MetaArray(items<double>(value)));
    }
    if (all([](const json& item) { return item.is_string(); })) {
      std::vector<std::string_view> views;
      for (const json& item : value) {
        strings_.push_back(std::make_shared<const std::string>(item.get<std::string>()));
        views.emplace_back(*strings_.back());
      }
      return MetaValue(MetaArray(std::move(views)));
    }
    return std::nullopt;
  }

  template <class T>
  static std::vector<T> items(const json& array) {
    std::vector<T> result;
    result.reserve(array.size());
    for (const json& item : array) {
      result.push_back(item.get<T>());
    }
    return result;
  }

  Metadata metadata_;
  std::vector<std::shared_ptr<const std::string>>& strings_;
};

}  // namespace

Result<Metadata> flatten_config(std::string_view text, const std::string& source,
                                std::vector<std::shared_ptr<const std::string>>& strings) {
  const auto document = parse_json(text, source);
  if (!document.ok()) {
    return Error{ErrorCode::model_file, document.error().message};
  }
  if (!document->is_object()) {
    return errorf(ErrorCode::model_file, "{}: must be a JSON object, is {}", source, document->type_name());
  }
  Flattener flattener(source, strings);
  LL_TRY(flattener.object(*document, ""));
  return flattener.take();
}

}  // namespace llorch
