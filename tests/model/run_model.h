// Runs whole prompts through a Model, for tests that compare logits.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/model.h"

namespace lemma::test {

inline std::unique_ptr<Model> loadModel(const std::string& path, const std::string& backend, const std::string& kvType,
                                        int batch = 512) {
  auto model = Model::load({.path = path, .batch = batch, .threads = 2, .kvType = kvType, .backend = backend});
  if (!model) throw std::runtime_error(model.error().what);
  return std::move(*model);
}

inline void expectSameBits(std::span<const float> a, std::span<const float> b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0);
}

// Logits of every position [tokens, vocabulary], the prompt fed in chunks; `seq` must be empty before.
inline std::vector<float> logitsOf(Model& model, SeqId seq, const std::vector<int>& ids, int chunk) {
  std::vector<float> all;
  const CancelFlag cancel(false);
  for (size_t at = 0; at < ids.size(); at += size_t(chunk)) {
    Batch batch;
    for (size_t i = at; i < std::min(ids.size(), at + size_t(chunk)); ++i) batch.add(Token(ids[i]), int(i), seq, true);
    const auto logits = model.forward(batch, cancel);
    if (!logits) throw std::runtime_error(logits.error().what);
    all.insert(all.end(), logits->data.begin(), logits->data.end());
  }
  return all;
}

inline std::vector<float> logitsOf(Model& model, const std::vector<int>& ids, int chunk) {
  const SeqId seq = model.newSequence();
  std::vector<float> all = logitsOf(model, seq, ids, chunk);
  model.drop(seq);
  return all;
}

inline int argmax(const float* logits, int n) { return int(std::max_element(logits, logits + n) - logits); }

// Logit of the best token less that of the second.
inline float margin(const float* logits, int n) {
  const int best = argmax(logits, n);
  float second = -INFINITY;
  for (int i = 0; i < n; ++i) {
    if (i != best) second = std::max(second, logits[i]);
  }
  return logits[best] - second;
}

inline std::vector<int> greedy(Model& model, const std::vector<int>& prompt, int count) {
  const SeqId seq = model.newSequence();
  const CancelFlag cancel(false);
  std::vector<int> out;
  Batch batch;
  for (size_t i = 0; i < prompt.size(); ++i) batch.add(Token(prompt[i]), int(i), seq, i + 1 == prompt.size());
  for (int i = 0; i < count; ++i) {
    const auto logits = model.forward(batch, cancel);
    if (!logits) throw std::runtime_error(logits.error().what);
    out.push_back(argmax(logits->data.data(), logits->vocabulary));
    batch.clear();
    batch.add(Token(out.back()), model.length(seq), seq, true);
  }
  model.drop(seq);
  return out;
}

}  // namespace lemma::test
