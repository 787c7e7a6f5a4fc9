#include "runtime/model/safetensors.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/model/byte_reader.h"
#include "runtime/model/json_text.h"

namespace paretune {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // as the Rust implementation
constexpr std::size_t kMostDims = 4;

struct Entry {
  std::string name;
  FileTensor tensor;
  std::uint64_t begin;
  std::uint64_t end;
};

std::vector<std::uint64_t> read_sizes(const JsonReader& reader, const char* key) {
  const nlohmann::json* list = reader.find(key);
  if (!list || !list->is_array()) reader.fail("$." + std::string(key) + " must be an array");
  std::vector<std::uint64_t> sizes;
  for (const nlohmann::json& item : *list) {
    if (!item.is_number_unsigned())
      reader.fail("$." + std::string(key) + " must hold whole numbers of at least 0");
    sizes.push_back(item.get<std::uint64_t>());
  }
  return sizes;
}

Entry read_entry(const std::string& name, const nlohmann::json& description,
                 const std::string& file) {
  const std::string where = file + ": tensor " + in_quotes(name);
  if (!description.is_object()) throw std::runtime_error(where + ": must be a JSON object");
  const JsonReader reader(description, where);
  for (const auto& [key, value] : description.items()) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      reader.fail("unknown key " + in_quotes(key) + " (known: dtype, shape, data_offsets)");
    }
  }
  Entry entry{};
  entry.name = name;
  entry.tensor.type = &tensor_type_of_safetensors(reader.get_string("dtype"), where);
  entry.tensor.dims = read_sizes(reader, "shape");
  if (entry.tensor.dims.size() > kMostDims) {
    reader.fail("has " + std::to_string(entry.tensor.dims.size()) + " dimensions; allowed: 0 to 4");
  }
  std::optional<std::uint64_t> bytes = entry.tensor.type->block_bytes;
  for (const std::uint64_t dim : entry.tensor.dims) {
    if (dim == 0) reader.fail("has a dimension of 0");
    if (bytes) bytes = checked_product(*bytes, dim);
  }
  const auto offsets = read_sizes(reader, "data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    reader.fail("$.data_offsets must be [begin, end]");
  entry.begin = offsets[0];
  entry.end = offsets[1];
  if (!bytes || *bytes != entry.end - entry.begin) {
    reader.fail("dtype and shape need " + (bytes ? std::to_string(*bytes) : "over 2^64") +
                " bytes, but data_offsets span " + std::to_string(entry.end - entry.begin));
  }
  return entry;
}

}  // namespace

TensorMap read_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  ByteReader in(bytes, name);
  const auto header_bytes = in.read<std::uint64_t>("the header's length");
  if (header_bytes > kMaxHeaderBytes) {
    in.fail("the header is " + std::to_string(header_bytes) +
            " bytes long; allowed: " + std::to_string(kMaxHeaderBytes));
  }
  const auto header = in.take(header_bytes, "the header");
  const std::string_view text(reinterpret_cast<const char*>(header.data()), header.size());
  if (!text.starts_with('{')) in.fail("the header must begin with '{'");
  const nlohmann::json descriptions = parse_json_object(text, name);
  const auto data = in.take(in.remaining(), "the tensors");

  std::vector<Entry> entries;
  for (const auto& [tensor, description] : descriptions.items()) {
    if (tensor != "__metadata__") entries.push_back(read_entry(tensor, description, name));
  }
  std::ranges::sort(entries, {}, &Entry::begin);
  std::uint64_t position = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != position || entry.end > data.size()) {
      throw std::runtime_error(name + ": tensor " + in_quotes(entry.name) + " spans bytes " +
                               std::to_string(entry.begin) + " to " + std::to_string(entry.end) +
                               "; expected a begin of " + std::to_string(position) +
                               " and an end of at most " + std::to_string(data.size()));
    }
    position = entry.end;
  }
  if (position != data.size()) {
    throw std::runtime_error(name + ": the tensors end at byte " + std::to_string(position) +
                             ", but there are " + std::to_string(data.size()) + " bytes");
  }

  TensorMap tensors;
  for (Entry& entry : entries) {
    entry.tensor.data = data.subspan(entry.begin, entry.end - entry.begin);
    tensors.emplace(std::move(entry.name), std::move(entry.tensor));
  }
  return tensors;
}

}  // namespace paretune
