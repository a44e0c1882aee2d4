/* Types, vectors and helpers that all parts of kernels.c use. */

#pragma once

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
#define PANEL (2 * LANES)
#define LINE 16              /* floats of a cache line */
#define CHANNELS (8 * PANEL) /* channels of a depthwise convolution that are done at a time */
#define CACHED 24576         /* floats of weights that stay in a core's own cache */

#define INLINE static inline __attribute__((always_inline))
#define PRAGMA(what) _Pragma(#what)
#if defined(__clang__)
#define UNROLL PRAGMA(unroll)
#else
#define UNROLL PRAGMA(GCC unroll 36)
#endif

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t bits __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

enum { CONVOLVE, DEPTHWISE, WINOGRAD, POOL, UNPOOL, SUM,
       FRAME, LOAD_PICTURE, STORE_GRADIENT, STRIPS, PARTS };
/* From this offset on, a view is in the thread's scratch memory. */
#define SCRATCH (INT64_C(1) << 40)
enum { KEEP, CLAMP, MASK };

typedef struct { /* floats to the first pixel (-1: no view), from row to row, from pixel to pixel */
    int64_t offset, row, pixel;
} view;

typedef struct {
    int64_t kind, row_blocks, column_blocks; /* blocks: tasks that may run at once */
    int64_t rows, columns, channels;         /* of the output */
    view in, out, add;
    const float *weight, *bias;
    int64_t segments, segment, depth; /* input rows of an output, their distance, floats of each */
    int64_t taps, tap;                /* of DEPTHWISE: pixels of each row, their distance */
    int64_t finish;
    double ceiling;
} op;

typedef struct {
    const op *ops;
    int64_t count;
    struct progress *progress;
    float *memory, *scratch;
    const float *picture;
    float *gradient;
} job;

INLINE vec load(const float *from) { return *(const vec *)from; }
INLINE void store(float *to, vec value) { *(vec *)to = value; }
INLINE vec splat(float x) { return x - (vec){0}; }
INLINE vec where(bits which, vec one, vec other) {
    return (vec)((which & (bits)one) | (~which & (bits)other));
}
#if defined(__AVX512F__)
INLINE vec larger(vec one, vec other) { return (vec)_mm512_max_ps((__m512)one, (__m512)other); }
INLINE vec smaller(vec one, vec other) { return (vec)_mm512_min_ps((__m512)one, (__m512)other); }
#elif defined(__AVX__)
INLINE vec larger(vec one, vec other) { return (vec)_mm256_max_ps((__m256)one, (__m256)other); }
INLINE vec smaller(vec one, vec other) { return (vec)_mm256_min_ps((__m256)one, (__m256)other); }
#else
INLINE vec larger(vec one, vec other) { return where(one > other, one, other); }
INLINE vec smaller(vec one, vec other) { return where(one < other, one, other); }
#endif
INLINE int64_t least(int64_t one, int64_t other) { return one < other ? one : other; }

/* The range of one of `blocks` about equal blocks of a total, in multiples of `unit`. */
INLINE void share(int64_t total, int64_t unit, int64_t blocks, int64_t block, int64_t range[2]) {
    int64_t units = (total + unit - 1) / unit;
    range[0] = units * block / blocks * unit;
    range[1] = least(units * (block + 1) / blocks * unit, total);
}

/* Finish a sum and write it: clamp it, or mask a gradient by the activation that it overwrites. */
INLINE void finish(const op *op, float *out, vec sum, const float *add) {
    vec zero = {0};
    if (add) sum += load(add);
    if (op->finish == CLAMP) {
        sum = smaller(larger(sum, zero), splat(op->ceiling));
    } else if (op->finish == MASK) {
        vec made = load(out);
        sum = (vec)((bits)sum & (made > zero) & (made < splat(op->ceiling)));
    }
    store(out, sum);
}
