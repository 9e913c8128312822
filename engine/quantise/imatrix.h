// How much each input column of each matrix matters: the sums of squares of the activations that went through it over
// some text, kept in GGUF files as llama.cpp's (general.type "imatrix"; NAME.in_sum2 and NAME.counts). Untrusted bytes
// end here. Plain value; one thread writes, any read.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "kernels/api/result.h"

namespace lemma {

struct Imatrix {
  // Of one tensor; experts of one tensor follow on each other.
  struct Entry {
    int64_t columns = 0;
    std::vector<float> sums;    // [matrices, columns]
    std::vector<float> counts;  // [matrices] rows that went through
    bool operator==(const Entry&) const = default;
  };
  std::map<std::string, Entry, std::less<>> entries;  // by the weight's name
  std::vector<std::string> datasets;
  uint32_t chunks = 0, chunkTokens = 0;

  // Means of squares of a matrix (of an expert); empty where it is not known or nothing went through it.
  std::vector<float> importance(std::string_view name, int64_t matrix) const;
};

// Errors name the file and the tensor: every sum finite and not negative, sums and counts of one shape.
Result<Imatrix> readImatrix(const std::string& path);
// Replaces the file only when all of it is written.
Result<void> writeImatrix(const Imatrix& imatrix, const std::string& path);

}  // namespace lemma
