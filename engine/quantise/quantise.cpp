#include "engine/quantise/quantise.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <new>
#include <thread>

#include "engine/gguf/gguf_output.h"
#include "engine/model_file/content_id.h"
#include "engine/quantise/gguf_form.h"
#include "engine/quantise/journal.h"
#include "engine/quantise/output_file.h"

namespace lemma {
namespace {

constexpr int64_t kPieceValues = 1 << 18;  // a worker's bite: 1 MB of floats
constexpr auto kSyncEvery = std::chrono::milliseconds(300);
constexpr auto kTellEvery = std::chrono::milliseconds(100);
// Raised where an encoder or a recipe comes to write other bytes, so that old parts are not gone on with.
constexpr std::string_view kWriterVersion = "lemma-quantise-1";

uint64_t valuesOf(const ModelTensor& t) { return uint64_t(t.ne[0] * t.ne[1] * t.ne[2] * t.ne[3]); }

GgufOutput headerOf(const ModelHeader& from, const QuantiseOptions& options, std::span<const Type> types) {
  GgufOutput out;
  const auto ours = [](std::string_view key) {
    return key == "general.file_type" || key == "general.quantization_version" || key.starts_with("split.") ||
           key.starts_with("quantize.imatrix.");
  };
  for (const auto& [key, value] : from.kv) {
    if (!ours(key)) out.copy(key, value);
  }
  out.u32("general.file_type", options.recipe.fileType);
  out.u32("general.quantization_version", 2);
  if (options.imatrix) {
    out.text("quantize.imatrix.file", options.imatrixName);
    if (!options.imatrix->datasets.empty()) out.text("quantize.imatrix.dataset", options.imatrix->datasets.front());
    out.u32("quantize.imatrix.entries_count", uint32_t(options.imatrix->entries.size()));
    out.u32("quantize.imatrix.chunks_count", options.imatrix->chunks);
  }
  for (size_t i = 0; i < types.size(); ++i) {
    const ModelTensor& t = from.tensors[i];
    out.tensor(t.name, types[i], t.rank, t.ne);
  }
  return out;
}

// One tensor, by all workers together: each takes some rows, decodes, encodes and writes them where they belong.
class TensorWork {
 public:
  TensorWork(const GgufForm& form, const ModelTensor& t, Type to, const Imatrix* imatrix, const OutputFile& file,
             uint64_t offset, const CancelFlag& cancel)
      : form_(form),
        t_(t),
        bytes_(form.bytes(t)),
        from_(*typeInfo(t.type)),
        to_(*typeInfo(to)),
        file_(file),
        offset_(offset),
        cancel_(cancel) {
    const int64_t matrices = t.ne[2] * t.ne[3];
    for (int64_t m = 0; imatrix && to_.encodeBest && m < matrices; ++m) {
      importance_.push_back(imatrix->importance(t.name, m));
    }
    rowsOfPiece_ = std::max<int64_t>(1, kPieceValues / t.ne[0]);
  }

  // Until nothing is left to take. Any thread.
  void work() {
    try {
      takePieces();
    } catch (const std::bad_alloc&) {
      end(Error{Err::outOfMemory, "no memory for rows of the tensor " + quotedName(t_.name)});
    }
  }

  uint64_t valuesDone() const { return valuesDone_; }
  Result<void> result() const { return status_; }  // after all workers have returned

 private:
  void end(Error error) {
    const std::lock_guard lock(mutex_);
    if (status_) status_ = tl::unexpected(std::move(error));
    stopped_ = true;
  }

  void takePieces() {
    std::vector<float> values;
    std::vector<std::byte> blocks;
    const int64_t rows = t_.ne[1] * t_.ne[2] * t_.ne[3];
    while (!stopped_ && !cancel_) {
      const int64_t first = next_.fetch_add(rowsOfPiece_);
      if (first >= rows) return;
      const int64_t count = std::min(rowsOfPiece_, rows - first);
      if (const auto done = piece(first, count, values, blocks); !done) end(done.error());
      valuesDone_ += uint64_t(count * t_.ne[0]);
    }
  }

