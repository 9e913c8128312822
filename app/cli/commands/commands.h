// The commands of lemma-cli: each add...() puts one on the command line, with its options and what runs when it is
// chosen. One command = one file here. Main thread.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace lemma::cli {

struct CommandLine {
  CLI::App app;
  std::function<int()> chosen;  // set by parsing; returns the exit code
};

void addAsk(CommandLine& line);
void addChat(CommandLine& line);
void addInspect(CommandLine& line);
void addTokenize(CommandLine& line);
void addDetokenize(CommandLine& line);
void addRender(CommandLine& line);
void addLogits(CommandLine& line);
void addBench(CommandLine& line);
void addPerplexity(CommandLine& line);
void addImatrix(CommandLine& line);
void addQuantize(CommandLine& line);

}  // namespace lemma::cli
