// Kernels that do in one pass over the memory what takes torch several operations. Compiled when a
// step is first prepared: see kernels.py. Maps are half, channels-last, eight channels to a vector.
// Pooled maps have nothing below 0, so their halves can be compared as integers.

typedef unsigned int uint;

#define INFINITY __int_as_float(0x7f800000)

__device__ uint4 larger(uint4 a, uint4 b) {
    return make_uint4(__vmaxs2(a.x, b.x), __vmaxs2(a.y, b.y), __vmaxs2(a.z, b.z), __vmaxs2(a.w, b.w));
}

__device__ uint passing(uint gradient, uint pooled) {
    return gradient & __vcmpgts2(pooled, 0u);
}

__device__ uint4 taken(uint4 gradient, uint4 x, uint4 pooled) {
    return make_uint4(
        gradient.x & __vcmpeq2(x.x, pooled.x), gradient.y & __vcmpeq2(x.y, pooled.y),
        gradient.z & __vcmpeq2(x.z, pooled.z), gradient.w & __vcmpeq2(x.w, pooled.w));
}

struct Place {
    int row, column, vector;
};

// The row, column and channel vector of vector `i` in a map `across` pixels wide.
__device__ Place placed(int i, int across, int vectors) {
    return {i / vectors / across, i / vectors % across, i % vectors};
}

// The index of the upper left of the 2x2 vectors pooled to vector `i`. `width`: the map's.
__device__ size_t corner(int i, int across, int width, int vectors) {
    Place at = placed(i, across, vectors);
    return ((size_t)(at.row * 2) * width + at.column * 2) * vectors + at.vector;
}

// Take the largest of 2x2. y: `across` pixels wide, `count` vectors.
extern "C" __global__ void pool(
    const uint4 *x, uint4 *y, int width, int across, int vectors, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    const uint4 *upper = x + corner(i, across, width, vectors);
    const uint4 *lower = upper + (size_t)width * vectors;
    y[i] = larger(larger(upper[0], upper[vectors]), larger(lower[0], lower[vectors]));
}

// Write the gradient where x was the largest of its 2x2 and above 0, else 0. `out` may be x.
extern "C" __global__ void unpool(
    const uint4 *gradient, const uint4 *pooled, const uint4 *x, uint4 *out,
    int width, int across, int vectors, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    size_t at = corner(i, across, width, vectors), below = at + (size_t)width * vectors;
    uint4 p = pooled[i], g = gradient[i];
    g = make_uint4(passing(g.x, p.x), passing(g.y, p.y), passing(g.z, p.z), passing(g.w, p.w));
    uint4 a = x[at], b = x[at + vectors], c = x[below], d = x[below + vectors];
    out[at] = taken(g, a, p);
    out[at + vectors] = taken(g, b, p);
    out[below] = taken(g, c, p);
    out[below + vectors] = taken(g, d, p);
}

__device__ float widened(unsigned short half) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
    return value;
}

__device__ unsigned short narrowed(float value) {
    unsigned short half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
    return half;
}

// Add the products of eight channels at one place to their sums.
__device__ void add(float *sums, uint4 x, uint4 filters) {
    const uint xs[4] = {x.x, x.y, x.z, x.w};
    const uint fs[4] = {filters.x, filters.y, filters.z, filters.w};
    for (int i = 0; i < 4; i++) {
        sums[2 * i] += widened(xs[i] & 0xffffu) * widened(fs[i] & 0xffffu);
        sums[2 * i + 1] += widened(xs[i] >> 16) * widened(fs[i] >> 16);
    }
}

__device__ uint clamped(float low, float high, float first, float second) {
    uint lower = narrowed(fminf(fmaxf(first, low), high));
    return lower | (uint)narrowed(fminf(fmaxf(second, low), high)) << 16;
}

__device__ uint4 packed(const float *sums, float low, float high) {
    return make_uint4(
        clamped(low, high, sums[0], sums[1]), clamped(low, high, sums[2], sums[3]),
        clamped(low, high, sums[4], sums[5]), clamped(low, high, sums[6], sums[7]));
}

// Convolve each channel with its own filter, and clamp. x: `height` by `width` pixels. y: `across`
// pixels wide, `count` vectors. filters: (tall, wide, channels).
extern "C" __global__ void depthwise(
    const uint4 *x, const uint4 *filters, const uint4 *bias, uint4 *y, float low, float high,
    int height, int width, int across, int tall, int wide, int stride_down, int stride_across,
    int padding_down, int padding_across, int vectors, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    Place at = placed(i, across, vectors);
    float sums[8] = {};
    const uint4 one = make_uint4(0x3c003c00u, 0x3c003c00u, 0x3c003c00u, 0x3c003c00u);
    add(sums, bias[at.vector], one);
    for (int below = 0; below < tall; below++) {
        int from_row = at.row * stride_down - padding_down + below;
        if (from_row < 0 || from_row >= height) continue;
        for (int beside = 0; beside < wide; beside++) {
            int from_column = at.column * stride_across - padding_across + beside;
            if (from_column < 0 || from_column >= width) continue;
            add(sums, x[((size_t)from_row * width + from_column) * vectors + at.vector],
                filters[(below * wide + beside) * vectors + at.vector]);
        }
    }
    y[i] = packed(sums, low, high);
}

// Compute the gradient with respect to the input of `depthwise`. out: `across` pixels wide, `count`
// vectors. gradient: `height` by `width` pixels.
extern "C" __global__ void depthwise_back(
    const uint4 *gradient, const uint4 *filters, uint4 *out,
    int height, int width, int across, int tall, int wide, int stride_down, int stride_across,
    int padding_down, int padding_across, int vectors, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    Place at = placed(i, across, vectors);
    float sums[8] = {};
    for (int below = 0; below < tall; below++) {
        int down = at.row + padding_down - below, to_row = down / stride_down;
        if (down < 0 || down % stride_down || to_row >= height) continue;
        for (int beside = 0; beside < wide; beside++) {
            int aside = at.column + padding_across - beside, to_column = aside / stride_across;
            if (aside < 0 || aside % stride_across || to_column >= width) continue;
            add(sums, gradient[((size_t)to_row * width + to_column) * vectors + at.vector],
                filters[(below * wide + beside) * vectors + at.vector]);
        }
    }
    out[i] = packed(sums, -INFINITY, INFINITY);
}
