#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <sstream>

#include "tests/cli/run_program.h"

namespace lemma::cli {
namespace {

using Json = nlohmann::ordered_json;

// The answer to this is a close call (margin 0.08), so what is said is tested in the reference class: float32
// throughout.
const std::vector<std::string> kCapital{
    "--device", "reference", "--kv",         "f32", "--greedy",
    "--think",  "off",       "--max-tokens", "12",  "What is the capital of France?"};

Json askJson(std::vector<std::string> arguments, const std::string& input = "") {
  arguments.insert(arguments.begin(), {"ask", "--json"});
  const Ran ran = runCli(arguments, {.input = input});
  EXPECT_EQ(ran.code, 0) << ran.err;
  return parsed(ran.out);
}

TEST(Ask, jsonHasEveryField) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const Json d = askJson(kCapital);
  EXPECT_EQ(d["schema"], "lemma.ask/1");
  for (const char* key : {"model", "think", "answer", "stop_reason"}) EXPECT_TRUE(d[key].is_string()) << key;
  for (const char* key : {"prompt_tokens", "cached_tokens", "think_tokens", "answer_tokens", "ttft_ms", "prompt_tps",
                          "gen_tps", "seed"}) {
    EXPECT_TRUE(d[key].is_number()) << key;
  }
  EXPECT_EQ(d["think"], "");
  EXPECT_EQ(d["think_tokens"], 0);
  EXPECT_EQ(d["answer"], "The capital of France is Paris.");
  EXPECT_EQ(d["stop_reason"], "end");
  EXPECT_GT(d["prompt_tokens"], 0);
  EXPECT_GT(d["answer_tokens"], 0);
  EXPECT_GT(d["gen_tps"], 0.0);
}

// Exactness: bitwise, whatever is guessed and however.
TEST(Ask, guessesAreCountedAndChangeNothing) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::string words = "one two three four five six seven eight nine ten ";
  const std::vector<std::string> common{
      "--seed", "5", "--temp", "0.3", "--think", "off", "--max-tokens", "40", "--raw", words + words + words};
  const auto with = [&common](std::vector<std::string> options) {
    options.insert(options.end(), common.begin(), common.end());
    return askJson(options);
  };
  const Json plain = with({"--speculate", "off"});
  EXPECT_EQ(plain["guessed_tokens"], 0);
  EXPECT_EQ(plain["computed_tokens"].get<int>(),
            plain["prompt_tokens"].get<int>() + plain["answer_tokens"].get<int>() - 1);
  const Json repeated = with({"--speculate", "ngram"}), itself = with({"--draft-model", smolModel()});
  for (const Json* d : {&repeated, &itself}) {
    EXPECT_EQ((*d)["answer"], plain["answer"]);
    EXPECT_GT((*d)["guessed_tokens"], 0);
    EXPECT_GT((*d)["accepted_tokens"], 0);
  }
  std::vector<std::string> verbose{"ask", "--verbose"};
  verbose.insert(verbose.end(), common.begin(), common.end());
  EXPECT_NE(runCli(verbose).err.find(" rows computed"), std::string::npos);
}

// Exactness: bitwise, the same machine and kernels.
TEST(Ask, sameSeedSameText) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::vector<std::string> arguments{"--seed",       "7",  "--temp",          "1", "--think", "32",
                                           "--max-tokens", "32", "Tell me a story."};
  const Json first = askJson(arguments), second = askJson(arguments);
  EXPECT_EQ(first["seed"], 7);
  EXPECT_EQ(first["think"], second["think"]);
  EXPECT_EQ(first["answer"], second["answer"]);
  EXPECT_GT(first["think_tokens"], 0);
  EXPECT_GT(first["answer_tokens"], 0);
  std::vector<std::string> other = arguments;
  other[1] = "8";
  EXPECT_NE(askJson(other)["answer"], first["answer"]);
}

TEST(Ask, chanceSeedIsPrintedAndCanBeUsedAgain) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::vector<std::string> arguments{"--think", "off", "--temp", "1", "--max-tokens", "16", "Name a fruit."};
  const Json first = askJson(arguments);
  std::vector<std::string> again{"--seed", first["seed"].dump()};
  again.insert(again.end(), arguments.begin(), arguments.end());
  EXPECT_EQ(askJson(again)["answer"], first["answer"]);
}

