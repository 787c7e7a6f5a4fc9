// The softmax of attention's blocks with AVX-512. count is a multiple of 16 in both.
#pragma once

#include "kernels/exp_avx.h"
#include "kernels/target.h"

namespace paretune {

struct SoftmaxAvx512 {
  PARETUNE_AVX512 static float maximum(const float* x, int count) {
    __m512 maximum = _mm512_loadu_ps(x);
    for (int i = 16; i < count; i += 16) maximum = _mm512_max_ps(maximum, _mm512_loadu_ps(x + i));
    return _mm512_reduce_max_ps(maximum);
  }

  // x = exp(x - maximum); returns the sum
  PARETUNE_AVX512 static float exponentials(float* x, int count, float maximum) {
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < count; i += 16) {
      const __m512 e = exp_avx512(_mm512_sub_ps(_mm512_loadu_ps(x + i), _mm512_set1_ps(maximum)));
      _mm512_storeu_ps(x + i, e);
      sum = _mm512_add_ps(sum, e);
    }
    return _mm512_reduce_add_ps(sum);
  }
};

}  // namespace paretune
