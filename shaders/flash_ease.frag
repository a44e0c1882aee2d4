// flash_ease.frag: moves the picture that is shown towards the next frame, as far as its limits allow.
//
// Reads:  the picture shown last, the next frame and the limits
// Writes: the picture to show, in linear light
//
// Uniforms:
//   source     [RGBA16F texture] the picture shown last, in linear light, of any size
//   fresh      [RGBA8 texture] the next frame, sRGB-coded, its rows as in the output
//   limits     [RGBA32F texture] see flash_limits.frag
//   bottom_up  [true or false] row 0 of the output is the bottom of the picture
//   known      [true or false] there is a picture shown last
//   dt         [s] since then
#version 330 core
#include "flash.glsl"

uniform sampler2D source;
uniform sampler2D fresh;
uniform sampler2D limits;
uniform bool bottom_up;
uniform bool known;
uniform float dt;

out vec4 eased;

void main() {
    vec2 at = gl_FragCoord.xy / vec2(textureSize(fresh, 0));
    float share = share_of(textureLod(limits, bottom_up ? vec2(at.x, 1.0 - at.y) : at, 0.0), dt);
    vec3 next = linear_light(texelFetch(fresh, ivec2(gl_FragCoord.xy), 0).rgb);
    eased = vec4(known && share < 1.0 ? mix(textureLod(source, at, 0.0).rgb, next, share) : next, 1.0);
}
