// The folder of parked conversations: names, sizes, who goes first when room is needed, and removal. Other programs of
// the same person may work in it at the same time, so a file may be gone at any time. Nothing but files with our names
// is ever touched. Functions of the file system, any thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/park/parked_file.h"

namespace lemma {

struct ParkedFile {
  std::string name;
  uint64_t bytes = 0;
  int64_t usedNs = 0;  // when it was written or read last
};

// Made where it is not there; readable by this person only.
Result<void> makeParkedFolder(const std::string& folder);

// "<identity>-<stretch>-<conversation>.kv", 16 hexadecimal digits each.
std::string parkedName(const CacheShape& shape, std::span<const Token> tokens, int first,
                       std::string_view conversation);
bool isOfShape(const std::string& name, const CacheShape& shape);
bool isOfConversation(const std::string& name, std::string_view conversation);

// Our files, the one that was used longest ago first. What was begun an hour ago and never finished is removed.
std::vector<ParkedFile> listParked(const std::string& folder);
void removeParked(const std::string& folder, const std::string& name);
// All of them; those of one conversation. The conversation's name is the one in ChatRequest.
void clearParked(const std::string& folder);
void forgetParked(const std::string& folder, std::string_view conversation);

// A file that is open for reading, its header checked.
class ParkedReader {
 public:
  // Err::notFound where there is no such file (any more).
  static Result<ParkedReader> open(const std::string& folder, const std::string& name);
  ParkedReader(ParkedReader&& other) noexcept;
  ParkedReader& operator=(ParkedReader&& other) noexcept;
  ~ParkedReader();

  const ParkedHeader& header() const { return header_; }
  // Page `index` of the file, its checksum compared.
  Result<void> page(int index, std::span<std::byte> out) const;
  void markUsed() const;

 private:
  ParkedReader(int handle) : handle_(handle) {}
  int handle_ = -1;
  ParkedHeader header_;
};

// Writes under a temporary name, then renames. `goesOn` is asked between pieces; Err::cancelled where it says no.
Result<void> writeParked(const std::string& folder, const std::string& name, std::span<const std::byte> header,
                         std::span<const std::byte> pages, const std::function<bool()>& goesOn);

// What the folder's disk has left for this person.
uint64_t bytesFree(const std::string& folder);

}  // namespace lemma
