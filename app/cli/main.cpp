// lemma-cli: the engine from a shell. What it does lies in cli.h and commands/.
#include "app/cli/cli.h"

int main(int argc, char** argv) { return lemma::cli::run(argc, argv); }
