// A directory whose weights can be read, and that is no model all the same.
#include <functional>

#include "badfiles/faults.h"

namespace llorch::testing {
namespace {

/// The directory with one file other, or missing when `content` is null.
Fault file(std::string name, const std::string& path, const char* content, std::vector<std::string> says) {
  Fault fault{std::move(name), small_hf(), std::move(says), ""};
  fault.files.erase(path);
  if (content != nullptr) {
    fault.files[path] = content;
  }
  return fault;
}

/// config.json with a part of its text replaced.
Fault config(std::string name, const std::string& part, const std::string& other, std::vector<std::string> says) {
  std::string text = small_hf()["config.json"];
  text.replace(text.find(part), part.size(), other);
  says.insert(says.begin(), "config.json");
  return file(std::move(name), "config.json", text.c_str(), std::move(says));
}

std::vector<Fault> file_faults() {
  return {
      file("no_config", "config.json", nullptr, {"the directory has no config.json, so it is not a model"}),
      file("config_no_json", "config.json", "{\"architectures\":", {"config.json"}),
      file("config_an_array", "config.json", "[]", {"config.json: must be a JSON object, is array"}),
      file("no_weights", "model.safetensors", nullptr, {"the directory has neither model.safetensors nor"}),
      file("tokenizer_no_json", "tokenizer.json", "{\"model\":", {"tokenizer.json"}),
      file("tokenizer_without_model", "tokenizer.json", "{}", {"tokenizer.json", "model"}),
      file("tokenizer_config_no_json", "tokenizer_config.json", "}", {"tokenizer_config.json"}),
      file("template_a_number", "tokenizer_config.json", "{\"chat_template\":5}",
           {"tokenizer_config.json: chat_template is neither a text nor a list"}),
  };
}

std::vector<Fault> config_faults() {
  return {
      config("no_architecture", "\"architectures\":[\"LlamaForCausalLM\"],", "", {"architectures"}),
      config("unknown_architecture", "LlamaForCausalLM", "QuantumForCausalLM", {"QuantumForCausalLM"}),
      config("key_missing", "\"num_hidden_layers\":1,", "", {"key num_hidden_layers is missing"}),
      config("key_a_text", "\"hidden_size\":32", "\"hidden_size\":\"32\"",
             {"key hidden_size is a string (32), not an integer"}),
      config("key_a_fraction", "\"hidden_size\":32", "\"hidden_size\":32.5", {"key hidden_size is a number (32.5)"}),
      config("key_negative", "\"num_attention_heads\":2", "\"num_attention_heads\":-2",
             {"num_attention_heads is -2, must be between"}),
      config("key_too_large", "\"num_hidden_layers\":1", "\"num_hidden_layers\":9223372036854775807",
             {"num_hidden_layers is 9223372036854775807"}),
      config("key_twice", "\"vocab_size\":8", "\"vocab_size\":8,\"vocab_size\":8", {"vocab_size"}),
      config("epsilon_too_large", "1e-5", "1e300", {"rms_norm_eps", "1e+300"}),
      config("unknown_activation", "silu", "blink", {"hidden_act", "blink"}),
  };
}

/// The weights with one tensor changed.
Fault tensor(std::string name, const std::string& tensor, const std::function<void(HfTensor&)>& change,
             std::vector<std::string> says) {
  std::vector<HfTensor> tensors = small_hf_tensors();
  for (HfTensor& each : tensors) {
    if (each.name == tensor) {
      change(each);
    }
  }
  Fault fault{std::move(name), small_hf(), std::move(says), ""};
  fault.files["model.safetensors"] = safetensors_image(tensors);
  return fault;
}

std::vector<Fault> tensor_faults() {
  const std::string norm = "model.layers.0.input_layernorm.weight";
  const std::string query = "model.layers.0.self_attn.q_proj.weight";
  const std::string nan = raw(0x7FC00000U);
  return {
      tensor("tensor_missing", query, [](HfTensor& t) { t.name = "model.layers.1.self_attn.q_proj.weight"; },
             {"tensor model.layers.0.self_attn.q_proj.weight is missing"}),
      tensor("shape_flat", query, [](HfTensor& t) { t.shape = "[1024]"; },
             {"tensor " + query + " has the shape [1024], the model's sizes need [32, 32]"}),
      tensor("weights_of_bytes", query,
             [](HfTensor& t) {
               t.dtype = "U8";
               t.data = std::string(1024, '\1');
             },
             {"tensor " + query + " holds bytes or integers, which are no weights"}),
      tensor("nan_in_f32", query, [&nan](HfTensor& t) { t.data.replace(1000, 4, nan); },
             {"tensor " + query + " holds a value that is NaN or infinite at offset"}),
      tensor("infinity_in_bf16", norm, [](HfTensor& t) { t.data.replace(62, 2, raw(std::uint16_t{0xFF80})); },
             {"tensor " + norm + " holds a value that is NaN or infinite at offset"}),
  };
}

/// What is behind the last tensor of a good file.
Fault one_more(std::string name, const HfTensor& more, std::vector<std::string> says) {
  std::vector<HfTensor> tensors = small_hf_tensors();
  tensors.push_back(more);
  Fault fault{std::move(name), small_hf(), std::move(says), ""};
  fault.files["model.safetensors"] = safetensors_image(tensors);
  return fault;
}

std::vector<Fault> further_tensors() {
  return {
      one_more("tensor_of_no_layer", {"model.layers.7.mlp.up_proj.weight", "F32", "[1]", f32s(1)},
               {"tensor model.layers.7.mlp.up_proj.weight is no part of a model of this architecture"}),
      one_more("nan_in_a_tensor_that_is_not_used",
               {"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", "[1]", raw(0x7F800000U)},
               {"tensor model.layers.0.self_attn.rotary_emb.inv_freq holds a value that is NaN or infinite"}),
  };
}

}  // namespace

std::vector<Fault> safetensors_content_faults() {
  return joined({file_faults(), config_faults(), tensor_faults(), further_tensors()});
}

}  // namespace llorch::testing
