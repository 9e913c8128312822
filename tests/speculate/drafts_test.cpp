// Guesses of the model's own layer and of a draft model. Class bitwise: the answer is that without guesses; the guesses
// are those that the layer gives when it reads everything anew.
#include "engine/schedule/stepper.h"
#include "engine/speculate/draft_layer_proposer.h"
#include "engine/speculate/greedy.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/model/counted_model.h"
#include "tests/speculate/answers.h"
#include "tests/support/backend_names.h"
#include "tests/support/goldens.h"

namespace lemma::test {
namespace {

constexpr int kVocabulary = 512;

// The tiny model of R1's or another kind that has a layer for guesses, made able to chat; `changed`: one token of it is
// another.
bool writeDrafting(const std::string& path, const std::string& changed = "",
                   const std::string& golden = "deepseek2-mtp") {
  const auto file = std::filesystem::path(LEMMA_TESTS_DIR) / "goldens/models" / golden / "golden.json";
  TinyModelParts parts(TinyModelOptions{});
  if (!changed.empty()) parts.tokens[65] = changed;
  GgufWriter w = countedModel(nlohmann::json::parse(readText(file)));
  w.str("tokenizer.ggml.model", "gpt2").str("tokenizer.ggml.pre", "smollm");
  w.strings("tokenizer.ggml.tokens", parts.tokens).i32s("tokenizer.ggml.token_type", parts.types);
  w.strings("tokenizer.ggml.merges", std::vector<std::string>{});
  w.u32("tokenizer.ggml.bos_token_id", 256).u32("tokenizer.ggml.eos_token_id", 257);
  w.str("tokenizer.chat_template", parts.chatTemplate);
  return w.write(path);
}

class Drafts : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(writeDrafting(drafting_.path()));
    ASSERT_TRUE(writeTinyModel(tiny_.path()));
  }
  LoadOptions options(const std::string& path) const {
    LoadOptions o;
    o.path = path;
    o.context = 256;
    o.threads = 2;
    o.backend = GetParam();
    return o;
  }
  static Heard answer(const LoadOptions& how, ChatRequest request, Speculation way) {
    Engine engine;
    const auto info = engine.load(how);
    EXPECT_TRUE(info) << info.error().what;
    request.speculate = way;
    return run(engine, std::move(request));
  }

  TemporaryFile drafting_, tiny_;
};

TEST_P(Drafts, theModelsOwnLayer) {
  LoadOptions how = options(drafting_.path());
  how.draft = true;
  for (const float temperature : {0.0f, 0.7f}) {
    for (uint64_t seed = 1; seed <= 2; ++seed) {
      for (const int think : {0, 15}) {
        ChatRequest r = question("What is 2+2?", temperature, seed);
        if (think > 0) r.think = {.kind = ThinkBudget::Kind::tokens, .tokens = think};
        const Heard plain = answer(options(drafting_.path()), r, Speculation::off);
        ASSERT_TRUE(plain.finished) << plain.error;
        EXPECT_EQ(plain.finished->guessedTokens, 0);
        for (const auto way : {Speculation::draft, Speculation::automatic}) {
          const Heard heard = answer(how, r, way);
          EXPECT_EQ(heard.events, plain.events);
          EXPECT_TRUE(way != Speculation::draft || heard.finished->guessedTokens > 0);
        }
        Engine always;
        how.proposer = [&always]() -> std::unique_ptr<Proposer> {
          static const CancelFlag never(false);
          return std::make_unique<DraftLayerProposer>(*always.model()->draft(), 64, 512, never);
        };
        ASSERT_TRUE(always.load(how));
        how.proposer = {};
        const Heard heard = run(always, r);
        EXPECT_EQ(heard.events, plain.events);
        EXPECT_GT(heard.finished->guessedTokens, 100) << "some seven a pass";
      }
    }
  }
}

