// warp.frag: moves, folds, colours and softens the canvas: one step of the feedback loop.
// Lengths here are in canvas pixels, so that an identity is exact.
//
// Reads:  the old canvas; a tile of noise
// Writes: the new canvas; row 0 is the top of the picture; alpha is the share
//
// Uniforms (and those of motion.glsl and tone.glsl):
//   source   [RGBA16F texture] the old canvas or a part of it, row 0 at the top
//   canvas_size  [px] width and height of the canvas
//   corner   [px] the top left of the part that the source holds
//   onto     [px] the top left of the part that the framebuffer holds
//   noise    [RGBA16F texture] noise of mean 0 and deviation 1, repeated; row 0 at the top
//   grain    [x, y: tiles, any; z: deviation] where the noise begins, and how strong it is
//   soften   [0..1] 0 keeps the finest detail, 1 smooths it as a B-spline does
//   seed     [count, any] seed of the rounding, different in every frame
//   share    [0..1] weight over the framebuffer, or 1: blend with (source alpha, one minus source alpha)
#version 330 core
#include "common.glsl"
#include "sampling.glsl"
#include "effects.glsl"
#include "motion.glsl"
#include "tone.glsl"

uniform sampler2D source;
uniform vec2 canvas_size;
uniform vec2 corner;
uniform vec2 onto;
uniform sampler2D noise;
uniform vec3 grain;
uniform float soften;
uniform uint seed;
uniform float share;

out vec4 canvas;

const float LIMIT = 0.75;  // from mid grey: what no shoulder would show is not kept

#define TEXEL(x, y) textureLodOffset(source, at, 0.0, ivec2(x, y)).rgb

// Overshoot is clamped to the four nearest texels; otherwise the loop would sharpen edges without end.
vec3 sampled(vec2 place, vec2 size) {
    vec2 corner = floor(place - 0.5);
    vec2 t = place - 0.5 - corner;
    vec2 at = (corner + 0.5) / size;
    vec3 a = TEXEL(0, 0), b = TEXEL(1, 0), c = TEXEL(0, 1), d = TEXEL(1, 1);
    mat4x3 first = mat4x3(TEXEL(-1, -1), TEXEL(0, -1), TEXEL(1, -1), TEXEL(2, -1));
    mat4x3 second = mat4x3(TEXEL(-1, 0), a, b, TEXEL(2, 0)), third = mat4x3(TEXEL(-1, 1), c, d, TEXEL(2, 1));
    mat4x3 last = mat4x3(TEXEL(-1, 2), TEXEL(0, 2), TEXEL(1, 2), TEXEL(2, 2));
    vec4 across = catmull_rom(t.x), down = catmull_rom(t.y);
    vec3 sharp = down.x * (first * across) + down.y * (second * across)
        + down.z * (third * across) + down.w * (last * across);
    sharp = clamp(sharp, min(min(a, b), min(c, d)), max(max(a, b), max(c, d)));
    if (soften <= 0.0) return sharp;
    across = b_spline(t.x);
    down = b_spline(t.y);
    vec3 smooth_ = down.x * (first * across) + down.y * (second * across)
        + down.z * (third * across) + down.w * (last * across);
    return mix(sharp, smooth_, soften);
}

// Half floats are up to 1/2048 apart. Slow hue turns, fades and motions would be rounded away, the more so the
// shorter the frame. Rounding up or down at random loses nothing on average, and keeps exact half floats exact.
vec3 rounded(vec3 value, vec2 place) {
    uvec3 random = random_bits(uvec3(floatBitsToUint(place), seed)) >> 19u;
    return uintBitsToFloat((floatBitsToUint(value) + random) & 0xFFFFE000u);
}

// 1/4096 px is finer than a half float resolves; this rounding makes whole pixels exact again.
vec2 whole(vec2 place) {
    return floor(place * 4096.0 + 0.5) / 4096.0;
}

void main() {
    vec2 size = canvas_size, pixel = gl_FragCoord.xy + onto;
    vec2 home = folded(vec2(pixel.x - 0.5 * size.x, 0.5 * size.y - pixel.y), size);
    vec2 place = mirrored(whole(origin_of(home, size)), size) - corner;
    vec3 value = toned(sampled(place, vec2(textureSize(source, 0))));
    if (grain.z > 0.0) value += grain.z * textureLod(noise, home / size.y + grain.xy, 0.0).rgb;
    canvas = vec4(rounded(clamp(value, 0.5 - LIMIT, 0.5 + LIMIT), home), share);
}
