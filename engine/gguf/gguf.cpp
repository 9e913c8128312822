#include "engine/gguf/gguf.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "engine/model_file/checked.h"

static_assert(std::endian::native == std::endian::little, "GGUF is read in the machine's own byte order");

namespace lemma {
namespace {

using namespace gguf_limits;

constexpr uint32_t kMagic = 0x46554747;                        // "GGUF"
constexpr uint64_t kLeastKvBytes = 8 + 1 + 4 + 1;              // key of one letter, a one-byte value
constexpr uint64_t kLeastTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;  // name of one letter, one dimension

uint64_t elementBytes(GgufType type) {
  switch (type) {
    case GgufType::u8:
    case GgufType::i8:
    case GgufType::boolean:
      return 1;
    case GgufType::u16:
    case GgufType::i16:
      return 2;
    case GgufType::u32:
    case GgufType::i32:
    case GgufType::f32:
      return 4;
    case GgufType::u64:
    case GgufType::i64:
    case GgufType::f64:
      return 8;
    case GgufType::string:
    case GgufType::array:
      return 0;
  }
  return 0;
}

// Walks the header's bytes; every read is checked against what is left and says what it was after.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}
  uint64_t at() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }

  template <class T>
  Result<T> read(std::string_view what) {
    LEMMA_TRY(raw, take(sizeof(T), what));
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }
  Result<std::span<const std::byte>> take(uint64_t count, std::string_view what) {
    if (count > left()) return fail(Err::truncated, "the file ends inside " + std::string(what));
    const auto part = bytes_.subspan(size_t(at_), size_t(count));
    at_ += count;
    return part;
  }
  Result<std::span<const std::byte>> string(uint64_t most, std::string_view what) {
    LEMMA_TRY(length, read<uint64_t>(what));
    if (length > most) {
      return fail(Err::tooLarge, std::string(what) + " claims " + std::to_string(length) + " bytes, more than the " +
                                     std::to_string(most) + " allowed");
    }
    return take(length, what);
  }

 private:
  std::span<const std::byte> bytes_;
  uint64_t at_ = 0;
};

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<GgufType> readType(Cursor& in, const std::string& where) {
  LEMMA_TRY(raw, in.read<uint32_t>(where));
  if (raw > uint32_t(GgufType::f64)) {
    return fail(Err::badValue, where + " has the value type " + std::to_string(raw) + ", which GGUF does not define");
  }
  return GgufType(raw);
}

Result<void> checkBooleans(std::span<const std::byte> raw, const std::string& where) {
  for (const std::byte b : raw) {
    if (uint8_t(b) > 1) {
      return fail(Err::badValue, where + " holds " + std::to_string(int(b)) + " where true or false is 1 or 0");
    }
  }
  return {};
}

Result<GgufValue> readArray(Cursor& in, const std::string& where) {
  LEMMA_TRY(element, readType(in, where));
  LEMMA_TRY(count, in.read<uint64_t>(where));
  if (element == GgufType::array)
    return fail(Err::unsupported, where + " is an array of arrays, which is not supported");
  if (count > kArrayEntries) {
    return fail(Err::tooLarge, where + " claims " + std::to_string(count) + " entries, more than the " +
                                   std::to_string(kArrayEntries) + " allowed");
  }
  if (element != GgufType::string) {
    LEMMA_TRY(raw, in.take(count * elementBytes(element), where));  // at most 2^27 bytes: cannot overflow
    if (element == GgufType::boolean) LEMMA_CHECK(checkBooleans(raw, where));
    return GgufValue(GgufType::array, element, count, raw);
  }
  if (count > in.left() / 8) return fail(Err::truncated, "the file ends inside " + where);
  Cursor scan = in;
  for (uint64_t i = 0; i < count; ++i) {
    LEMMA_CHECK(scan.string(kStringBytes, where));
  }
  LEMMA_TRY(raw, in.take(scan.at() - in.at(), where));
  return GgufValue(GgufType::array, element, count, raw);
}

Result<GgufValue> readValue(Cursor& in, GgufType type, const std::string& where) {
  if (type == GgufType::array) return readArray(in, where);
  if (type == GgufType::string) {
    LEMMA_TRY(raw, in.string(kStringBytes, where));
    return GgufValue(type, type, 1, raw);
  }
  LEMMA_TRY(raw, in.take(elementBytes(type), where));
  if (type == GgufType::boolean) LEMMA_CHECK(checkBooleans(raw, where));
  return GgufValue(type, type, 1, raw);
}

