// --park: what one run of the program read, the next one does not read again; off removes it.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/cli/run_program.h"

namespace lemma::cli {
namespace {

const std::vector<std::string> kQuestion{
    "--greedy", "--think", "off", "--max-tokens", "8", "Why is the sky blue? Explain it to a child of five years."};

Ran ask(std::vector<std::string> options, const std::string& cache) {
  options.insert(options.begin(), {"ask", "--json"});
  options.insert(options.end(), kQuestion.begin(), kQuestion.end());
  return runCli(options, {.environment = {{"XDG_CACHE_HOME", cache}}});
}

// Exactness: bitwise, greedy answers of the same kernels.
TEST(Park, theNextRunReadsNothingTwice) {
  LEMMA_NEEDS(smolModel(), "the default model");
  for (const std::string kv : {"f16", "q8_0"}) {
    SCOPED_TRACE(kv);
    const std::string cache = temporaryPath("cache-" + kv), parked = cache + "/lemma/parked";
    const auto run = [&](std::vector<std::string> options) {
      options.insert(options.end(), {"--kv", kv});
      const Ran ran = ask(options, cache);
      EXPECT_EQ(ran.code, 0) << ran.err;
      return parsed(ran.out);
    };
    const auto plain = run({});
    EXPECT_FALSE(std::filesystem::exists(parked)) << "only where it is asked for";
    const auto first = run({"--park", "on"}), second = run({"--park", "100M"});
    EXPECT_EQ(first["cached_tokens"], 0);
    EXPECT_EQ(second["prompt_tokens"].get<int>() - second["cached_tokens"].get<int>(), 9);
    for (const auto* answer : {&first, &second}) EXPECT_EQ((*answer)["answer"], plain["answer"]);
    EXPECT_FALSE(std::filesystem::is_empty(parked));
    EXPECT_EQ(run({"--park", "off"})["cached_tokens"], 0);
    EXPECT_TRUE(std::filesystem::is_empty(parked));
  }
}

TEST(Park, wrongAmountsAreRefused) {
  for (const char* amount : {"", "much", "-1", "4GB", "1.5G", "99999999999999999999", "2000000T"}) {
    const Ran ran = ask({"--park", amount}, temporaryPath("none"));
    EXPECT_EQ(ran.code, 2) << amount;
    EXPECT_NE(ran.err.find("--park"), std::string::npos) << ran.err;
  }
}

}  // namespace
}  // namespace lemma::cli