  Result<void> piece(int64_t first, int64_t count, std::vector<float>& values, std::vector<std::byte>& blocks) {
    const int64_t columns = t_.ne[0];
    const uint64_t rowFrom = *rowBytes(from_.type, columns), rowTo = *rowBytes(to_.type, columns);
    const uint64_t at = offset_ + uint64_t(first) * rowTo;
    const bool made = form_.made(t_);
    const auto raw =
        made ? bytes_ : bytes_.subspan(size_t(uint64_t(first) * rowFrom), size_t(uint64_t(count) * rowFrom));
    if (!made && from_.type == to_.type) return file_.write(at, raw);

    values.resize(size_t(count * columns));
    blocks.resize(size_t(uint64_t(count) * rowTo));
    if (made) {
      form_.rows(t_, first, count, values.data());
    } else {
      from_.decode(raw.data(), values.data(), count * columns);
    }
    for (const float x : values) {
      if (!std::isfinite(x)) {
        return fail(Err::badValue, "the tensor " + quotedName(t_.name) + " holds a number that is not finite");
      }
    }
    for (int64_t r = 0; r < count; ++r) {
      const auto matrix = size_t((first + r) / t_.ne[1]);
      const bool known = matrix < importance_.size() && !importance_[matrix].empty();
      const float* in = values.data() + r * columns;
      std::byte* out = blocks.data() + uint64_t(r) * rowTo;
      if (to_.encodeBest) {
        to_.encodeBest(in, known ? importance_[matrix].data() : nullptr, out, columns);
      } else {
        to_.encode(in, out, columns);
      }
    }
    return file_.write(at, blocks);
  }

  const GgufForm& form_;
  const ModelTensor& t_;
  const std::span<const std::byte> bytes_;
  const TypeInfo &from_, &to_;
  const OutputFile& file_;
  const uint64_t offset_;
  const CancelFlag& cancel_;
  std::vector<std::vector<float>> importance_;  // a matrix each
  int64_t rowsOfPiece_ = 1;
  std::atomic<int64_t> next_{0};
  std::atomic<uint64_t> valuesDone_{0};
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  Result<void> status_;  // by mutex_
};

Result<void> checkImatrix(const ModelHeader& header, const Imatrix& imatrix) {
  for (const ModelTensor& t : header.tensors) {
    const auto it = imatrix.entries.find(t.name);
    if (it == imatrix.entries.end()) continue;
    const Imatrix::Entry& e = it->second;
    if (e.columns != t.ne[0] || int64_t(e.counts.size()) != t.ne[2] * t.ne[3]) {
      return fail(Err::badValue, "the importance matrix has " + std::to_string(e.counts.size()) + " x " +
                                     std::to_string(e.columns) + " columns for the tensor " + quotedName(t.name) +
                                     ", which has " + std::to_string(t.ne[2] * t.ne[3]) + " x " +
                                     std::to_string(t.ne[0]));
    }
  }
  return {};
}

// What the work is: another source, another header or other importances make other files.
std::string workId(const ModelFile& source, const QuantiseOptions& options, std::span<const std::byte> header) {
  std::string all(kWriterVersion);
  all += source.id;
  all.append(reinterpret_cast<const char*>(header.data()), header.size());
  const auto numbers = [&](std::span<const float> v) {
    all.append(reinterpret_cast<const char*>(v.data()), v.size_bytes());
  };
  if (options.imatrix) {
    for (const auto& [name, entry] : options.imatrix->entries) {
      all += name;
      numbers(entry.sums);
      numbers(entry.counts);
    }
  }
  return hashOf(all);
}

class Quantising {
 public:
  Quantising(const ModelFile& source, const GgufForm& form, const std::string& out, const QuantiseOptions& options,
             const std::function<void(const QuantiseProgress&)>& progress, const CancelFlag& cancel)
      : source_(source),
        form_(form),
        header_(form.header()),
        out_(out),
        options_(options),
        progress_(progress),
        cancel_(cancel) {}

