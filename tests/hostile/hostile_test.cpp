// Every row of the table ends as it says, within a second of processor time and with little memory.
#include <gtest/gtest.h>

#include <set>

#include "tests/hostile/rows.h"
#include "tests/support/allocation_meter.h"
#include "tests/support/process_meter.h"

namespace lemma::test {
namespace {

struct Table {
  const char* name;
  std::vector<Row> (*rows)();
  size_t least;  // so that the table cannot shrink unseen
};

constexpr Table kTables[] = {
    {"reference", referenceRows, 34},
    {"gguf", ggufRows, 30},
    {"model", modelRows, 51},
    {"vocabulary", vocabularyRows, 30},
    {"folder", folderRows, 41},
    {"folder_config", folderConfigRows, 77},
    {"safetensors", safetensorsRows, 22},
    {"tokenizer_json", tokenizerRows, 32},
    {"template", templateRows, 17},
};

class Hostile : public testing::TestWithParam<Table> {};

TEST_P(Hostile, everyRowEndsAsItSays) {
  const std::vector<Row> rows = GetParam().rows();
  EXPECT_GE(rows.size(), GetParam().least);
  std::set<std::string> names;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(names.insert(row.name).second) << "a name for two rows";
    resetAllocationPeak();
    const double start = processorSeconds();
    const Result<void> result = row.read();
    EXPECT_LT(processorSeconds() - start, 1);
    EXPECT_LT(allocationPeak(), size_t(256) << 20);
    if (row.says.empty()) {
      EXPECT_TRUE(result) << result.error().what;
      continue;
    }
    if (result) {
      ADD_FAILURE() << "was accepted";
      continue;
    }
    const std::string& what = result.error().what;
    EXPECT_NE(what.find(row.says), std::string::npos) << what;
    EXPECT_LT(what.size(), 600u) << what;
    for (const unsigned char c : what) EXPECT_TRUE(c >= 0x20 && c != 0x7f) << what;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Hostile, testing::ValuesIn(kTables), [](const auto& table) { return table.param.name; });

TEST(HostileTable, holdsTheReferencesCasesAndSixScoreMore) {
  size_t more = 0;
  for (const Table& table : kTables) {
    if (table.rows != referenceRows) more += table.rows().size();
  }
  EXPECT_EQ(referenceRows().size(), 34u);
  EXPECT_GE(more, 120u);
  std::printf("34 and %zu more\n", more);
}

// What the field's parsers were reported for; each report has a row.
TEST(HostileTable, everyReportHasARow) {
  std::string names;
  for (const Table& table : kTables) {
    for (const Row& row : table.rows()) names += row.name + "\n";
  }
  for (const char* report : {"CVE-2025-53630",     "CVE-2026-27940",  "CVE-2026-33298",  "GHSA-vgg9-87g3-85w8",
                             "llama.cpp 26318",    "llama.cpp 24263", "llama.cpp 24997", "ggml 1516",
                             "CVE-2025-49847",     "llama.cpp 25969", "llama.cpp 25508", "llama.cpp 25821",
                             "llama.cpp 28345",    "llama.cpp 2247",  "CVE-2026-7482",   "CVE-2024-39720",
                             "CVE-2025-0317",      "CVE-2024-12055",  "CVE-2024-8063",   "ollama 17042",
                             "mlx 3363",           "mlx 3409",        "LiteRT 9254",     "fastllm 712",
                             "audio.cpp 138",      "imp 1603",        "100 k entries",   "sentencepiece 1263",
                             "sentencepiece 1269", "tokenizers 2060", "CVE-2024-34359",  "CVE-2026-5760",
                             "CVE-2024-56326",     "minja 92",        "haystack 9402",   "llama.cpp 19085",
                             "weight_map"}) {
    EXPECT_NE(names.find(report), std::string::npos) << report;
  }
}

}  // namespace
}  // namespace lemma::test
