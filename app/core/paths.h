// Where Lemma keeps what: the XDG base directories, read once at the start. Plain values, any thread.
// https://specifications.freedesktop.org/basedir-spec : a relative path in a variable counts as unset.
#pragma once

#include <string>

#include "engine/api/types.h"

namespace lemma::app {

struct Paths {
  std::string data;     // conversations and models: $XDG_DATA_HOME/lemma
  std::string state;    // logs: $XDG_STATE_HOME/lemma
  std::string cache;    // what can be made again: $XDG_CACHE_HOME/lemma
  std::string runtime;  // sockets: $XDG_RUNTIME_DIR, else the data folder
  std::string database() const { return data + "/lemma.db"; }
  std::string lock() const { return data + "/lemma.lock"; }
  std::string parked() const { return cache + "/parked"; }  // conversations' caches; lemma-cli has the same
  std::string defaultModel() const;
  std::string log() const { return state + "/lemma.log"; }
};

// From the environment; touches nothing on the disk.
Paths pathsFromEnvironment();

// Makes the data and state folders, readable by this person only.
Result<void> makeFolders(const Paths& paths);

}  // namespace lemma::app
