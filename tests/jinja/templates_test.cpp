// Templates against what Jinja made of them: one case for every feature, and real templates of many models.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "support/testdata.h"
#include "tokenizer/chat.h"

namespace llorch {
namespace {

using Json = nlohmann::ordered_json;

/// 2026-01-15 12:34:56
const std::chrono::local_seconds kNow = std::chrono::local_days(std::chrono::year(2026) / 1 / 15) +
                                        std::chrono::hours(12) + std::chrono::minutes(34) + std::chrono::seconds(56);

std::vector<Json> read_lines(const std::string& path) {
  std::ifstream stream(path);
  EXPECT_TRUE(stream.good()) << path;
  std::vector<Json> lines;
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) {
      lines.push_back(Json::parse(line));
    }
  }
  return lines;
}

ChatTemplates template_of(const std::string& text) {
  ChatFiles files;
  files.templates.push_back({"default", text, "here"});
  return ChatTemplates(files);
}

/// True when a case comes out as expected. `raised`: only what raise_exception said must be the same, word for word;
/// Python's own errors have other words here, and a template that renders in spite of them is fine.
bool holds(const ChatTemplates& templates, const std::string& json, const Json& expected, std::string& got) {
  const auto result = templates.render_case(json, "", kNow);
  const auto* failure = std::get_if<jinja::Failure>(&result);
  got = failure != nullptr ? "failed: " + failure->message : std::string(std::get<jinja::Text>(result).view());
  if (expected.contains("rendered")) {
    return failure == nullptr && got == expected["rendered"];
  }
  if (expected["error_type"] == "TemplateError") {
    return failure != nullptr && failure->kind == jinja::FailureKind::raised && failure->message == expected["error"];
  }
  return failure != nullptr;
}

TEST(Features, AsJinjaRendersThem) {
  const std::string folder = testing::data_dir() + "/templates/";
  const Json context = Json::parse(testing::read_file(folder + "features_context.json"));
  const std::vector<Json> cases = read_lines(folder + "features.jsonl");
  EXPECT_EQ(cases.size(), 163U);
  for (const Json& line : cases) {
    std::string got;
    const std::string source = line["template"];
    const Json input = {{"extra", context}};
    EXPECT_TRUE(holds(template_of(source), dump_json(input), line, got)) << source << "\n" << got;
  }
}

TEST(RealTemplates, AsTransformersRendersThem) {
  LLORCH_NEEDS_EXTRA_DATA("chat templates of real models");
  const std::filesystem::path root(*testing::extra_data_dir() + "/templates");
  int n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    const std::string folder = entry.path().string();
    if (!std::filesystem::exists(folder + "/template.jinja")) {
      continue;
    }
    const ChatTemplates templates = template_of(testing::read_file(folder + "/template.jinja"));
    for (const Json& line : read_lines(folder + "/cases.jsonl")) {
      std::string got;
      EXPECT_TRUE(holds(templates, dump_json(line), line, got)) << folder << ": " << line["note"] << "\n" << got;
      ++n;
    }
  }
  EXPECT_GT(n, 1000);
}

TEST(HostileTemplates, EndAsTypedErrorsWithinTheirBudgets) {
  const std::vector<Json> cases = read_lines(testing::data_dir() + "/templates/hostile.jsonl");
  EXPECT_GE(cases.size(), 100U);
  for (const Json& line : cases) {
    std::string source;
    if (line.contains("template")) {
      source = line["template"];
    } else {
      for (const Json& part : line["parts"]) {
        for (int i = 0; i < part[1].get<int>(); ++i) {
          source += part[0].get<std::string>();
        }
      }
    }
    const auto result = template_of(source).render_case("{}", "", kNow);
    const auto* failure = std::get_if<jinja::Failure>(&result);
    ASSERT_NE(failure, nullptr) << dump_json(line).substr(0, 300);
    using jinja::FailureKind;
    const std::string type = line["error_type"];
    const FailureKind expected = type == "BudgetError"           ? FailureKind::budget
                                 : type == "SecurityError"       ? FailureKind::security
                                 : type == "TemplateSyntaxError" ? FailureKind::syntax
                                                                 : FailureKind::undefined;
    EXPECT_EQ(failure->kind, expected) << dump_json(line).substr(0, 300) << "\n" << failure->message;
    EXPECT_LT(failure->message.size(), 1000U) << dump_json(line).substr(0, 300);
  }
}

}  // namespace
}  // namespace llorch
