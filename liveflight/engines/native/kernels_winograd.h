/* Convolve 3x3 by Winograd's minimal filtering with tiles of 4x4: see engines/winograd.py. */

#pragma once

#include "kernels_convolve.h"

/* The transforms of N inputs and to M outputs, of vectors that are `by` apart. */
enum { N = 6, M = 4 };

INLINE void inward(const vec *d, vec *t, int by) {
    vec d0 = d[0], d1 = d[by], d2 = d[2 * by], d3 = d[3 * by], d4 = d[4 * by], d5 = d[5 * by];
    vec a = d4 - 4 * d2, b = d3 - 4 * d1, c = d4 - d2, e = 2 * (d3 - d1);
    t[0] = 4 * d0 - 5 * d2 + d4;
    t[by] = a + b, t[2 * by] = a - b;
    t[3 * by] = c + e, t[4 * by] = c - e;
    t[5 * by] = 4 * d1 - 5 * d3 + d5;
}

INLINE void outward(const vec *m, vec *y, int by) {
    vec a = m[by] + m[2 * by], b = m[by] - m[2 * by];
    vec c = m[3 * by] + m[4 * by], d = m[3 * by] - m[4 * by];
    y[0] = m[0] + a + c, y[by] = b + 2 * d;
    y[2 * by] = a + 4 * c, y[3 * by] = b + 8 * d + m[5 * by];
}

/* Load and transform tiles of the input to (N * N, count, depth). */
INLINE void load_tiles(const op *op, const float *memory, const int64_t tiles[2], float *to) {
    int64_t across = (op->columns + M - 1) / M, count = tiles[1] - tiles[0];
    for (int64_t t = tiles[0]; t < tiles[1]; t++, to += op->depth) {
        const float *in = memory + op->in.offset + t / across * M * op->in.row
                          + t % across * M * op->in.pixel;
        for (int64_t c = 0; c < op->depth; c += LANES) {
            vec d[N * N], half[N * N];
            UNROLL for (int j = 0; j < N; j++) {
                UNROLL for (int i = 0; i < N; i++)
                    d[i * N + j] = load(in + i * op->in.row + j * op->in.pixel + c);
                inward(d + j, half + j, N);
            }
            UNROLL for (int i = 0; i < N; i++) {
                inward(half + i * N, d + i * N, 1);
                UNROLL for (int j = 0; j < N; j++)
                    store(to + (i * N + j) * count * op->depth + c, d[i * N + j]);
            }
        }
    }
}

/* Transform (N * N, count, channels) back and store it as tiles of the output. */
INLINE void store_tiles(const op *op, float *memory, const int64_t tiles[2], const float *from) {
    int64_t across = (op->columns + M - 1) / M, count = tiles[1] - tiles[0];
    for (int64_t t = tiles[0]; t < tiles[1]; t++, from += op->channels) {
        int64_t row = t / across * M, column = t % across * M;
        float *out = memory + op->out.offset + row * op->out.row + column * op->out.pixel;
        const float *add = memory + op->add.offset + row * op->add.row + column * op->add.pixel;
        for (int64_t c = 0; c < op->channels; c += LANES) {
            vec m[N * N], half[M * N], y[M * N];
            vec bias = op->bias ? load(op->bias + c) : (vec){0};
            UNROLL for (int j = 0; j < N; j++) {
                UNROLL for (int i = 0; i < N; i++)
                    m[i * N + j] = load(from + (i * N + j) * count * op->channels + c);
                outward(m + j, half + j, N);
            }
            UNROLL for (int i = 0; i < M; i++) outward(half + i * N, y + i * N, 1);
            for (int i = 0; i < least(M, op->rows - row); i++)
                for (int j = 0; j < least(M, op->columns - column); j++)
                    finish(op, out + i * op->out.row + j * op->out.pixel + c, y[i * N + j] + bias,
                           op->add.offset < 0 ? 0
                               : add + i * op->add.row + j * op->add.pixel + c);
        }
    }
}

#define MULTIPLIED(name, tile, R, V)                                                               \
    INLINE void name(const op *op, int64_t count, const float *in, const float *weight,            \
                     float *out) {                                                                 \
        for (int64_t p = 0; p < count; p += R) {                                                   \
            const float *at[R];                                                                    \
            for (int r = 0; r < R; r++) at[r] = in + least(p + r, count - 1) * op->depth;          \
            vec sums[R][V];                                                                        \
            tile(at, weight, op, sums);                                                            \
            for (int r = 0; r < least(R, count - p); r++) UNROLL for (int v = 0; v < V; v++)       \
                store(out + (p + r) * op->channels + v * LANES, sums[r][v]);                       \
        }                                                                                          \
    }
MULTIPLIED(multiplied_wide, tile_wide, 6, 2)
MULTIPLIED(multiplied_narrow, tile_narrow, 12, 1)

/* Convolve. weight: N * N times that of a 1x1 convolution, see `convolve`. */
static void winograd(const op *given, float *memory, float *scratch, int64_t task) {
    const op own = *given, *op = &own; /* a copy that no store can alias */
    int64_t tiles[2], across = (op->columns + M - 1) / M, down = (op->rows + M - 1) / M;
    share(across * down, 6, op->row_blocks, task, tiles);
    int64_t count = tiles[1] - tiles[0];
    float *products = scratch + N * N * count * op->depth;
    load_tiles(op, memory, tiles, scratch);
    for (int64_t n = 0; n < N * N; n++)
        for (int64_t f = 0; f < op->channels; f += PANEL) {
            const float *in = scratch + n * count * op->depth;
            const float *weight = op->weight + (n * op->channels + f) * op->depth;
            float *out = products + n * count * op->channels + f;
            if (op->channels - f >= PANEL) multiplied_wide(op, count, in, weight, out);
            else multiplied_narrow(op, count, in, weight, out);
        }
    store_tiles(op, memory, tiles, products);
}