// Exactness: reference class of smollm2; greedy tokens of "story" are those of the float32 reference.
TEST(Ask, rawGreedyContinuesAsTheReference) {
  LEMMA_NEEDS(smolModel(), "the default model");
  LEMMA_NEEDS(goldensFolder(), "the golden data");
  auto golden = parsed(slurp(goldensFolder() + "/smollm2/golden.json"))["prompts"]["story"];
  const Json d = askJson({"--raw", "--greedy", "--think", "off", "--max-tokens", "16", "--device", "reference", "--kv",
                          "f32", golden["text"].get<std::string>()});
  golden["greedy"].erase(golden["greedy"].begin() + 16, golden["greedy"].end());
  const Ran text = runCli({"detokenize"}, {.input = golden["greedy"].dump()});
  EXPECT_EQ(d["answer"], text.out);
}

TEST(Ask, plainOutputTellsThoughtFromAnswer) {
  LEMMA_NEEDS(smolModel(), "the default model");
  std::vector<std::string> arguments{"ask", "--seed", "7", "--think", "24", "--max-tokens", "24", "What is 2+2?"};
  const Ran ran = runCli(arguments);
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out.rfind("<think>\n", 0), 0u) << ran.out;
  const size_t close = ran.out.find("\n</think>\n\n");
  ASSERT_NE(close, std::string::npos) << ran.out;
  EXPECT_GT(ran.out.size(), close + 12);
  EXPECT_EQ(ran.out.back(), '\n');
  EXPECT_EQ(ran.out.find('\x1b'), std::string::npos);
  EXPECT_NE(ran.err.find("tok/s"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("seed 7"), std::string::npos) << ran.err;

  arguments.insert(arguments.begin() + 1, "--answer-only");
  const Ran answerOnly = runCli(arguments);
  EXPECT_EQ(answerOnly.out, ran.out.substr(close + 11));
}

TEST(Ask, stopText) {
  LEMMA_NEEDS(smolModel(), "the default model");
  std::vector<std::string> stopped{"--stop", "nowhere to be found", "--stop", "Paris"};
  stopped.insert(stopped.end(), kCapital.begin(), kCapital.end());
  const Json d = askJson(stopped);
  EXPECT_EQ(d["stop_reason"], "stop");
  EXPECT_EQ(d["answer"], "The capital of France is ");
}

TEST(Ask, messagesFromStdin) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::string messages = R"([{"role": "system", "content": "You are terse."},
      {"role": "user", "content": "My name is Ada."}, {"role": "assistant", "content": "Hello, Ada."},
      {"role": "user", "content": "What is my name?"}])";
  const Json d = askJson({"--greedy", "--think", "off", "--max-tokens", "4", "-"}, messages);
  Json variables{{"add_generation_prompt", true}, {"messages", parsed(messages)}};
  const Ran rendered = runCli({"render", "--input", temporaryFile("conversation.json", variables.dump())});
  const Ran ids = runCli({"tokenize", "--special"}, {.input = rendered.out});
  EXPECT_EQ(d["prompt_tokens"], parsed(ids.out).size());
}

TEST(Ask, trace) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::string path = temporaryPath("trace.jsonl");
  const Json d = askJson({"--trace", path, "--seed", "1", "--think", "16", "--max-tokens", "8", "Hello"});
  std::istringstream lines(slurp(path));
  std::string think, answer, last;
  double before = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json e = parsed(line);
    EXPECT_GE(e["t_ms"].get<double>(), before);
    before = e["t_ms"].get<double>();
    last = e["event"].get<std::string>();
    if (last == "delta") (e["part"] == "think" ? think : answer) += e["text"].get<std::string>();
  }
  EXPECT_EQ(last, "finished");
  EXPECT_EQ(think, d["think"].get<std::string>());
  EXPECT_EQ(answer, d["answer"].get<std::string>());
}