TEST_P(Drafts, glmsOwnLayer) {
  const TemporaryFile glm;
  ASSERT_TRUE(writeDrafting(glm.path(), "", "glm4moe-mtp"));
  LoadOptions how = options(glm.path());
  how.draft = true;
  for (const float temperature : {0.0f, 0.7f}) {
    const ChatRequest r = question("What is 2+2?", temperature, 1);
    const Heard plain = answer(options(glm.path()), r, Speculation::off);
    ASSERT_TRUE(plain.finished) << plain.error;
    const Heard heard = answer(how, r, Speculation::draft);
    EXPECT_EQ(heard.events, plain.events);
    EXPECT_GT(heard.finished->guessedTokens, 0);
  }
}

TEST_P(Drafts, theLayersGuessesAreThoseOfReadingAnew) {
  LoadOptions how = options(drafting_.path());
  how.draft = true;
  auto model = Model::load(how);
  ASSERT_TRUE(model) << model.error().what;
  Stepper& layer = *(*model)->draft();
  const CancelFlag never(false);
  DraftLayerProposer proposer(layer, 64, 4, never);
  std::vector<Token> text;
  for (int i = 0; i < 70; ++i) text.push_back(Token((i * 37 + i * i) % kVocabulary));
  const SeqId seq = (*model)->newSequence();
  std::vector<float> hidden;
  Batch batch;
  Proposal proposal;
  constexpr int kPieces[] = {5, 1, 1, 3, 8, 2, 1};
  for (size_t at = 0, turn = 0; at + 8 < text.size(); ++turn) {
    const auto n = size_t(kPieces[turn % std::size(kPieces)]);
    batch.clear();
    for (size_t i = at; i < at + n; ++i) batch.add(text[i], int(i), seq, true);
    const auto logits = (*model)->forward(batch, never);
    ASSERT_TRUE(logits) << logits.error().what;
    proposer.read(int(at), logits->hidden);
    hidden.insert(hidden.end(), logits->hidden.begin(), logits->hidden.end());
    at += n;
    if (turn % 3 == 2) continue;
    const auto known = std::span(text).first(at + 1);  // the token behind the last hidden state is known
    proposer.propose(known, int(1 + turn % 4), proposal);
    ASSERT_EQ(proposal.tokens.size(), 1 + turn % 4);

    const SeqId anew = layer.cache().create();
    std::vector<Token> guessed;
    std::vector<float> own;
    for (size_t i = 0; i < at + proposal.tokens.size() - 1; ++i) {
      batch.clear();
      batch.add(i + 1 < known.size() ? text[i + 1] : guessed.back(), int(i), anew, true);
      const auto row = i < at ? std::span<const float>(hidden).subspan(i * 64, 64) : std::span<const float>(own);
      const auto next = layer.forward(batch, row, never);
      ASSERT_TRUE(next) << next.error().what;
      own.assign(next->hidden.begin(), next->hidden.end());
      if (i + 1 >= at) guessed.push_back(likeliest(next->row(0)));
    }
    layer.cache().drop(anew);
    EXPECT_EQ(proposal.tokens, guessed) << "at " << at;
  }
}

TEST_P(Drafts, aGapInWhatItReadsOnlyMakesItForget) {
  LoadOptions how = options(drafting_.path());
  how.draft = true;
  auto model = Model::load(how);
  ASSERT_TRUE(model) << model.error().what;
  const CancelFlag never(false);
  DraftLayerProposer proposer(*(*model)->draft(), 64, 512, never);
  Proposal proposal;
  std::vector<Token> text(500, Token{5});
  proposer.propose(std::span(text).first(9), 3, proposal);
  EXPECT_TRUE(proposal.tokens.empty()) << "nothing was read";
  const std::vector<float> rows(8 * 64, 0.5f);
  proposer.read(1, rows);
  proposer.read(40, rows);
  proposer.propose(std::span(text).first(49), 3, proposal);
  EXPECT_EQ(proposal.tokens.size(), 3u);
  for (int i = 48; i + 8 < 460; i += 8) proposer.read(i, rows);  // further than it waits, and than its cache goes
  proposer.propose(std::span(text).first(457), 3, proposal);
  EXPECT_EQ(proposal.tokens.size(), 3u);
  proposer.propose(std::span(text).first(457), 3, proposal);
  EXPECT_TRUE(proposal.tokens.empty()) << "nothing new was read";
}

