#include "convert/same_spec.h"

#include <algorithm>
#include <charconv>
#include <cmath>
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

std::vector<std::string_view> cut(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

/// Numbers that differ by the rounding of a float are the same.
bool is_same_word(std::string_view a, std::string_view b) {
  double x = 0;
  double y = 0;
  const auto is_number = [](std::string_view word, double& value) {
    const auto end = std::from_chars(word.data(), word.data() + word.size(), value);
    return end.ec == std::errc() && end.ptr == word.data() + word.size();
  };
  return a == b || (is_number(a, x) && is_number(b, y) && std::abs(x - y) <= 1e-5 * std::abs(x));
}

bool is_same_line(std::string_view a, std::string_view b) {
  const auto words_a = cut(a, " =[].");
  const auto words_b = cut(b, " =[].");
  return a == b || std::equal(words_a.begin(), words_a.end(), words_b.begin(), words_b.end(), is_same_word);
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
  const std::string wanted_text = to_string(wanted);
  const std::string read_text = to_string(read);
  const auto lines = cut(wanted_text, "\n");
  const auto read_lines = cut(read_text, "\n");
  for (std::size_t i = 0; i < std::max(lines.size(), read_lines.size()); ++i) {
    const std::string_view a = i < lines.size() ? lines[i] : "nothing";
    const std::string_view b = i < read_lines.size() ? read_lines[i] : "nothing";
    if (!is_same_line(a, b)) {
      model.notes.push_back(fmt::format("a GGUF of this architecture cannot say '{}': readers will see '{}'", a, b));
    }
  }
  return {};
}

}  // namespace llorch
