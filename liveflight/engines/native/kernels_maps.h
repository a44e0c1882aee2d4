/* What goes over maps pixel by pixel. */

#pragma once

#include "kernels_base.h"

/* The largest of 2x2. */
static void pool(const op *op, float *memory, int64_t task) {
    int64_t rows[2];
    share(op->rows, 1, op->row_blocks, task, rows);
    for (int64_t y = rows[0]; y < rows[1]; y++)
        for (int64_t x = 0; x < op->columns; x++) {
            const float *in = memory + op->in.first + 2 * y * op->in.row + 2 * x * op->in.pixel;
            float *out = memory + op->out.first + y * op->out.row + x * op->out.pixel;
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

/* Its way back, from in to out, where what was pooled stands: the first of the largest gets the
   gradient, the others and an odd last row or column none. */
static void unpool(const op *op, float *memory, int64_t task) {
    int64_t rows[2];
    share((op->rows + 1) / 2, 1, op->row_blocks, task, rows);
    for (int64_t y = rows[0]; y < rows[1]; y++)
        for (int64_t x = 0; x < (op->columns + 1) / 2; x++) {
            int64_t high = least(2, op->rows - 2 * y), broad = least(2, op->columns - 2 * x);
            const float *in = memory + op->in.first + y * op->in.row + x * op->in.pixel;
            const float *add = memory + op->add.first + 2 * y * op->add.row + 2 * x * op->add.pixel;
            float *out = memory + op->out.first + 2 * y * op->out.row + 2 * x * op->out.pixel;
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
                               op->add.first < 0 ? 0 : add + i * op->add.row + j * op->add.pixel + c);
                    }
            }
        }
}

/* Of up to two maps. With a weight, the first is one that is excited, and what is added is how: weight
   is how much the whole map counts, 1 where only its middle pixel does, and after PANEL floats each
   channel's weight. */
static void sum(const op *op, float *memory, int64_t task) {
    int64_t rows[2];
    share(op->rows, 1, op->row_blocks, task, rows);
    const float *seeds = op->weight;
    for (int64_t y = rows[0]; y < rows[1]; y++)
        for (int64_t x = 0; x < op->columns; x++) {
            const float *in = memory + op->in.first + y * op->in.row + x * op->in.pixel;
            const float *add = memory + op->add.first + y * op->add.row + x * op->add.pixel;
            float *out = memory + op->out.first + y * op->out.row + x * op->out.pixel;
            int counts = seeds && (!seeds[1] || (y == op->rows / 2 && x == op->columns / 2));
            for (int64_t c = 0; c < op->channels; c += LANES) {
                vec total = {0};
                if (op->in.first >= 0) total = load(in + c);
                if (seeds && seeds[0]) total *= seeds[0];
                else if (seeds) total = (vec){0};
                if (counts) total += load(seeds + PANEL + c);
                finish(op, out + c, total, op->add.first < 0 ? 0 : add + c);
            }
        }
}

/* Zeros round a map, `in.first` to the frame's first pixel; segments and taps: rows and columns with
   the frame; out.first, rows and columns: the map within. */
static void frame(const op *op, float *memory) {
    float *whole = memory + op->in.first, *inside = memory + op->out.first;
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

/* The picture, (3, rows, columns), less its mean, bias, as a map of three channels. */
static void enter(const op *op, const job *job, int64_t task) {
    int64_t rows[2];
    share(op->rows, 1, op->row_blocks, task, rows);
    for (int64_t y = rows[0]; y < rows[1]; y++)
        for (int64_t x = 0; x < op->columns; x++)
            for (int64_t c = 0; c < 3; c++)
                job->memory[op->out.first + y * op->out.row + x * 3 + c] =
                    job->picture[(c * op->rows + y) * op->columns + x] - op->bias[c];
}

/* A map as the gradient, (3, rows, columns); its pixels hold segments by segments of the picture's. */
static void leave(const op *op, const job *job, int64_t task) {
    int64_t rows[2];
    share(op->rows, 1, op->row_blocks, task, rows);
    for (int64_t y = rows[0]; y < rows[1]; y++)
        for (int64_t x = 0; x < op->columns; x++) {
            int64_t side = op->segments, part = (y % side * side + x % side) * 3;
            const float *in = job->memory + op->in.first + y / side * op->in.row
                              + x / side * op->in.pixel + part;
            for (int64_t c = 0; c < 3; c++)
                job->gradient[(c * op->rows + y) * op->columns + x] = in[c];
        }
}
