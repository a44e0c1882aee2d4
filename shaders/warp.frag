// warp.frag: moves, folds and colours the canvas: one step of the feedback loop.
// Picture coordinates: origin in the middle, x to the right, y up. Lengths here are in canvas pixels,
// so that an identity is exact; the uniforms are in heights, times the canvas height where they say px.
//
// Reads:  the old canvas
// Writes: the new canvas, 0..1; row 0 is the top of the picture; alpha is the share
//
// effects.glsl is put together from the files in effects/ (see render/warp.py), with their uniforms.
//
// Uniforms:
//   source   [RGBA16F texture, 0..1] the old canvas, row 0 at the top
//   matrix   [px to px, homogeneous] map from places of the new canvas to the old one
//   folds    [unit vectors, or 0 for none] normals of the lines to fold on, towards the side that is folded over
//   colour   [factor] RGB to RGB: hue, saturation and decay in one
//   grey     [0..0.5] added to every channel: the decay's share of mid grey
//   seed     [count, any] seed of the rounding, different in every frame
//   share    [0..1] weight over the framebuffer, or 1: blend with (source alpha, one minus source alpha)
#version 330 core
#include "common.glsl"
#include "effects.glsl"

const int FOLDS = 7;

uniform sampler2D source;
uniform mat3 matrix;
uniform vec2 folds[FOLDS];
uniform mat3 colour;
uniform float grey;
uniform uint seed;
uniform float share;

out vec4 canvas;

// Each fold copies the near side of a line through the middle to the far side, mirrored.
vec2 folded(vec2 p) {
    for (int i = 0; i < FOLDS; ++i) p -= 2.0 * max(dot(p, folds[i]), 0.0) * folds[i];
    return p;
}

#define TEXEL(x, y) textureLodOffset(source, at, 0.0, ivec2(x, y)).rgb

// Overshoot is clamped to the four nearest texels; otherwise the loop would sharpen edges without end.
vec3 sampled(vec2 place, vec2 size) {
    vec2 corner = floor(place - 0.5);
    vec4 across = catmull_rom(place.x - 0.5 - corner.x);
    vec4 down = catmull_rom(place.y - 0.5 - corner.y);
    vec2 at = (corner + 0.5) / size;
    vec3 a = TEXEL(0, 0), b = TEXEL(1, 0), c = TEXEL(0, 1), d = TEXEL(1, 1);
    vec3 sum =
        down.x * mat4x3(TEXEL(-1, -1), TEXEL(0, -1), TEXEL(1, -1), TEXEL(2, -1)) * across
        + down.y * mat4x3(TEXEL(-1, 0), a, b, TEXEL(2, 0)) * across
        + down.z * mat4x3(TEXEL(-1, 1), c, d, TEXEL(2, 1)) * across
        + down.w * mat4x3(TEXEL(-1, 2), TEXEL(0, 2), TEXEL(1, 2), TEXEL(2, 2)) * across;
    return clamp(sum, min(min(a, b), min(c, d)), max(max(a, b), max(c, d)));
}

// Half floats are up to 1/2048 apart. Slow hue turns, fades and motions would be rounded away, the more so the
// shorter the frame. Rounding up or down at random loses nothing on average, and keeps exact half floats exact.
vec3 rounded(vec3 value, vec2 place) {
    uvec3 noise = random_bits(uvec3(floatBitsToUint(place), seed)) >> 19u;
    return uintBitsToFloat((floatBitsToUint(value) + noise) & 0xFFFFE000u);
}

void main() {
    vec2 size = vec2(textureSize(source, 0));
    vec2 home = folded(vec2(gl_FragCoord.x - 0.5 * size.x, 0.5 * size.y - gl_FragCoord.y));
    vec3 moved = matrix * vec3(home, 1.0);
    vec2 p = displaced(moved.xy / moved.z, size.y);

    // 1/4096 px is finer than a half float resolves; this rounding makes whole pixels exact again.
    vec2 place = floor(vec2(0.5 * size.x + p.x, 0.5 * size.y - p.y) * 4096.0 + 0.5) / 4096.0;
    place = size - abs(mod(place, 2.0 * size) - size);

    vec3 value = clamp(recoloured(colour * sampled(place, size) + grey), 0.0, 1.0);
    canvas = vec4(rounded(value, home), share);
}
