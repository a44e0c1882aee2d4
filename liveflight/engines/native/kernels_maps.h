/* Work pixel by pixel: pool, sum, zero frames, load the picture, store the gradient. */

#pragma once

#include "kernels_base.h"

/* Take the maximum of each 2x2 pixels. */
static void pool(const op *op, float *memory, int64_t task) {
    int64_t rows[2];
    share(op->rows, 1, op->row_blocks, task, rows);
    for (int64_t y = rows[0]; y < rows[1]; y++)
        for (int64_t x = 0; x < op->columns; x++) {
            const float *in = memory + op->in.offset + 2 * y * op->in.row + 2 * x * op->in.pixel;
            float *out = memory + op->out.offset + y * op->out.row + x * op->out.pixel;
            for (int64_t c = 0; c < op->channels; c += LANES) {
                vec best = load(in + c);
                UNROLL for (int i = 1; i < 4; i++) {
                    vec other = load(in + i / 2 * op->in.row + i % 2 * op->in.pixel + c);
                    best = larger(best, other);
                }
                store(out + c, best);
            }
        }
}

/* Backward pass of `pool`, from `in` to `out`, which holds what was pooled: the first of the
   largest gets the gradient, the others and an odd last row or column get none. */
static void unpool(const op *op, float *memory, int64_t task) {
    int64_t rows[2];
    share((op->rows + 1) / 2, 1, op->row_blocks, task, rows);
    for (int64_t y = rows[0]; y < rows[1]; y++)
        for (int64_t x = 0; x < (op->columns + 1) / 2; x++) {
            int64_t high = least(2, op->rows - 2 * y), broad = least(2, op->columns - 2 * x);
            const float *in = memory + op->in.offset + y * op->in.row + x * op->in.pixel;
            const float *add = memory + op->add.offset + 2 * y * op->add.row
                               + 2 * x * op->add.pixel;
            float *out = memory + op->out.offset + 2 * y * op->out.row + 2 * x * op->out.pixel;
            for (int64_t c = 0; c < op->channels; c += LANES) {
                vec best = {0}, gradient = {0};
                bits left = {0};
                if (high + broad == 4) {
                    gradient = load(in + c), left = ~left, best = load(out + c);
                    UNROLL for (int i = 1; i < 4; i++) {
                        vec other = load(out + i / 2 * op->out.row + i % 2 * op->out.pixel + c);
                        best = larger(best, other);
                    }
                }
                for (int i = 0; i < high; i++)
                    for (int j = 0; j < broad; j++) {
                        float *to = out + i * op->out.row + j * op->out.pixel + c;
                        bits taken = left & (load(to) == best);
                        left &= ~taken;
                        finish(op, to, (vec)((bits)gradient & taken),
                               op->add.offset < 0 ? 0
                                   : add + i * op->add.row + j * op->add.pixel + c);
                    }
            }
        }
}

/* Add up to two buffers. With a weight, `in` is an excited layer and weight its objective: how much
   the whole layer counts, then 1 where only its middle pixel does, and after PANEL floats each
   channel's weight; the sum is the objective's gradient. */
static void sum(const op *op, float *memory, int64_t task) {
    int64_t rows[2];
    share(op->rows, 1, op->row_blocks, task, rows);
    const float *objective = op->weight;
    for (int64_t y = rows[0]; y < rows[1]; y++)
        for (int64_t x = 0; x < op->columns; x++) {
            const float *in = memory + op->in.offset + y * op->in.row + x * op->in.pixel;
            const float *add = memory + op->add.offset + y * op->add.row + x * op->add.pixel;
            float *out = memory + op->out.offset + y * op->out.row + x * op->out.pixel;
            int counts =
                objective && (!objective[1] || (y == op->rows / 2 && x == op->columns / 2));
            for (int64_t c = 0; c < op->channels; c += LANES) {
                vec total = {0};
                if (op->in.offset >= 0) total = load(in + c);
                if (objective && objective[0]) total *= objective[0];
                else if (objective) total = (vec){0};
                if (counts) total += load(objective + PANEL + c);
                finish(op, out + c, total, op->add.offset < 0 ? 0 : add + c);
            }
        }
}

/* Make the frame round a buffer zeros. in.offset: the frame's first pixel; segments and taps: rows
   and columns including the frame; out.offset, rows and columns: the buffer within. */
static void frame(const op *op, float *memory) {
    float *whole = memory + op->in.offset, *inside = memory + op->out.offset;
    int64_t above = (inside - whole) / op->out.row, line = op->taps * op->out.pixel;
    int64_t before = inside - whole - above * op->out.row;
    int64_t within = op->columns * op->out.pixel;
    memset(whole, 0, above * line * sizeof(float));
    for (int64_t y = above; y < above + op->rows; y++) {
        memset(whole + y * line, 0, before * sizeof(float));
        memset(whole + y * line + before + within, 0, (line - before - within) * sizeof(float));
    }
    int64_t below = op->segments - above - op->rows;
    memset(whole + (above + op->rows) * line, 0, below * line * sizeof(float));
}

/* Load the picture, (3, rows, columns), less its mean, `bias`, into a buffer of three channels. */
static void load_picture(const op *op, const job *job, int64_t task) {
    int64_t rows[2];
    share(op->rows, 1, op->row_blocks, task, rows);
    for (int64_t y = rows[0]; y < rows[1]; y++)
        for (int64_t x = 0; x < op->columns; x++)
            for (int64_t c = 0; c < 3; c++)
                job->memory[op->out.offset + y * op->out.row + x * 3 + c] =
                    job->picture[(c * op->rows + y) * op->columns + x] - op->bias[c];
}

/* Store a buffer as the gradient, (3, rows, columns). A pixel holds segments by segments of the
   picture's. */
static void store_gradient(const op *op, const job *job, int64_t task) {
    int64_t rows[2];
    share(op->rows, 1, op->row_blocks, task, rows);
    for (int64_t y = rows[0]; y < rows[1]; y++)
        for (int64_t x = 0; x < op->columns; x++) {
            int64_t side = op->segments, part = (y % side * side + x % side) * 3;
            const float *in = job->memory + op->in.offset + y / side * op->in.row
                              + x / side * op->in.pixel + part;
            for (int64_t c = 0; c < 3; c++)
                job->gradient[(c * op->rows + y) * op->columns + x] = in[c];
        }
}
