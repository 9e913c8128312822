// lemma-cli's commands behind one call: reads the command line, runs one command, returns the exit code.
// Owner: main(). One call at a time; takes over SIGINT while it runs. Prints results on stdout, the rest on stderr.
#pragma once

namespace lemma::cli {

// 0 done, 1 the work failed, 2 wrong options or a missing, foreign or broken file, 130 after SIGINT.
int run(int argc, const char* const* argv);

}  // namespace lemma::cli