TEST(Ask, interruptKeepsWhatWasSaid) {
  LEMMA_NEEDS(smolModel(), "the default model");
  bool sent = false;
  std::chrono::steady_clock::time_point when;
  const Ran ran = runCli({"ask", "--raw", "--think", "off", "--seed", "3", "Once upon a time"},
                         {.onOutput = [&](const std::string& out, int pid) {
                           if (sent || out.size() < 40) return;
                           sent = true;
                           when = std::chrono::steady_clock::now();
                           kill(pid, SIGINT);
                         }});
  const auto took = std::chrono::steady_clock::now() - when;
  EXPECT_TRUE(sent);
  EXPECT_EQ(ran.code, 130) << ran.err;
  EXPECT_GE(ran.out.size(), 40u);
  EXPECT_EQ(ran.out.back(), '\n');
  EXPECT_LT(took, std::chrono::seconds(5));
}

TEST(Ask, wrongInput) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::string missing = temporaryPath("missing");
  const struct {
    std::vector<std::string> arguments;
    std::string input;
    int code = 2;
  } kWrong[] = {
      {{}, ""},
      {{"two", "prompts"}, ""},
      {{""}, ""},
      {{"-"}, ""},
      {{"-"}, "{}"},
      {{"-"}, "[]"},
      {{"-"}, "[{\"role\": \"user\"}]"},
      {{"-"}, "[{\"role\": 1, \"content\": \"a\"}]"},
      {{"-"}, "[\"a\"]"},
      {{"-"}, std::string(100000, '[')},
      {{"-", "--system", "a"}, R"([{"role": "system", "content": "b"}, {"role": "user", "content": "c"}])"},
      {{"--raw", "--system", "a", "b"}, ""},
      {{"--think", "hard", "a"}, ""},
      {{"--think", "-5", "a"}, ""},
      {{"--temp", "nan", "a"}, ""},
      {{"--temp", "-1", "a"}, ""},
      {{"--top-p", "1.1", "a"}, ""},
      {{"--top-k", "1.5", "a"}, ""},
      {{"--top-k", "-1", "a"}, ""},
      {{"--min-p", "0x1", "a"}, ""},
      {{"--seed", "99999999999999999999", "a"}, ""},
      {{"--stop", "", "a"}, ""},
      {{"--max-tokens", "0", "a"}, ""},
      {{"--ctx", "-1", "a"}, ""},
      {{"--ctx", "99999999999", "a"}, ""},
      {{"--batch", "0", "a"}, ""},
      {{"-t", "0", "a"}, ""},
      {{"-tb", "many", "a"}, ""},
      {{"--kv", "q3", "a"}, ""},
      {{"--device", "toaster", "a"}, ""},
      {{"--device", "reference,reference", "a"}, ""},
      {{"--place", "experts=cpu", "a"}, ""},
      {{"--speculate", "always", "a"}, ""},
      {{"--draft-model", missing, "a"}, ""},
      {{"--speculate", "draft", "a"}, ""},
      {{"--template", missing, "a"}, ""},
      {{"-m", missing, "a"}, ""},
      {{"-m", "/", "a"}, ""},
      {{"-m", temporaryFile("foreign", "not a model at all"), "a"}, ""},
      {{"-m", temporaryFile("truncated", slurp(smolModel()).substr(0, 5'000'000)), "a"}, ""},
      {{"--trace", missing + "/x", "a"}, ""},
      {{"--ctx", "16",
        "A prompt that does not fit into so small a context, however it is cut, and a little more of it."},
       "",
       1},
      {{"--template", temporaryFile("raise", "{{ raise_exception('No.') }}"), "a"}, "", 1},
  };
  for (const auto& wrong : kWrong) {
    std::vector<std::string> arguments{"ask"};
    arguments.insert(arguments.end(), wrong.arguments.begin(), wrong.arguments.end());
    const Ran ran = runCli(arguments, {.input = wrong.input});
    EXPECT_EQ(ran.code, wrong.code) << testing::PrintToString(arguments) << ran.err;
    EXPECT_EQ(ran.out, "") << testing::PrintToString(arguments);
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  }
}

}  // namespace
}  // namespace lemma::cli
