// A GGUF whose structure is sound, and that is no model all the same.
#include "badfiles/faults.h"

namespace llorch::testing {
namespace {

Fault key(std::string name, const std::string& key, std::uint32_t type, const std::string& value,
          std::vector<std::string> says) {
  return gguf_fault(
      std::move(name),
      [&](SmallGguf& model) {
        model.key(key).type = type;
        model.key(key).value = value;
      },
      std::move(says));
}

std::vector<Fault> key_faults() {
  const std::uint32_t text = 8, u32 = 4, f32 = 6;
  return {
      gguf_fault("no_architecture", [](SmallGguf& m) { m.erase_key("general.architecture"); },
                 {"key general.architecture is missing"}),
      key("unknown_architecture", "general.architecture", text, raw_text("quantum"),
          {"unknown architecture 'quantum'"}),
      key("architecture_a_number", "general.architecture", u32, raw(1U),
          {"key general.architecture is an integer (1), not a string"}),
      gguf_fault("key_missing", [](SmallGguf& m) { m.erase_key("llama.block_count"); },
                 {"key llama.block_count is missing"}),
      key("key_a_text", "llama.embedding_length", text, raw_text("32"),
          {"key llama.embedding_length is a string (32), not an integer"}),
      key("no_heads", "llama.attention.head_count", u32, raw(0U),
          {"key llama.attention.head_count is 0, must be between 1 and"}),
      key("heads_that_do_not_divide", "llama.attention.head_count_kv", u32, raw(3U),
          {"layer 0: 2 heads are not a multiple of 3 KV heads"}),
      key("absurd_layers", "llama.block_count", u32, raw(UINT32_MAX),
          {"key llama.block_count is 4294967295, must be between 1 and"}),
      key("epsilon_not_a_number", "llama.attention.layer_norm_rms_epsilon", f32, raw(0x7FC00000U),
          {"llama.attention.layer_norm_rms_epsilon is nan, must be between"}),
      key("unknown_tokenizer", "tokenizer.ggml.model", text, raw_text("runes"),
          {"tokenizer.ggml.model is 'runes', supported are"}),
      key("scores_of_another_length", "tokenizer.ggml.scores", 9, raw(6U) + raw(std::uint64_t{1}) + f32s(1),
          {"tokenizer.ggml.scores has 1 entries, tokenizer.ggml.tokens has 264"}),
  };
}

/// A tensor in another shape, with the bytes that it needs.
Fault shaped(std::string name, const std::string& tensor, const std::vector<std::uint64_t>& dims,
             std::vector<std::string> says) {
  return gguf_fault(
      std::move(name), [&](SmallGguf& model) { model.tensor(tensor).dims = dims; }, std::move(says));
}

std::vector<Fault> tensor_faults() {
  return {
      gguf_fault("tensor_missing", [](SmallGguf& m) { m.erase_tensor("blk.0.attn_v.weight"); },
                 {"tensor blk.0.attn_v.weight is missing"}),
      gguf_fault("tensor_renamed", [](SmallGguf& m) { m.tensor("blk.0.ffn_up.weight").name = "blk.0.ffn_upp.weight"; },
                 {"tensor blk.0.ffn_up.weight is missing"}),
      shaped("shape_turned", "output.weight", {kSmallVocab, 32},
             {"tensor output.weight has the shape [32, 264], the model's sizes need [264, 32]"}),
      shaped("shape_flat", "blk.0.ffn_down.weight", {1024}, {"tensor blk.0.ffn_down.weight has the shape [1024]"}),
      gguf_fault("more_tokens_than_rows",
                 [](SmallGguf& m) {
                   m.tensor("token_embd.weight") = {"token_embd.weight", {32, 8}, 0, f32s(256)};
                   m.tensor("output.weight") = {"output.weight", {32, 8}, 0, f32s(256)};
                 },
                 {"the tokenizer has 264 tokens, the embedding only 8 rows"}),
      gguf_fault("stray_tensor",
                 [](SmallGguf& m) {
                   m.tensors.push_back({"blk.1.attn_norm.weight", {32}, 0, f32s(32)});
                 },
                 {"tensor blk.1.attn_norm.weight is no part of a model of this architecture with 1 layers"}),
      gguf_fault("stray_tensor_with_a_name_of_two_lines",
                 [](SmallGguf& m) {
                   m.tensors.push_back({"two\nlines \xFF", {1}, 0, f32s(1)});
                 },
                 {R"(tensor two\nlines \xff is no part of a model)"}),
      gguf_fault("bias_of_some_layers",
                 [](SmallGguf& m) {
                   const SmallGguf one = small_gguf();
                   for (const SmallGguf::Entry& entry : one.tensors) {
                     if (entry.name.starts_with("blk.0.")) {
                       m.tensors.push_back(entry);
                       m.tensors.back().name.replace(4, 1, "1");
                     }
                   }
                   m.key("llama.block_count").value = raw(2U);
                   m.tensors.push_back({"blk.0.attn_q.bias", {32}, 0, f32s(32)});
                 },
                 {"tensor blk.1.attn_q.bias is missing, though blk.0.attn_q.bias is there"}),
  };
}

/// A tensor with other bytes of the same length.
Fault filled(std::string name, const std::string& tensor, const std::string& data, std::vector<std::string> says) {
  says.insert(says.begin(), "tensor " + tensor + " holds a value that is NaN or infinite at offset");
  return gguf_fault(
      std::move(name), [&](SmallGguf& model) { model.tensor(tensor).data = data; }, std::move(says));
}

std::vector<Fault> number_faults() {
  const std::string nan = raw(0x7FC00000U);
  return {
      filled("nan_in_f32", "output.weight", f32s(32 * kSmallVocab - 1) + nan, {}),
      filled("infinity_in_f16", "blk.0.ffn_gate.weight", u16s(512, kHalf) + u16s(512, kHalfInfinite), {}),
      filled("nan_in_a_scale", "blk.0.attn_q.weight", q8_blocks(31) + q8_blocks(1, kHalfNan), {}),
      filled("infinite_scale", "blk.0.attn_k.weight", q8_blocks(16, kHalfInfinite), {}),
      gguf_fault("nan_in_a_tensor_with_a_name_of_two_lines",
                 [&nan](SmallGguf& m) {
                   m.tensors.push_back({"two\nlines.attn.bias", {1}, 0, nan});
                 },
                 {R"(tensor two\nlines.attn.bias holds a value that is NaN or infinite)"}),
      gguf_fault("nan_in_a_tensor_that_is_not_used",
                 [&nan](SmallGguf& m) {
                   m.tensors.push_back({"blk.0.attn_rot_embd.weight", {2}, 0, f32s(1) + nan});
                 },
                 {"tensor blk.0.attn_rot_embd.weight holds a value that is NaN or infinite at offset"}),
  };
}

}  // namespace

std::vector<Fault> gguf_content_faults() {
  return joined({key_faults(), tensor_faults(), number_faults()});
}

}  // namespace llorch::testing
