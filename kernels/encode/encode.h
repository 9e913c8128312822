// Writers that search for the block of least error, sum of importance[i] * (in[i] - decoded[i])^2. `importance` has one
// number a column, none negative, or is null where all columns count the same. `n` values are whole blocks; what is not
// finite is written as 0 or the largest float. Pure functions, any thread; the same bytes on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lemma::encode {

using Encoder = void(const float* in, const float* importance, std::byte* blocks, int64_t n);

// blocks_of_32.cpp: one scale, or a scale and a minimum, in half precision.
Encoder q4_0, q4_1, q5_0, q5_1, iq4_nl;
// symmetric.cpp: blocks of 256 in groups that have a scale each.
Encoder q3_k, q6_k, iq4_xs;
// affine.cpp: groups that have a scale and a minimum each.
Encoder q2_k, q4_k, q5_k;
// code_books.cpp: points of a code book.
Encoder iq2_xxs, iq2_xs, iq2_s, iq3_xxs, iq3_s;
// fp4.cpp
Encoder nvfp4;

}  // namespace lemma::encode