Result<void> readKeyValues(Cursor& in, uint64_t count, GgufHeader& header) {
  header.kv.reserve(size_t(std::min(count, in.left() / kLeastKvBytes)));
  for (uint64_t i = 0; i < count; ++i) {
    const std::string nth = "key " + std::to_string(i + 1) + " of " + std::to_string(count);
    LEMMA_TRY(rawKey, in.string(kKeyBytes, nth));
    if (rawKey.empty()) return fail(Err::badValue, nth + " has an empty name");
    const std::string where = "the key " + quotedName(text(rawKey));
    LEMMA_TRY(type, readType(in, where));
    LEMMA_TRY(value, readValue(in, type, where));
    header.kv.emplace_back(std::string(text(rawKey)), value);
  }
  return {};
}

Result<void> readAlignment(GgufHeader& header) {
  const GgufValue* value = header.find("general.alignment");
  if (!value) return {};
  if (value->type() != GgufType::u32) {
    return fail(Err::badValue,
                "the key \"general.alignment\" is of type " + std::string(name(value->type())) + ", not u32");
  }
  const uint64_t alignment = *value->asU64();
  if (alignment < kMinAlignment || alignment > kMaxAlignment || !std::has_single_bit(alignment)) {
    return fail(Err::badValue, "the key \"general.alignment\" is " + std::to_string(alignment) +
                                   ", not a power of two from " + std::to_string(kMinAlignment) + " to " +
                                   std::to_string(kMaxAlignment));
  }
  header.alignment = uint32_t(alignment);
  return {};
}

// Shape and type of one tensor; its offset stays relative to the data section until the table's end is known.
Result<ModelTensor> readTensor(Cursor& in, const std::string& nth) {
  LEMMA_TRY(rawName, in.string(kTensorNameBytes, nth));
  if (rawName.empty()) return fail(Err::badValue, nth + " has an empty name");
  ModelTensor tensor;
  tensor.name = text(rawName);
  const std::string where = "the tensor " + quotedName(tensor.name);
  LEMMA_TRY(rank, in.read<uint32_t>(where));
  if (rank < 1 || rank > 4) {
    return fail(Err::badValue, where + " has " + std::to_string(rank) + " dimensions, not 1 to 4");
  }
  tensor.rank = int(rank);
  for (uint32_t i = 0; i < rank; ++i) {
    LEMMA_TRY(ne, in.read<uint64_t>(where));
    if (ne == 0) return fail(Err::badValue, where + " has a dimension of zero");
    if (ne > uint64_t(std::numeric_limits<int64_t>::max())) {
      return fail(Err::tooLarge, where + " has a dimension of " + std::to_string(ne) + ", beyond what a size can be");
    }
    tensor.ne[i] = int64_t(ne);
  }
  LEMMA_TRY(type, in.read<uint32_t>(where));
  LEMMA_TRY(offset, in.read<uint64_t>(where));
  tensor.type = Type(type);
  tensor.offset = offset;
  const TypeInfo* info = isGgufType(tensor.type) ? typeInfo(tensor.type) : nullptr;
  if (!info)
    return fail(Err::unsupported, where + " has the type number " + std::to_string(type) + ", which is not known");

  uint64_t elements = 1;
  for (const int64_t ne : tensor.ne) {
    const auto product = checkedMul(elements, uint64_t(ne));
    if (!product || *product > uint64_t(std::numeric_limits<int64_t>::max())) {
      return fail(Err::tooLarge, where + " has more elements than a size can hold");
    }
    elements = *product;
  }
  if (tensor.ne[0] % info->block != 0) {
    return fail(Err::badValue, where + " has rows of " + std::to_string(tensor.ne[0]) +
                                   " elements, which are not whole " + std::string(info->name) + " blocks");
  }
  const auto row = rowBytes(tensor.type, tensor.ne[0]);
  const auto bytes = row ? checkedMul(*row, elements / uint64_t(tensor.ne[0])) : std::nullopt;
  if (!bytes) return fail(Err::tooLarge, where + " has more bytes than a size can hold");
  tensor.bytes = *bytes;
  return tensor;
}

