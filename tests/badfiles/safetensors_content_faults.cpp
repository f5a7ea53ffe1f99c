// A directory whose weights can be read, and that is no model all the same.
#include <algorithm>
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
      file("config_no_json", "config.json", "{\"architectures\":", {"config.json: not valid JSON"}),
      file("config_an_array", "config.json", "[]", {"config.json: must be a JSON object, is array"}),
      file("no_weights", "model.safetensors", nullptr, {"the directory has neither model.safetensors nor"}),
      file("tokenizer_no_json", "tokenizer.json", "{\"model\":", {"tokenizer.json: not valid JSON"}),
      file("tokenizer_without_model", "tokenizer.json", "{}", {"tokenizer.json: model: is missing"}),
      file("tokenizer_config_no_json", "tokenizer_config.json", "}", {"tokenizer_config.json: not valid JSON"}),
      file("template_a_number", "tokenizer_config.json", "{\"chat_template\":5}",
           {"tokenizer_config.json: chat_template is neither a text nor a list"}),
  };
}

std::vector<Fault> config_faults() {
  return {
      config("no_architecture", "\"architectures\":[\"LlamaForCausalLM\"],", "", {"key architectures is missing"}),
      config("unknown_architecture", "LlamaForCausalLM", "QuantumForCausalLM",
             {"unknown architecture 'QuantumForCausalLM'"}),
      config("key_missing", "\"num_hidden_layers\":1,", "", {"key num_hidden_layers is missing"}),
      config("key_a_text", "\"hidden_size\":32", "\"hidden_size\":\"32\"",
             {"key hidden_size is a string (32), not an integer"}),
      config("key_a_fraction", "\"hidden_size\":32", "\"hidden_size\":32.5", {"key hidden_size is a number (32.5)"}),
      config("key_negative", "\"num_attention_heads\":2", "\"num_attention_heads\":-2",
             {"num_attention_heads is -2, must be between"}),
      config("key_too_large", "\"num_hidden_layers\":1", "\"num_hidden_layers\":9223372036854775807",
             {"num_hidden_layers is 9223372036854775807"}),
      config("key_twice", "\"vocab_size\":8", "\"vocab_size\":8,\"vocab_size\":8", {"key 'vocab_size' occurs twice"}),
      config("epsilon_too_large", "1e-5", "1e300", {"rms_norm_eps is 1e+300, must be between"}),
      config("unknown_activation", "silu", "blink", {"hidden_act is blink: known are"}),
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

/// The model with FP8 weights and one of its tensors changed, or with one more.
Fault fp8(std::string name, const std::function<void(HfTensor& weights, HfTensor& scale)>& change,
          std::vector<std::string> says, const std::vector<HfTensor>& more = {}) {
  std::vector<HfTensor> tensors = small_fp8_tensors();
  const auto weights =
      std::find_if(tensors.begin(), tensors.end(), [](const HfTensor& each) { return each.dtype == "F8_E4M3"; });
  change(*weights, tensors.back());
  tensors.insert(tensors.end(), more.begin(), more.end());
  std::erase_if(tensors, [](const HfTensor& each) { return each.name.empty(); });
  Fault fault{std::move(name), small_fp8_hf(), std::move(says), ""};
  fault.files["model.safetensors"] = safetensors_image(tensors);
  return fault;
}

std::vector<Fault> fp8_faults() {
  const std::string query = "model.layers.0.self_attn.q_proj.weight";
  const std::string scale_name = query + "_scale";
  const auto scale_of = [](const char* dtype, const char* shape, const std::string& data) {
    return [=](HfTensor& /*weights*/, HfTensor& scale) { scale = {scale.name, dtype, shape, data}; };
  };
  return {
      fp8("fp8_without_a_scale", [](HfTensor&, HfTensor& scale) { scale.name.clear(); },
          {"tensor " + query + " is F8_E4M3, but neither " + scale_name + " nor " + scale_name + "_inv is there"}),
      fp8("fp8_with_two_scales", [](HfTensor&, HfTensor&) {},
          {"tensor " + query + " has two scales, " + scale_name + "_inv and " + scale_name},
          {{scale_name + "_inv", "F32", "[1]", f32s(1)}}),
      fp8("fp8_scale_of_another_shape", scale_of("F32", "[3]", f32s(3)),
          {"tensor " + scale_name + " has the shape [3], scales of " + query + " [32, 32] have one value"}),
      fp8("fp8_scale_of_another_type", scale_of("F8_E4M3", "[1]", std::string(1, kOneInE4m3)),
          {"tensor " + scale_name + " is F8_E4M3, scales must be F32, BF16 or F16"}),
      fp8("fp8_scale_nan", scale_of("F32", "[1]", raw(0x7FC00000U)),
          {"tensor " + scale_name + " holds nan at place 0, which no scale can be"}),
      fp8("fp8_scale_too_large", scale_of("F32", "[1]", raw(1e37F)),
          {"tensor " + scale_name + " holds 1e+37 at place 0"}),
      fp8("fp8_value_nan", [](HfTensor& weights, HfTensor&) { weights.data[7] = '\x7F'; },
          {"tensor " + query + " holds a value that is NaN or infinite at offset"}),
      fp8("fp8_value_nan_below_zero", [](HfTensor& weights, HfTensor&) { weights.data[1023] = '\xFF'; },
          {"tensor " + query + " holds a value that is NaN or infinite at offset"}),
      fp8("fp8_weights_of_another_shape", [](HfTensor& weights, HfTensor&) { weights.shape = "[16,64]"; },
          {"tensor " + query + " has the shape [16, 64], the model's sizes need [32, 32]"}),
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
  return joined({file_faults(), config_faults(), tensor_faults(), fp8_faults(), further_tensors()});
}

}  // namespace llorch::testing