  Result<Quantised> run() {
    LEMMA_TRY(types, chooseTypes(header_, options_.recipe, options_.rules));
    if (options_.imatrix) LEMMA_CHECK(checkImatrix(header_, *options_.imatrix));
    for (const ModelTensor& t : header_.tensors) told_.total += valuesOf(t);
    const GgufOutput::Layout layout =
        headerOf(header_, options_, types).layout(uint32_t(header_.u64Or("general.alignment", 32).value_or(32)));
    for (size_t i = 0; i < types.size(); ++i) {
      const ModelTensor& t = header_.tensors[i];
      report_.tensors.push_back({t.name, t.type, types[i], t.bytes, layout.bytes[i]});
    }
    report_.bytesFrom = source_.bytes;
    report_.bytesTo = layout.fileBytes;

    const std::string work = workId(source_, options_, layout.header);
    uint64_t complete = Journal::completeTensors(out_, work, types.size());
    LEMMA_TRY(file, OutputFile::open(out_, complete > 0));
    if (complete > 0 && file.size() < end(layout, complete)) complete = 0;
    LEMMA_CHECK(file.resize(complete > 0 ? end(layout, complete) : 0));
    if (complete == 0) LEMMA_CHECK(file.write(0, layout.header));
    LEMMA_TRY(journal, Journal::start(out_, work, complete));
    report_.resumedTensors = complete;
    for (size_t i = 0; i < complete; ++i) told_.done += valuesOf(header_.tensors[i]);
    told_.resumed = told_.done;

    auto synced = std::chrono::steady_clock::now();
    for (size_t i = complete; i < types.size(); ++i) {
      told_.tensor = &report_.tensors[i];
      const auto done = tensor(i, types[i], file, layout.offsets[i]);
      const auto now = std::chrono::steady_clock::now();
      if (!done || now - synced > kSyncEvery) {
        LEMMA_CHECK(file.sync());
        LEMMA_CHECK(journal.complete(i + (done ? 1 : 0)));
        synced = now;
      }
      if (!done) return tl::unexpected(done.error());
    }
    LEMMA_CHECK(file.resize(layout.fileBytes));
    LEMMA_CHECK(file.finish());
    journal.remove();
    return std::move(report_);
  }

 private:
  static uint64_t end(const GgufOutput::Layout& layout, uint64_t tensors) {
    return layout.offsets[tensors - 1] + layout.bytes[tensors - 1];
  }

  Result<void> tensor(size_t i, Type to, const OutputFile& file, uint64_t offset) {
    const ModelTensor& t = header_.tensors[i];
    if (!form_.made(t) && form_.bytes(t).size() < t.bytes) {
      return fail(Err::truncated, "the tensor " + quotedName(t.name) + " goes beyond the end of the file");
    }
    TensorWork work(form_, t, to, options_.imatrix, file, offset, cancel_);
    std::atomic<int> running{std::max(1, options_.threads)};
    std::vector<std::jthread> workers;
    for (int w = running; w > 0; --w) {
      workers.emplace_back([&] {
        work.work();
        --running;
      });
    }
    const uint64_t before = told_.done;
    auto next = std::chrono::steady_clock::now();
    while (running > 0) {  // looked at, not waited for: progress is told meanwhile
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      if (std::chrono::steady_clock::now() < next) continue;
      next += kTellEvery;
      told_.done = before + work.valuesDone();
      if (progress_) progress_(told_);
    }
    workers.clear();
    told_.done = before + valuesOf(t);
    if (progress_) progress_(told_);
    if (cancel_) return fail(Err::cancelled, "quantising was cancelled");
    LEMMA_CHECK(source_.intact());
    return work.result();
  }

  const ModelFile& source_;
  const GgufForm& form_;
  const ModelHeader& header_;
  const std::string out_;
  const QuantiseOptions& options_;
  const std::function<void(const QuantiseProgress&)>& progress_;
  const CancelFlag& cancel_;
  QuantiseProgress told_;
  Quantised report_;
};

}  // namespace

Result<Quantised> quantise(const ModelFile& file, const std::string& out, const QuantiseOptions& options,
                           const std::function<void(const QuantiseProgress&)>& progress, const CancelFlag& cancel) {
  LEMMA_TRY(form, GgufForm::of(file));
  if (form->header().tensors.empty()) return fail(Err::badValue, "the model holds no tensors");
  return Quantising(file, *form, out, options, progress, cancel).run();
}

}  // namespace lemma
