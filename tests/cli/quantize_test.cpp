#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "tests/cli/run_program.h"
#include "tests/support/tiny_model.h"

namespace lemma::cli {
namespace {

std::string tinyModel() {
  const std::string path = temporaryPath("tiny-quantize.gguf");
  EXPECT_TRUE(writeTinyModel(path, {.context = 1024}));
  return path;
}

std::string someText(int bytes) {
  std::string text;
  for (int i = 0; int(text.size()) < bytes; ++i) text += "Sentence " + std::to_string(i) + " says little. ";
  return text;
}

TEST(Quantize, writesAModelThatRunsAndMeasuresIt) {
  const std::string in = tinyModel(), out = temporaryPath("tiny-q8_0.gguf");
  const std::string text = temporaryFile("quantize.txt", someText(1200));
  const Ran ran = runCli({"quantize", in, out, "--type", "q8_0", "--text", text, "--windows", "1", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto d = parsed(ran.out);
  EXPECT_EQ(d["schema"], "lemma.quantize/1");
  EXPECT_EQ(d["type"], "Q8_0");
  EXPECT_EQ(d["bytes_to"], std::filesystem::file_size(out));
  EXPECT_LT(d["bytes_to"], d["bytes_from"]);
  EXPECT_EQ(d["tensors"][0]["name"], "token_embd.weight");
  EXPECT_EQ(d["tensors"][0]["from"], "F32");
  EXPECT_EQ(d["tensors"][0]["to"], "Q8_0");
  EXPECT_GT(d["perplexity"]["perplexity"], 1.0);
  EXPECT_LT(d["perplexity"]["against"]["kl"]["mean"], 0.01);
  const auto inspected = parsed(runCli({"inspect", "--json", "-m", out}).out);
  EXPECT_EQ(inspected["architecture"], "llama");
  EXPECT_EQ(runCli({"ask", "-m", out, "--max-tokens", "4", "--seed", "1", "Hello"}).code, 0);
}

TEST(Quantize, showsSizes) {
  const std::string out = temporaryPath("tiny-q4.gguf");
  const Ran ran = runCli({"quantize", tinyModel(), out, "--tensor-type", "*attn_v*=Q8_0", "-t", "1"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("Q5_0"), std::string::npos) << ran.out;  // for Q4_K, which does not fit rows of 32
  EXPECT_NE(ran.out.find("size "), std::string::npos) << ran.out;
  EXPECT_EQ(ran.err, "");
}

TEST(Quantize, takesAnImportanceMatrixOfTheModel) {
  const std::string in = tinyModel(), matrix = temporaryPath("tiny.imatrix"), out = temporaryPath("tiny-imatrix.gguf");
  const std::string text = temporaryFile("imatrix.txt", someText(1200));
  const Ran gathered = runCli({"imatrix", "-m", in, "--text", text, "-o", matrix, "--windows", "1"});
  ASSERT_EQ(gathered.code, 0) << gathered.err;
  EXPECT_EQ(gathered.err, "15 matrices over 1 windows of 512 tokens\n");
  const auto shown = parsed(runCli({"inspect", "--json", "-m", matrix}).out);
  EXPECT_EQ(shown["metadata"]["general.type"], "imatrix");
  EXPECT_EQ(shown["metadata"]["imatrix.chunk_count"], 1);
  ASSERT_EQ(runCli({"quantize", in, out, "--type", "Q4_K_M"}).code, 0);
  const std::string plain = slurp(out);
  const Ran ran = runCli({"quantize", in, out, "--type", "Q4_K_M", "--imatrix", matrix});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(slurp(out), plain);
  EXPECT_EQ(parsed(runCli({"inspect", "--json", "-m", out}).out)["metadata"]["quantize.imatrix.file"], "tiny.imatrix");
}

TEST(Quantize, advisesAnImportanceMatrixWhereFewBitsAreLeft) {
  const std::string in = tinyModel(), out = temporaryPath("tiny-iq2.gguf"), matrix = temporaryPath("tiny-iq2.imatrix");
  const Ran plain = runCli({"quantize", in, out, "--type", "IQ2_XXS"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_NE(plain.err.find("importance matrix"), std::string::npos) << plain.err;
  const std::string text = temporaryFile("imatrix-iq2.txt", someText(1200));
  ASSERT_EQ(runCli({"imatrix", "-m", in, "--text", text, "-o", matrix, "--windows", "1"}).code, 0);
  const Ran advised = runCli({"quantize", in, out, "--type", "IQ2_XXS", "--imatrix", matrix});
  EXPECT_EQ(advised.code, 0);
  EXPECT_EQ(advised.err, "");
}

TEST(Quantize, wrongInput) {
  const std::string in = tinyModel(), out = temporaryPath("wrong.gguf");
  const std::string text = temporaryFile("short.txt", "Too short.");
  const std::vector<std::string> kWrong[] = {{"quantize"},
                                             {"quantize", in},
                                             {"quantize", in, out, "--type", "Q9_K"},
                                             {"quantize", in, in},
                                             {"quantize", temporaryPath("missing"), out},
                                             {"quantize", text, out},
                                             {"quantize", in, temporaryPath("no-folder") + "/out.gguf"},
                                             {"quantize", in, out, "--tensor-type", "attn_v"},
                                             {"quantize", in, out, "--tensor-type", "*=Q9"},
                                             {"quantize", in, out, "--tensor-type", "*=IQ1_S"},
                                             {"quantize", in, out, "--imatrix", in},
                                             {"quantize", in, out, "--imatrix", text},
                                             {"quantize", in, out, "-t", "0"},
                                             {"imatrix", "-m", in, "--text", text},
                                             {"imatrix", "-m", in, "--text", text, "-o", out},
                                             {"imatrix", "-m", in, "--text", temporaryPath("missing"), "-o", out}};
  for (const auto& arguments : kWrong) {
    const Ran ran = runCli(arguments);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(arguments) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_FALSE(ran.err.empty());
    EXPECT_FALSE(std::filesystem::exists(out)) << testing::PrintToString(arguments);
  }
}

// Killed again and again in mid-work: the file that comes out at last is the one of an undisturbed run.
TEST(Quantize, goesOnAfterAKill) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::string whole = temporaryPath("whole.gguf"), out = temporaryPath("killed.gguf");
  const std::vector<std::string> rest = {"--type", "Q8_0", "--tensor-type", "*ffn_down*=IQ4_NL", "-t", "1"};
  const auto arguments = [&](const std::string& to) {
    std::vector<std::string> a{"quantize", smolModel(), to};
    a.insert(a.end(), rest.begin(), rest.end());
    return a;
  };
  ASSERT_EQ(runCli(arguments(whole)).code, 0);
  // Killed later and later, as no machine is as quick as another, until a run that is killed had gone on with
  // another's.
  const std::string goesOn = "Going on with " + out + ".part";
  Ran killed;
  for (auto patience = std::chrono::milliseconds(400); killed.err.find(goesOn) != 0; patience = patience * 13 / 10) {
    killed = runCli(arguments(out), {.timeout = patience});
    ASSERT_EQ(killed.code, 137) << killed.err;
    EXPECT_FALSE(std::filesystem::exists(out));
  }
  const Ran ran = runCli(arguments(out));
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(slurp(out), slurp(whole));
  EXPECT_EQ(ran.err.find(goesOn), 0u) << ran.err;
  EXPECT_FALSE(std::filesystem::exists(out + ".part"));
  std::filesystem::remove(out);
  std::filesystem::remove(whole);
}

}  // namespace
}  // namespace lemma::cli
