#include "engine/park/parked_read.h"

#include <algorithm>

namespace lemma {

std::unique_ptr<ParkedRead> ParkedRead::begin(Parking& parking, Model& model, SeqId seq, std::span<const Token> tokens,
                                              int held) {
  auto stretches = parking.find(tokens, held);
  if (stretches.empty()) return nullptr;
  model.truncate(seq, stretches.front().begin);
  return std::unique_ptr<ParkedRead>(new ParkedRead(parking, model, seq, tokens, std::move(stretches)));
}

ParkedRead::ParkedRead(Parking& parking, Model& model, SeqId seq, std::span<const Token> tokens,
                       std::vector<Parking::Stretch> stretches)
    : parking_(parking),
      model_(model),
      seq_(seq),
      tokens_(tokens.begin(), tokens.end()),
      stretches_(std::move(stretches)),
      page_(parking.shape().pageBytes) {}

// The file may have been written anew since it was found.
Result<void> ParkedRead::open(const Parking::Stretch& stretch) {
  LEMMA_TRY(file, ParkedReader::open(parking_.folder(), stretch.name));
  const ParkedHeader& h = file.header();
  const auto wanted = std::span(tokens_).first(size_t(stretch.end));
  if (h.shape != parking_.shape() || h.first > stretch.begin || h.end() < stretch.end ||
      !std::ranges::equal(wanted, std::span(h.tokens).first(wanted.size()))) {
    return fail(Err::badValue, "it is not what it was");
  }
  file_ = std::move(file);
  return {};
}

bool ParkedRead::readPage(const std::function<bool()>& makeRoom) {
  const Parking::Stretch& stretch = stretches_[at_];
  if (!file_) {
    if (const auto opened = open(stretch); !opened) {
      parking_.reject(stretch.name, opened.error());
      return false;
    }
  }
  const int pageTokens = int(parking_.shape().pageTokens), position = model_.length(seq_);
  if (const auto read = file_->page((position - file_->header().first) / pageTokens, page_); !read) {
    parking_.reject(stretch.name, read.error());
    return false;
  }
  const int tokens = std::min(pageTokens, stretch.end - position);
  Result<void> appended;
  do {
    appended = model_.appendPage(seq_, page_, tokens);
  } while (!appended && appended.error().code == Err::contextFull && makeRoom());
  if (!appended) return false;
  if (position + tokens < stretch.end) return true;
  file_->markUsed();
  file_.reset();
  return ++at_ < stretches_.size();
}

bool ParkedRead::step(std::chrono::milliseconds time, const std::function<bool()>& makeRoom) {
  const auto until = std::chrono::steady_clock::now() + time;
  do {
    if (!readPage(makeRoom)) return false;
  } while (std::chrono::steady_clock::now() < until);
  return true;
}

}  // namespace lemma
