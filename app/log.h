// The program's log: XDG_STATE_HOME/lemma/lemma.log, 1 MiB, three old ones kept. Never holds words of a conversation.
// Owner: main(); the functions may be called from any thread. What Qt has to say goes there too.
#pragma once

#include <string>

namespace lemma::app {

// Opens the file and takes over Qt's messages. Without a writable folder everything goes to stderr.
void startLog(const std::string& path);

void logInfo(const std::string& line);
void logWarning(const std::string& line);

}  // namespace lemma::app
