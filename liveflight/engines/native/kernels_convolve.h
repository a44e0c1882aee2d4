/* Convolve as a matrix product, or each channel by itself (depthwise). */

#pragma once

#include "kernels_base.h"

/* Multiply R pixels with V vectors of filters and keep the sums in registers: the inner loop of a
   matrix product after Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication",
   2008. */
#define TILE(name, R, V)                                                                           \
    INLINE void name(const float *const *at, const float *weight, const op *op, vec (*sums)[V]) {  \
        vec sum[R][V];                                                                             \
        UNROLL for (int r = 0; r < R; r++) UNROLL for (int v = 0; v < V; v++) sum[r][v] = (vec){0};\
        for (int64_t s = 0; s < op->segments; s++) {                                               \
            const float *row[R];                                                                   \
            UNROLL for (int r = 0; r < R; r++) row[r] = at[r] + s * op->segment;                   \
            for (int64_t k = 0; k < op->depth; k++, weight += V * LANES) {                         \
                vec w[V];                                                                          \
                UNROLL for (int v = 0; v < V; v++) w[v] = load(weight + v * LANES);                \
                UNROLL for (int r = 0; r < R; r++) UNROLL for (int v = 0; v < V; v++)              \
                    sum[r][v] += splat(row[r][k]) * w[v];                                          \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int r = 0; r < R; r++)                                                         \
            UNROLL for (int v = 0; v < V; v++) sums[r][v] = sum[r][v];                             \
    }
TILE(tile_wide, 6, 2)
TILE(tile_narrow, 12, 1)

/* Convolve some pixels with some filters, R pixels by V vectors at a time. */
#define CONVOLVED(name, tile, R, V)                                                                \
    INLINE void name(const op *op, float *memory, const int64_t pixels[2], int64_t begin,          \
                     int64_t end) {                                                                \
        int64_t deep = op->segments * op->depth;                                                   \
        int64_t row = pixels[0] / op->columns, column = pixels[0] % op->columns;                   \
        for (int64_t p = pixels[0]; p < pixels[1]; p += R) {                                       \
            const float *at[R], *add[R];                                                           \
            float *out[R];                                                                         \
            UNROLL for (int r = 0; r < R; r++) {                                                   \
                at[r] = memory + op->in.offset + row * op->in.row + column * op->in.pixel;         \
                out[r] = memory + op->out.offset + row * op->out.row + column * op->out.pixel;     \
                add[r] = memory + op->add.offset + row * op->add.row + column * op->add.pixel;     \
                if (p + r + 1 < pixels[1] && ++column == op->columns) column = 0, row++;           \
            }                                                                                      \
            int64_t count = least(R, pixels[1] - p);                                               \
            for (int64_t f = begin; f < end; f += V * LANES) {                                     \
                vec sums[R][V], bias[V];                                                           \
                UNROLL for (int r = 0; r < R; r++)                                                 \
                    UNROLL for (int v = 0; v < V * LANES; v += LINE)                               \
                        __builtin_prefetch(out[r] + f + v, 1);                                     \
                tile(at, op->weight + f * deep, op, sums);                                         \
                UNROLL for (int v = 0; v < V; v++)                                                 \
                    bias[v] = op->bias ? load(op->bias + f + v * LANES) : (vec){0};                \
                UNROLL for (int r = 0; r < R; r++)                                                 \
                    if (r < count) UNROLL for (int v = 0; v < V; v++)                              \
                        finish(op, out[r] + f + v * LANES, sums[r][v] + bias[v],                   \
                               op->add.offset < 0 ? 0 : add[r] + f + v * LANES);                   \
            }                                                                                      \
        }                                                                                          \
    }
CONVOLVED(convolved_wide, tile_wide, 6, 2)
CONVOLVED(convolved_narrow, tile_narrow, 12, 1)

/* Convolve as a matrix product of pixels by filters. weight: by panels of filters, (segments,
   depth, PANEL or the filters that are left). */
static void convolve(const op *given, float *memory, int64_t task) {
    const op own = *given, *op = &own; /* a copy that no store can alias */
    int64_t pixels[2], filters[2], deep = op->segments * op->depth;
    share(op->rows * op->columns, 12, op->row_blocks, task / op->column_blocks, pixels);
    share(op->channels, PANEL, op->column_blocks, task % op->column_blocks, filters);
    int64_t most = CACHED / (deep * PANEL + 1) * PANEL + PANEL, full = filters[1] / PANEL * PANEL;
    for (int64_t f = filters[0]; f < full; f += most)
        convolved_wide(op, memory, pixels, f, least(f + most, full));
    if (full < filters[1]) convolved_narrow(op, memory, pixels, full, filters[1]);
}

#define BESIDE 8 /* pixels at a time; their sums, the TAPS and one input fit into registers */
#define TAPS 5   /* most taps of a row that are known as this is compiled */

/* Convolve `count` pixels beside each other, a vector of channels: each input pixel is read once
   and added to all sums that it is a part of. stride: taps from one output pixel's input to the
   next's; 0 where neither taps nor stride are known as this is compiled. */
INLINE void depthwise_pixels(const op *op, const float *in, float *out, const float *add,
                             const float *weight, vec bias, int count, int64_t taps,
                             int64_t stride) {
    vec sum[BESIDE];
    UNROLL for (int p = 0; p < count; p++) /* the channels after these */
        __builtin_prefetch(out + p * op->out.pixel + PANEL, 1);
    UNROLL for (int p = 0; p < count; p++) sum[p] = bias;
    for (int64_t s = 0; s < op->segments; s++, in += op->segment, weight += taps * op->depth) {
        if (!stride) {
            for (int64_t t = 0; t < taps; t++) {
                vec w = load(weight + t * op->depth);
                UNROLL for (int p = 0; p < count; p++)
                    sum[p] += load(in + t * op->tap + p * op->in.pixel) * w;
            }
            continue;
        }
        const float *at = in;
        vec w[TAPS];
        UNROLL for (int64_t t = 0; t < taps; t++) w[t] = load(weight + t * op->depth);
        UNROLL for (int64_t i = 0; i < (count - 1) * stride + taps; i++, at += op->tap) {
            vec x = load(at);
            UNROLL for (int p = 0; p < count; p++) {
                int64_t t = i - p * stride;
                if (t >= 0 && t < taps) sum[p] += x * w[t];
            }
        }
    }
    UNROLL for (int p = 0; p < count; p++)
        finish(op, out + p * op->out.pixel, sum[p], add ? add + p * op->add.pixel : 0);
}

/* Convolve a row of pixels, for channels that stay in the cache together with their input rows. */
INLINE void depthwise_row(const op *op, float *memory, int64_t y, const int64_t channels[2],
                          int64_t taps, int64_t stride) {
    const float *in = memory + op->in.offset + y * op->in.row;
    const float *add = op->add.offset < 0 ? 0 : memory + op->add.offset + y * op->add.row;
    float *out = memory + op->out.offset + y * op->out.row;
    for (int64_t x = 0, count; x < op->columns; x += count) {
        int64_t left = op->columns - x;
        count = left >= BESIDE ? BESIDE : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        for (int64_t c = channels[0]; c < channels[1]; c += LANES) {
            const float *from = in + x * op->in.pixel + c, *weight = op->weight + c;
            const float *more = add ? add + x * op->add.pixel + c : 0;
            float *to = out + x * op->out.pixel + c;
            vec bias = op->bias ? load(op->bias + c) : (vec){0};
#define PIXELS(n) depthwise_pixels(op, from, to, more, weight, bias, n, taps, stride)
            if (count == BESIDE) PIXELS(BESIDE);
            else if (count == 4) PIXELS(4);
            else if (count == 2) PIXELS(2);
            else PIXELS(1);
#undef PIXELS
        }
    }
}

INLINE void depthwise_of(const op *op, float *memory, int64_t task, int64_t taps, int64_t stride) {
    int64_t rows[2], channels[2];
    share(op->rows, 1, op->row_blocks, task / op->column_blocks, rows);
    share(op->channels, PANEL, op->column_blocks, task % op->column_blocks, channels);
    for (int64_t c = channels[0]; c < channels[1]; c += CHANNELS)
        for (int64_t y = rows[0]; y < rows[1]; y++)
            depthwise_row(op, memory, y, (int64_t[]){c, least(c + CHANNELS, channels[1])}, taps,
                          stride);
}

/* Convolve each channel by itself. weight: (segments, taps, depth), where depth is all channels. */
static void depthwise(const op *given, float *memory, int64_t task) {
    const op own = *given; /* a copy that no store can alias */
    int even = own.in.pixel == own.tap, half = own.in.pixel == 2 * own.tap;
    if (even && own.taps == 1) depthwise_of(&own, memory, task, 1, 1);
    else if (even && own.taps == 2) depthwise_of(&own, memory, task, 2, 1);
    else if (even && own.taps == 3) depthwise_of(&own, memory, task, 3, 1);
    else if (even && own.taps == 5) depthwise_of(&own, memory, task, 5, 1);
    else if (half && own.taps == 3) depthwise_of(&own, memory, task, 3, 2);
    else if (half && own.taps == 5) depthwise_of(&own, memory, task, 5, 2);
    else depthwise_of(&own, memory, task, own.taps, 0);
}
