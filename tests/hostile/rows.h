// The table of hostile files: what the field's parsers have fallen over, made again, each read by the same function
// that reads the real thing. A row is data and how its bytes are made. Test code only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/api/result.h"

namespace lemma::test {

struct Row {
  std::string name;  // begins with the record it re-makes, where there is one
  std::string says;  // part of the one sentence: the key or tensor at fault; empty = the file is right and is read
  std::function<Result<void>()> read;
};

std::vector<Row> referenceRows();     // the cases of the test that comes with the format's reference reader
std::vector<Row> ggufRows();          // headers
std::vector<Row> modelRows();         // whole loads of GGUF files: hyper-parameters and tensors
std::vector<Row> vocabularyRows();    // tokenizers in GGUF files
std::vector<Row> safetensorsRows();   // headers
std::vector<Row> folderRows();        // config.json, indexes and shards of Hugging Face folders
std::vector<Row> folderConfigRows();  // config.json key by key, and the files beside it
std::vector<Row> tokenizerRows();     // tokenizer.json
std::vector<Row> templateRows();      // chat templates

}  // namespace lemma::test
