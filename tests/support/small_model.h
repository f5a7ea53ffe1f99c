// A small llama model, good to begin with, as parts that a test may change: the keys and tensors of a GGUF, and the
// files of a Hugging Face directory. Nothing here is shared with the readers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/gguf_writer.h"

namespace llorch::testing {

inline std::string f32s(std::size_t n, float value = 0.5F) {
  std::string bytes;
  for (std::size_t i = 0; i < n; ++i) {
    bytes += raw(value);
  }
  return bytes;
}
/// Numbers of 16 bits, all the same.
inline std::string u16s(std::size_t n, std::uint16_t bits) {
  std::string bytes;
  for (std::size_t i = 0; i < n; ++i) {
    bytes += raw(bits);
  }
  return bytes;
}
inline constexpr std::uint16_t kHalf = 0x3800;          // 0.5 in F16
inline constexpr std::uint16_t kHalfInBf16 = 0x3F00;    // 0.5 in BF16
inline constexpr std::uint16_t kHalfInfinite = 0x7C00;  // in F16
inline constexpr std::uint16_t kHalfNan = 0x7E00;
inline constexpr char kOneInE4m3 = 0x38;

/// `rows` rows of one Q8_0 block each.
inline std::string q8_blocks(std::size_t rows, std::uint16_t scale = kHalf) {
  std::string bytes;
  for (std::size_t i = 0; i < rows; ++i) {
    bytes += raw(scale) + std::string(32, '\1');
  }
  return bytes;
}

struct SmallGguf {
  struct Key {
    std::string name;
    std::uint32_t type;
    std::string value;
  };
  struct Entry {
    std::string name;
    std::vector<std::uint64_t> dims;  // fastest first
    std::uint32_t type;
    std::string data;
    std::optional<std::uint64_t> offset = {};  // claimed in place of the real one
  };
  std::vector<Key> keys;
  std::vector<Entry> tensors;

  Key& key(const std::string& name) {
    return *std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
  }
  Entry& tensor(const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(), [&](const Entry& entry) { return entry.name == name; });
  }
  void erase_key(const std::string& name) {
    std::erase_if(keys, [&](const Key& key) { return key.name == name; });
  }
  void erase_tensor(const std::string& name) {
    std::erase_if(tensors, [&](const Entry& entry) { return entry.name == name; });
  }
  std::string bytes() const {
    GgufWriter writer;
    for (const Key& key : keys) {
      writer.key(key.name, key.type, key.value);
    }
    for (const Entry& entry : tensors) {
      if (entry.offset) {
        writer.tensor_at(entry.name, entry.dims, entry.type, *entry.offset);
      } else {
        writer.tensor(entry.name, entry.dims, entry.type, entry.data);
      }
    }
    return writer.bytes();
  }
};

inline std::string text_array(const std::vector<std::string>& texts) {
  std::string value = raw(8U) + raw(static_cast<std::uint64_t>(texts.size()));
  for (const std::string& text : texts) {
    value += raw_text(text);
  }
  return value;
}

inline constexpr std::uint64_t kSmallVocab = 264;

/// <unk>, <s>, </s>, the bytes, and five texts.
inline void add_vocabulary(SmallGguf& model) {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::string types = raw(5U) + raw(kSmallVocab) + raw(2) + raw(3) + raw(3);
  for (int byte = 0; byte < 256; ++byte) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    tokens.push_back(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">");
    types += raw(6);
  }
  for (const char* text : {"\xE2\x96\x81", "a", "b", "ab", "\xE2\x96\x81\x61"}) {
    tokens.emplace_back(text);
    types += raw(1);
  }
  model.keys.push_back({"tokenizer.ggml.tokens", 9, text_array(tokens)});
  model.keys.push_back({"tokenizer.ggml.scores", 9, raw(6U) + raw(kSmallVocab) + f32s(kSmallVocab, -1)});
  model.keys.push_back({"tokenizer.ggml.token_type", 9, types});
}