TEST_P(Drafts, aModelThatIsItsOwnDraftIsAlwaysRight) {
  LoadOptions how = options(tiny_.path());
  how.draftModel = tiny_.path();
  const ChatRequest r = question("Hello", 0, 1);
  const Heard plain = answer(options(tiny_.path()), r, Speculation::off);
  how.proposer = {};
  Engine engine;
  ASSERT_TRUE(engine.load(how));
  ChatRequest guessing = r;
  guessing.speculate = Speculation::draft;
  for (int turn = 0; turn < 3; ++turn) {
    const Heard heard = run(engine, guessing);
    EXPECT_EQ(heard.events, plain.events);
    EXPECT_GT(heard.finished->guessedTokens, 0);
    EXPECT_GE(heard.finished->acceptedTokens * 10, heard.finished->guessedTokens * 8);
  }
}

TEST_P(Drafts, aDraftThatKnowsNothingChangesNothing) {
  LoadOptions how = options(tiny_.path());
  how.draftModel = drafting_.path();  // the same tokens, other weights
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    ChatRequest r = question("Hello", 0.9f, seed);
    r.think = {.kind = ThinkBudget::Kind::tokens, .tokens = 20};
    const Heard plain = answer(options(tiny_.path()), r, Speculation::off);
    for (const auto way : {Speculation::draft, Speculation::automatic}) {
      EXPECT_EQ(answer(how, r, way).events, plain.events);
    }
  }
}

TEST_P(Drafts, theyAreFedSideBySide) {
  LoadOptions how = options(drafting_.path());
  how.draft = true;
  std::vector<Heard> plain, together(3);
  for (uint64_t i = 0; i < 3; ++i) {
    plain.push_back(answer(options(drafting_.path()), question("Hello", 0.7f, i + 1), Speculation::off));
  }
  Engine engine;
  ASSERT_TRUE(engine.load(how));
  for (size_t i = 0; i < 3; ++i) {
    ChatRequest r = question("Hello", 0.7f, i + 1);
    r.speculate = Speculation::draft;
    engine.start(r, [&together, i](const StreamEvent& e) { together[i].take(e); });
  }
  while (engine.step()) {
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(together[i].events, plain[i].events) << i;
}

TEST_P(Drafts, anotherVocabularyIsRefusedWithASentence) {
  const TemporaryFile other;
  ASSERT_TRUE(writeDrafting(other.path(), "Zebra"));
  LoadOptions how = options(tiny_.path());
  how.draftModel = other.path();
  Engine engine;
  const auto info = engine.load(how);
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Err::unsupported);
  for (const std::string& part : {other.path(), std::string("token 65"), std::string("Zebra")}) {
    EXPECT_NE(info.error().what.find(part), std::string::npos) << info.error().what;
  }
  how.draftModel = "/does/not/exist.gguf";
  EXPECT_FALSE(engine.load(how));
}

TEST_P(Drafts, withoutAnythingToGuessByItIsSaid) {
  const Heard heard = answer(options(tiny_.path()), question("Hello", 0, 1), Speculation::draft);
  EXPECT_FALSE(heard.finished);
  EXPECT_NE(heard.error.find("no layer that guesses ahead"), std::string::npos) << heard.error;
}

INSTANTIATE_TEST_SUITE_P(All, Drafts, testing::ValuesIn(backendNames()), [](const auto& i) { return i.param; });

}  // namespace
}  // namespace lemma::test