Result<void> readTensorTable(Cursor& in, uint64_t count, GgufHeader& header) {
  header.tensors.reserve(size_t(std::min(count, in.left() / kLeastTensorBytes)));
  for (uint64_t i = 0; i < count; ++i) {
    LEMMA_TRY(tensor, readTensor(in, "tensor " + std::to_string(i + 1) + " of " + std::to_string(count)));
    header.tensors.push_back(std::move(tensor));
  }
  return {};
}

// Makes offsets absolute and checks that every tensor lies in the file, aligned and apart from the others.
Result<void> placeTensors(GgufHeader& header) {
  if (header.tensors.empty()) {
    header.dataOffset = header.fileBytes;
    return {};
  }
  const auto data = checkedAlignUp(header.headerBytes, header.alignment);
  if (!data || *data > header.fileBytes) return fail(Err::truncated, "the file ends before its tensor data");
  header.dataOffset = *data;
  for (ModelTensor& tensor : header.tensors) {
    const std::string where = "the tensor " + quotedName(tensor.name);
    if (tensor.offset % header.alignment != 0) {
      return fail(Err::badValue, where + " starts at " + std::to_string(tensor.offset) +
                                     ", which is not a multiple of " + std::to_string(header.alignment));
    }
    const auto start = checkedAdd(tensor.offset, header.dataOffset);
    const auto end = start ? checkedAdd(*start, tensor.bytes) : std::nullopt;
    if (!end || *end > header.fileBytes) {
      return fail(Err::truncated,
                  where + " reaches beyond the end of the file (" + std::to_string(header.fileBytes) + " bytes)");
    }
    tensor.offset = *start;
  }
  std::vector<uint32_t> order(header.tensors.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto& tensors = header.tensors;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return tensors[a].offset < tensors[b].offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    const ModelTensor& before = tensors[order[i - 1]];
    const ModelTensor& after = tensors[order[i]];
    if (before.offset + before.bytes > after.offset) {
      return fail(Err::badValue,
                  "the tensors " + quotedName(before.name) + " and " + quotedName(after.name) + " overlap");
    }
  }
  return {};
}

Result<void> checkVersion(uint32_t version) {
  if (version == 2 || version == 3) return {};
  if (version != 0 && (version & 0xffff) == 0) {
    return fail(Err::unsupported, "the file is a big-endian GGUF, which is not supported");
  }
  const Err code = version == 0 ? Err::badValue : Err::unsupported;
  return fail(code, "the file is GGUF version " + std::to_string(version) + "; versions 2 and 3 are supported");
}

}  // namespace

Result<GgufHeader> parseGguf(std::span<const std::byte> bytes, uint64_t fileBytes) {
  Cursor in(bytes);
  LEMMA_TRY(magic, in.read<uint32_t>("the GGUF magic"));
  if (magic != kMagic) return fail(Err::badMagic, "the file is not a GGUF model: it does not start with \"GGUF\"");
  GgufHeader header;
  LEMMA_TRY(version, in.read<uint32_t>("the GGUF version"));
  LEMMA_CHECK(checkVersion(version));
  header.version = version;
  header.fileBytes = fileBytes;
  LEMMA_TRY(tensors, in.read<uint64_t>("the number of tensors"));
  LEMMA_TRY(keyValues, in.read<uint64_t>("the number of keys"));
  if (tensors > kTensors) {
    return fail(Err::tooLarge, "the file claims " + std::to_string(tensors) + " tensors, more than the " +
                                   std::to_string(kTensors) + " allowed");
  }
  if (keyValues > kKeyValues) {
    return fail(Err::tooLarge, "the file claims " + std::to_string(keyValues) + " keys, more than the " +
                                   std::to_string(kKeyValues) + " allowed");
  }
  LEMMA_CHECK(readKeyValues(in, keyValues, header));
  LEMMA_CHECK(header.indexKeys());
  LEMMA_CHECK(readAlignment(header));
  LEMMA_CHECK(readTensorTable(in, tensors, header));
  LEMMA_CHECK(header.indexTensors());
  header.headerBytes = in.at();
  LEMMA_CHECK(placeTensors(header));
  return header;
}

}  // namespace lemma