/// One layer, dim 32, 2 heads on 1 key/value head; F32, F16 and Q8_0 tensors.
inline SmallGguf small_gguf() {
  SmallGguf model;
  const auto text = [&](const char* name, const char* value) { model.keys.push_back({name, 8, raw_text(value)}); };
  const auto number = [&](const char* name, std::uint32_t value) { model.keys.push_back({name, 4, raw(value)}); };
  text("general.architecture", "llama");
  text("general.name", "small");
  number("llama.context_length", 64);
  number("llama.embedding_length", 32);
  number("llama.block_count", 1);
  number("llama.feed_forward_length", 32);
  number("llama.attention.head_count", 2);
  number("llama.attention.head_count_kv", 1);
  model.keys.push_back({"llama.attention.layer_norm_rms_epsilon", 6, raw(1e-5F)});
  text("tokenizer.ggml.model", "llama");
  add_vocabulary(model);
  model.tensors = {{"token_embd.weight", {32, kSmallVocab}, 0, f32s(32 * kSmallVocab)},
                   {"blk.0.attn_norm.weight", {32}, 0, f32s(32)},
                   {"blk.0.attn_q.weight", {32, 32}, 8, q8_blocks(32)},
                   {"blk.0.attn_k.weight", {32, 16}, 8, q8_blocks(16)},
                   {"blk.0.attn_v.weight", {32, 16}, 8, q8_blocks(16)},
                   {"blk.0.attn_output.weight", {32, 32}, 8, q8_blocks(32)},
                   {"blk.0.ffn_norm.weight", {32}, 0, f32s(32)},
                   {"blk.0.ffn_gate.weight", {32, 32}, 1, u16s(1024, kHalf)},
                   {"blk.0.ffn_up.weight", {32, 32}, 1, u16s(1024, kHalf)},
                   {"blk.0.ffn_down.weight", {32, 32}, 1, u16s(1024, kHalf)},
                   {"output_norm.weight", {32}, 0, f32s(32)},
                   {"output.weight", {32, kSmallVocab}, 0, f32s(32 * kSmallVocab)}};
  return model;
}

/// An entry of a SafeTensors header, and the data that it speaks of.
struct HfTensor {
  std::string name;
  std::string dtype;
  std::string shape;  // "[32, 8]"
  std::string data;
};

/// A .safetensors image of any header and data.
inline std::string safetensors_image(const std::string& header, const std::string& data) {
  return raw(static_cast<std::uint64_t>(header.size())) + header + data;
}

inline std::string safetensors_image(const std::vector<HfTensor>& tensors) {
  std::string header, data;
  for (const HfTensor& tensor : tensors) {
    header += (header.empty() ? "{\"" : ",\"") + tensor.name + R"(":{"dtype":")" + tensor.dtype + R"(","shape":)" +
              tensor.shape + R"(,"data_offsets":[)" + std::to_string(data.size()) + "," +
              std::to_string(data.size() + tensor.data.size()) + "]}";
    data += tensor.data;
  }
  return safetensors_image(header + "}", data);
}

/// The same model with 8 tokens in F32, one norm in BF16.
inline std::vector<HfTensor> small_hf_tensors() {
  const std::string layer = "model.layers.0.";
  return {{"model.embed_tokens.weight", "F32", "[8,32]", f32s(256)},
          {layer + "input_layernorm.weight", "BF16", "[32]", u16s(32, kHalfInBf16)},
          {layer + "self_attn.q_proj.weight", "F32", "[32,32]", f32s(1024)},
          {layer + "self_attn.k_proj.weight", "F32", "[16,32]", f32s(512)},
          {layer + "self_attn.v_proj.weight", "F32", "[16,32]", f32s(512)},
          {layer + "self_attn.o_proj.weight", "F32", "[32,32]", f32s(1024)},
          {layer + "post_attention_layernorm.weight", "F32", "[32]", f32s(32)},
          {layer + "mlp.gate_proj.weight", "F32", "[32,32]", f32s(1024)},
          {layer + "mlp.up_proj.weight", "F32", "[32,32]", f32s(1024)},
          {layer + "mlp.down_proj.weight", "F32", "[32,32]", f32s(1024)},
          {"model.norm.weight", "F32", "[32]", f32s(32)},
          {"lm_head.weight", "F32", "[8,32]", f32s(256)}};
}

/// The same with q in FP8 and one scale for it.
inline std::vector<HfTensor> small_fp8_tensors() {
  std::vector<HfTensor> tensors = small_hf_tensors();
  const std::string query = "model.layers.0.self_attn.q_proj.weight";
  for (HfTensor& tensor : tensors) {
    if (tensor.name == query) {
      tensor = {query, "F8_E4M3", "[32,32]", std::string(1024, kOneInE4m3)};
    }
  }
  tensors.push_back({query + "_scale", "F32", "[1]", f32s(1)});
  return tensors;
}

/// The files of a directory, by name.
using HfFiles = std::map<std::string, std::string>;
inline HfFiles small_hf() {
  return {{"config.json",
           R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":8,"hidden_size":32,)"
           R"("intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,)"
           R"("rms_norm_eps":1e-5,"hidden_act":"silu","max_position_embeddings":64,"tie_word_embeddings":false})"},
          {"tokenizer.json", R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}})"},
          {"tokenizer_config.json", "{}"},
          {"model.safetensors", safetensors_image(small_hf_tensors())}};
}

inline HfFiles small_fp8_hf() {
  HfFiles files = small_hf();
  files["config.json"].insert(1, R"("quantization_config":{"quant_method":"fp8"},)");
  files["model.safetensors"] = safetensors_image(small_fp8_tensors());
  return files;
}

}  // namespace llorch::testing
