#include "runtime/model/gguf.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "runtime/model/byte_reader.h"

namespace paretune {
namespace {

// More than any model has; they keep a lying count from costing time and memory.
constexpr std::uint64_t kMaxTensors = 1 << 16;
constexpr std::uint64_t kMaxPairs = 1 << 16;
constexpr std::uint64_t kMaxKeyBytes = 65535;      // gguf.md
constexpr std::uint64_t kMaxTensorNameBytes = 63;  // GGML_MAX_NAME with its NUL
constexpr std::uint64_t kMaxStringBytes = 1 << 30;
constexpr std::uint64_t kMaxArrayLength = 1 << 30;
constexpr std::uint64_t kMaxDims = 4;
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint64_t kMaxAlignment = 1 << 20;

using namespace GgufType;

std::string read_string(ByteReader& in, const std::string& what, std::uint64_t max_bytes) {
  const auto n = in.read<std::uint64_t>("the length of " + what);
  if (n > max_bytes) {
    in.fail(what + " is " + std::to_string(n) +
            " bytes long; allowed: " + std::to_string(max_bytes));
  }
  const auto bytes = in.take(n, what);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string read_name(ByteReader& in, const std::string& what, std::uint64_t max_bytes) {
  std::string name = read_string(in, what, max_bytes);
  if (name.empty()) in.fail(what + " is empty");
  if (name.find('\0') != std::string::npos) in.fail(what + " " + in_quotes(name) + " holds a NUL");
  return name;
}

bool read_bool(ByteReader& in, const std::string& what) {
  const auto value = in.read<std::uint8_t>(what);
  if (value > 1) in.fail(what + " is the boolean " + std::to_string(value) + "; allowed: 0, 1");
  return value == 1;
}

// Reads an array of n values of Stored, widened to Wide.
template <class Stored, class Wide>
std::vector<Wide> read_numbers(ByteReader& in, const std::string& what, std::uint64_t n) {
  const auto bytes = in.take(n * sizeof(Stored), what);  // n <= 2^30
  std::vector<Wide> values(n);
  for (std::size_t i = 0; i < n; ++i) {
    Stored value;
    std::memcpy(&value, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = value;
  }
  return values;
}

GgufValue read_array(ByteReader& in, const std::string& what) {
  const auto type = in.read<std::uint32_t>("the element type of " + what);
  const auto n = in.read<std::uint64_t>("the length of " + what);
  if (n > kMaxArrayLength) {
    in.fail(what + " has " + std::to_string(n) +
            " elements; allowed: " + std::to_string(kMaxArrayLength));
  }
  switch (type) {
    case u8:
      return read_numbers<std::uint8_t, std::uint64_t>(in, what, n);
    case u16:
      return read_numbers<std::uint16_t, std::uint64_t>(in, what, n);
    case u32:
      return read_numbers<std::uint32_t, std::uint64_t>(in, what, n);
    case u64:
      return read_numbers<std::uint64_t, std::uint64_t>(in, what, n);
    case i8:
      return read_numbers<std::int8_t, std::int64_t>(in, what, n);
    case i16:
      return read_numbers<std::int16_t, std::int64_t>(in, what, n);
    case i32:
      return read_numbers<std::int32_t, std::int64_t>(in, what, n);
    case i64:
      return read_numbers<std::int64_t, std::int64_t>(in, what, n);
    case f32:
      return read_numbers<float, double>(in, what, n);
    case f64:
      return read_numbers<double, double>(in, what, n);
    case boolean: {
      if (n > in.remaining()) in.take(n, what);
      std::vector<bool> values(n);
      for (std::size_t i = 0; i < n; ++i) values[i] = read_bool(in, what);
      return values;
    }
    case string: {
      // Each string costs at least its length field.
      if (n > in.remaining() / sizeof(std::uint64_t)) in.take(n * sizeof(std::uint64_t), what);
      std::vector<std::string> values;
      values.reserve(n);
      for (std::size_t i = 0; i < n; ++i) {
        values.push_back(read_string(in, "an element of " + what, kMaxStringBytes));
      }
      return values;
    }
    case array:
      in.fail(what + " is an array of arrays, which is not supported");
    default:
      in.fail(what + " has elements of the unknown type " + std::to_string(type) +
              "; known: 0 to 12");
  }
}

GgufValue read_value(ByteReader& in, const std::string& what) {
  const auto type = in.read<std::uint32_t>("the type of " + what);
  switch (type) {
    case u8:
      return std::uint64_t{in.read<std::uint8_t>(what)};
    case u16:
      return std::uint64_t{in.read<std::uint16_t>(what)};
    case u32:
      return std::uint64_t{in.read<std::uint32_t>(what)};
    case u64:
      return in.read<std::uint64_t>(what);
    case i8:
      return std::int64_t{in.read<std::int8_t>(what)};
    case i16:
      return std::int64_t{in.read<std::int16_t>(what)};
    case i32:
      return std::int64_t{in.read<std::int32_t>(what)};
    case i64:
      return in.read<std::int64_t>(what);
    case f32:
      return double{in.read<float>(what)};
    case f64:
      return in.read<double>(what);
    case boolean:
      return read_bool(in, what);
    case string:
      return read_string(in, what, kMaxStringBytes);
    case array:
      return read_array(in, what);
    default:
      in.fail(what + " has the unknown type " + std::to_string(type) + "; known: 0 to 12");
  }
}

// A tensor as its header describes it, its bytes not yet located.
struct TensorHeader {
  std::string name;
  FileTensor tensor;
  std::uint64_t offset;
  std::uint64_t bytes;
};

TensorHeader read_tensor_header(ByteReader& in) {
  TensorHeader header{};
  FileTensor& tensor = header.tensor;
  header.name = read_name(in, "a tensor name", kMaxTensorNameBytes);
  const std::string what = "tensor " + in_quotes(header.name);
  const auto n_dims = in.read<std::uint32_t>("the number of dimensions of " + what);
  if (n_dims < 1 || n_dims > kMaxDims) {
    in.fail(what + " has " + std::to_string(n_dims) + " dimensions; allowed: 1 to 4");
  }
  std::optional<std::uint64_t> n_values = 1;
  for (std::uint32_t d = 0; d < n_dims; ++d) {
    const auto dim = in.read<std::uint64_t>("a dimension of " + what);
    if (dim == 0) in.fail(what + " has a dimension of 0");
    tensor.dims.insert(tensor.dims.begin(), dim);
    if (n_values) n_values = checked_product(*n_values, dim);
  }
  const auto type_id = in.read<std::uint32_t>("the type of " + what);
  header.offset = in.read<std::uint64_t>("the offset of " + what);
  try {
    tensor.type = &tensor_type_of_gguf(type_id, what);
  } catch (const std::runtime_error& error) {
    in.fail(error.what());
  }
  const TensorType& type = *tensor.type;
  if (tensor.dims.back() % type.block_size != 0) {
    in.fail(what + " has rows of " + std::to_string(tensor.dims.back()) + " values; " +
            std::string(type.name) + " needs a multiple of " + std::to_string(type.block_size));
  }
  const auto bytes =
      n_values ? checked_product(*n_values / type.block_size, type.block_bytes) : std::nullopt;
  if (!bytes) in.fail("the size of " + what + " overflows 64 bits");
  header.bytes = *bytes;
  return header;
}

}  // namespace

Gguf::Gguf(std::span<const std::byte> bytes, std::string name) : name_(std::move(name)) {
  ByteReader in(bytes, name_);
  const auto magic = in.take(4, "the magic of a GGUF file");
  if (std::memcmp(magic.data(), "GGUF", 4) != 0) {
    throw std::runtime_error(name_ + ": is not a GGUF file: it does not begin with 'GGUF'");
  }
  const auto version = in.read<std::uint32_t>("the version");
  if (version != 2 && version != 3) {
    const bool swapped = (version & 0xffff) == 0;
    in.fail("GGUF version " + std::to_string(swapped ? __builtin_bswap32(version) : version) +
            (swapped ? " in big-endian byte order" : "") +
            " is not supported (supported: 2, 3, little-endian)");
  }
  const auto n_tensors = in.read<std::uint64_t>("the number of tensors");
  const auto n_pairs = in.read<std::uint64_t>("the number of metadata pairs");
  if (n_tensors > kMaxTensors) {
    in.fail(std::to_string(n_tensors) + " tensors; allowed: " + std::to_string(kMaxTensors));
  }
  if (n_pairs > kMaxPairs) {
    in.fail(std::to_string(n_pairs) + " metadata pairs; allowed: " + std::to_string(kMaxPairs));
  }

  for (std::uint64_t i = 0; i < n_pairs; ++i) {
    const std::size_t begin = in.position();
    std::string key = read_name(in, "a metadata key", kMaxKeyBytes);
    GgufValue value = read_value(in, in_quotes(key));
    if (metadata_.contains(key)) in.fail("the key " + in_quotes(key) + " appears twice");
    const auto kept = metadata_.emplace(std::move(key), std::move(value)).first;
    pairs_.push_back({kept->first, bytes.subspan(begin, in.position() - begin)});
  }

  std::vector<TensorHeader> headers;
  for (std::uint64_t i = 0; i < n_tensors; ++i) headers.push_back(read_tensor_header(in));
  if (headers.empty()) return;  // vocabulary only

  const auto alignment =
      static_cast<std::uint64_t>(find_int("general.alignment").value_or(kDefaultAlignment));
  if (!std::has_single_bit(alignment) || alignment > kMaxAlignment) {
    in.fail("'general.alignment' is " + std::to_string(static_cast<std::int64_t>(alignment)) +
            "; allowed: a power of two up to " + std::to_string(kMaxAlignment));
  }
  const auto padding = [&](std::uint64_t size) {
    return (alignment - size % alignment) % alignment;
  };
  in.take(padding(in.position()), "the padding before the tensors");
  // ggml writes tensors in order and without holes, and refuses anything else; so nothing can
  // overlap.
  std::uint64_t offset = 0;
  for (TensorHeader& header : headers) {
    const std::string what = "tensor " + in_quotes(header.name);
    if (header.offset != offset) {
      in.fail(what + " has offset " + std::to_string(header.offset) + "; expected " +
              std::to_string(offset));
    }
    header.tensor.data = in.take(header.bytes, what);
    // The last tensor's padding may be missing.
    const auto pad = std::min<std::uint64_t>(padding(header.bytes), in.remaining());
    in.take(pad, "padding");
    offset += header.bytes + pad;
    if (tensors_.contains(header.name)) in.fail(what + " appears twice");
    tensors_.emplace(std::move(header.name), std::move(header.tensor));
  }
}

}  // namespace paretune
