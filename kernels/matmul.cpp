// The catalog of matmul variants and the choice among them.
#include "kernels/matmul.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "kernels/matmul_kernels.h"

namespace paretune {
namespace {

template <const WeightFormat& W>
constexpr MatmulVariant f32(std::string_view family, Isa needs, Run* run) {
  return {family, &W, Activations::f32, needs, f32_rows_bytes, f32_row_bytes, prepare_f32, run};
}

constexpr MatmulVariant bf16(std::string_view family, Isa needs, Run* run) {
  return {family,          &kBf16,         Activations::bf16, needs,
          bf16_rows_bytes, bf16_row_bytes, prepare_bf16,      run};
}

// For CPUs without bf16 instructions: rows are rounded to bf16 and multiplied as the f32 they then
// are, products of two bf16 being exact in f32.
constexpr MatmulVariant bf16_by_f32(std::string_view family, Isa needs, Run* run) {
  return {family,         &kBf16,        Activations::bf16,   needs,
          f32_rows_bytes, f32_row_bytes, prepare_bf16_as_f32, run};
}

template <const WeightFormat& W, PrepareInt8* Quantize>
constexpr MatmulVariant int8(std::string_view family, Isa needs, Run* run) {
  const auto bytes = [](int m, int k) { return int8_rows_bytes(m, k, kGroup<W>); };
  const auto row_bytes = [](int k) { return int8_row_bytes(k, kGroup<W>); };
  const auto prepare = [](const float* x, int, int k, int row_begin, int row_end,
                          std::byte* prepared) {
    Quantize(x, k, row_begin, row_end, prepared, kGroup<W>, 0);
  };
  const auto prepare_static = [](const float* x, int k, int row_begin, int row_end, float reach,
                                 std::byte* prepared) {
    Quantize(x, k, row_begin, row_end, prepared, kGroup<W>, reach);
  };
  return {family, &W, Activations::int8, needs, bytes, row_bytes, prepare, run, prepare_static};
}

// What every format of integer codes has, but the reference.
template <const WeightFormat& W>
constexpr std::array kIntegerVariants{
    f32<W>("avx512", Isa::avx512, f32_avx512<W>),
    f32<W>("avx2", Isa::avx2, f32_avx2<W>),
    int8<W, prepare_int8_avx512>("vnni", Isa::avx512_vnni, int8_vnni<W>),
    int8<W, prepare_int8_avx2>("avx2", Isa::avx2, int8_avx2<W>),
};
template <const WeightFormat& W>
constexpr std::array kScalarVariants{
    f32<W>("scalar", Isa::baseline, f32_scalar<W>),
    int8<W, prepare_int8_scalar>("scalar", Isa::baseline, int8_scalar<W>),
};

// Only to be measured (matmul_onednn.cpp). Instructions older than VNNI would saturate.
#ifdef PARETUNE_ONEDNN
constexpr std::array kOneDnnVariants{
    int8<kInt8, prepare_int8_avx512>("onednn", Isa::avx512_vnni, int8_onednn)};
#else
constexpr std::array<MatmulVariant, 0> kOneDnnVariants{};
#endif

// Of those whose values are products of integers and scales, so that AMX tiles can hold them.
template <const WeightFormat& W>
constexpr std::array kTileVariants{int8<W, prepare_int8_avx512>("amx", Isa::amx_int8, int8_amx<W>)};

constexpr std::array kFloatVariants{
    f32<kF32>("avx512", Isa::avx512, f32_avx512<kF32>),
    f32<kF32>("avx2", Isa::avx2, f32_avx2<kF32>),
    f32<kF32>("openblas", Isa::baseline, f32_openblas),
#ifdef PARETUNE_ONEDNN
    f32<kF32>("onednn", Isa::baseline, f32_onednn),
#endif
    f32<kF32>("scalar", Isa::baseline, f32_scalar<kF32>),

    f32<kBf16>("avx512", Isa::avx512, f32_avx512<kBf16>),
    f32<kBf16>("avx2", Isa::avx2, f32_avx2<kBf16>),
    f32<kBf16>("scalar", Isa::baseline, f32_scalar<kBf16>),

    bf16("amx", Isa::amx_bf16, bf16_amx),
    bf16("avx512", Isa::avx512_bf16, bf16_avx512),
    bf16_by_f32("avx2", Isa::avx2, f32_avx2<kBf16>),
    bf16("scalar", Isa::baseline, bf16_scalar),
};

template <std::size_t... Sizes>
constexpr auto joined(const std::array<MatmulVariant, Sizes>&... parts) {
  std::array<MatmulVariant, (Sizes + ...)> all{};
  auto* to = all.begin();
  ((to = std::copy(parts.begin(), parts.end(), to)), ...);
  return all;
}

template <const WeightFormat& W>
constexpr std::array kGridVariants = joined(kTileVariants<W>, kIntegerVariants<W>,
                                            kScalarVariants<W>);

constexpr std::array kMatmulVariants =
    joined(kFloatVariants, kTileVariants<kInt8>, kIntegerVariants<kInt8>, kOneDnnVariants,
           kScalarVariants<kInt8>, kGridVariants<kInt4G32>, kGridVariants<kInt4G64>,
           kGridVariants<kInt4G128>, kGridVariants<kInt4G256>, kGridVariants<kInt8G32>,
           kGridVariants<kQ6K>, kIntegerVariants<kQ4K>, kScalarVariants<kQ4K>,
           kGridVariants<kInt3G32>, kGridVariants<kInt3G64>, kGridVariants<kInt3G128>,
           kGridVariants<kInt2G32>, kGridVariants<kInt2G64>, kGridVariants<kQ40>,
           kGridVariants<kNf4G64>, kGridVariants<kNf3G64>, kGridVariants<kIq4Nl>);

Activations sensible(const WeightFormat& weights, Activations wanted) {
  if (weights.integer) return wanted == Activations::int8 ? wanted : Activations::f32;
  if (&weights == &kBf16) return wanted == Activations::f32 ? wanted : Activations::bf16;
  return Activations::f32;
}

}  // namespace

std::span<const MatmulVariant> matmul_variants() { return kMatmulVariants; }

const MatmulVariant& resolve_matmul(std::string_view family, const WeightFormat& weights,
                                    Activations activations) {
  const auto wanted = std::ranges::find(kKernelFamilies, family);
  if (wanted == kKernelFamilies.end()) {
    std::string known;
    for (std::string_view f : kKernelFamilies)
      known += (known.empty() ? "" : ", ") + std::string(f);
    throw std::runtime_error("unknown kernel family \"" + std::string(family) +
                             "\"; known: " + known);
  }
  activations = sensible(weights, activations);

  const MatmulVariant* first = nullptr;             // that runs here, whatever its family
  for (const MatmulVariant& v : kMatmulVariants) {  // in the order of kKernelFamilies
    if (v.weights != &weights || v.activations != activations || !cpu_has(v.needs)) continue;
    const bool asked = v.family == family || v.family != kKernelFamilies.back();
    if (asked && std::ranges::find(kKernelFamilies, v.family) >= wanted) return v;
    if (!first) first = &v;
  }
  return *first;  // never null: scalar is a row of every (weights, activations)
}

}  // namespace paretune
