#include "storage/settings.h"

#include <gtest/gtest.h>

#include <limits>

#include "storage/snapshot.h"

namespace lemma::storage {
namespace {

SettingValue of(double v) { return v; }
SettingValue of(int v) { return int64_t{v}; }
SettingValue of(const char* v) { return std::string(v); }

}  // namespace

TEST(Settings, everyRowHoldsItsOwnDefault) {
  for (const SettingSpec& spec : kSettings) {
    EXPECT_TRUE(checkSetting(spec, programValue(spec))) << spec.key;
    EXPECT_EQ(findSetting(spec.key), &spec) << "twice: " << spec.key;
  }
  EXPECT_EQ(resolve({}).size(), std::size(kSettings));
}

// program < model file < person < model < conversation < message
TEST(Settings, theHighestLayerThatSpeaksWins) {
  struct Case {
    const char* name;
    SettingLayers layers;
    double want;
    SettingLayer from;
  };
  const SettingMap one = {{"temperature", of(0.1)}}, two = {{"temperature", of(0.2)}},
                   three = {{"temperature", of(0.3)}}, four = {{"temperature", of(0.4)}},
                   five = {{"temperature", of(0.5)}}, wrong = {{"temperature", of("hot")}};
  const Case cases[] = {
      {"nothing", {}, 0.6, SettingLayer::program},
      {"file", {.modelFile = one}, 0.1, SettingLayer::modelFile},
      {"person over file", {.modelFile = one, .person = two}, 0.2, SettingLayer::person},
      {"model over person", {.modelFile = one, .person = two, .model = three}, 0.3, SettingLayer::model},
      {"conversation over model",
       {.person = two, .model = three, .conversation = four},
       0.4,
       SettingLayer::conversation},
      {"message over all", {one, two, three, four, five}, 0.5, SettingLayer::message},
      {"file shows through gaps", {.modelFile = one, .conversation = {{"top_k", of(1)}}}, 0.1, SettingLayer::modelFile},
      {"what does not fit is passed over", {.person = two, .message = wrong}, 0.2, SettingLayer::person},
  };
  for (const Case& c : cases) {
    const ResolvedSettings got = resolve(c.layers);
    EXPECT_EQ(got.at("temperature"), (ResolvedSetting{of(c.want), c.from})) << c.name;
  }
}

TEST(Settings, onlyDeviationsNeedStoring) {
  const SettingLayers layers{.modelFile = {{"temperature", of(1.0)}}, .person = {{"top_k", of(20)}}};
  EXPECT_EQ(deviation(layers, SettingLayer::conversation, "temperature", of(1.0)), std::nullopt);
  EXPECT_EQ(deviation(layers, SettingLayer::conversation, "temperature", of(1)), std::nullopt);  // the same number
  EXPECT_EQ(deviation(layers, SettingLayer::conversation, "temperature", of(0.6)), of(0.6));
  EXPECT_EQ(deviation(layers, SettingLayer::conversation, "top_k", of(20)), std::nullopt);
  EXPECT_EQ(deviation(layers, SettingLayer::person, "top_k", of(20)), of(20));  // its own layer does not count
  EXPECT_EQ(deviation(layers, SettingLayer::person, "top_k", of(40)), std::nullopt);
}

// What cannot be stored is kept as it is: storing it says what is wrong.
TEST(Settings, whatIsNoSettingIsADeviation) {
  EXPECT_EQ(deviation({}, SettingLayer::person, "no such", of(1)), of(1));
  EXPECT_EQ(deviation({}, SettingLayer::person, "top_k", of("many")), of("many"));
}

TEST(Settings, rangesAndTypes) {
  struct Case {
    const char* key;
    SettingValue value;
    bool fits;
  };
  const Case cases[] = {
      {"temperature", of(0.0), true},
      {"temperature", of(2.0), true},
      {"temperature", of(2.001), false},
      {"temperature", of(-0.1), false},
      {"temperature", of(std::numeric_limits<double>::quiet_NaN()), false},
      {"temperature", of(std::numeric_limits<double>::infinity()), false},
      {"temperature", true, false},
      {"top_k", of(0), true},
      {"top_k", of(-1), false},
      {"top_k", of(1.5), false},
      {"seed", of(-1), true},
      {"seed", of(-2), false},
      {"think", of("off"), true},
      {"think", of("max"), true},
      {"think", of("4096"), true},
      {"think", of(4096), true},
      {"think", of("some"), false},
      {"think", of(""), false},
      {"think", of("-5"), false},
      {"think", of("12x"), false},
      {"think", of("10485761"), false},
      {"think", of(0.5), false},
      {"top_k", of(1001), false},
      {"think", of("99999999999999999999"), false},
      {"system", of("Be brief."), true},
      {"system", of(3), false},
      {"system", std::string((1 << 20) + 1, 'x'), false},
  };
  for (const Case& c : cases) {
    const auto got = checkSetting(*findSetting(c.key), c.value);
    EXPECT_EQ(got.has_value(), c.fits) << c.key << ' ' << settingToJson(c.value);
    if (!got) {
      EXPECT_NE(got.error().what.find(c.key), std::string::npos) << got.error().what;
    }
  }
}

TEST(Settings, jsonKeepsTheType) {
  for (const SettingValue& v : {SettingValue(true), of(7), of(0.5), of(1.0), of("a \"b\" \n é")})
    EXPECT_EQ(settingFromJson(settingToJson(v)), v) << settingToJson(v);
  for (const char* bad : {"", "null", "[1]", "{", "18446744073709551615"}) EXPECT_FALSE(settingFromJson(bad)) << bad;
}

TEST(Snapshot, comesBackAsItWas) {
  AnswerSnapshot s;
  s.modelId = "abc";
  s.modelName = "Tiny \"1\"";
  s.architecture = "llama";
  s.quantisation = "Q4_1";
  s.templateHash = "ff";
  s.program = "Lemma 0.1.0";
  s.settings = {{"temperature", of(1.0)}, {"top_k", of(40)}, {"system", of("x")}};
  auto back = snapshotFromJson(toJson(s));
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(*back, s);
}

TEST(Snapshot, refusesOtherSchemasAndVersions) {
  EXPECT_EQ(snapshotFromJson("{}").error().code, Err::badValue);
  EXPECT_EQ(snapshotFromJson("not json").error().code, Err::badValue);
  EXPECT_EQ(snapshotFromJson(R"({"schema":"lemma.answer","version":2})").error().code, Err::newerSchema);
  EXPECT_TRUE(snapshotFromJson(R"({"schema":"lemma.answer","version":1,"model":7,"settings":[]})"));
}

TEST(Snapshot, aNameThatIsNotUtf8DoesNotBreakIt) {
  AnswerSnapshot s;
  s.modelName = "bad \xff name";
  EXPECT_TRUE(snapshotFromJson(toJson(s)));
}

}  // namespace lemma::storage
