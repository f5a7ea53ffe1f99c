#include "convert/same_spec.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/format.h"

namespace llorch {
namespace {

/// The file's keys and the shapes of its tensors. Tensors that are read with the keys have data, in `arena`.
Result<Checkpoint> future_checkpoint(const GgufModel& model, const std::string& keys, TensorArena& arena) {
  LL_ASSIGN(Checkpoint checkpoint, parse_gguf(std::as_bytes(std::span(keys)), model.source->path));
  for (const GgufTensor& tensor : model.tensors) {
    Tensor made{
        .name = tensor.name, .type = tensor.type, .shape = tensor.shape, .data = {}, .file = model.source->path};
    if (tensor.name.starts_with("rope_")) {
      LL_ASSIGN(made, tensor.data(arena));
    }
    checkpoint.tensors.emplace(tensor.name, std::move(made));
  }
  return checkpoint;
}

/// Numbers that differ by the rounding of a float are the same.
bool is_close(double a, double b) {
  return std::abs(a - b) <= 1e-5 * std::abs(a);
}

/// "window=8", "window=8.0" and "window=9" -> 8, 8, 9; nothing of a word without a number.
std::optional<double> number_of(std::string_view word) {
  const std::string_view text = word.substr(word.find('=') + 1);
  double value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc() && end.ptr == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool is_same_word(const std::string& a, const std::string& b) {
  const auto x = number_of(a);
  const auto y = number_of(b);
  const bool same_name = a.substr(0, a.find('=')) == b.substr(0, b.find('='));
  return a == b || (x && y && same_name && is_close(*x, *y));
}

/// The words of a spec's text, less how it counts its layers.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    const std::string_view word = text.substr(0, end);
    if (!word.empty() && !word.starts_with("factors=") && !word.starts_with("kv_group=")) {
      words.emplace_back(word.substr(0, word.find_last_not_of(":;") + 1));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

/// The words of `a` that `b` lacks.
std::string missing_words(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::string text;
  for (const std::string& word : a) {
    if (std::none_of(b.begin(), b.end(), [&](const std::string& other) { return is_same_word(word, other); })) {
      text.append(text.empty() ? "" : " ").append(word);
    }
  }
  return text;
}

bool are_same_factors(const Rope& a, const Rope& b) {
  return std::equal(a.factors.begin(), a.factors.end(), b.factors.begin(), b.factors.end(),
                    [](float x, float y) { return is_close(static_cast<double>(x), static_cast<double>(y)); });
}

/// The model with layer `i` alone.
ModelSpec one_layer(const ModelSpec& spec, std::size_t i) {
  ModelSpec one = spec;
  one.layers = {spec.layers[i]};
  return one;
}

/// What a reader sees otherwise in layer `i`, and in the model around it.
std::string difference(const ModelSpec& wanted, const ModelSpec& read, std::size_t i) {
  const std::vector<std::string> a = words_of(to_string(one_layer(wanted, i)));
  const std::vector<std::string> b = words_of(to_string(one_layer(read, i)));
  const std::string lost = missing_words(a, b);
  const std::string seen = missing_words(b, a);
  std::string text;
  if (!lost.empty()) {
    text = fmt::format("its readers do not see '{}'", lost);
  }
  if (!seen.empty()) {
    text += fmt::format("{}its readers see '{}'", text.empty() ? "" : ", and ", seen);
  }
  if (!are_same_factors(wanted.layers[i].rope, read.layers[i].rope)) {
    text += fmt::format("{}its readers see other factors of the rope", text.empty() ? "" : ", and ");
  }
  return text;
}

/// "0-3, 5" of rising numbers.
std::string ranges_text(const std::vector<std::size_t>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) {
      ++end;
    }
    text += fmt::format("{}{}", text.empty() ? "" : ", ", numbers[i]);
    text += end > i + 1 ? fmt::format("-{}", numbers[end - 1]) : "";
    i = end;
  }
  return text;
}

}  // namespace

Status note_other_spec(const Family& family, GgufModel& model) {
  TensorArena arena;
  const std::string keys = model.header.bytes();
  LL_ASSIGN(const Checkpoint checkpoint, future_checkpoint(model, keys, arena));
  LL_ASSIGN(const ModelSpec read, make_spec(ModelSource(checkpoint, family.names, 0)));
  ModelSpec wanted = model.spec;
  for (LayerSpec& layer : wanted.layers) {  // the rows are reordered for it
    if (family.gguf.adjacent_rows && layer.rope.kind == RopeKind::half) {
      layer.rope.kind = RopeKind::adjacent;
    }
  }
  std::map<std::string, std::vector<std::size_t>> layers_of;  // by difference
  for (std::size_t i = 0; i < wanted.layers.size(); ++i) {
    if (const std::string text = difference(wanted, read, i); !text.empty()) {
      layers_of[text].push_back(i);
    }
  }
  for (const auto& [text, layers] : layers_of) {
    model.notes.push_back(fmt::format("layers {}: a GGUF of this architecture cannot say all of the model: {}",
                                      ranges_text(layers), text));
  }
  return {};
}

}  // namespace llorch
