// What attention rounds where the cache's format has its products in integers (KvFormat::a8): a
// query by its largest number, as quantize_int8 does; the weights of a block of keys, each times
// its value's scale, to 0 … 255 by the largest of them. Variants that multiply floats round with
// these.
#pragma once

#include <cstdint>
#include <span>

namespace paretune {

// query: (head_dim), scaled; becomes codes times their scale. codes: as many, overwritten.
void round_query(std::span<float> query, std::span<std::int8_t> codes);

// weights, scales: of one row's keys of a block. weights become what the codes stand for, over the
// scale.
void round_weights(std::span<float> weights, std::span<const float> scales);

}  // namespace paretune
