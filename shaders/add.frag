// add.frag: adds a direction to the canvas, or to a view, where its view lies. Define SMOOTH to enlarge it by a
// B-spline, or LINEAR bilinearly, else it is sampled by Catmull-Rom; and MASKED for a soft border, else it is mirrored without end.
//
// Reads:  a stack of directions
// Writes: the change of each channel: blend with (one, one), and (zero, one) for alpha
//
// Uniforms:
//   source   [RGBA16F texture] directions, one below the other; row 0 at the top
//   place    [px to px, homogeneous] map from places of the framebuffer to the direction, from their middles, y up
//   middle   [px] of the picture, in the framebuffer
//   size     [px] width and height of the direction
//   top      [px, 0 and more] its first row in the stack
//   amount   [any] factor on the direction
//   chroma   [0..1] factor on its differences between the channels
//   margin   [0..0.5] part of its sides over which its mask rises from 0 to 1, if MASKED
#version 330 core
// The filters reach beyond a direction's first and last row, where others of the stack are.
vec2 lowest, highest;
#define READ(source, place) textureLod(source, clamp(place, lowest, highest), 0.0).rgb
#include "sampling.glsl"

uniform sampler2D source;
uniform mat3 place;
uniform vec2 middle;
uniform vec2 size;
uniform float top;
uniform float amount;
uniform float chroma;
uniform float margin;

out vec4 change;

void main() {
    vec2 home = vec2(gl_FragCoord.x - middle.x, middle.y - gl_FragCoord.y);
    vec2 p = (place * vec3(home, 1.0)).xy;
    vec2 at = vec2(0.5 * size.x + p.x, 0.5 * size.y - p.y);
#ifdef MASKED
    vec2 weight = 0.5 - 0.5 * cos(3.14159265 * clamp((0.5 - abs(p) / size) / margin, 0.0, 1.0));
#else
    const vec2 weight = vec2(1.0);
    at = mirrored(at, size);  // as the warp fills what the camera has brought in since
#endif
    at = clamp(at, vec2(0.5), size - 0.5);
    at.y += top;
    vec2 stack = vec2(textureSize(source, 0));
    lowest = vec2(0.5, top + 0.5) / stack;
    highest = vec2(size.x - 0.5, top + size.y - 0.5) / stack;
#if defined(SMOOTH)
    vec3 value = spline(source, at, stack);
#elif defined(LINEAR)
    vec3 value = bilinear(source, at, stack);
#else
    vec3 value = cubic(source, at, stack);
#endif
    value = mix(vec3(dot(value, vec3(1.0 / 3.0))), value, chroma);
    change = vec4(amount * weight.x * weight.y * value, 1.0);
}
